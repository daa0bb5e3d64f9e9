"""Predicted and measured exchanges and wall-clocks of all runs whose results are known, plain and with all terms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import style
from ..tables import read_table
from .predict import STAGES
from .runs import HERE

LOOKS = dict(
    zip(("hivemind", "diloco-measured", "ft-diloco"), (style.DILOCO[2], style.DILOCO[4], style.STREAMING), strict=True)
)
"""How the runs of each source are drawn."""


def draw(path: Path) -> None:
    """Writes a picture, and a PDF beside it, from results.csv.

    Args:
      path: of the picture.
    """
    last = list(STAGES)[-1]
    table = [row for row in read_table(HERE / "results.csv") if row["set"] == "visible"]
    figure, (exchange, wall, off) = style.panels(1, 3, 3.7)
    for source, look in LOOKS.items():
        own = [row for row in table if row["source"] == source]
        for axes, what in ((exchange, "exchange_s"), (wall, "wall_clock_s")):
            _points(
                axes, own, "plain", what, {**style.PUBLISHED, "marker": look.marker, "markeredgecolor": look.colour}
            )
            _points(axes, own, last, what, look.points)
        pairs = [row for row in own if row["measured_wall_clock_s"]]
        theirs = [float(row["measured_wall_clock_s"]) for row in pairs]
        ours = [float(row[f"{last}_wall_clock_s"]) for row in pairs]
        off.plot(theirs, [100 * (o / t - 1) for o, t in zip(ours, theirs, strict=True)], **look.points)
    for axes, title in ((exchange, "exchange [s]"), (wall, "batch, round, steps [s]")):
        low, high = axes.get_xlim()
        axes.plot([low, high], [low, high], color=style.GREY, lw=0.8, zorder=0)
        axes.set(xscale="log", yscale="log", title=f"predicted: {title}", xlabel="measured [s]")
    off.axhspan(-5, 5, color=style.PALE, zorder=0)
    off.axhline(0, color=style.GREY, lw=0.8)
    off.set(xscale="log", title="its signed error [%]", xlabel="measured [s]")
    style.finish(
        figure,
        path,
        "Real runs over several sites that others measured, and ours",
        "Rings: the plain model (measured bandwidth, latency and steps). Filled: with the terms of README.md. Runs "
        "that gave a number to others are left out. Grey ground: 5%.",
        [style.key(source, **look.points) for source, look in LOOKS.items()],
    )


def _points(axes: Any, rows: list[dict[str, str]], stage: str, what: str, look: dict[str, Any]) -> None:
    pairs = [row for row in rows if row[f"measured_{what}"] and row[f"{stage}_{what}"]]
    axes.plot([float(r[f"measured_{what}"]) for r in pairs], [float(r[f"{stage}_{what}"]) for r in pairs], **look)
