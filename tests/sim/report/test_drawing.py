"""Drawings in SVG: what is drawn is as long, as far and where the numbers say."""

import itertools
import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim.report import quantities
from sim.report.drawing import bars, curves, gantt, land, network
from sim.report.drawing.layout import laid_out
from sim.report.drawing.parts import NARROW, WIDE
from sim.report.drawing.scale import Scale
from sim.report.drawing.style import TONES, style
from sim.report.figures import Bar, Bars, Gantt, Map, Node, Series, Span, Wire
from sim.report.model import Axis, Curve, Mark, Picture
from sim.topology.geography import Location, great_circle_m

WIDTHS = [WIDE, NARROW]
SERIES = (Series("computing", "compute"), Series("exchange", "across"))
CITIES = {
    "zurich": (8.54, 47.37),
    "tokyo": (139.69, 35.68),
    "san francisco": (-122.42, 37.77),
    "sydney": (151.2, -33.9),
}


def elements(drawn, tag):
    return [each for each in ElementTree.fromstring(drawn).iter() if each.tag == tag]


def boxes(drawn, kind):
    found = [each for each in elements(drawn, "rect") if each.get("class") == kind]
    return [(float(each.get("x")), float(each.get("width"))) for each in found]


@pytest.mark.parametrize("width", WIDTHS)
@settings(max_examples=40)
@given(values=st.lists(st.tuples(st.floats(0.01, 1e6), st.floats(0.01, 1e6)), min_size=1, max_size=6))
def test_bars_are_as_long_as_their_numbers(width, values):
    picture = Bars("t", "wall-clock", quantities.DURATION, SERIES, tuple(Bar(f"b{n}", v) for n, v in enumerate(values)))
    drawn = bars.svg(picture, width)
    first, second = boxes(drawn, "compute"), boxes(drawn, "across")
    least = 1e-4 * max(map(sum, values))  # shorter ones vanish in the digits that are written
    shown = [pair for pair in values if min(pair) > least]
    if len(shown) == len(values):
        per_px = [value / (a[1] + b[1]) for value, a, b in zip(map(sum, values), first, second, strict=True)]
        assert per_px == pytest.approx([per_px[0]] * len(per_px), rel=0.2)
        longest = max(range(len(values)), key=lambda n: sum(values[n]))
        assert first[longest][1] / second[longest][1] == pytest.approx(values[longest][0] / values[longest][1], rel=0.2)
    for (x, own), (start, _) in zip(first, second, strict=False):
        assert start == pytest.approx(x + own, abs=0.02) or len(first) != len(second)


@pytest.mark.parametrize("width", WIDTHS)
def test_spans_stand_where_their_time_is(width):
    spans = (Span(0, 0, "compute", 0.0, 6.0), Span(0, 1, "outer", 6.0, 8.0), Span(1, 1, "push", 2.0, 4.0, beside=True))
    drawn = gantt.svg(Gantt("t", ("a", "b"), SERIES, spans, 8.0), width)
    ((start, six),), across = boxes(drawn, "compute"), boxes(drawn, "across")
    assert [(x - start) / six for x, _ in across] == pytest.approx([1, 2 / 6], abs=1e-3)
    assert [w / six for _, w in across] == pytest.approx([2 / 6, 2 / 6], abs=1e-3)


@settings(max_examples=60)
@given(st.floats(-1e4, 1e9), st.floats(1e-6, 1e3), st.booleans(), st.integers(2, 8))
@example(0.0, 1e9, False, 5)
@example(0.1, 9.9, True, 3)
def test_ticks_are_within_the_axis_and_rise(low, length, log, count):
    low, length = abs(low) + 1e-3 if log else low, max(length, 1e-4 * abs(low))
    scale = Scale(low, low + length, 0, 100, log=log)
    ticks = scale.ticks(count)
    values = [value for value, _ in ticks]
    assert values == sorted(set(values))
    assert len(values) <= 20
    off = 1e-6 * (abs(low) + length)
    assert all(low - off <= value <= low + length + off for value in values)
    for value, text in ticks:
        assert float(text.replace(",", "")) == pytest.approx(value, rel=1e-4, abs=1e-4 * length)


def known(*names):
    return tuple(Node(name, True, CITIES[name]) for name in names)


def test_a_map_keeps_the_proportions_of_degrees():
    """An equirectangular map: east is linear, north is linear, and a degree east is as long as it is in the middle."""
    nodes = (*known("zurich"), Node("east", True, (18.54, 47.37)), Node("north", True, (8.54, 57.37)))
    layout = laid_out(Map("t", nodes, ()), 1.5)
    (x0, y0), (x1, y1), (x2, y2) = layout.nodes
    assert (y1, x2) == pytest.approx((y0, x0))
    middle = math.radians((47.37 + 57.37) / 2)
    assert (x1 - x0) * 1.5 / (y2 - y0) == pytest.approx(math.cos(middle), rel=1e-6)


def test_a_map_is_cut_where_nothing_is():
    """From San Francisco to Tokyo over the Pacific: 98 degrees, not 262."""
    layout = laid_out(Map("t", known("tokyo", "san francisco"), (Wire(0, 1, 1e9),)), 1.9)
    assert layout.window.width < 180
    assert layout.nodes[0][0] < layout.nodes[1][0]
    assert all(0 <= value <= 1 for place in (*layout.nodes, *layout.ways[0]) for value in place)


@pytest.mark.parametrize("pair", [("zurich", "tokyo"), ("tokyo", "san francisco"), ("san francisco", "sydney")])
def test_links_take_the_shortest_way(pair):
    """The pieces of a line on the map add up to the great circle, by the formula that latencies are made with."""
    layout = laid_out(Map("t", known(*pair), (Wire(0, 1, 1e9),)), 1.9)
    window = layout.window
    places = [(window.west + x * window.width, window.south + y * window.height) for x, y in layout.ways[0]]
    ends = [Location(latitude=north, longitude=(east + 180) % 360 - 180) for east, north in places]
    pieces = sum(great_circle_m(a, b) for a, b in itertools.pairwise(ends))
    assert pieces == pytest.approx(great_circle_m(ends[0], ends[-1]), rel=1e-3)


def on_land(east, north):
    """By the number of outlines that a ray crosses."""
    crossed = 0
    for ring in land.within(-180, -90, 180, 90):
        for (x1, y1), (x2, y2) in zip(ring, (*ring[1:], ring[0]), strict=True):
            crossed += (y1 > north) != (y2 > north) and east < (x2 - x1) * (north - y1) / (y2 - y1) + x1
    return crossed % 2 == 1


def test_the_land_is_where_it_is():
    inland = [(2.3, 48.9), (-100, 40), (116.4, 39.9), (133, -25), (20, 0), (-60, -15), (100, 62), (178, 67), (0, -85)]
    at_sea = [(-30, 30), (-150, 20), (80, -20), (5, 56.5), (-170, -40), (170, 40), (10, 80)]
    assert [on_land(*place) for place in inland] == [True] * len(inland)
    assert [on_land(*place) for place in at_sea] == [False] * len(at_sea)


def area(ring):
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(ring, (*ring[1:], ring[0]), strict=True))) / 2


@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(1, 60), st.floats(1, 60))
def test_land_is_cut_to_the_window(west, south, width, height):
    """A square island of 20 by 20 degrees: what is left of it is as large as what the two squares share."""
    island = ((-10.0, -10.0), (10.0, -10.0), (10.0, 10.0), (-10.0, 10.0), (-10.0, -10.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(land, "rings", lambda: (island,))
        found = land.within(west, south, west + width, south + height)
    wide = max(0.0, min(10, west + width) - max(-10, west))
    high = max(0.0, min(10, south + height) - max(-10, south))
    assert sum(map(area, found)) == pytest.approx(wide * high, abs=1e-6)


def test_a_graph_keeps_all_nodes_apart_and_within():
    nodes = tuple(Node(f"n{n}") for n in range(9))
    for wires in ([(0, n) for n in range(1, 9)], [(a, b) for a in range(9) for b in range(a)], []):
        layout = laid_out(Map("t", nodes, tuple(Wire(*pair, 1e9) for pair in wires)), 1.9)
        assert layout.window is None
        assert all(0 <= value <= 1 for place in layout.nodes for value in place)
        assert min(math.dist(a, b) for a in layout.nodes for b in layout.nodes if a is not b) > 0.02


def test_wider_links_are_wider_and_used_ones_have_their_colour():
    wires = (Wire(0, 1, 1e9, 0.0), Wire(1, 2, 1e10, 0.3), Wire(2, 0, 1e11, 1.0))
    picture = Map("t", tuple(Node(name) for name in "abc"), wires)
    lines = list(elements(network.svg(picture, WIDE), "polyline"))
    widths = [float(re.search(r"stroke-width:([\d.]+)px", each.get("style"))[1]) for each in lines]
    assert widths == sorted(widths)
    assert widths[1] == pytest.approx((widths[0] + widths[2]) / 2, abs=0.06)  # by the logarithm
    assert [each.get("class") for each in lines] == ["wire used0", "wire used2", "wire used4"]
    assert "carries nothing" in network.key(picture)


def test_curves_pass_through_their_points():
    picture = Picture("t", Axis("x", log=True), Axis("y", 0, 100), (Curve("c", ((1, 0), (10, 50), (100, 100))),))
    (line,) = list(elements(curves.svg(picture, WIDE), "polyline"))
    (x0, y0), (x1, y1), (x2, y2) = (map(float, pair.split(",")) for pair in line.get("points").split())
    assert (x1, y1) == pytest.approx(((x0 + x2) / 2, (y0 + y2) / 2), abs=0.1)
    assert y2 < y0


ALL = [
    (bars, Bars("T & <b>", "a", quantities.BYTES, SERIES, (Bar("<one>", (3e9, 0.0), "n", "g"),), "r")),
    (gantt, Gantt("T & <b>", ("<one>",), SERIES, (Span(0, 0, "compute", 0, 1),), 2.0)),
    (network, Map("T & <b>", (Node("<one>"), Node("b", False)), (Wire(0, 1, 1e9, 0.5),))),
    (curves, Picture("T & <b>", Axis("x"), Axis("y"), (Curve("<one>", ((0, 1), (2, 3))),), (Mark(1, "<m>"),))),
]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("module", "picture"), ALL, ids=lambda value: getattr(value, "__name__", ""))
def test_every_drawing_says_what_it_shows(module, picture, width):
    drawn = module.svg(picture, width)
    (root,) = [each for each in ElementTree.fromstring(drawn).iter("svg") if each.get("role")]
    assert root.get("role") == "img"
    assert root.get("aria-label") == module.described(picture)
    assert picture.title in module.described(picture)
    assert "<one>" in module.described(picture)


def luminance(colour):
    digits = colour.lstrip("#")
    digits = "".join(2 * each for each in digits) if len(digits) == 3 else digits
    parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """By WCAG 2."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_what_is_written_on_a_bar_can_be_read():
    assert min(contrast(fill, on) for fill, on in TONES.values()) >= 4.5


def test_lines_stand_out_from_the_page_in_light_and_dark():
    light, dark = style(drawn=True, copied=True).split("prefers-color-scheme: dark")[:2]
    for text, back in ((light, "#ffffff"), (dark, "#0d1117")):
        lines = re.findall(r"--c\d: (#\w+);", text)
        assert len(lines) == curves.COLOURS
        assert min(contrast(each, back) for each in lines) >= 3
