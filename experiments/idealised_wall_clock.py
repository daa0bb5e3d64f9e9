"""Idealised wall-clock against loss on three networks, 180M to 10B parameters, at 1, 4 and 16 times 20 N tokens.

Claim (arXiv 2503.09799, Figures 6 and 12): at its own best batch, with chips in proportion to the batch, DiLoCo reaches
a loss sooner than Data-Parallel, the more so the thinner the links, and also when both train on more tokens.
The chip rule of the paper is not printed. Ours: 4,096 tokens of a batch on a chip of 300 useful Tflop/s, so that a step
computes as long whatever the batch. Losses: the published laws; beyond 2.4B parameters or 20 tokens per parameter they
are carried over as docs/model.md says, and at 4 and 16 the replicas' lag is that at 1.
Verdict: with M >= 2 it does, on all three networks and at every size. At 2.4B and 20 tokens per parameter Data-Parallel
takes 1.07, 2.64, 21.5 days on high-, medium-, low-bw for a loss of 2.314; DiLoCo M = 2 takes 0.44, 0.47, 0.73 days for
the same loss (2.4, 5.7, 30 times sooner). M = 8 is sooner still (0.30, 0.32, 0.50 days) and ends 0.021 higher. On
high-bw all of them compute half of the time, so what DiLoCo gains there is its larger batch on more chips. 4 or 16
times the tokens multiply every wall-clock by as much and leave the ratios of the times; the losses come closer.
Run: python -m experiments.idealised_wall_clock (0.1 minutes). Writes results/idealised_wall_clock.csv and .png.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from sim.questions.budget.comparison_rules import jobs_by_rule
from sim.scenario.loading import load_scenario
from sim.simulation.predicted_loss import loss_after
from sim.simulation.run import alone

RESULTS = Path(__file__).parent / "results"
NETWORKS = ("high-bw", "medium-bw", "low-bw")
MODELS = ("180m", "335m", "550m", "1.3b", "2.4b", "4b", "10b")
OVERTRAINING = (1, 4, 16)
STRATEGIES = ("data-parallel", *(f"diloco:replicas={m},sync_every=30" for m in (1, 2, 4, 8)))
Row = dict[str, str | float]


def rows(model: str | None = None) -> list[Row]:
    """One row a network, overtraining multiple, model (or that one alone) and algorithm."""
    return [
        row
        for network in NETWORKS
        for overtraining in OVERTRAINING
        for name in ([model] if model else MODELS)
        for row in _rows_at(network, overtraining, name)
    ]


def _rows_at(network: str, overtraining: int, model: str) -> list[Row]:
    settings = [f"workload.overtraining={overtraining}"]
    scenario = load_scenario(topology=network, workload=model, strategies=STRATEGIES, settings=settings)
    found: list[Row] = []
    for job in jobs_by_rule(scenario, "best-batch", []):
        load, timeline = job.setting.load, alone(scenario, job).timeline
        loss = loss_after(job.strategy, load).value
        assert loss is not None
        found.append(
            {
                "network": network,
                "overtraining": float(overtraining),
                "model": model,
                "strategy": job.strategy.label,
                "batch_tokens": float(f"{load.batch_tokens:.6g}"),
                "chips": float(f"{sum(load.deal.worker_chips):.6g}"),
                "steps": float(load.steps),
                "wall_clock_s": float(f"{timeline.wall_clock_s:.6g}"),
                "compute_utilization": float(f"{timeline.mean('compute_s') / timeline.wall_clock_s:.6g}"),
                "predicted_loss": float(f"{loss:.6g}"),
            }
        )
    return found


def draw(table: list[Row], path: Path) -> None:
    """Loss against wall-clock: a row of panels an overtraining multiple, a column a network, a line an algorithm."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(3, 3, figsize=(11, 9), sharex="row", sharey="row", layout="constrained")
    labels = list(dict.fromkeys(str(row["strategy"]) for row in table))
    colours = ["#444444", *plt.get_cmap("viridis")(np.linspace(0.75, 0.15, len(labels) - 1))]
    for line, overtraining in zip(panels, OVERTRAINING, strict=True):
        for axes, network in zip(line, NETWORKS, strict=True):
            for label, colour in zip(labels, colours, strict=True):
                key = {"network": network, "overtraining": float(overtraining), "strategy": label}
                own = [row for row in table if key.items() <= row.items()]
                x = [float(row["wall_clock_s"]) / 86400 for row in own]
                axes.plot(x, [row["predicted_loss"] for row in own], color=colour, marker=".", label=label)
            axes.set(xscale="log", title=f"{network}, {20 * overtraining} tokens per parameter")
            axes.title.set_fontsize("small")
            axes.grid(alpha=0.25)
            axes.spines[["top", "right"]].set_visible(False)
        line[0].set_ylabel("predicted loss [nats per token]")
    for axes in panels[-1]:
        axes.set_xlabel("wall-clock [days]")
    panels[0, 0].legend(frameon=False, fontsize="small")
    figure.suptitle("Each algorithm at its own best batch, chips in proportion; points: 180M to 10B parameters")
    figure.savefig(path, dpi=110, metadata={"Software": None})


def main() -> None:
    """Writes the CSV and the figure."""
    table = rows()
    with (RESULTS / "idealised_wall_clock.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    draw(table, RESULTS / "idealised_wall_clock.png")


if __name__ == "__main__":
    main()
