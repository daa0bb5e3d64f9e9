"""Four times the tokens with DiLoCo in the time of Data-Parallel: on which networks, sizes and batch rules it holds.

Claim: DiLoCo trains on four times the tokens in the wall-clock that Data-Parallel needs for its own.
Verdict, for 35M to 10B parameters (H = 30 / H = 100): it depends on the network and on what is held equal.
- low-bw: holds for M = 2, 4, 8 at every size and by both rules: 12 to 14 times (17 to 21) at equal chips and batch,
  13 to 56 times (19 to 78) at each algorithm's own best batch with chips in proportion. Never for M = 1, which sends
  what Data-Parallel sends and more.
- medium-bw: never at equal chips and batch (2.3 to 3.2 times). At the own best batch it holds for M = 8 at every size,
  for M = 4 from 180M, for M = 2 from 550M (335M).
- high-bw: never at equal chips and batch (at most 1.3 times); at the own best batch only for M = 4 and 8 at 10B, a size
  beyond the fits, on 4.5 times the chips: the gain is that of more chips, not of less communication.
More tokens are not always a lower loss: on high-bw at equal chips M = 8 ends above Data-Parallel at all nine sizes.
Losses at H = 100 have the price of rarer outer steps (`sim.laws.communication`); which rows hold does not depend on it.
Run: python -m experiments.four_fold (0.5 minutes). Writes results/four_fold.csv, .png and .pdf.
"""

from __future__ import annotations

import csv
from pathlib import Path

from sim.laws.model_family import FAMILY
from sim.questions.budget.budget import answer
from sim.scenario.loading import load_scenario

from . import style

RESULTS = Path(__file__).parent / "results"
NETWORKS = ("high-bw", "medium-bw", "low-bw")
REPLICAS = (1, 2, 4, 8)
SYNC_EVERY = (30, 100)
Row = dict[str, str | float]


def rows(model: str | None = None) -> list[Row]:
    """One row a model (or that one alone), network, number of replicas, H and batch rule."""
    strategies = [f"diloco:replicas={m},sync_every={h}" for m in REPLICAS for h in SYNC_EVERY]
    table: list[Row] = []
    for name in [model] if model else FAMILY:
        asked = [
            load_scenario(topology=network, workload=name, strategies=["data-parallel", *strategies])
            for network in NETWORKS
        ]
        table += [
            {
                "network": row.topology,
                "model": name,
                "rule": row.rule,
                "replicas": float(row.replicas),
                "sync_every": float(row.sync_every),
                "chips": float(f"{row.chips:.6g}"),
                "batch_tokens": float(f"{row.batch_tokens:.6g}"),
                "overtraining_multiple": float(f"{row.overtraining_multiple:.6g}"),
                "predicted_loss": float(f"{row.predicted_loss:.6g}"),
                "data_parallel_loss": float(f"{row.reference_loss:.6g}"),
                "four_fold": "yes" if row.overtraining_multiple >= 4 else "no",
            }
            for row in answer(asked).rows
            if row.strategy == "diloco" and row.predicted_loss and row.reference_loss
        ]
    return table


def draw(table: list[Row], path: Path) -> None:
    """The multiple against model size at H = 30: a panel a network and rule, a line a number of replicas."""
    rules = {"equal-chips": "equal chips and batch", "best-batch": "own best batch"}
    figure, grid = style.panels(2, 3, 5.0, sharex=True, sharey=True)
    for line, (rule, words) in zip(grid, rules.items(), strict=True):
        for axes, network in zip(line, NETWORKS, strict=True):
            for count in REPLICAS:
                key = {"network": network, "rule": rule, "replicas": float(count), "sync_every": 30.0}
                own = [row for row in table if key.items() <= row.items()]
                x = [FAMILY[str(row["model"])].params for row in own]
                look = style.DILOCO[count]
                axes.plot(x, [row["overtraining_multiple"] for row in own], **look.both, label=look.label)
            axes.axhline(4, color=style.GREY, lw=0.9, ls="--", zorder=1)
            axes.set(xscale="log", yscale="log", title=f"{network}: {words}")
        line[0].set_ylabel("tokens over Data-Parallel's")
    style.plain_ticks(grid[0, 0].yaxis, (1, 2, 4, 10, 20, 50))
    for axes in grid[1]:
        axes.set_xlabel("parameters N")
        style.parameter_ticks(axes.xaxis)
    style.finish(
        figure,
        path,
        "Tokens that DiLoCo (H = 30) trains on in the wall-clock that Data-Parallel needs for its own",
        "Dashed: four times, the claim put to the test. Own best batch: chips in proportion to it. "
        "No published multiples are known, so there is nothing to compare with; the laws behind the best batch were "
        "fitted up to 2.4B.",
        [*grid[0, 0].lines[:-1], style.key("four times", color=style.GREY, lw=0.9, ls="--")],
    )


def main() -> None:
    """Writes the CSV and the figure."""
    table = rows()
    with (RESULTS / "four_fold.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    draw(table, RESULTS / "four_fold.png")


if __name__ == "__main__":
    main()
