"""A report as text: as wide as the screen, styled where it shows styles."""

from __future__ import annotations

from ...errors import printable
from ..drawing.screen import Screen
from ..drawing.tables import beside, table_lines
from ..drawing.words import READABLE, clean, width_of, wrapped
from ..figures import Source
from ..model import Block, Facts, Report, Sentences, Table

_HANGING = 2
_STYLES = {"strong": "bold", "plain": "", "quiet": "dim"}


def render(report: Report, screen: Screen) -> str:
    """The report in lines without blanks at their ends, a blank line between its blocks."""
    blocks = [_styled_lines(report.title, "bold", screen)]
    blocks += [lines for block in report.blocks if (lines := _lines(block, screen))]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _lines(block: Block, screen: Screen) -> list[str]:
    match block:
        case Table():
            return table_lines(block, screen)
        case Facts():
            return [*_styled_lines(block.title, "bold", screen), *_facts(block, screen)]
        case Sentences() if not block.texts:
            return []
        case Sentences():
            hanging = _HANGING if len(block.texts) > 1 and block.tone != "strong" else 0  # to tell one from the next
            style = _STYLES[block.tone]
            lines = [line for text in block.texts for line in _styled_lines(text, style, screen, hanging)]
            return [*_styled_lines(block.title, "bold", screen), *lines]
        case Source():
            lines = [printable(line).rstrip() for line in block.text.split("\n")]  # as they are, to be copied
            return [*_styled_lines(block.title, "bold", screen), *lines] if block.text.strip() else []
        case _:
            return []  # drawn: its numbers are in a table


def _styled_lines(text: str, style: str, screen: Screen, hanging: int = 0) -> list[str]:
    """The lines of a text, those behind the first indented by so much."""
    width = min(screen.width, READABLE) - hanging
    first, *rest = wrapped(clean(text), width, first=width + hanging)
    lines = [first, *(" " * hanging + line for line in rest)]
    return [screen.styled(line, style) for line in lines if line.strip()]


def _facts(facts: Facts, screen: Screen) -> list[str]:
    width = min(screen.width, READABLE)
    named = [(clean(fact.name), tuple(map(clean, fact.texts))) for fact in facts.facts]
    names = min(max((width_of(name) for name, _ in named), default=0), width // 3)
    lines = []
    for name, texts in named:
        first, *rest = beside(name, texts, names, width)
        lines += [_named(first, name, screen), *rest]
    return lines


def _named(line: str, name: str, screen: Screen) -> str:
    """The first line of a fact with its name in bold."""
    return screen.styled(name, "bold") + line[len(name) :] if line.startswith(name) else line
