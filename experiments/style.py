"""How every figure of the experiments looks: sizes, fonts, colours, lines that differ in grey print too, and files.

A figure is a PNG for pages and a PDF for papers beside it. Both are the same bytes whenever they are drawn by the same
release of matplotlib: no date is in them.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WIDTH_IN = 7.2
"""Of every figure: two columns of a paper [inch]."""
DOTS_PER_INCH = 160
GREY, PALE = "#666666", "#eeeeee"
"""What helps to read a figure, and bands behind its curves."""
_TITLE_PT, _TEXT_PT, _NOTE_PT = 9.5, 8.0, 6.8
_NOTE_CHARACTERS = 144
"""Of a line of a note, as wide as the figure."""
_WIDEST = 0.98
"""Legend [share of the figure's width]."""
_SETTINGS: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": _TEXT_PT,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": _TEXT_PT,
    "figure.dpi": DOTS_PER_INCH,  # what is measured is what is written
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": _TEXT_PT,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.5,
    "legend.columnspacing": 1.5,
    "legend.fontsize": _TEXT_PT - 0.5,
    "legend.frameon": False,
    "legend.handlelength": 2.8,  # a whole pattern of dashes
    "lines.linewidth": 1.3,
    "lines.markersize": 4.0,
    "pdf.fonttype": 42,
    "xtick.labelsize": _TEXT_PT - 0.5,
    "ytick.labelsize": _TEXT_PT - 0.5,
}


@dataclass(frozen=True)
class Look:
    """How one thing is drawn in every figure.

    Attributes:
      label: what a legend calls it.
      colour: told apart by colour-blind eyes (after Okabe and Ito), and by its lightness in grey print.
      dashes: the pattern of its line.
      marker: the form of its points.
    """

    label: str
    colour: str
    dashes: Any
    marker: str

    @property
    def line(self) -> dict[str, Any]:
        """A line without points."""
        return {"color": self.colour, "linestyle": self.dashes}

    @property
    def points(self) -> dict[str, Any]:
        """Points without a line."""
        return {"color": self.colour, "linestyle": "none", "marker": self.marker, "markeredgecolor": self.colour}

    @property
    def both(self) -> dict[str, Any]:
        """A line through points."""
        return self.points | self.line


DATA_PARALLEL = Look("Data-Parallel", "#000000", "-", "o")
DILOCO = {
    1: Look("DiLoCo, M = 1", "#e69f00", (0, (6, 1.5)), "s"),
    2: Look("DiLoCo, M = 2", "#d55e00", (0, (4, 1.2, 1, 1.2)), "^"),
    4: Look("DiLoCo, M = 4", "#56b4e9", (0, (2.2, 1.2)), "D"),
    8: Look("DiLoCo, M = 8", "#0072b2", (0, (1, 1)), "v"),
}
"""By the number of replicas."""
STREAMING = Look("Streaming DiLoCo", "#009e73", (0, (5, 1, 1, 1, 1, 1)), "P")
PUBLISHED: dict[str, Any] = {"linestyle": "none", "markerfacecolor": "none", "markersize": 7.0, "markeredgewidth": 0.9}
"""What somebody else measured or printed: a ring around ours."""


def look_of(algorithm: str, replicas: float) -> Look:
    """Of an algorithm as the tables name it: `data-parallel` or `Data-Parallel`, or else DiLoCo with M replicas."""
    return DATA_PARALLEL if algorithm.lower() == "data-parallel" else DILOCO[int(replicas)]


def look_of_label(label: str) -> Look:
    """Of a strategy's label, such as `DiLoCo M=2 H=30`."""
    words = dict(word.split("=") for word in label.split() if "=" in word)
    return look_of(label, float(words.get("M", 1)))


def panels(rows: int, columns: int, height_in: float, **settings: Any) -> tuple[Any, Any]:
    """A figure and its axes, in the common style.

    Args:
      rows: of panels.
      columns: of panels.
      height_in: of the figure, with title, legend and note [inch].
      settings: as `matplotlib.pyplot.subplots` takes them.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    mpl.rcdefaults()
    mpl.rcParams.update(_SETTINGS)
    return plt.subplots(rows, columns, figsize=(WIDTH_IN, height_in), layout="constrained", **settings)


def finish(figure: Any, path: Path, title: str, note: str, legend: Sequence[Any] = ()) -> None:
    """Puts the title above the panels, the legend and a note below them, and writes the PNG and a PDF beside it.

    Nothing of this can cover a curve: the panels take the room that is left.

    Args:
      figure: with its panels drawn.
      path: of the PNG.
      title: a line that says what is shown.
      note: what was assumed, and whose numbers are in it.
      legend: the lines and points to name, by their labels.
    """
    from matplotlib import pyplot as plt

    lines = textwrap.wrap(note, _NOTE_CHARACTERS)
    height_pt = 72 * figure.get_figheight()
    above, below = 2.1 * _TITLE_PT / height_pt, (1.35 * _NOTE_PT * len(lines) + 6) / height_pt
    aside = 0.008
    figure.text(aside, 1 - 4 / height_pt, title, ha="left", va="top", fontsize=_TITLE_PT, fontweight="bold")
    figure.text(
        aside, 3 / height_pt, "\n".join(lines), ha="left", va="bottom", fontsize=_NOTE_PT, color=GREY, linespacing=1.2
    )
    below += _put_legend(figure, legend, below) if legend else 0.0
    figure.get_layout_engine().set(rect=(0, below, 1, 1 - above - below))
    figure.savefig(path, dpi=DOTS_PER_INCH, metadata={"Software": None})
    figure.savefig(path.with_suffix(".pdf"), metadata={"CreationDate": None, "Creator": None, "Producer": None})
    plt.close(figure)


def _put_legend(figure: Any, handles: Sequence[Any], bottom: float) -> float:
    """Puts the legend at a height, in as few lines as fit the width; how high it is [share of the figure]."""
    for lines in range(1, len(handles) + 1):
        columns = math.ceil(len(handles) / lines)
        legend = figure.legend(
            handles=list(handles), loc="lower center", ncols=columns, bbox_to_anchor=(0.5, bottom), borderaxespad=0.0
        )
        legend.set_in_layout(False)
        extent = legend.get_window_extent(figure.canvas.get_renderer()).transformed(figure.transFigure.inverted())
        if extent.width <= _WIDEST or columns == 1:
            break
        legend.remove()
    return float(extent.height)


def key(label: str, **style: Any) -> Any:
    """An entry of a legend that belongs to no single curve."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, **style)


def plain_ticks(axis: Any, values: Sequence[float]) -> None:
    """Ticks of a logarithmic axis at these values, written as numbers and not as powers."""
    axis.set_ticks(list(values), [f"{value:g}" for value in values])
    axis.set_ticks([], minor=True)


def parameter_ticks(axis: Any) -> None:
    """Ticks of an axis of model sizes, as they are called."""
    axis.set_ticks([1e8, 1e9, 1e10], ["100M", "1B", "10B"])
    axis.set_ticks([k * 10**e for e in (7, 8, 9) for k in range(2, 10)], minor=True)
    axis.set_tick_params(which="minor", labelbottom=False)
