"""The outlines of the land, coarse, to see where on the Earth a map is.

Source: Natural Earth, 1:110m land, version 4.1.0 (public domain), from the npm package world-atlas 2.0.2; degrees
rounded to a tenth. A line of the file is a ring: longitude and latitude in tenths of a degree, then the changes.
"""

from __future__ import annotations

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
