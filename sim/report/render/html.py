"""A report as a page of its own: nothing from outside, readable in light and dark, on a desk, a phone and paper."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from importlib.metadata import version

from ..drawing import bars, curves, gantt, heat, network
from ..drawing.cells import written_columns
from ..drawing.parts import NARROW, WIDE
from ..drawing.parts import plain as _text
from ..drawing.screen import Screen
from ..drawing.style import PAGE, style
from ..figures import Bars, Gantt, Heat, Map, Source
from ..model import Block, Cell, Column, Drawn, Facts, Picture, Report, Row, Sentences, Table

_COPY = """\
for (const button of document.querySelectorAll("button.copy")) {
  const text = button.closest("section").querySelector("pre");
  const told = button.nextElementSibling;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      told.textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(text);
      told.textContent = "Selected: copy it with Ctrl-C.";
    }
  });
}
"""
"""All script of a page. Without it the button is not there, and nothing else is missing."""


def render(report: Report, _: Screen | None = None) -> str:
    """A whole page."""
    copied = any(isinstance(block, Source) for block in report.blocks)
    allowed = f"'sha256-{b64encode(hashlib.sha256(_COPY.encode()).digest()).decode()}'" if copied else "'none'"
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed}"
    number = _text(version("crosshaul"))
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="crosshaul {number}">
<title>{_text(report.title)}</title>
<style>
{style(drawn=True, copied=copied)}{PAGE}</style>
</head>
<body>
<main class="crosshaul">
{_content(report, (WIDE, NARROW))}
</main>
<footer class="crosshaul"><p class="quiet">Made by crosshaul {number}.</p></footer>
{f"<script>{_COPY}</script>" if copied else ""}
</body>
</html>
"""


def fragment(report: Report) -> str:
    """The report as one element with its style, to stand in another page, such as a notebook."""
    drawn = any(isinstance(block, Drawn) for block in report.blocks)
    copied = any(isinstance(block, Source) for block in report.blocks)
    content = _content(report, (WIDE,))
    return f'<div class="crosshaul">\n<style>\n{style(drawn=drawn, copied=copied)}</style>\n{content}\n</div>'


def _content(report: Report, widths: tuple[int, ...]) -> str:
    return "\n".join(
        filter(None, [f"<h1>{_text(report.title)}</h1>", *(_block(each, widths) for each in report.blocks)])
    )


def _block(block: Block, widths: tuple[int, ...]) -> str:
    heading = [f"<h2>{_text(block.title)}</h2>"] if block.title else []
    match block:
        case Table():
            return "\n".join([*heading, _table(block)])
        case Facts():
            facts = [
                f"<dt>{_text(fact.name)}</dt>\n<dd>{''.join(f'<p>{_text(text)}</p>' for text in fact.texts)}</dd>"
                for fact in block.facts
            ]
            return "\n".join([*heading, "<dl>", *facts, "</dl>"] if facts else heading)
        case Sentences() if not block.texts:
            return ""
        case Sentences():
            return "\n".join([*heading, *(f'<p class="{block.tone}">{_text(text)}</p>' for text in block.texts)])
        case Source():
            return "\n".join(["<section>", *heading, *_source(block), "</section>"])
        case _:
            return "\n".join([*heading, *drawn]) if (drawn := _figure(block, widths)) else ""


def _figure(block: Drawn, widths: tuple[int, ...]) -> list[str]:
    """A drawing in several widths, of which the style shows the one that suits; nothing where there is none."""
    match block:
        case Picture():
            drawn, key = [curves.svg(block, width) for width in widths], curves.key(block)
        case Bars():
            drawn, key = [bars.svg(block, width) for width in widths], bars.key(block)
        case Gantt():
            drawn, key = [gantt.svg(block, width) for width in widths], gantt.key(block)
        case Heat():
            drawn, key = [heat.svg(block, width) for width in widths], heat.key(block)
        case Map():
            drawn, key = [network.svg(block, width) for width in widths], network.key(block)
    if not any(drawn):
        return []
    remark = [f'<figcaption class="quiet">{_text(block.remark)}</figcaption>'] if block.remark else []
    return ["<figure>", *drawn, *filter(None, [key]), *remark, "</figure>"]


def _source(source: Source) -> list[str]:
    remark = [f'<p class="quiet">{_text(source.remark)}</p>'] if source.remark else []
    label = _text(source.title or source.language)
    return [
        *remark,
        f'<pre role="group" tabindex="0" aria-label="{label}"><code>{_text(source.text)}</code></pre>',
        f'<p><button type="button" class="copy" hidden aria-label="Copy: {label}">Copy</button> '
        '<span class="quiet" role="status"></span></p>',
    ]


def _table(table: Table) -> str:
    columns = table.columns
    found = written_columns(table)
    heads = [
        f'<th scope="col"{_class(column)}>{_text(column.title)}{f" [{_text(one.unit)}]" if one.unit else ""}</th>'
        if column.title or one.unit
        else "<td></td>"
        for column, one in zip(columns, found, strict=True)
    ]
    rows = [_row(row, columns, [one.texts[n] for one in found]) for n, row in enumerate(table.rows)]
    remark = [f'<p class="quiet">{_text(table.remark)}</p>'] if table.remark else []
    body = ["<thead><tr>", *heads, "</tr></thead>", "<tbody>", *rows, "</tbody>"]
    label = _text(f"Table: {table.title}" if table.title else "Table")
    return "\n".join(
        [f'<div class="wide" role="group" tabindex="0" aria-label="{label}"><table>', *body, "</table></div>", *remark]
    )


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
