"""The figures and the tables of the study, from runs.csv.

Run: python -m experiments.small_scale.figure. Writes headline and ablations (.png and .pdf), and the tables in
README.md between their marks.
"""

from __future__ import annotations

import csv
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

from sim.laws import FITTED_PARAMS
from sim.shell.delivery import write_atomically

from .. import style
from ..tables import read_table
from .cases import ABLATED, OUTER_SIZES, REPLICAS, SEEDS, SIZES, SMALLEST, TEXT, Case, Row, best_case, cells, key

HERE = Path(__file__).parent
BEGIN, END = "<!-- {}: made by figure.py -->", "<!-- end of {} -->"


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
    ("overtraining", "overtraining multiple", (0, 1, 2)),
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
    """How far DiLoCo is behind Data-Parallel, by the number of its outer steps, as lines of Markdown."""
    yield "| N | tokens per parameter | inner steps | outer steps | Data-Parallel | DiLoCo M = 1 | DiLoCo M = 2 |"
    yield "|---|---|---|---|---|---|---|"
    for size, multiple in [*((size, "1") for size in SIZES), (ABLATED, "2"), (ABLATED, "4")]:
        parallel = _at(runs, size, 0, multiple)
        if parallel is None:
            continue
        loss, steps = parallel
        behind = [_behind(_at(runs, size, replicas, multiple), loss) for replicas in (1, 2)]
        yield f"| {size} | {20 * int(multiple)} | {steps:,} | {-(-steps // 30)} | {loss:.3f} | {' | '.join(behind)} |"


def _behind(found: tuple[float, int] | None, parallel: float) -> str:
    """A loss, and how far it is above Data-Parallel's."""
    return f"{found[0]:.3f} ({found[0] / parallel - 1:+.1%})" if found else "-"


def one_replica(runs: Sequence[Row]) -> Iterator[str]:
    """DiLoCo with one replica at the smallest size, whatever its outer step and H, as lines of Markdown."""
    yield (
        "| outer momentum m | outer rate r | r / (1 - m) | H | inner rate | tokens per parameter | outer steps "
        "| held-out loss | over Data-Parallel |"
    )
    yield "|---" * 9 + "|"
    seeds: dict[tuple[float, ...], list[Row]] = {}
    own = (run for run in runs if (run["size"], run["replicas"], run["text"]) == (SMALLEST, "1", TEXT))
    for run in own:
        if run["algorithm"] == "diloco":
            seeds.setdefault(tuple(float(run[name]) for name in ONE_REPLICA), []).append(run)
    for multiple, every, momentum, outer, inner in sorted(seeds, key=lambda key: (key[0], -key[1], key[2:])):
        same = seeds[multiple, every, momentum, outer, inner]
        losses = [float(run["held_out_loss"]) for run in sorted(same, key=lambda run: run["seed"])]
        parallel = _parallel(runs, f"{multiple:g}")
        over = f"{statistics.fmean(losses) / parallel - 1:+.1%}" if parallel else "-"
        yield (
            f"| {momentum:g} | {outer:g} | {outer / (1 - momentum):.3g} | {every:g} | {inner:g} | {20 * multiple:g} | "
            f"{-(-int(same[0]['steps']) // int(every))} | {' / '.join(f'{loss:.3f}' for loss in losses)} | {over} |"
        )


ONE_REPLICA = ("overtraining", "sync_every", "outer_momentum", "outer_learning_rate", "learning_rate")


def cadences(runs: Sequence[Row]) -> Iterator[str]:
    """Held-out loss by H, for every size and M that has it, as lines of Markdown."""
    every = ("5", "15", "30", "100", "300")
    yield "| N | algorithm | " + " | ".join(f"H = {h}" for h in every) + " |"
    yield "|---" * (len(every) + 2) + "|"
    for size, replicas in product((ABLATED, SMALLEST), (1, 2, 4)):
        found = dict(ablation(runs, "sync_every", replicas, size))
        shown = [f"{found[float(h)]:.3f}" if float(h) in found else "-" for h in every]
        yield f"| {size} | {name_of(replicas)} | {' | '.join(shown)} |"


def _parallel(runs: Sequence[Row], multiple: str) -> float | None:
    """Data-Parallel's loss at the smallest size and its best inner rate, the mean of its seeds."""
    case = best_case(runs, SMALLEST, 0)
    own = [
        float(run["held_out_loss"])
        for run in runs
        for seed in SEEDS
        if case and key(run) == key(replace(case, overtraining=int(multiple), seed=seed))
    ]
    return statistics.fmean(own) if own else None


def _at(runs: Sequence[Row], size: str, replicas: int, multiple: str) -> tuple[float, int] | None:
    """Held-out loss of the first seed, and the inner steps, at a token budget."""
    case = best_case(runs, size, replicas)
    own = case and [run for run in runs if key(run) == key(replace(case, overtraining=int(multiple)))]
    return (float(own[0]["held_out_loss"]), int(own[0]["steps"])) if own else None


def draw_headline(runs: Sequence[Row], path: Path) -> None:
    """Loss against size, and the distance to Data-Parallel beside the published one of larger models."""
    figure, (left, right) = style.panels(1, 2, 3.6, width_ratios=[1, 1.5])
    base = {size: best(runs, size, 0) for size in SIZES}
    for replicas in REPLICAS:
        look = look_of(replicas)
        cells = [(size, cell) for size in SIZES if (cell := best(runs, size, replicas)) is not None]
        sizes = [cell.params for _, cell in cells]
        left.plot(sizes, [cell.mean for _, cell in cells], **look.both, label=look.label)
        for _, cell in cells:
            left.plot([cell.params] * 2, [min(cell.losses), max(cell.losses)], color=look.colour, lw=2.6, alpha=0.5)
        ratios = [(cell.params, 100 * (cell.mean / own.mean - 1)) for size, cell in cells if (own := base[size])]
        right.plot(*zip(*ratios, strict=True), **look.both)
        if replicas:
            ring = style.PUBLISHED | {"marker": look.marker, "markeredgecolor": look.colour, "markersize": 4.5}
            right.plot(*zip(*published_gaps(replicas), strict=True), **ring)
    left.set(xscale="log", xlabel="parameters N", ylabel="held-out loss [nats per token]", title="trained here")
    style.plain_ticks(left.xaxis, ())
    left.set_xticks(sizes, [f"{params / 1000:.0f}k" for params in sizes])
    right.set(xscale="log", xlabel="parameters N", ylabel="loss over Data-Parallel's [%]", title="how far behind")
    right.set_xticks([1e5, 1e6, 1e7, 1e8, 1e9], ["100k", "1M", "10M", "100M", "1B"])
    style.finish(
        figure,
        path,
        "Small models, really trained: 20 tokens per parameter, H = 30, each at its best inner rate",
        "Points: means of two seeds, bars on the left from one seed to the other. Rings: published losses from 35M to "
        "2.4B (arXiv 2503.09799, Table 4: C4, 10,000 steps and more; here other English text, and 1,124 to 3,209 steps "
        "with 38 to 107 outer steps).",
        [
            *(style.key(look_of(replicas).label, **look_of(replicas).both) for replicas in REPLICAS),
            style.key("published", **style.PUBLISHED, marker="o", markeredgecolor=style.GREY),
        ],
    )


def look_of(replicas: int) -> style.Look:
    """Of an algorithm by its replicas; Data-Parallel has 0."""
    return style.DILOCO[replicas] if replicas else style.DATA_PARALLEL


def published_gaps(replicas: int) -> list[tuple[float, float]]:
    """N, and how far the published loss of DiLoCo lies above Data-Parallel's, from 35M to 2.4B [%]."""
    reference = HERE.parent / "reference"
    sizes = {row["name"]: float(row["params"]) for row in read_table(reference / "models.csv")}
    return [
        (sizes[row["model"]], 100 * (float(row[f"diloco-{replicas}"]) / float(row["data-parallel"]) - 1))
        for row in read_table(reference / "eval_loss.csv")
        if sizes[row["model"]] <= FITTED_PARAMS[1]
    ]


def draw_ablations(runs: Sequence[Row], path: Path) -> None:
    """One panel for each thing that was changed."""
    figure, grid = style.panels(2, 3, 4.8, sharey=True)
    *panels, empty = grid.flat
    empty.set_visible(False)
    for axes, (name, label, kinds) in zip(panels, ABLATIONS, strict=True):
        found = {replicas: ablation(runs, name, replicas) for replicas in kinds}
        for replicas, points in found.items():
            if points:
                axes.plot(*zip(*points, strict=True), **look_of(replicas).both)
        axes.set(
            xscale="log",
        )
        axes.set_xlabel(label, fontsize=7)
        style.plain_ticks(axes.xaxis, sorted({value for points in found.values() for value, _ in points}))
    for line in grid:
        line[0].set_ylabel("held-out loss [nats per token]")
    style.finish(
        figure,
        path,
        f"What else was changed, at {ABLATED} parameters",
        "One seed a point; all else as in headline (20 tokens per parameter, H = 30, batch of 8 sequences, 32 bits). "
        "No published losses of models as small as these are known.",
        [style.key(look_of(replicas).label, **look_of(replicas).both) for replicas in (0, 1, 2)],
    )


def filled(text: str, name: str, lines: Callable[[Sequence[Row]], Iterator[str]], runs: Sequence[Row]) -> str:
    """The page with the table between two marks replaced."""
    before, rest = text.split(BEGIN.format(name))
    after = rest.split(END.format(name))[1]
    return before + "\n".join([BEGIN.format(name), *lines(runs), END.format(name)]) + after


TABLES: dict[str, Callable[[Sequence[Row]], Iterator[str]]] = {
    "headline": headline,
    "rounds": rounds,
    "ablations": ablations,
    "one replica": one_replica,
    "cadences": cadences,
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
