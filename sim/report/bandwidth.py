"""The bandwidth that strategies need: as text for people, as data for programs, as a picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from rich.table import Table
from rich.text import Text

from ..errors import InputError
from ..questions.bandwidth.bandwidth import BandwidthAnswer, CurvePoint, Need
from ..units.in_words import human_count, human_seconds
from .plain import as_csv, as_json, plain, text_console

SCHEMA_VERSION = 1
_WIDTH = 100


def bandwidth_json(answer: BandwidthAnswer) -> str:
    """The whole answer; keys are stable within a schema version."""
    document = {
        "scenario": answer.scenario.model_dump(mode="json", exclude_none=True),
        "varied": answer.what,
        "notes": list(answer.notes),
        "rows": [asdict(row) for row in answer.rows],
        "curve": [asdict(point) for point in answer.curve],
    }
    return as_json(SCHEMA_VERSION, document)


def bandwidth_csv(answer: BandwidthAnswer) -> str:
    """One line a strategy and target under a header line (the curve: see the JSON)."""
    rows = [asdict(row) for row in answer.rows]
    return as_csv(rows, list(rows[0]))


def bandwidth_text(answer: BandwidthAnswer, *, on_grid: bool = False) -> str:
    """What was asked, the bandwidth for every target, and utilisation against bandwidth."""
    console = text_console(_WIDTH)
    with console.capture() as captured:
        console.print(_heading(answer, on_grid))
        console.print()
        console.print(_needs(answer.rows, on_grid))
        console.print()
        console.print(_curve(answer.curve))
        for sentence in _remarks(answer):
            console.print()
            console.print(Text(sentence))
    return plain(captured.get())


def _heading(answer: BandwidthAnswer, on_grid: bool) -> Table:
    scenario = answer.scenario
    load = scenario.workload.load(scenario.topology.datacenters[:2], 2)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    layers = f", {len(load.layers)} layers" if load.layers else ""
    step_s = human_seconds(max(load.mean_step_s))
    grid.add_row("Workload", f"{human_count(load.params)} parameters{layers}, {step_s} of compute in a step")
    grid.add_row("Topology", f"{scenario.topology.name}, exchanges: {scenario.algorithm}")
    grid.add_row("Varied", answer.what)
    found = "first point of the published grid that reaches it" if on_grid else "smallest that reaches it"
    grid.add_row("Found", f"{found}, in the long run" if scenario.replay == "steady" else f"{found}, in the whole run")
    return grid


def _needs(rows: Sequence[Need], on_grid: bool) -> Table:
    targets = list(dict.fromkeys(row.target for row in rows))
    table = _table("Gbit/s for a compute utilisation of", *(f"{target:.4g}" for target in targets))
    for label in dict.fromkeys(row.label for row in rows):
        own = {row.target: row for row in rows if row.label == label}
        table.add_row(label, *(_need(own[target], on_grid) for target in targets))
    return table


def _need(row: Need, on_grid: bool) -> str:
    bandwidth = row.grid_bits_per_s if on_grid else row.bandwidth_bits_per_s
    if row.bandwidth_bits_per_s is None:
        return "never"
    if bandwidth is None:
        return "off the grid"
    return _gbit(bandwidth, digits=4) if bandwidth else "any"


def _gbit(bits_per_s: float, digits: int) -> str:
    return np.format_float_positional(bits_per_s / 1e9, precision=digits, fractional=False, trim="-")


def _curve(curve: Sequence[CurvePoint]) -> Table:
    labels = list(dict.fromkeys(point.label for point in curve))
    first = [point.bandwidth_bits_per_s for point in curve if point.label == labels[0]]
    table = _table("Compute utilisation [%] at Gbit/s", *(_gbit(bits, digits=2) for bits in first))
    for label in labels:
        own = [point for point in curve if point.label == label]
        table.add_row(label, *(f"{100 * point.utilization:.1f}" for point in own))
    return table


def _remarks(answer: BandwidthAnswer) -> list[str]:
    remarks = [
        f"{row.label} computes {row.unlimited_utilization:.2%} of the time at most, however wide that is: what is left "
        "are latencies, exchanges inside the datacenters, packing, slower replicas, or links that were not varied."
        for row in {row.label: row for row in answer.rows if row.bandwidth_bits_per_s is None}.values()
    ]
    if any(row.strategy == "async-diloco" for row in answer.rows):
        remarks.append(
            "Asynchronous replicas never wait for each other, so the utilisation is a mean over them: the one beside "
            "the server needs no link."
        )
    return [*remarks, *answer.notes]


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=number > 0)
    return table


def check_drawable(path: Path) -> None:
    """Says before the work begins that a picture could not be drawn.

    Raises:
      InputError: matplotlib is not there, the file would be no PNG, or it cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise InputError(f"--plot {path}: is drawn as PNG; write a name such as {path.stem or 'curve'}.png")
    if not path.parent.is_dir():
        raise InputError(f"--plot {path}: there is no folder {path.parent}; make it first")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InputError(f"--plot {path}: may not be written; choose another place")
    if find_spec("matplotlib") is None:
        raise InputError("--plot: needs matplotlib; install the extra: pip install 'crosshaul[plot]'")


def draw_curve(answer: BandwidthAnswer, path: Path) -> None:
    """A picture of utilisation against bandwidth, a line a strategy; needs matplotlib (see `check_drawable`)."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    labels = list(dict.fromkeys(point.label for point in answer.curve))
    rows = -(-len(labels) // 2)
    figure, axes = plt.subplots(figsize=(7, 4 + 0.2 * rows), layout="constrained")
    for label in labels:
        own = [(point.bandwidth_bits_per_s, point.utilization) for point in answer.curve if point.label == label]
        own += [
            (row.bandwidth_bits_per_s, row.target)
            for row in answer.rows
            if row.label == label
            if row.bandwidth_bits_per_s
        ]
        line = sorted((bits / 1e9, 100 * share) for bits, share in own)
        axes.plot(*zip(*line, strict=True), marker=".", label=label)
    axes.set(xscale="log", xlabel="bandwidth between datacenters [Gbit/s]", ylabel="compute utilisation [%]")
    axes.set(ylim=(0, 102))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


BANDWIDTH_RENDERERS: dict[str, Callable[[BandwidthAnswer, bool], str]] = {
    "table": lambda answer, on_grid: bandwidth_text(answer, on_grid=on_grid),
    "json": lambda answer, _: bandwidth_json(answer),
    "csv": lambda answer, _: bandwidth_csv(answer),
}
"""By the name of a format; the second argument says whether people asked for the published grid."""
