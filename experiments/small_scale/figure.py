"""The figures and the tables of the study, from runs.csv.

Run: python -m experiments.small_scale.figure. Writes headline.png and ablations.png, and the tables in README.md
between their marks.
"""

from __future__ import annotations

import csv
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from sim.shell.delivery import write_atomically

from .cases import ABLATED, OUTER_SIZES, REPLICAS, SEEDS, SIZES, Case, Row, best_case, cells, key

HERE = Path(__file__).parent
BEGIN, END = "<!-- {}: made by figure.py -->", "<!-- end of {} -->"
COLOURS = {0: "#444444", 1: "#e0a800", 2: "#35b779", 4: "#31688e"}


class Cell(NamedTuple):
    """An algorithm at a size, at the best of its inner rates.

    Attributes:
      case: the first seed's.
      params: N.
      losses: held-out loss of each seed [nats per token].
    """

    case: Case
    params: int
    losses: list[float]

    @property
    def mean(self) -> float:
        """Over the seeds [nats per token]."""
        return statistics.fmean(self.losses)


def read() -> list[Row]:
    """The finished runs."""
    with (HERE / "runs.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def name_of(replicas: int) -> str:
    """What an algorithm is called."""
    return f"DiLoCo M = {replicas}" if replicas else "Data-Parallel"


def best(runs: Sequence[Row], size: str, replicas: int) -> Cell | None:
    """The headline's cell; None while no run of it is there."""
    case = best_case(runs, size, replicas)
    own = [] if case is None else [run for seed in SEEDS for run in runs if key(run) == key(replace(case, seed=seed))]
    if case is None or not own:
        return None
    return Cell(case, int(own[0]["params"]), [float(run["held_out_loss"]) for run in own])


def headline(runs: Sequence[Row]) -> Iterator[str]:
    """Held-out loss by size and algorithm as lines of Markdown."""
    yield (
        "| N | tokens | " + " | ".join(f"{name_of(m)} (rate)" for m in REPLICAS) + " | M = 1, 2, 4 over Data-Parallel |"
    )
    yield "|---" * (len(REPLICAS) + 3) + "|"
    for size in SIZES:
        cells = [best(runs, size, m) for m in REPLICAS]
        if cells[0] is None:
            continue
        over = ", ".join("-" if cell is None else f"{cell.mean / cells[0].mean - 1:+.1%}" for cell in cells[1:])
        shown = [
            "-"
            if cell is None
            else f"{' / '.join(f'{loss:.3f}' for loss in cell.losses)} ({cell.case.learning_rate:g})"
            for cell in cells
        ]
        yield f"| {cells[0].params:,} | {20 * cells[0].params / 1e6:.2f}M | {' | '.join(shown)} | {over} |"


def ablation(runs: Sequence[Row], name: str, replicas: int, size: str = ABLATED) -> list[tuple[float, float]]:
    """Held-out loss of the first seed against one thing that was changed; a batch brings its own inner rate."""
    case = best_case(runs, size, replicas)
    if case is None:
        return []
    base = cells(case)
    varied = {name, "learning_rate"} if name == "sequences" else {name}
    return sorted(
        (float(run[name]), float(run["held_out_loss"]))
        for run in runs
        if all(run[field] == value for field, value in base.items() if field not in varied)
        and (run[name] != base[name] or run["learning_rate"] == base["learning_rate"])
    )


ABLATIONS: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("sync_every", "inner steps H between outer steps", (2,)),
    ("sequences", "global batch [sequences of 128]", (0, 2)),
    ("overtraining", "overtraining multiple", (0, 2)),
    ("payload_bits", "bits of a parameter in an outer exchange", (2,)),
    ("outer_learning_rate", "outer learning rate", (1, 2)),
)


def ablations(runs: Sequence[Row]) -> Iterator[str]:
    """What else was changed, at one size, as lines of Markdown."""
    yield "| changed | algorithm | held-out loss |"
    yield "|---|---|---|"
    for name, label, kinds in ABLATIONS:
        sizes = OUTER_SIZES if name == "outer_learning_rate" else (ABLATED,)
        for size, replicas in product(sizes, kinds):
            shown = ", ".join(f"{value:g}: {loss:.3f}" for value, loss in ablation(runs, name, replicas, size))
            yield f"| {label}{f' ({size})' if len(sizes) > 1 else ''} | {name_of(replicas)} | {shown} |"


def rounds(runs: Sequence[Row]) -> Iterator[str]:
    """How far DiLoCo M = 2 is behind Data-Parallel, by the number of its outer steps, as lines of Markdown."""
    yield "| N | tokens per parameter | inner steps | outer steps | Data-Parallel | DiLoCo M = 2 | over Data-Parallel |"
    yield "|---|---|---|---|---|---|---|"
    for size, multiple in [*((size, "1") for size in SIZES), (ABLATED, "2"), (ABLATED, "4")]:
        pair = [_at(runs, size, replicas, multiple) for replicas in (0, 2)]
        if None in pair:
            continue
        (parallel, steps), (diloco, _) = pair
        yield (
            f"| {size} | {20 * int(multiple)} | {steps:,} | {-(-steps // 30)} | {parallel:.3f} | {diloco:.3f} | "
            f"{diloco / parallel - 1:+.1%} |"
        )


def _at(runs: Sequence[Row], size: str, replicas: int, multiple: str) -> tuple[float, int] | None:
    """Held-out loss of the first seed, and the inner steps, at a token budget."""
    case = best_case(runs, size, replicas)
    own = case and [run for run in runs if key(run) == key(replace(case, overtraining=int(multiple)))]
    return (float(own[0]["held_out_loss"]), int(own[0]["steps"])) if own else None


def draw_headline(runs: Sequence[Row], path: Path) -> None:
    """Loss against size, and the distance to Data-Parallel."""
    figure, (left, right) = _panels(2)
    base = {size: best(runs, size, 0) for size in SIZES}
    for replicas, colour in COLOURS.items():
        cells = [(size, cell) for size in SIZES if (cell := best(runs, size, replicas)) is not None]
        sizes = [cell.params for _, cell in cells]
        left.plot(sizes, [cell.mean for _, cell in cells], "o-", color=colour, ms=4, lw=1.2, label=name_of(replicas))
        for _, cell in cells:
            left.plot([cell.params] * len(cell.losses), cell.losses, "_", color=colour, ms=9)
        ratios = [(cell.params, 100 * (cell.mean / own.mean - 1)) for size, cell in cells if (own := base[size])]
        right.plot(*zip(*ratios, strict=True), "o-", color=colour, ms=4, lw=1.2)
    left.set(xscale="log", xlabel="parameters N", ylabel="held-out loss [nats per token]")
    right.set(xscale="log", xlabel="parameters N", ylabel="over Data-Parallel [%]")
    left.legend(frameon=False, fontsize=8)
    figure.suptitle("20 tokens per parameter, H = 30, each at its best inner rate (bars: seeds)", fontsize=11)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def draw_ablations(runs: Sequence[Row], path: Path) -> None:
    """One panel for each thing that was changed."""
    figure, panels = _panels(len(ABLATIONS), sharey=True)
    for axes, (name, label, kinds) in zip(panels, ABLATIONS, strict=True):
        found = {replicas: ablation(runs, name, replicas) for replicas in kinds}
        for replicas, points in found.items():
            if points:
                colour = COLOURS[replicas]
                axes.plot(*zip(*points, strict=True), "o-", color=colour, ms=4, lw=1.2, label=name_of(replicas))
        ticks = sorted({value for points in found.values() for value, _ in points})
        axes.set(xscale="log", xlabel=label)
        axes.set_xticks(ticks, [f"{value:g}" for value in ticks])
        axes.minorticks_off()
        axes.legend(frameon=False, fontsize=8)
    panels[0].set_ylabel("held-out loss [nats per token]")
    figure.suptitle(f"What else was changed, at {ABLATED} parameters", fontsize=11)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _panels(count: int, *, sharey: bool = False) -> tuple[Any, Any]:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, count, figsize=(3.6 * count + 1, 4), layout="constrained", sharey=sharey)
    for axes in panels:
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


def filled(text: str, name: str, lines: Callable[[Sequence[Row]], Iterator[str]], runs: Sequence[Row]) -> str:
    """The page with the table between two marks replaced."""
    before, rest = text.split(BEGIN.format(name))
    after = rest.split(END.format(name))[1]
    return before + "\n".join([BEGIN.format(name), *lines(runs), END.format(name)]) + after


TABLES: dict[str, Callable[[Sequence[Row]], Iterator[str]]] = {
    "headline": headline,
    "rounds": rounds,
    "ablations": ablations,
}
"""The tables of the page by the name of their marks."""


def main() -> None:
    """Writes figures and tables."""
    runs = read()
    draw_headline(runs, HERE / "headline.png")
    draw_ablations(runs, HERE / "ablations.png")
    page = HERE / "README.md"
    text = page.read_text()
    for name, lines in TABLES.items():
        text = filled(text, name, lines, runs)
    write_atomically(page, text)


if __name__ == "__main__":
    main()
