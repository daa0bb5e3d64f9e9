"""What begins and ends in which order, the same for every format: readers join arrows in the order of the file."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

from .tracks import Piece, Process


class Event(NamedTuple):
    """A slice begins, or ends.

    Attributes:
      at_ns: when [ns].
      process, thread: their positions.
      begins: the slice; None: the one that is open in this thread ends.
    """

    at_ns: int
    process: int
    thread: int
    begins: Piece | None


def events(found: Sequence[Process]) -> list[Event]:
    """All beginnings and ends in order of time; at the same moment ends, and then what sends before what receives."""
    order: list[tuple[int, int, Event]] = []
    for process, each in enumerate(found):
        for thread, own in enumerate(each.threads):
            for piece in own.pieces:
                rank = 2 if piece.arrives else 1
                order.append((piece.start_ns, rank, Event(piece.start_ns, process, thread, piece)))
                order.append((piece.end_ns, 0, Event(piece.end_ns, process, thread, None)))
    return [event for _, _, event in sorted(order, key=itemgetter(0, 1))]
