"""Who exchanges with whom in a round, where not all do: one rule for simulator and trainer."""

from __future__ import annotations

import random

Groups = tuple[tuple[int, ...], ...]
"""Workers (or replicas) who exchange with each other, group by group."""


def pairs(workers: int, seed: int, number: int) -> Groups:
    """The pairs of a round: all workers shuffled, and neighbours joined; one of an odd number stays alone.

    Args:
      workers: how many there are.
      seed: the same one gives the same pairs in every round.
      number: of the round, from 0.
    """
    order = list(range(workers))
    random.Random(f"{seed}:{number}").shuffle(order)
    return tuple((min(pair), max(pair)) for pair in zip(order[::2], order[1::2], strict=False))


def regions(workers: int, count: int) -> Groups:
    """Regions of neighbouring workers, all of the same size.

    Args:
      workers: how many there are; a multiple of `count`.
      count: regions.
    """
    size = workers // count
    return tuple(tuple(range(first, first + size)) for first in range(0, workers, size))


def regions_mistake(workers: int, count: int) -> str | None:
    """What is wrong with so many regions, and what to write instead; None if workers fill them evenly."""
    if workers % count == 0:
        return None
    fits = [each for each in range(1, workers + 1) if workers % each == 0]
    return (
        f"regions: {workers} replicas cannot be shared evenly by {count} regions; write {' or '.join(map(str, fits))}"
    )
