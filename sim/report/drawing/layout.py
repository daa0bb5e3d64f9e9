"""Where the nodes of a network stand on a drawing: on a map where all places are known, else as a graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..figures import Map

Place = tuple[float, float]
MOST_NODES = 120
"""Nodes up to which a drawing can be read."""
_SEEN = 0.25
"""Degrees that a map shows at least: sites of one town do not need the street [degree]."""
_MARGIN = 0.14
"""What a map shows around the sites, as a share of their extent."""
_STEPS = 24
"""Pieces of an arc."""


@dataclass(frozen=True)
class Window:
    """What a map shows: its western and southern edge, and how far it goes from there [degree]."""

    west: float
    south: float
    width: float
    height: float

    @property
    def east(self) -> float:
        """Its eastern edge [degree]."""
        return self.west + self.width

    @property
    def north(self) -> float:
        """Its northern edge [degree]."""
        return self.south + self.height

    def share(self, place: Place) -> Place:
        """Where a place is in it, from (0, 0) at the lower left to (1, 1)."""
        return (place[0] - self.west) / self.width, (place[1] - self.south) / self.height


@dataclass(frozen=True)
class Layout:
    """Where everything stands: nodes and ways of the wires, from (0, 0) at the lower left to (1, 1).

    Attributes:
      nodes: a place each.
      ways: a line each, through two places at the least.
      window: what part of the Earth it is; None for a graph.
    """

    nodes: tuple[Place, ...]
    ways: tuple[tuple[Place, ...], ...]
    window: Window | None


def laid_out(picture: Map, aspect: float) -> Layout:
    """Where everything stands on a drawing that is so many times as wide as it is high."""
    return _on_map(picture, aspect) if picture.located else _as_graph(picture)


def _as_graph(picture: Map) -> Layout:
    places = _graph_places(picture)
    ways = tuple((places[wire.start], places[wire.end]) for wire in picture.wires)
    return Layout(tuple(places), ways, None)


def _graph_places(picture: Map) -> list[Place]:
    count = len(picture.nodes)
    if count <= 2:
        return [(0.5, 0.5)] if count == 1 else [(0.12, 0.5), (0.88, 0.5)][:count]
    import networkx

    graph: networkx.Graph[int] = networkx.Graph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from((wire.start, wire.end) for wire in picture.wires)
    full = graph.number_of_edges() == count * (count - 1) // 2
    circle = full or not networkx.is_connected(graph)
    found = networkx.circular_layout(graph) if circle else networkx.kamada_kawai_layout(graph)
    xs, ys = ([float(found[node][axis]) for node in range(count)] for axis in (0, 1))
    return list(zip(_spread(xs, 0.1), _spread(ys, 0.12), strict=True))


def _spread(values: Sequence[float], margin: float) -> list[float]:
    low, high = min(values), max(values)
    if high - low < 1e-9:
        return [0.5] * len(values)
    return [margin + (1 - 2 * margin) * (value - low) / (high - low) for value in values]


def _on_map(picture: Map, aspect: float) -> Layout:
    places = [node.place for node in picture.nodes if node.place is not None]
    west = _first_east_of_the_widest_gap([east for east, _ in places])
    unrolled = [((east - west) % 360 + west, north) for east, north in places]
    ways = [_arc(unrolled[wire.start], unrolled[wire.end]) for wire in picture.wires]
    window = _window([*unrolled, *(place for way in ways for place in way)], aspect)
    return Layout(tuple(map(window.share, unrolled)), tuple(tuple(map(window.share, way)) for way in ways), window)


def _first_east_of_the_widest_gap(degrees: Sequence[float]) -> float:
    """Where a map begins that is cut where nothing is."""
    order = sorted(degrees)
    gaps = [(later - east, later) for east, later in pairwise(order)]
    gaps.append((order[0] + 360 - order[-1], order[0]))
    return max(gaps)[1]


def _window(places: Sequence[Place], aspect: float) -> Window:
    """What shows all places at the given aspect, a degree as wide as it is there in the middle."""
    easts, norths = [east for east, _ in places], [north for _, north in places]
    middle_x, middle_y = (min(easts) + max(easts)) / 2, (min(norths) + max(norths)) / 2
    narrowing = max(math.cos(math.radians(middle_y)), 0.2)
    width = max(max(easts) - min(easts), _SEEN) * (1 + 2 * _MARGIN)
    height = max(max(norths) - min(norths), _SEEN) * (1 + 2 * _MARGIN)
    if width * narrowing / height < aspect:
        width = height * aspect / narrowing
    else:
        height = width * narrowing / aspect
    south = min(max(middle_y - height / 2, -90.0), max(90.0 - height, -90.0))
    return Window(middle_x - width / 2, south, width, height)


def _arc(start: Place, end: Place) -> tuple[Place, ...]:
    """The shortest way over the surface; a straight line where that leaves the map on one side and comes back."""
    a, b = _vector(start), _vector(end)
    angle = math.acos(min(max(sum(x * y for x, y in zip(a, b, strict=True)), -1.0), 1.0))
    if angle < 1e-6 or angle > math.pi - 1e-6:
        return start, end
    found = [start]
    for step in range(1, _STEPS + 1):
        share = step / _STEPS
        p, q = math.sin((1 - share) * angle) / math.sin(angle), math.sin(share * angle) / math.sin(angle)
        x, y, z = (p * s + q * t for s, t in zip(a, b, strict=True))
        east, north = math.degrees(math.atan2(y, x)), math.degrees(math.asin(min(max(z, -1.0), 1.0)))
        before = found[-1][0]
        found.append((before + (east - before + 180) % 360 - 180, north))
    return tuple(found) if abs(found[-1][0] - end[0]) < 1 else (start, end)


def _vector(place: Place) -> tuple[float, float, float]:
    east, north = math.radians(place[0]), math.radians(place[1])
    return math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)
