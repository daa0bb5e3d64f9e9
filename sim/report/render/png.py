"""A picture of a report as PNG; needs matplotlib (the extra `plot`)."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from ...errors import InputError
from ..model import Picture, Report


def check_drawable(path: Path) -> None:
    """Says before the work begins that a picture could not be drawn.

    Raises:
      InputError: matplotlib is not there, the file would be no PNG, or it cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise InputError(f"--plot {path}: is drawn as PNG; write a name such as {path.stem or 'curve'}.png")
    if not path.parent.is_dir():
        raise InputError(f"--plot {path}: there is no folder {path.parent}; make it first")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InputError(f"--plot {path}: may not be written; choose another place")
    if find_spec("matplotlib") is None:
        raise InputError("--plot: needs matplotlib; install the extra: pip install 'crosshaul[plot]'")


def draw(report: Report, path: Path) -> None:
    """Draws the first picture of a report (see `check_drawable`)."""
    _draw(next(block for block in report.blocks if isinstance(block, Picture)), path)


def _draw(picture: Picture, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rows = -(-len(picture.curves) // 2)
    figure, axes = plt.subplots(figsize=(7, 4 + 0.2 * rows), layout="constrained")
    for curve in picture.curves:
        axes.plot(*zip(*curve.points, strict=True), marker=".", label=curve.label)
    axes.set(xlabel=picture.x.title, ylabel=picture.y.title)
    axes.set(xscale="log" if picture.x.log else "linear", yscale="log" if picture.y.log else "linear")
    axes.set(xlim=(picture.x.low, picture.x.high), ylim=(picture.y.low, picture.y.high))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
