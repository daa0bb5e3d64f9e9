"""The outlines of the land, coarse, to see where on the Earth a map is.

Source: Natural Earth, 1:110m land, version 4.1.0 (public domain), from the npm package world-atlas 2.0.2; degrees
rounded to a tenth. A line of the file is a ring: longitude and latitude in tenths of a degree, then the changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

Ring = tuple[tuple[float, float], ...]


@cache
def rings() -> tuple[Ring, ...]:
    """Outlines as closed rings of places (degrees east, degrees north)."""
    text = resources.files(__package__).joinpath("land.txt").read_text(encoding="ascii")
    return tuple(map(_ring, text.splitlines()))


def _ring(line: str) -> Ring:
    x = y = 0
    places = []
    for pair in line.split():
        dx, dy = pair.split(",")
        x, y = x + int(dx), y + int(dy)
        places.append((x / 10, y / 10))
    return _unrolled(places)


def _unrolled(places: list[tuple[float, float]]) -> Ring:
    """A ring without a leap where it goes round the back of the Earth; one around a pole is closed there."""
    found = [places[0]]
    for east, north in places[1:]:
        before = found[-1][0]
        found.append((before + (east - before + 180) % 360 - 180, north))
    if abs(found[-1][0] - found[0][0]) > 180:
        found += [(found[-1][0], -90.0), (found[0][0], -90.0)]
    return tuple(found)


def within(west: float, south: float, east: float, north: float) -> list[Ring]:
    """What of the land lies within the edges of a map, also where that goes round the back of the Earth [degree]."""
    found = []
    for turn in (-360.0, 0.0, 360.0):
        for ring in rings():
            cut: Sequence[tuple[float, float]] = [(x + turn, y) for x, y in ring]
            for axis, edge, above in ((0, west, True), (0, east, False), (1, south, True), (1, north, False)):
                cut = _cut(cut, axis, edge, above=above)
            if cut:
                found.append(tuple(cut))
    return found


def _cut(ring: Sequence[tuple[float, float]], axis: int, edge: float, *, above: bool) -> list[tuple[float, float]]:
    """The part of a ring on one side of a straight line (the algorithm of Sutherland and Hodgman)."""
    found: list[tuple[float, float]] = []
    for number, place in enumerate(ring):
        before = ring[number - 1]
        inside, was_inside = (each[axis] >= edge if above else each[axis] <= edge for each in (place, before))
        if inside != was_inside:
            share = (edge - before[axis]) / (place[axis] - before[axis])
            x, y = (a + share * (b - a) for a, b in zip(before, place, strict=True))
            found.append((x, y))
        if inside:
            found.append(place)
    return found
