"""What a report draws beside its curves: bars, a schedule, a network; and text to copy. It knows nothing of how.

A drawing shows what stands in a table or a sentence, too, so a renderer without pictures leaves it out and loses
nothing. `sim.report.drawing` has a file for each kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from .quantities import Quantity

Tone = Literal["compute", "across", "inside", "waiting", "packing", "idle", "good", "bad", "unknown"]
"""What something is, for whoever gives it a colour: the same in every drawing of a report."""


class Series(NamedTuple):
    """A part that every bar may have, or a kind of span: its name in the legend, and what it is."""

    name: str
    tone: Tone


class Bar(NamedTuple):
    """A bar.

    Attributes:
      label: what it stands for.
      values: its parts, in the order of the series [base unit].
      note: what is said at its end.
      group: bars in a row with the same one stand under it as their heading.
    """

    label: str
    values: tuple[float, ...]
    note: str = ""
    group: str = ""


@dataclass(frozen=True)
class Bars:
    """Stacked bars, one below the other, over one axis.

    Attributes:
      title: of the drawing.
      axis: what the bars measure, in words without the unit.
      quantity: the same for whoever writes numbers.
      series: the parts of every bar.
      bars: from the top.
      remark: what to know when looking at them.
    """

    title: str
    axis: str
    quantity: Quantity
    series: tuple[Series, ...]
    bars: tuple[Bar, ...]
    remark: str = ""


class Span(NamedTuple):
    """A stretch of time in a row.

    Attributes:
      row, series: which, from 0.
      name: what happens.
      start_s, end_s: when [s].
      beside: whether it goes on beside what the row does, such as an exchange behind compute.
    """

    row: int
    series: int
    name: str
    start_s: float
    end_s: float
    beside: bool = False


@dataclass(frozen=True)
class Gantt:
    """Who does what when: a row each, over one axis of time that begins with 0.

    Attributes:
      title: of the drawing.
      rows: names, from the top.
      series: the kinds of spans.
      spans: in any order.
      end_s: where the axis ends [s].
      remark: what to know when looking at it.
    """

    title: str
    rows: tuple[str, ...]
    series: tuple[Series, ...]
    spans: tuple[Span, ...]
    end_s: float
    remark: str = ""


class Node(NamedTuple):
    """A site or a router; where it is, if anybody knows (degrees east, degrees north)."""

    name: str
    site: bool = True
    place: tuple[float, float] | None = None


class Wire(NamedTuple):
    """A link between two nodes.

    Attributes:
      start, end: the nodes, by their position.
      bandwidth_bits_per_s: of each direction [bit/s].
      used: the share of it that was used, of the busier direction; None where nobody knows.
    """

    start: int
    end: int
    bandwidth_bits_per_s: float
    used: float | None = None


@dataclass(frozen=True)
class Map:
    """Sites and what joins them: on a map where all places are known, else as a graph.

    Attributes:
      title: of the drawing.
      nodes, wires: these.
      remark: what to know when looking at it.
    """

    title: str
    nodes: tuple[Node, ...]
    wires: tuple[Wire, ...]
    remark: str = ""

    @property
    def located(self) -> bool:
        """Whether it is known where everything is."""
        return all(node.place is not None for node in self.nodes)


@dataclass(frozen=True)
class Source:
    """Text that is there to be copied, letter by letter.

    Attributes:
      title: what it is.
      text: ends without a line feed.
      language: of the text, such as `yaml`.
      remark: what to do with it.
    """

    title: str
    text: str
    language: str
    remark: str = ""


@dataclass(frozen=True)
class Heat:
    """A field of cells, the darker the less: what comes of two things that are varied.

    Attributes:
      title: of the drawing.
      x, y: what is varied along a row, and from row to row, with its unit.
      columns, rows: the values of these, in words; the first row lies at the bottom.
      values: of the cells, row by row; None where there is none [base unit].
      what: what the cells measure, in words without the unit.
      quantity: the same for whoever writes numbers.
      log: whether equal steps of colour are equal ratios.
      remark: what to know when looking at it.

    Raises:
      ValueError: there is not a value for each column and row.
    """

    title: str
    x: str
    y: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    what: str
    quantity: Quantity
    log: bool = False
    remark: str = ""

    def __post_init__(self) -> None:
        """Demands a value for each cell."""
        if len(self.values) != len(self.rows) or any(len(row) != len(self.columns) for row in self.values):
            raise ValueError(f"{self.title}: {len(self.rows)} rows of {len(self.columns)} cells are wanted")

    @property
    def known(self) -> list[float]:
        """The values that there are."""
        return [value for row in self.values for value in row if value is not None]
