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
  slope must be the mean of the four); -1.017 can, and puts the line where the others are (dash-dotted). As printed,
  it says 2.8e-5 at 2.4B where the joint fit says 2.1e-4.

Run: python -m experiments.best_batch (a few seconds). Writes results/best_batch.csv and .png.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np

from sim.laws import FITTED_PARAMS, TOKENS_PER_PARAM, diloco
from sim.laws.model_family import FAMILY
from sim.laws.published import INNER_LEARNING_RATE, MISPRINTED_SLOPE

from .tables import read_table

RESULTS = Path(__file__).parent / "results"
Row = dict[str, str | float]
ALGORITHMS = [("data-parallel", 1), *(("diloco", replicas) for replicas in (1, 2, 4, 8))]
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
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (batch, inner, outer) = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    colours = ["#444444", *plt.get_cmap("viridis")(np.linspace(0.9, 0.1, 4))]
    low, high = FITTED_PARAMS
    fitted, beyond = np.geomspace(low, high, 50), np.geomspace(high, 1e10, 20)
    for (algorithm, replicas), colour in zip(ALGORITHMS, colours, strict=True):
        label = "Data-Parallel" if algorithm == "data-parallel" else f"DiLoCo, M = {replicas}"
        for axes, law in ((batch, diloco.batch_tokens), (inner, diloco.inner_learning_rate)):
            axes.plot(fitted, law(fitted, algorithm, replicas), color=colour, lw=1.4, label=label)
            axes.plot(beyond, law(beyond, algorithm, replicas), color=colour, lw=1.4, alpha=0.35)
            if algorithm == "diloco":
                axes.plot(fitted, law(fitted, algorithm, replicas, form="joint"), color=colour, lw=0.8, ls=":")
    mended = INNER_LEARNING_RATE["diloco-8"][0] * fitted**MISPRINTED_SLOPE
    inner.plot(fitted, mended, color=colours[-1], lw=1, ls="-.", label="M = 8 with exponent -1.017")
    inner.legend(handles=inner.lines[-1:], frameon=False, fontsize=8, loc="lower left")
    for axes, label in ((batch, "best global batch [tokens]"), (inner, "best inner learning rate")):
        axes.set(xscale="log", yscale="log", xlabel="parameters N", ylabel=label)
    batch.plot([], [], color="#444444", lw=0.8, ls=":", label="joint fit of DiLoCo")
    batch.legend(frameon=False, fontsize=8)
    measured = read_table(Path(__file__).parent / "reference" / "outer_learning_rate.csv")
    replicas_axis = [int(row["replicas"]) for row in measured]
    for size, marker in (("35m", "^"), ("90m", "s"), ("180m", "v")):
        outer.plot(
            replicas_axis, [float(row[size]) for row in measured], marker, color="#999999", mfc="w", ms=8, label=size
        )
    outer.plot(
        replicas_axis, [float(row["335m_and_up"]) for row in measured], "o", color="#31688e", ms=5, label="335m and up"
    )
    between = list(range(1, 9))
    outer.plot(between, [diloco.outer_learning_rate(1e9, m) for m in between], color="#31688e", lw=1)
    outer.set(xscale="log", xlabel="replicas M", ylabel="best outer learning rate", ylim=(0, 1.1))
    outer.set_xticks(between, [str(m) if m in replicas_axis else "" for m in between])
    outer.minorticks_off()
    outer.legend(frameon=False, fontsize=8, loc="lower right")
    for axes in (batch, inner, outer):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        "Published fits of the best batch and learning rates at 20 tokens per parameter (pale: beyond the fits)",
        fontsize=11,
    )
    figure.savefig(path, dpi=110, metadata={"Software": None})


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
