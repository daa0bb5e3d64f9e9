"""The figure of a report, as publications print it; needs matplotlib (the extra `plot`)."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ..drawing import network, plots
from ..figures import Map
from ..model import Drawn, Picture, Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

_WIDTH = 7.0
"""Of the page of a paper [inch]."""
_LOOK: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,  # a dollar in a name is one
    "pdf.fonttype": 42,  # letters stay letters, as publishers ask
    "svg.hashsalt": "crosshaul",  # the same answer, the same file
}
_METADATA = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}


def drawn(report: Report, form: str) -> bytes:
    """The figure of a report, its panels one below the other, two curves beside each other.

    Args:
      report: with a figure.
      form: `svg`, `png` or `pdf`.

    Raises:
      InputError: there is nothing to draw.
    """
    panels = [panel for panel in report.figure if not (isinstance(panel, Map) and not network.drawable(panel))]
    if not panels:
        raise InputError(
            f"--output: a .{form} has no use for this answer, in which there is nothing to draw; "
            "write a .html (a page), or a .txt (the table)"
        )
    import matplotlib as mpl

    with mpl.rc_context(_LOOK):
        figure = _figure(panels)
        out = io.BytesIO()
        figure.savefig(out, format=form, dpi=200, metadata=_METADATA[form])
    return out.getvalue()


def _figure(panels: list[Drawn]) -> Figure:
    from matplotlib.figure import Figure

    pair = len(panels) == 2 and all(isinstance(panel, Picture) for panel in panels)
    width = _WIDTH / 2 if pair else _WIDTH
    heights = [plots.height(panel, width) + 0.5 for panel in panels]
    figure = Figure((_WIDTH, max(heights) if pair else sum(heights)), layout="constrained")
    if pair:
        left, right = figure.subplots(1, 2)
        entries = plots.plot(left, panels[0], width)
        plots.plot(right, panels[1], width)
        _legend(figure, entries)
        return figure
    parts = figure.subfigures(len(panels), 1, height_ratios=heights, squeeze=False)
    for part, panel in zip(parts[:, 0], panels, strict=True):
        _legend(part, plots.plot(part.subplots(), panel, width))
    return figure


def _legend(figure: Figure | SubFigure, entries: plots.Entries) -> None:
    """A legend below the panels, so that it covers nothing."""
    if entries:
        signs, names = zip(*entries, strict=True)
        columns = 3 if max(map(len, names)) < 34 else 2
        figure.legend(signs, names, loc="outside lower center", ncols=columns, frameon=False, fontsize="small")
