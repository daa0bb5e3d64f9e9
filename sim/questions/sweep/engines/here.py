"""The points in this process, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..asked import Asked, Work
from .engine import PATIENCE_S, Part, begun


class Here:
    """This process."""

    where = "this process"

    def parts(self, asked: Asked, missing: Sequence[range]) -> Iterator[Part]:
        """The rows of all points, in their order."""
        work = Work(asked)
        for chunk in missing:
            while chunk:
                part = begun(work, chunk, PATIENCE_S)
                yield part
                chunk = chunk[part.points :]
