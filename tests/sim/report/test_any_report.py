"""Whatever a report holds, every format shows all of it, and nothing in it is more than text."""

import csv
import io
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim.errors import printable
from sim.report import quantities
from sim.report.drawing.cells import written_columns
from sim.report.drawing.screen import Screen
from sim.report.figures import Bar, Bars, Gantt, Heat, Map, Node, Series, Source, Span, Wire
from sim.report.model import Axis, Column, Curve, Fact, Facts, Picture, Records, Report, Row, Sentences, Table
from sim.report.render import RENDERERS, html

QUANTITIES = [
    quantities.NUMBER,
    quantities.DURATION,
    quantities.SECONDS,
    quantities.BYTES,
    quantities.BANDWIDTH,
    quantities.COUNT,
    quantities.SHARE,
    quantities.RATIO,
    quantities.LOSS,
]
NASTY = ["<script>alert(1)</script>", "[bold]x[/]", "&amp; <b>", '"quoted", with commas', "x" * 90, "東京 " * 9, "😀"]
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(NASTY)
NUMBERS = st.floats(-1e18, 1e18, allow_nan=False) | st.sampled_from([0, 1, 1e-12, 5e-324, 1e300, -3, 12345])


@st.composite
def tables(draw):
    folds = draw(st.booleans())
    columns = [Column(draw(WORDS)), Column(draw(WORDS), folds=folds)]
    for quantity in draw(st.lists(st.sampled_from(QUANTITIES), max_size=6)):
        share = quantity is quantities.SHARE
        columns.append(
            Column(draw(WORDS), quantity, family=draw(st.sampled_from(["", "f"])), bar=share and draw(st.booleans()))
        )
    families = {}
    for column in columns[2:]:  # a family is one quantity
        families.setdefault(column.family, column.quantity)
    columns = [
        column if not column.family or families[column.family] is column.quantity else Column(column.title)
        for column in columns
    ]
    rows = []
    for _ in range(draw(st.integers(0, 4))):
        cells = [
            draw(NUMBERS | WORDS.filter(str.strip) | st.none()) if column.numeric else draw(WORDS) for column in columns
        ]
        rows.append(Row(tuple(cells), strong=draw(st.booleans())))
    return Table(tuple(columns), tuple(rows), draw(WORDS), draw(WORDS))


TEXTS = st.lists(WORDS, max_size=3).map(tuple)
POINTS = st.lists(st.tuples(st.floats(1e-3, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=4).map(tuple)
AMOUNTS = st.floats(0, 1e18)
SERIES = st.lists(st.builds(Series, WORDS, st.sampled_from(["compute", "across", "idle"])), min_size=1, max_size=3)


@st.composite
def bars(draw):
    series = tuple(draw(SERIES))
    values = st.lists(AMOUNTS, min_size=len(series), max_size=len(series)).map(tuple)
    found = st.lists(st.builds(Bar, WORDS, values, WORDS, WORDS), max_size=4).map(tuple)
    return Bars(draw(WORDS), draw(WORDS), draw(st.sampled_from(QUANTITIES)), series, draw(found), draw(WORDS))


@st.composite
def gantts(draw):
    rows, series = tuple(draw(st.lists(WORDS, min_size=1, max_size=3))), tuple(draw(SERIES))
    places = (st.integers(0, len(names) - 1) for names in (rows, series))
    spans = st.lists(st.builds(Span, *places, WORDS, AMOUNTS, AMOUNTS, st.booleans()), max_size=4).map(tuple)
    return Gantt(draw(WORDS), rows, series, draw(spans), draw(AMOUNTS), draw(WORDS))


@st.composite
def heats(draw):
    columns, rows = (tuple(draw(st.lists(WORDS, min_size=1, max_size=3))) for _ in "xy")
    values = st.tuples(*(st.tuples(*(st.none() | AMOUNTS for _ in columns)) for _ in rows))
    quantity = draw(st.sampled_from(QUANTITIES))
    told = (draw(WORDS), draw(WORDS), draw(WORDS), columns, rows, draw(values), draw(WORDS))
    return Heat(*told, quantity, draw(st.booleans()), draw(WORDS))


@st.composite
def maps(draw):
    place = st.none() | st.tuples(st.floats(-180, 180), st.floats(-90, 90))
    nodes = tuple(draw(st.lists(st.builds(Node, WORDS, st.booleans(), place), max_size=5)))
    ends = st.integers(0, max(0, len(nodes) - 1))
    wire = st.builds(Wire, ends, ends, st.floats(1, 1e18), st.none() | st.floats(0, 1))
    wires = st.lists(wire, max_size=5 if nodes else 0).map(tuple)
    return Map(draw(WORDS), nodes, draw(wires), draw(WORDS))


BLOCKS = st.one_of(
    bars(),
    gantts(),
    heats(),
    maps(),
    st.builds(Source, WORDS, WORDS, st.just("yaml"), WORDS),
    tables(),
    st.builds(Sentences, TEXTS, st.sampled_from(["strong", "plain", "quiet"]), WORDS),
    st.builds(Facts, st.lists(st.builds(Fact, WORDS, TEXTS), max_size=3).map(tuple), WORDS),
    st.builds(
        Picture,
        WORDS,
        st.builds(Axis, WORDS, log=st.booleans()),
        st.builds(Axis, WORDS),
        st.lists(st.builds(Curve, WORDS, POINTS), max_size=9).map(tuple),
    ),
)
REPORTS = st.builds(
    Report,
    WORDS,
    st.lists(BLOCKS, max_size=4).map(tuple),
    st.dictionaries(WORDS, NUMBERS | WORDS | st.none(), max_size=4),
    st.lists(WORDS.filter(bool), min_size=1, max_size=4, unique=True).flatmap(
        lambda names: st.builds(
            Records,
            st.just(names),
            st.lists(st.fixed_dictionaries({name: NUMBERS | WORDS | st.none() for name in names}), max_size=4),
        )
    ),
)
HOSTILE = Report(
    '<script>"&',
    (
        Sentences(("[bold]not markup[/bold] :smile: \x1b[31mred", "x" * 300)),
        Facts((Fact("<b>", ("&amp;", "a\nb")),)),
        Table(
            (Column("<i>"), Column("more", folds=True), Column("n", quantities.DURATION)),
            (Row(("</td></table>", "東京 " * 40, 1e-9)), Row(("'\"", "", None)), Row(("y" * 300, "z", "never"))),
        ),
    ),
    {"a": "</script>"},
    Records(("a",), [{"a": 'x,"y"\nz'}]),
)
WIDE_LETTERS = Report("", (Facts((Fact("東京東京東京東 x", ("0",)),)),), {}, Records((), ()))  # 14 of 42 // 3 columns


def squeezed(text):
    return re.sub(r"\s", "", text)


def expected(report):
    """Every text that a person must see, without its blanks."""
    found = [report.title]
    for block in report.blocks:
        if isinstance(block, Table):
            columns = written_columns(block)
            found += [block.title, block.remark, *(text for column in columns for text in column.texts)]
            if block.rows:
                found += [column.title for column in block.columns]
        elif isinstance(block, Facts):
            found += [text for fact in block.facts for text in (fact.name, *fact.texts)]
        elif isinstance(block, Sentences):
            found += block.texts
        elif isinstance(block, Source):
            found += [block.title, block.text, block.remark]
    return [squeezed(printable(text)) for text in found]


@settings(max_examples=150)
@given(REPORTS, st.integers(40, 200), st.booleans(), st.booleans())
@example(HOSTILE, 60, True, True)
@example(WIDE_LETTERS, 42, False, True)
def test_a_terminal_shows_every_word_and_breaks_none(report, width, styles, blocks):
    text = RENDERERS["table"](report, Screen(width=width, styles=styles, colours=styles, blocks=blocks))
    plain = re.sub("\x1b\\[[0-9]+m", "", text)
    assert "\x1b" not in plain
    assert printable(plain) == plain
    words = set(plain.split())
    missing = [word for one in report.blocks for word in unbroken(one) if word not in words]
    assert missing == []
    assert text.endswith("\n")
    assert not any(line != line.rstrip(" ") for line in plain.split("\n"))


def unbroken(block):
    """The words of a block as a terminal shows them."""
    if isinstance(block, Picture | Bars | Gantt | Heat | Map):
        return []
    if isinstance(block, Source):
        return printable(f"{block.title} {block.text}").replace("\t", " ").split() if block.text.strip() else []
    if isinstance(block, Table):
        texts = [block.title, block.remark, *(text for column in written_columns(block) for text in column.texts)]
        # Where there is no room for a head (of the first column, of folded words), its cells stand without it.
        texts += [column.title for column in block.columns if column.numeric] if block.rows else []
    elif isinstance(block, Facts):
        texts = [block.title, *(text for fact in block.facts for text in (fact.name, *fact.texts))]
    else:
        texts = [block.title, *block.texts] if block.texts else []
    return [word for text in texts for word in printable(text).replace("\t", " ").split()]


class Page(HTMLParser):
    """The text of a page; demands that every element that is opened is closed, innermost first."""

    VOID = ("meta",)

    def __init__(self):
        super().__init__()
        self.open, self.text, self.outside, self.scripts = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.outside += [value for name, value in attributes if name in ("src", "href", "onclick", "onload")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.outside += [value for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "script" in self.open:
            self.scripts.append(data)
        elif "style" not in self.open:
            self.text.append(data)


@settings(max_examples=150)
@given(REPORTS)
@example(HOSTILE)
def test_a_page_is_balanced_escaped_and_whole(report):
    text = RENDERERS["html"](report, Screen())
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    assert page.outside == []
    assert page.scripts in ([], [html._COPY])
    assert "url(" not in text
    assert "@import" not in text
    shown = squeezed("".join(page.text))
    assert [one for one in expected(report) if one not in shown] == []


@given(REPORTS)
@example(HOSTILE)
def test_csv_gives_back_its_values(report):
    text = RENDERERS["csv"](report, Screen())
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert rows[0] == list(report.records.names)
    told = [["" if row[name] is None else str(row[name]) for name in rows[0]] for row in report.records.rows]
    assert rows[1:] == told or len(rows[0]) == 1  # a line with one empty cell is an empty line


@given(REPORTS)
def test_json_gives_back_its_values(report):
    found = json.loads(RENDERERS["json"](report, Screen()))
    assert {name: found[name] for name in report.document} == dict(report.document)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_what_fits_stays_within_the_width(width):
    columns = (
        Column("Name"),
        Column("More", folds=True),
        *(Column(f"number {n}", quantities.BYTES) for n in range(12)),
    )
    rows = tuple(Row((f"row {n}", "some words that may be folded", *(10.0**n for _ in range(12)))) for n in range(9))
    report = Report("t", (Table(columns, rows),), {}, Records((), ()))
    lines = RENDERERS["table"](report, Screen(width=width)).splitlines()
    assert max(map(len, lines)) <= width
