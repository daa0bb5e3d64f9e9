"""Best batch, inner and outer learning rates against N and M: what the published fits say, in tokens.

Claim (arXiv 2503.09799, findings 3 and 4): the best global batch grows with M at every N, and with N; the best outer
learning rate depends on M alone.

Verdict:
- Batch: at 2.4B 2.0e5, 3.4e5, 4.9e5, 6.7e5, 7.1e5 tokens for Data-Parallel and M = 1, 2, 4, 8; at 1.3B 1.7e5 to
  5.3e5, at 550M 1.3e5 to 3.6e5. It grows with M at every fitted size, and DiLoCo's faster with N (exponents of 0.44
  to 0.51 against 0.28). At 35M the fit of M = 1 lies under Data-Parallel's; at 10B that of M = 8 under that of M = 4,
  since they cross.
- Outer rate: of M alone from 335M up (0.4, 0.6, 0.6, 0.8); below that it scatters by one step of the grid.
- Inner rate: the row M = 8 of Table 8 is a misprint. Its exponent, -1.102, cannot stand beside Table 10 (the joint
  slope must be the mean of the four); -1.017 can, and puts the line where the others are (broad and pale). As printed,
  it says 2.8e-5 at 2.4B where the joint fit says 2.1e-4.

Run: python -m experiments.best_batch (a few seconds). Writes results/best_batch.csv, .png and .pdf.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np

from sim.laws import FITTED_PARAMS, TOKENS_PER_PARAM, diloco
from sim.laws.model_family import FAMILY
from sim.laws.published import INNER_LEARNING_RATE, MISPRINTED_SLOPE

from . import style
from .tables import read_table

RESULTS = Path(__file__).parent / "results"
Row = dict[str, str | float]
ALGORITHMS = [("data-parallel", 1), *(("diloco", replicas) for replicas in (1, 2, 4, 8))]
OUTER_MARKERS = {"35m": "^", "90m": "s", "180m": "v", "335m and up": "o"}
"""Sizes whose best outer rates were published."""
DERIVED_AT_2_4B = {
    ("data-parallel", 1): 2.0e5,
    ("diloco", 1): 3.4e5,
    ("diloco", 2): 4.9e5,
    ("diloco", 4): 6.7e5,
    ("diloco", 8): 7.1e5,
}
"""What the batch fits give at 2.4B, worked out by hand from Table 9 times 2,048 [tokens]."""


def rows() -> list[Row]:
    """One row a model, algorithm and replica count."""
    table: list[Row] = []
    for name, model in FAMILY.items():
        for algorithm, replicas in ALGORITHMS:
            at = (model.params, algorithm, replicas)
            alone, joint = diloco.batch_tokens(*at), diloco.batch_tokens(*at, form="joint")
            derived = DERIVED_AT_2_4B[algorithm, replicas] if name == "2.4b" else ""
            fitted = model.params <= FITTED_PARAMS[1]
            table.append(
                {
                    "model": name,
                    "algorithm": algorithm,
                    "replicas": str(replicas),
                    "coverage": "fitted" if fitted else "extrapolated",
                    "batch_tokens": _short(alone),
                    "joint_batch_tokens": _short(joint),
                    "nearest_power_of_2": str(2 ** round(math.log2(alone))),
                    "derived_batch_tokens": derived,
                    "steps": _short(TOKENS_PER_PARAM * model.params / alone),
                    "inner_learning_rate": _short(diloco.inner_learning_rate(*at)),
                    "joint_inner_learning_rate": _short(diloco.inner_learning_rate(*at, form="joint")),
                    "outer_learning_rate": _short(diloco.outer_learning_rate(model.params, replicas))
                    if algorithm == "diloco"
                    else "",
                }
            )
    return table


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def draw(path: Path) -> None:
    """Three panels: best batch and best inner rate over N, best outer rate over M."""
    figure, (batch, inner, outer) = style.panels(1, 3, 3.5)
    low, high = FITTED_PARAMS
    fitted, beyond = np.geomspace(low, high, 50), np.geomspace(high, 1e10, 20)
    for algorithm, replicas in ALGORITHMS:
        look = style.look_of(algorithm, replicas)
        for axes, law in ((batch, diloco.batch_tokens), (inner, diloco.inner_learning_rate)):
            axes.plot(fitted, law(fitted, algorithm, replicas), **look.line, label=look.label)
            axes.plot(beyond, law(beyond, algorithm, replicas), **look.line, alpha=0.35)
            if algorithm == "diloco":
                axes.plot(fitted, law(fitted, algorithm, replicas, form="joint"), color=look.colour, lw=0.5)
    mended = INNER_LEARNING_RATE["diloco-8"][0] * fitted**MISPRINTED_SLOPE
    (misprint,) = inner.plot(
        fitted, mended, color=style.DILOCO[8].colour, lw=2.4, alpha=0.4, label="M = 8 with exponent -1.017 (see note)"
    )
    for axes, title in ((batch, "best global batch [tokens]"), (inner, "best inner learning rate")):
        axes.set(xscale="log", yscale="log", xlabel="parameters N", title=title)
        style.parameter_ticks(axes.xaxis)
    _draw_outer(outer)
    own = [line for line in batch.lines if not line.get_label().startswith("_")]
    joint = style.key("joint fit of DiLoCo", color=style.GREY, lw=0.5)
    rings = [
        style.key(f"published optimum, {size}", **style.PUBLISHED | {"marker": marker, "markeredgecolor": style.GREY})
        for size, marker in OUTER_MARKERS.items()
    ]
    style.finish(
        figure,
        path,
        "Best batch and learning rates at 20 tokens per parameter, by the published fits",
        "Lines: fits of arXiv 2503.09799, Tables 8 to 10; pale: beyond the sizes that they were fitted to. "
        "Rings: optima found there by search (Figure 7), beside what we use (dots). The printed exponent of the inner "
        "rate at M = 8, -1.102, contradicts the joint fit; -1.017 agrees.",
        [*own, joint, misprint, *rings, style.key("outer rate that we use", color=style.GREY, marker=".", ls="-")],
    )


def _draw_outer(axes: Any) -> None:
    """Best outer learning rate over M: what was found by search, and the one that the laws give."""
    measured = read_table(Path(__file__).parent / "reference" / "outer_learning_rate.csv")
    counts = [int(row["replicas"]) for row in measured]
    for place, (size, marker) in enumerate(OUTER_MARKERS.items()):
        column = size.replace(" ", "_")
        beside = [m * 1.045 ** (place - 1.5) for m in counts]  # optima of several sizes are the same
        ring = style.PUBLISHED | {"marker": marker, "markeredgecolor": style.GREY}
        axes.plot(beside, [float(row[column]) for row in measured], **ring)
    axes.plot(counts, [diloco.outer_learning_rate(1e9, m) for m in counts], ".-", color=style.GREY, lw=0.8)
    axes.set(xscale="log", xlabel="replicas M", title="best outer learning rate", ylim=(0, 1.1))
    style.plain_ticks(axes.xaxis, counts)


def main() -> None:
    """Writes the table and the figure."""
    table = rows()
    with (RESULTS / "best_batch.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    draw(RESULTS / "best_batch.png")


if __name__ == "__main__":
    main()
