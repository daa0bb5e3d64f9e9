"""Where a pipeline across sites beats Data-Parallel: a 405B model over links of any bandwidth and delay.

Claim: a border of a pipeline carries 2 B d b/8 bytes a step whatever N is, where Data-Parallel carries the model; so
pipelines win on thin links, and by more the smaller the batch is (CrossPipe, arXiv 2507.00217; Atlas, 2411.14458).
Verdict: so it is: 5.8 times as fast at 4M tokens and 1.4 times at 16M on thin links between two sites, where the bytes
of both say 5.9 and 1.5. With four sites the bytes say 8.8 and 2.2, and it is 5.3 and 1.3, as these schedules leave each
border idle in one direction while they wait for the other. On wide links a pipeline loses its bubble (2% and 7%).
Data-Parallel counts at its better one of whole gradients after the step and layer by layer behind the backward pass,
the pipeline at its best schedule of 16 microbatches. Chips are 16,384 H100 at 0.4 of their peak, shared out evenly by
the sites, which are joined pairwise; inside a site exchanges take no time. Memory is not looked at. The classes of
links are CrossPipe's, of which we know bandwidth and delay alone: no number of its figures is compared here.
Run: python -m experiments.pipelines (four minutes). Writes results/pipelines.csv, .png and .pdf, and prints the table.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from sim.scenario.model import Scenario
from sim.simulation.run import run

from . import style

RESULTS = Path(__file__).parent / "results"
SITES, BATCHES = (2, 4), (4e6, 16e6)
DELAYS_S = (1e-5, 1e-3, 30e-3, 100e-3)
BANDWIDTHS_BITS_PER_S = np.logspace(10, 14, 17)
CLASSES = {
    "same campus": (1e-5, 800e9),
    "cross campus": (2e-4, 200e9),
    "same region": (1e-3, 11.3e9),
    "cross region, near": (3e-2, 5.0e9),
    "cross region, far": (1e-1, 1.4e9),
}
"""CrossPipe's classes of links: delay [s] and bandwidth [bit/s]."""
LAYERS, WIDTH, PARAMS, CHIPS, STEPS, MICROBATCHES = 126, 16_384, 405e9, 16_384, 200, 16
STRATEGIES = (
    {"kind": "data-parallel"},
    {"kind": "data-parallel", "overlap": "layers"},
    *(
        {"kind": "pipeline", "microbatches": MICROBATCHES, "schedule": each}
        for each in ("gpipe", "1f1b", "zero-bubble")
    ),
)
Row = dict[str, str | float]


def rows() -> list[Row]:
    """One row for sites, batch, delay, bandwidth and strategy: of the classes, and of the grid of the figure."""
    links = [*CLASSES.values(), *((delay_s, float(each)) for delay_s in DELAYS_S for each in BANDWIDTHS_BITS_PER_S)]
    return [row for sites in SITES for batch in BATCHES for link in links for row in _rows_at(sites, batch, *link)]


def _rows_at(sites: int, batch: float, delay_s: float, bandwidth: float) -> list[Row]:
    inside = {"bandwidth": "1e24 bit/s", "latency": "0 s"}
    link = {"bandwidth": f"{bandwidth:.6g} bit/s", "latency": f"{delay_s} s"}
    scenario = Scenario.model_validate(
        {
            "topology": {
                "name": "joined pairwise",
                "generate": {"shape": "full-mesh", "datacenters": sites, "inside": inside, **link},
                "collective": "ring",
            },
            "workload": {
                "params": PARAMS,
                "batch_tokens": batch,
                "chips": CHIPS,
                "chip": "h100",
                "mfu": 0.4,
                "steps": STEPS,
                "layers": LAYERS,
                "memory": {"width": WIDTH},
            },
            "strategies": STRATEGIES,
        }
    )
    names = ("Data-Parallel", "Data-Parallel by layer", "gpipe", "1f1b", "zero-bubble")
    return [
        {
            "sites": sites,
            "batch_tokens": batch,
            "delay_s": delay_s,
            "bandwidth_bits_per_s": float(f"{bandwidth:.6g}"),
            "strategy": name,
            "step_s": float(f"{one.wall_clock_s / one.steps:.6g}"),
            "compute_utilization": float(f"{one.compute_utilization:.6g}"),
        }
        for name, one in zip(names, run(scenario).runs, strict=True)
    ]


def ratios(table: list[Row]) -> list[Row]:
    """Of each place: the step of Data-Parallel over that of the best pipeline, and which schedule that is."""
    found: dict[tuple[float, ...], dict[str, float]] = {}
    for row in table:
        place = tuple(float(row[key]) for key in ("sites", "batch_tokens", "delay_s", "bandwidth_bits_per_s"))
        found.setdefault(place, {})[str(row["strategy"])] = float(row["step_s"])
    made: list[Row] = []
    for place, steps_s in found.items():
        parallel_s = min(step_s for name, step_s in steps_s.items() if name.startswith("Data"))
        pipelines = {name: step_s for name, step_s in steps_s.items() if not name.startswith("Data")}
        best = min(pipelines, key=lambda name: pipelines[name])
        keys = ("sites", "batch_tokens", "delay_s", "bandwidth_bits_per_s")
        made.append(dict(zip(keys, place, strict=True)) | {"ratio": parallel_s / pipelines[best], "best": best})
    return made


def draw(table: list[Row], path: Path) -> None:
    """A panel for sites and batch: how many times as fast the best pipeline is, over bandwidth, a line for a delay."""
    grid = {float(f"{each:.6g}") for each in BANDWIDTHS_BITS_PER_S}
    figure, axes = style.panels(2, 2, 5.6, sharex=True)
    looks = [style.DATA_PARALLEL, style.DILOCO[4], style.DILOCO[2], style.DILOCO[1]]
    for across, sites in enumerate(SITES):
        for down, batch in enumerate(BATCHES):
            panel = axes[down][across]
            panel.axhline(1.0, color=style.GREY, lw=0.8)
            for delay_s, look in zip(DELAYS_S, looks, strict=True):
                own = [
                    row
                    for row in ratios(table)
                    if (row["sites"], row["batch_tokens"], row["delay_s"]) == (sites, batch, delay_s)
                    and row["bandwidth_bits_per_s"] in grid
                ]
                x = [float(row["bandwidth_bits_per_s"]) / 1e9 for row in own]
                label = f"{1e3 * delay_s:g} ms"
                panel.plot(x, [float(row["ratio"]) for row in own], **look.both, label=label)
            panel.set(xscale="log", yscale="log", title=f"{sites} sites, {batch / 1e6:g}M tokens a step")
            style.plain_ticks(panel.xaxis, (10, 100, 1000, 1e4, 1e5))
            style.plain_ticks(panel.yaxis, (0.5, 1, 2, 4, 8))
            panel.set_ylim(0.5, 8)
    for panel in axes[1]:
        panel.set_xlabel("bandwidth between two sites [Gbit/s]")
    for row in axes:
        row[0].set_ylabel("Data-Parallel's step / the pipeline's")
    style.finish(
        figure,
        path,
        "405B parameters on 16,384 H100: above 1 a pipeline across the sites is faster",
        "Best of GPipe, 1F1B and ZB-H1 with 16 microbatches, over the better of Data-Parallel with whole gradients and "
        "layer by layer. 0.4 of the peak, 126 layers of width 16,384, 16 bits, rings; no exchanges inside a site. "
        "Ours alone: no number of others is in it.",
        axes[0][0].lines[1:],
    )


def text(table: list[Row]) -> str:
    """The ratios over the classes of links, as a table in Markdown."""
    keys = ("sites", "batch_tokens", "delay_s", "bandwidth_bits_per_s")
    found = {tuple(row[key] for key in keys): row for row in ratios(table)}
    columns = [(sites, batch) for sites in SITES for batch in BATCHES]
    lines = [f"| link | {' | '.join(f'{sites} sites, {batch / 1e6:g}M tokens' for sites, batch in columns)} |"]
    lines.append("|---" * (1 + len(columns)) + "|")
    for name, (delay_s, bandwidth) in CLASSES.items():
        own = [found[(*column, delay_s, bandwidth)] for column in columns]
        cells = " | ".join(f"{float(row['ratio']):.2f} ({row['best']})" for row in own)
        lines.append(f"| {name}: {1e3 * delay_s:g} ms, {bandwidth / 1e9:g} Gbit/s | {cells} |")
    return "\n".join(lines)


def main() -> None:
    """Writes the CSV and the figure, and prints the table."""
    table = rows()
    with (RESULTS / "pipelines.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    draw(table, RESULTS / "pipelines.png")
    print(text(table))


if __name__ == "__main__":
    main()
