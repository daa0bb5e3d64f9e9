"""Draws every figure again from committed results: nothing is computed, no result changes.

Run: python -m experiments.redraw (half a minute), or with the names of some figures behind it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from . import (
    bandwidth_sweep,
    best_batch,
    communication,
    compute_utilization,
    four_fold,
    idealised_wall_clock,
    loss_scaling,
    pipelines,
    two_futures,
)
from . import published_goodput as goodput
from . import published_syncs as syncs
from .real_runs import figure as real_runs
from .small_scale import figure as small_scale
from .tables import RESULTS, committed
from .wan_emulation import figure as wan

FOLDER = Path(__file__).parent
FIGURES: dict[str, tuple[Path, Callable[[Path], None]]] = {
    "bandwidth_sweep": (RESULTS, lambda path: bandwidth_sweep.draw(committed("bandwidth_sweep"), path)),
    "best_batch": (RESULTS, best_batch.draw),
    "communication": (RESULTS, communication.draw),
    "compute_utilization": (RESULTS, lambda path: compute_utilization.draw(committed("compute_utilization"), path)),
    "four_fold": (RESULTS, lambda path: four_fold.draw(committed("four_fold"), path)),
    "idealised_wall_clock": (RESULTS, lambda path: idealised_wall_clock.draw(committed("idealised_wall_clock"), path)),
    "loss_scaling": (RESULTS, loss_scaling.draw),
    "pipelines": (RESULTS, lambda path: pipelines.draw(committed("pipelines"), path)),
    "published_goodput": (RESULTS, lambda path: goodput.draw(committed("published_goodput"), path)),
    "published_syncs": (RESULTS, lambda path: syncs.draw(committed("published_syncs"), path)),
    "two_futures": (RESULTS, lambda path: two_futures.draw(committed("two_futures"), path)),
    "real_runs": (FOLDER / "real_runs", real_runs.draw),
    "headline": (FOLDER / "small_scale", lambda path: small_scale.draw_headline(small_scale.read(), path)),
    "ablations": (FOLDER / "small_scale", lambda path: small_scale.draw_ablations(small_scale.read(), path)),
    "results": (FOLDER / "wan_emulation", lambda path: wan.draw(wan.rows(), path)),
}
"""Every figure: the folder it lies in, and what draws it."""
if wan.DELAY.exists():  # it takes an idle machine, and root
    FIGURES["delay"] = (FOLDER / "wan_emulation", lambda path: wan.draw(wan.rows(wan.DELAY), path))


def redraw(name: str, folder: Path | None = None) -> Path:
    """Draws one figure again.

    Args:
      name: of the figure.
      folder: to write into; where it is committed unless given.

    Returns:
      The path of its PNG; the PDF lies beside it.
    """
    own, draw = FIGURES[name]
    path = (folder or own) / f"{name}.png"
    draw(path)
    return path


def main() -> None:
    """Draws the figures that are named, or all."""
    asked = sys.argv[1:] or list(FIGURES)
    if unknown := [name for name in asked if name not in FIGURES]:
        sys.exit(f"no figure {', '.join(unknown)}; write one of {', '.join(FIGURES)}")
    for name in asked:
        print(redraw(name))


if __name__ == "__main__":
    main()
