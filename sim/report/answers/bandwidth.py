"""The bandwidth that strategies need, as a report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...questions.bandwidth.bandwidth import BandwidthAnswer, CurvePoint, Need
from ...units.in_words import human_count, human_seconds
from .. import strategy_name
from ..model import Axis, Cell, Column, Curve, Fact, Facts, Picture, Records, Report, Table, sentences, table
from ..quantities import GBIT_PER_S, PERCENT


def report(answer: BandwidthAnswer, *, on_grid: bool = False) -> Report:
    """What was asked, the bandwidth for every target, and utilisation against bandwidth.

    Args:
      answer: to report.
      on_grid: whether people asked for the first point of the published grid; data have both.
    """
    return Report(
        title="Bandwidth between datacenters for a compute utilisation",
        blocks=(
            _facts(answer, on_grid),
            _needs(answer.rows, on_grid),
            _curve(answer.curve),
            _picture(answer),
            sentences(_remarks(answer)),
        ),
        document={
            "scenario": answer.scenario,
            "varied": answer.what,
            "notes": list(answer.notes),
            "rows": answer.rows,
            "curve": answer.curve,
        },
        records=Records(list(vars(answer.rows[0])), [vars(row) for row in answer.rows]),
    )


def _facts(answer: BandwidthAnswer, on_grid: bool) -> Facts:
    scenario = answer.scenario
    load = scenario.workload.load(scenario.topology.datacenters[:2], 2)
    layers = f", {len(load.layers)} layers" if load.layers else ""
    found = "first point of the published grid that reaches it" if on_grid else "smallest that reaches it"
    run = "in the long run" if scenario.replay == "steady" else "in the whole run"
    texts = {
        "Workload": f"{human_count(load.params)} parameters{layers}, {human_seconds(max(load.mean_step_s))} of compute "
        "in a step",
        "Topology": f"{scenario.topology.name}, exchanges: {scenario.algorithm}",
        "Varied": answer.what,
        "Found": f"{found}, {run}",
    }
    return Facts(tuple(Fact(name, (text,)) for name, text in texts.items()))


def _needs(rows: Sequence[Need], on_grid: bool) -> Table:
    targets = list(dict.fromkeys(row.target for row in rows))
    found: list[tuple[Cell, ...]] = []
    for kind, label in dict.fromkeys((row.strategy, row.label) for row in rows):
        own = {row.target: row for row in rows if row.label == label}
        found.append((*strategy_name.parts(kind, label), *(_need(own[target], on_grid) for target in targets)))
    columns = [Column(f"{100 * target:.10g}%", GBIT_PER_S) for target in targets]
    title = "Bandwidth at which the chips compute so much of the time"
    return table((*strategy_name.COLUMNS, *columns), found, title=title)


def _need(row: Need, on_grid: bool) -> Cell:
    if row.bandwidth_bits_per_s is None:
        return "never"
    bandwidth = row.grid_bits_per_s if on_grid else row.bandwidth_bits_per_s
    if bandwidth is None:
        return "off the grid"
    return bandwidth or "any"


def _curve(curve: Sequence[CurvePoint]) -> Table:
    first = [point.bandwidth_bits_per_s for point in curve if point.label == curve[0].label]
    columns = [Column(_gbit(bits_per_s), PERCENT) for bits_per_s in first]
    rows: list[tuple[Cell, ...]] = [
        (*strategy_name.parts(kind, label), *(point.utilization for point in curve if point.label == label))
        for kind, label in dict.fromkeys((point.strategy, point.label) for point in curve)
    ]
    return table((*strategy_name.COLUMNS, *columns), rows, title="Compute utilisation [%] at so many Gbit/s")


def _gbit(bits_per_s: float) -> str:
    return np.format_float_positional(bits_per_s / 1e9, precision=2, fractional=False, trim="-")


def _picture(answer: BandwidthAnswer) -> Picture:
    """Utilisation against bandwidth, a line a strategy; the bandwidths that were found are points of it, too."""
    curves = []
    for label in dict.fromkeys(point.label for point in answer.curve):
        own = [(point.bandwidth_bits_per_s, point.utilization) for point in answer.curve if point.label == label]
        own += [
            (row.bandwidth_bits_per_s, row.target)
            for row in answer.rows
            if row.label == label
            if row.bandwidth_bits_per_s
        ]
        curves.append(Curve(label, tuple(sorted((bits / 1e9, 100 * share) for bits, share in own))))
    return Picture(
        title="Compute utilisation against bandwidth",
        x=Axis("bandwidth between datacenters [Gbit/s]", log=True),
        y=Axis("compute utilisation [%]", low=0, high=102),
        curves=tuple(curves),
    )


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
