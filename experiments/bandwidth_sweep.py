"""Utilisation and wall-clock of the recorded run against the bandwidth between eight datacenters.

Claim: on thin links DiLoCo keeps chips busy where Data-Parallel cannot, and past some bandwidth it gains nothing more,
because the exchange inside each datacenter is what is left (idealised wall-clock, arXiv 2503.09799, appendix A).
Beyond 400 Gbit/s, what a chip has inside a datacenter, wider links help nobody: the ring goes through every chip.
Run: python -m experiments.bandwidth_sweep (a few seconds). Writes results/bandwidth_sweep.csv, .png and .pdf.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from sim.scenario.loading import load_scenario
from sim.simulation.run import run

from . import style

RESULTS = Path(__file__).parent / "results"
BANDWIDTHS_BITS_PER_S = np.logspace(9, 12.5, 29)
INSIDE_GBIT_PER_S = 400.0
Row = dict[str, str | float]


def rows() -> list[Row]:
    """One row a strategy and bandwidth."""
    return [row for bandwidth in BANDWIDTHS_BITS_PER_S for row in _rows_at(f"{float(bandwidth):.6g}")]


def _rows_at(bandwidth: str) -> list[Row]:
    scenario = load_scenario(topology="low-bw", settings=[f"topology.generate.bandwidth={bandwidth} bit/s"])
    return [
        {
            "strategy": one.label,
            "bandwidth_bits_per_s": float(bandwidth),
            "compute_utilization": float(f"{one.compute_utilization:.6g}"),
            "wall_clock_s": float(f"{one.wall_clock_s:.6g}"),
        }
        for one in run(scenario).runs
    ]


def draw(table: list[Row], path: Path) -> None:
    """Two panels over bandwidth: utilisation, and wall-clock."""
    figure, (left, right) = style.panels(1, 2, 3.4)
    for place, label in enumerate(dict.fromkeys(str(row["strategy"]) for row in table)):
        own = [row for row in table if row["strategy"] == label]
        x = [float(row["bandwidth_bits_per_s"]) / 1e9 for row in own]
        look = style.look_of_label(label).both | {"markevery": (place, 5), "label": label}
        left.plot(x, [100 * float(row["compute_utilization"]) for row in own], **look)
        right.plot(x, [float(row["wall_clock_s"]) / 60 for row in own], **look)
    for axes in (left, right):
        axes.axvline(INSIDE_GBIT_PER_S, color=style.GREY, lw=0.8, ls=":")
        axes.set(xscale="log", xlabel="bandwidth between datacenters [Gbit/s]")
        style.plain_ticks(axes.xaxis, (1, 10, 100, 1000))
    left.set(ylim=(0, None), ylabel="compute utilisation [%]")
    right.set(yscale="log", ylabel="wall-clock [min]")
    style.plain_ticks(right.yaxis, (1, 10, 100))
    style.finish(
        figure,
        path,
        "The recorded 35M-parameter run over eight datacenters: 700M tokens, 8 chips like an H200",
        "Dotted upright: 400 Gbit/s, what a chip has inside a datacenter. No published seconds or utilisations of this "
        "run are known; published bandwidths are in compute_utilization, measured synchronisations in published_syncs.",
        left.lines[:-1],
    )


def main() -> None:
    """Writes the CSV and the figure."""
    table = rows()
    with (RESULTS / "bandwidth_sweep.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    draw(table, RESULTS / "bandwidth_sweep.png")


if __name__ == "__main__":
    main()
