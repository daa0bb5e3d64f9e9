"""Text as it goes into files and pipes."""

from __future__ import annotations


def plain(text: str) -> str:
    """Rich's output without the blanks that fill its lines, with a line feed at its end."""
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
