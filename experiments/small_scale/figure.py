"""The figures and the tables of the study, from runs.csv.

Run: python experiments/small_scale/figure.py. Writes headline.png and ablations.png, and the tables in README.md
between their marks.
"""

from __future__ import annotations

import csv
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cases import ABLATED, REPLICAS, SIZES, Row

from sim.output import write_atomically

HERE = Path(__file__).parent
BEGIN, END = "<!-- {}: made by figure.py -->", "<!-- end of {} -->"
BASE = {"sync_every": "30", "sequences": "8", "overtraining": "1", "payload_bits": "32"}
COLOURS = ("#444444", "#fde725", "#35b779", "#31688e")


class Cell(NamedTuple):
    """An algorithm at a size, at the best of its inner rates.

    Attributes:
      params: N.
      learning_rate: the best one, by the first seed.
      losses: held-out loss of each seed [nats per token].
    """

    params: int
    learning_rate: float
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


def chosen(runs: Sequence[Row], size: str, replicas: int, **changes: str) -> list[Row]:
    """The runs of an algorithm at a size, all else as in the headline but for some changes."""
    wanted = {**BASE, "size": size, "outer_learning_rate": "0.6", **changes}
    if not replicas:
        wanted |= {"algorithm": "data-parallel", "sync_every": "0", "outer_learning_rate": ""}
    else:
        wanted |= {"algorithm": "diloco", "replicas": str(replicas)}
    return [run for run in runs if wanted.items() <= run.items()]


def best(runs: Sequence[Row], size: str, replicas: int) -> Cell | None:
    """The headline's cell; None while no run of it is there."""
    own = chosen(runs, size, replicas)
    first = [run for run in own if run["seed"] == "0"]
    if not first:
        return None
    rate = min(first, key=lambda run: float(run["held_out_loss"]))["learning_rate"]
    seeds = sorted((run for run in own if run["learning_rate"] == rate), key=lambda run: run["seed"])
    return Cell(int(seeds[0]["params"]), float(rate), [float(run["held_out_loss"]) for run in seeds])


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
            "-" if cell is None else f"{' / '.join(f'{loss:.3f}' for loss in cell.losses)} ({cell.learning_rate:g})"
            for cell in cells
        ]
        yield f"| {cells[0].params:,} | {20 * cells[0].params / 1e6:.2f}M | {' | '.join(shown)} | {over} |"


def ablation(
    runs: Sequence[Row], key: str, replicas: int, size: str = ABLATED, scaled: bool = False
) -> list[tuple[float, float]]:
    """Held-out loss against one thing that was changed, at the headline's rate (`scaled`: the rate goes with it)."""
    cell = best(runs, size, replicas)
    if cell is None:
        return []
    found = {}
    for run in runs:
        same = {name: value for name, value in chosen_fields(size, replicas).items() if name != key}
        if not (same.items() <= run.items() and run["seed"] == "0"):
            continue
        if run["learning_rate"] == f"{cell.learning_rate}" or (scaled and run[key] != BASE.get(key)):
            found[float(run[key])] = float(run["held_out_loss"])
    return sorted(found.items())


def chosen_fields(size: str, replicas: int) -> Row:
    """What the headline's runs of an algorithm have in common."""
    kind = {"algorithm": "diloco", "replicas": str(replicas), "outer_learning_rate": "0.6"}
    if not replicas:
        kind = {"algorithm": "data-parallel", "sync_every": "0", "outer_learning_rate": ""}
    return {**BASE, "size": size, **kind}


ABLATIONS: tuple[tuple[str, str, tuple[int, ...], bool], ...] = (
    ("sync_every", "inner steps H between outer steps", (2,), False),
    ("sequences", "global batch [sequences of 128]", (0, 2), True),
    ("overtraining", "overtraining multiple", (0, 2), False),
    ("payload_bits", "bits of a parameter in an outer exchange", (2,), False),
)


def ablations(runs: Sequence[Row]) -> Iterator[str]:
    """What else was changed, at one size, as lines of Markdown."""
    yield "| changed | algorithm | held-out loss |"
    yield "|---|---|---|"
    for key, label, kinds, scaled in ABLATIONS:
        for replicas in kinds:
            points = ablation(runs, key, replicas, scaled=scaled)
            shown = ", ".join(f"{value:g}: {loss:.3f}" for value, loss in points)
            yield f"| {label} | {name_of(replicas)} | {shown} |"
    for size in ("57k", ABLATED):
        for replicas in (1, 2):
            points = ablation(runs, "outer_learning_rate", replicas, size)
            shown = ", ".join(f"{value:g}: {loss:.3f}" for value, loss in points)
            yield f"| outer learning rate ({size}) | {name_of(replicas)} | {shown} |"


def draw_headline(runs: Sequence[Row], path: Path) -> None:
    """Loss against size, and the distance to Data-Parallel."""
    figure, (left, right) = _panels(2)
    base = {size: best(runs, size, 0) for size in SIZES}
    for replicas, colour in zip(REPLICAS, COLOURS, strict=True):
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
    figure, panels = _panels(len(ABLATIONS))
    for axes, (key, label, kinds, scaled) in zip(panels, ABLATIONS, strict=True):
        for replicas in kinds:
            points = ablation(runs, key, replicas, scaled=scaled)
            if points:
                colour = COLOURS[REPLICAS.index(replicas)]
                axes.plot(*zip(*points, strict=True), "o-", color=colour, ms=4, lw=1.2, label=name_of(replicas))
        ticks = sorted({value for replicas in kinds for value, _ in ablation(runs, key, replicas, scaled=scaled)})
        axes.set(xscale="log", xlabel=label)
        axes.set_xticks(ticks, [f"{value:g}" for value in ticks])
        axes.minorticks_off()
        axes.legend(frameon=False, fontsize=8)
    panels[0].set_ylabel("held-out loss [nats per token]")
    figure.suptitle(f"What else was changed, at {ABLATED} parameters", fontsize=11)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _panels(count: int) -> tuple[Any, Any]:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, count, figsize=(4.2 * count + 1, 4), layout="constrained")
    for axes in panels:
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


def filled(text: str, name: str, lines: Callable[[Sequence[Row]], Iterator[str]], runs: Sequence[Row]) -> str:
    """The page with the table between two marks replaced."""
    before, rest = text.split(BEGIN.format(name))
    after = rest.split(END.format(name))[1]
    return before + "\n".join([BEGIN.format(name), *lines(runs), END.format(name)]) + after


def main() -> None:
    """Writes figures and tables."""
    runs = read()
    draw_headline(runs, HERE / "headline.png")
    draw_ablations(runs, HERE / "ablations.png")
    page = HERE / "README.md"
    text = filled(page.read_text(), "headline", headline, runs)
    write_atomically(page, filled(text, "ablations", ablations, runs))


if __name__ == "__main__":
    main()
