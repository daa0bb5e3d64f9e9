"""A report as a page of its own: no script, nothing from outside, readable in light and dark."""

from __future__ import annotations

from html import escape
from importlib.metadata import version

from ...errors import is_plain
from ..drawing.cells import written_columns
from ..drawing.screen import Screen
from ..drawing.svg import svg
from ..model import Block, Cell, Column, Facts, Picture, Report, Row, Sentences, Table

_STYLE = """\
.crosshaul { color-scheme: light dark; --line: #d8dee4; --quiet: #59636e; --bar: #2da44e40;
  --c0: #0969da; --c1: #bc4c00; --c2: #1a7f37; --c3: #8250df; --c4: #bf3989; --c5: #9a6700;
  --c6: #0e7490; --c7: #57606a;
  font: 15px/1.5 system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { .crosshaul { --line: #3d444d; --quiet: #9198a1; --bar: #3fb95050;
  --c0: #4493f8; --c1: #f0883e; --c2: #3fb950; --c3: #ab7df8; --c4: #f778ba; --c5: #d29922;
  --c6: #39c5cf; --c7: #9198a1; } }
.crosshaul h1 { font-size: 1.35em; margin: 0 0 .6em; }
.crosshaul h2 { font-size: 1.05em; margin: 1.6em 0 .4em; }
.crosshaul p { max-width: 75ch; margin: .4em 0; overflow-wrap: break-word; white-space: pre-line; }
.crosshaul .quiet { color: var(--quiet); font-size: .93em; }
.crosshaul .strong { font-weight: 600; }
.crosshaul .wide { overflow-x: auto; margin: .4em 0 1em; }
.crosshaul table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.crosshaul th, .crosshaul td { padding: .3em .8em; text-align: left; vertical-align: top; }
.crosshaul tr > * { border-bottom: 1px solid var(--line); }
.crosshaul thead th { vertical-align: bottom; border-bottom-width: 2px; }
.crosshaul tbody th { font-weight: inherit; }
.crosshaul .right { text-align: right; }
.crosshaul .number { white-space: nowrap; }
.crosshaul tr.strong th, .crosshaul tr.strong td { font-weight: 600; }
.crosshaul td.bar { min-width: 7em; }
.crosshaul dl { display: grid; grid-template-columns: max-content minmax(0, 75ch); gap: .2em 1.2em; margin: .6em 0; }
.crosshaul dt { font-weight: 600; }
.crosshaul dd { margin: 0; }
.crosshaul dd p { margin: 0; }
.crosshaul figure { margin: 1em 0; max-width: 760px; }
.crosshaul svg { width: 100%; height: auto; }
.crosshaul svg text { fill: currentColor; font-size: 12px; }
.crosshaul svg .grid { stroke: var(--line); }
.crosshaul svg polyline { fill: none; stroke-width: 2; }
.crosshaul .legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2em 1.4em; padding: 0; margin: .3em 0; }
.crosshaul .key { display: inline-block; width: 1.4em; height: 3px; margin-right: .5em; vertical-align: middle; }
"""
_LINES = "".join(
    f".crosshaul polyline.line{n} {{ stroke: var(--c{n}); }} .crosshaul .key.line{n} {{ background: var(--c{n}); }}\n"
    for n in range(8)
)
_PAGE_STYLE = "body { margin: 2em auto; max-width: 1200px; padding: 0 1.2em; }\n:root { color-scheme: light dark; }\n"


def render(report: Report, _: Screen | None = None) -> str:
    """A whole page."""
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="crosshaul {escape(version("crosshaul"))}">
<title>{_text(report.title)}</title>
<style>
{_PAGE_STYLE}</style>
</head>
<body>
{fragment(report)}
</body>
</html>
"""


def fragment(report: Report) -> str:
    """The report as one element with its style, to stand in another page, such as a notebook."""
    parts = [f"<h1>{_text(report.title)}</h1>", *map(_block, report.blocks)]
    return "\n".join(['<div class="crosshaul">', f"<style>\n{_STYLE}{_LINES}</style>", *filter(None, parts), "</div>"])


def _block(block: Block) -> str:
    heading = [f"<h2>{_text(block.title)}</h2>"] if block.title else []
    match block:
        case Table():
            return "\n".join([*heading, _table(block)])
        case Facts():
            facts = [
                f"<dt>{_text(fact.name)}</dt>\n<dd>{''.join(f'<p>{_text(text)}</p>' for text in fact.texts)}</dd>"
                for fact in block.facts
            ]
            return "\n".join([*heading, "<dl>", *facts, "</dl>"])
        case Sentences() if not block.texts:
            return ""
        case Sentences():
            return "\n".join([*heading, *(f'<p class="{block.tone}">{_text(text)}</p>' for text in block.texts)])
        case Picture():
            drawn = svg(block)
            return "\n".join([*heading, "<figure>", drawn, "</figure>"]) if drawn else ""


def _table(table: Table) -> str:
    columns = table.columns
    found = written_columns(table)
    heads = [
        f'<th scope="col"{_class(column)}>{_text(column.title)}{f" [{_text(one.unit)}]" if one.unit else ""}</th>'
        for column, one in zip(columns, found, strict=True)
    ]
    rows = [_row(row, columns, [one.texts[n] for one in found]) for n, row in enumerate(table.rows)]
    remark = [f'<p class="quiet">{_text(table.remark)}</p>'] if table.remark else []
    body = ["<thead><tr>", *heads, "</tr></thead>", "<tbody>", *rows, "</tbody>"]
    return "\n".join(['<div class="wide"><table>', *body, "</table></div>", *remark])


def _row(row: Row, columns: tuple[Column, ...], texts: list[str]) -> str:
    cells = []
    for position, (column, value, shown) in enumerate(zip(columns, row.cells, texts, strict=True)):
        text = _text(shown)
        if position == 0:
            cells.append(f'<th scope="row"{_class(column)}>{text}</th>')
        else:
            cells.append(f"<td{_class(column)}{_bar(column, value)}>{text}</td>")
    return "".join(['<tr class="strong">' if row.strong else "<tr>", *cells, "</tr>"])


def _class(column: Column) -> str:
    names = [*(["right"] if column.right else []), *(["number"] if column.numeric else [])]
    names += ["bar"] if column.bar else []
    return f' class="{" ".join(names)}"' if names else ""


def _bar(column: Column, value: Cell) -> str:
    """A bar behind a share, as long as it is."""
    if not column.bar or value is None or isinstance(value, str):
        return ""
    percent = f"{100 * min(max(float(value), 0.0), 1.0):.1f}%"
    return f' style="background: linear-gradient(to right, var(--bar) {percent}, transparent {percent})"'


def _text(text: str) -> str:
    """A text that is nothing but text in a page; what HTML has no form for is written out."""
    return escape("".join(each if is_plain(each) or each in "\n\t" else ascii(each)[1:-1] for each in text))
