"""Utilisation and wall-clock of the recorded run against the bandwidth between eight datacenters.

Claim: on thin links DiLoCo keeps chips busy where Data-Parallel cannot, and past some bandwidth it gains nothing more,
because the exchange inside each datacenter is what is left (idealised wall-clock, arXiv 2503.09799, appendix A).
Beyond 400 Gbit/s, what a chip has inside a datacenter, wider links help nobody: the ring goes through every chip.
Run: python -m experiments.bandwidth_sweep (a few seconds). Writes results/bandwidth_sweep.csv and .png.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from sim.scenario.loading import load_scenario
from sim.simulation.run import run

RESULTS = Path(__file__).parent / "results"
BANDWIDTHS_BITS_PER_S = np.logspace(9, 12.5, 29)
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
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    colours = ["#444444", *plt.get_cmap("viridis")(np.linspace(0.75, 0.15, 4))]
    for label, colour in zip(dict.fromkeys(row["strategy"] for row in table), colours, strict=True):
        own = [row for row in table if row["strategy"] == label]
        x = [float(row["bandwidth_bits_per_s"]) / 1e9 for row in own]
        left.plot(x, [100 * float(row["compute_utilization"]) for row in own], color=colour, label=label)
        right.plot(x, [float(row["wall_clock_s"]) / 60 for row in own], color=colour, label=label)
    for axes in (left, right):
        axes.set(xscale="log", xlabel="bandwidth between datacenters [Gbit/s]")
    left.set(ylim=(0, None), ylabel="compute utilisation [%]")
    right.set(yscale="log", ylabel="wall-clock [min]")
    right.legend(frameon=False)
    for axes in (left, right):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("The recorded 35M-parameter run over eight datacenters, 700M tokens, 32 chips of 300 Tflop/s")
    figure.savefig(path, dpi=110, metadata={"Software": None})


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
