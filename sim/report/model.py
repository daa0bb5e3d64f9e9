"""An answer as a report: what a person shall read of it, and the data behind it. It knows nothing of terminals.

A builder (a file beside this one for each question) makes a Report of an answer; a renderer (`sim.report.render`) makes
text, JSON, CSV or HTML of a Report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .figures import Bars, Gantt, Heat, Map, Source
from .quantities import TEXT, Quantity

Cell = str | float | None
"""Words, a number in the base unit of its column, or nothing. Words in a column of numbers say why there is none."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
      title: its head, without the unit.
      quantity: what its numbers measure.
      digits: behind the point; None: those of the quantity, else as many as the numbers need.
      align: `left` or `right`; None: words left, numbers right.
      signed: whether a `+` stands before what is more.
      bar: whether a bar beside each share shows it, too.
      family: columns with the same one share their unit; empty: a unit of its own.
      folds: words that may stand below the first column's where there is no room beside them.
    """

    title: str
    quantity: Quantity = TEXT
    digits: int | None = None
    align: Literal["left", "right"] | None = None
    signed: bool = False
    bar: bool = False
    family: str = ""
    folds: bool = False

    @property
    def right(self) -> bool:
        """Whether its cells end at the right."""
        return self.align == "right" if self.align else self.numeric

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers."""
        return bool(self.quantity.scales)


@dataclass(frozen=True)
class Row:
    """A row of a table: a cell for every column; a strong one is a total, or what to look at first."""

    cells: tuple[Cell, ...]
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """A table, with a title over it and a remark under it.

    Raises:
      ValueError: a row has not one cell for every column.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    title: str = ""
    remark: str = ""

    def __post_init__(self) -> None:
        """Demands a cell for every column."""
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(f"{self.title}: {len(row.cells)} cells for {len(self.columns)} columns")


@dataclass(frozen=True)
class Fact:
    """A name and what is to be said under it, a paragraph each."""

    name: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """Names beside what is to be said under them."""

    facts: tuple[Fact, ...]
    title: str = ""


@dataclass(frozen=True)
class Sentences:
    """Paragraphs: the finding is `strong`, what is assumed or noted is `quiet`."""

    texts: tuple[str, ...]
    tone: Literal["strong", "plain", "quiet"] = "plain"
    title: str = ""


@dataclass(frozen=True)
class Axis:
    """An axis of a picture: what it measures in which unit, its ends, and whether it counts in powers of ten."""

    title: str
    low: float | None = None
    high: float | None = None
    log: bool = False


@dataclass(frozen=True)
class Curve:
    """A line of a picture through points (x, y)."""

    label: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Mark:
    """A value on the lower axis of a picture that has a name."""

    x: float
    label: str


@dataclass(frozen=True)
class Picture:
    """Curves over two axes, for renderers that can draw; what it shows stands in a table, too."""

    title: str
    x: Axis
    y: Axis
    curves: tuple[Curve, ...]
    marks: tuple[Mark, ...] = ()
    remark: str = ""


Drawn = Picture | Bars | Gantt | Heat | Map
"""What only renderers that draw show; the file of each kind says how."""
Block = Facts | Sentences | Table | Source | Drawn


@dataclass(frozen=True)
class Records:
    """The answer as lines of values: what CSV writes.

    Attributes:
      names: of the values of a line.
      rows: values by name; a name that is not in `names` is left out.
    """

    names: Sequence[str]
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Report:
    """An answer, ready to be read and to be handed on.

    Attributes:
      title: what was asked, in a line.
      blocks: what a person reads, in this order.
      document: the whole answer by name, with all its digits: what JSON writes. Dataclasses may be in it.
      records: its rows, with all their digits: what CSV writes.
      figure: the drawing that answers the question by itself, in panels; empty where nobody drew any.
    """

    title: str
    blocks: tuple[Block, ...]
    document: Mapping[str, Any]
    records: Records
    figure: tuple[Drawn, ...] = ()


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, title: str = "", remark: str = "") -> Table:
    """A table of rows none of which is strong."""
    return Table(tuple(columns), tuple(Row(tuple(row)) for row in rows), title, remark)


def sentences(texts: Sequence[str], tone: Literal["strong", "plain", "quiet"] = "plain", title: str = "") -> Sentences:
    """Paragraphs of a sequence of texts."""
    return Sentences(tuple(texts), tone, title)


def of_facts(title: str, texts: Mapping[str, str], document: Mapping[str, Any]) -> Report:
    """A line for each number, and the notes beneath.

    Args:
      title: of the report.
      texts: the lines, by what they are about.
      document: the numbers, and `notes`, which are joined by `; ` in a record.
    """
    notes = document["notes"]
    return Report(
        title=title,
        blocks=(Facts(tuple(Fact(name, (text,)) for name, text in texts.items())), sentences(notes, "quiet", "Notes")),
        document=document,
        records=Records(list(document), [{**document, "notes": "; ".join(notes)}]),
    )
