"""Distances against published or hand-computed ones, and what a topology makes of places."""

import math

import pytest

from sim.documents.validation import validate
from sim.topology.geography import EARTH_RADIUS_M, Location, fibre_latency_s, great_circle_m
from sim.topology.model import Topology


def place(latitude, longitude):
    return Location.model_validate({"latitude": latitude, "longitude": longitude})


@pytest.mark.parametrize(
    ("start", "end", "degrees"),
    [
        ((0, 0), (0, 90), 90),
        ((0, 0), (0, 180), 180),
        ((90, 0), (-90, 77), 180),
        ((10, 20), (10, 20), 0),
        ((45, 0), (45, 180), 90),  # over the pole
        ((0, 179), (0, -179), 2),  # over the date line
        ((12, 34), (-12, -146), 180),  # the other end of the world
    ],
)
def test_arcs_that_geometry_knows(start, end, degrees):
    assert great_circle_m(place(*start), place(*end)) == pytest.approx(math.radians(degrees) * EARTH_RADIUS_M, abs=0.1)


@pytest.mark.parametrize(
    ("start", "end"),
    [((36.12, -86.67), (33.94, -118.40)), ((51.51, -0.13), (40.71, -74.01)), ((-33.87, 151.21), (35.68, 139.77))],
)
def test_the_same_as_by_the_angle_between_two_vectors(start, end):
    def vector(latitude, longitude):
        a, b = math.radians(latitude), math.radians(longitude)
        return (math.cos(a) * math.cos(b), math.cos(a) * math.sin(b), math.sin(a))

    angle = math.acos(sum(x * y for x, y in zip(vector(*start), vector(*end), strict=True)))
    assert great_circle_m(place(*start), place(*end)) == pytest.approx(EARTH_RADIUS_M * angle, rel=1e-9)


def test_nashville_to_los_angeles_is_the_textbook_distance():
    # the worked example that is everywhere: BNA to LAX, 2886.45 km on a sphere of 6371.0 km (2887.26 on 6372.8)
    distance = great_circle_m(place(36.12, -86.67), place(33.94, -118.40))
    assert distance * 6372.8e3 / EARTH_RADIUS_M == pytest.approx(2887.26e3, abs=10)


def test_light_in_a_thousand_kilometres_of_fibre():
    quarter = great_circle_m(place(0, 0), place(0, 90))
    one_way = fibre_latency_s(place(0, 0), place(0, 90), stretch=1.0)
    assert one_way / quarter * 1e6 == pytest.approx(4.8967e-3, rel=1e-4)  # 4.897 us a kilometre
    assert fibre_latency_s(place(0, 0), place(0, 90), stretch=2.5) == pytest.approx(2.5 * one_way)


def sited(**extra):
    document = {
        "name": "t",
        "datacenters": [
            {"name": "a", "location": {"latitude": 0, "longitude": 0}},
            {"name": "b", "location": {"latitude": 0, "longitude": 90}},
        ],
        "routers": ["cloud", {"name": "ix", "location": {"latitude": 0, "longitude": 45}}],
        "links": [
            {"between": ["a", "b"], "bandwidth": "1 Gbit/s"},
            {"from": "a", "to": "ix", "bandwidth": "1 Gbit/s"},
            {"between": ["ix", "b"], "bandwidth": "1 Gbit/s", "latency": "3 ms"},
        ],
        **extra,
    }
    return validate(Topology, document, source="test")


def test_a_link_without_latency_has_that_of_its_fibre():
    quarter = math.pi / 2 * 6371008.8
    for extra, stretch in (({}, 1.3), ({"fibre_stretch": 2.1}, 2.1)):
        a_b, a_ix, ix_b = sited(**extra).links
        assert a_b.latency_s == pytest.approx(quarter * stretch * 1.468 / 299792458, rel=1e-12)
        assert a_ix.latency_s == pytest.approx(a_b.latency_s / 2)
        assert ix_b.latency_s == 3e-3


def test_places_survive_writing_and_reading():
    before = sited()
    written = before.model_dump(mode="json", exclude_none=True)
    assert written["routers"] == ["cloud", {"name": "ix", "location": {"latitude": 0.0, "longitude": 45.0}}]
    assert Topology.model_validate(written) == before
    assert before.nodes == ("a", "b", "cloud", "ix")
