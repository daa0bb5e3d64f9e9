"""Locations on the Earth, and the latency of fibre between them."""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from ..documents.validation import Frozen

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the Earth [m]. Source: IUGG mean radius R1 = (2a + b)/3 of the WGS 84 ellipsoid."""
LIGHT_M_PER_S = 299_792_458.0
"""Speed of light in vacuum [m/s]; exact, by the definition of the metre."""
FIBRE_INDEX = 1.468
"""Group index of single-mode fibre (ITU-T G.652) at 1550 nm, as its data sheets state it."""
FIBRE_STRETCH = 1.3
"""Length of a fibre over the great circle between its ends.

Source: Bozkurt et al., arXiv 1811.10737, abstract: the shortest routes through the conduits of the United States are
1.3 times the line of sight in the median (all pairs of its 120 largest population centres); the rule of thumb for
routes of the Internet is 2.1.
Limits: a median over the land routes of one country. A sea cable around a continent, or a route through a third city,
is longer; equipment adds its own delay.
"""


class Location(Frozen):
    """A place on the Earth."""

    latitude_deg: float = Field(alias="latitude", ge=-90, le=90, strict=True, examples=[47.37])
    """Degrees north of the equator (south is negative)."""
    longitude_deg: float = Field(alias="longitude", ge=-180, le=180, strict=True, examples=[8.54])
    """Degrees east of Greenwich (west is negative)."""


def great_circle_m(start: Location, end: Location) -> float:
    """The distance along the surface: 2 R asin sqrt(hav dlat + cos lat1 cos lat2 hav dlon) (haversine).

    Returns:
      The distance [m].

    Limits: a sphere; up to 0.6% off the ellipsoid.
    """
    lat1, lat2 = math.radians(start.latitude_deg), math.radians(end.latitude_deg)
    half_dlon = math.radians(end.longitude_deg - start.longitude_deg) / 2
    hav = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(half_dlon) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, hav)))


def fibre_latency_s(start: Location, end: Location, stretch: float = FIBRE_STRETCH) -> float:
    """One-way latency of a fibre between two places: stretch d n / c.

    Args:
      start: one end.
      end: the other.
      stretch: length of the fibre over the great circle [-].

    Returns:
      The latency [s].

    Limits: propagation only; no equipment, no queues (see `FIBRE_STRETCH`).
    """
    return great_circle_m(start, end) * stretch * FIBRE_INDEX / LIGHT_M_PER_S


def with_latency(data: dict[str, Any]) -> list[Any]:
    """The links of a document; a link without a latency gets that of a fibre if both its ends have a location."""
    nodes = [node for key in ("datacenters", "routers") for node in listed(data.get(key)) if isinstance(node, dict)]
    places = {str(node.get("name")): node["location"] for node in nodes if "location" in node}
    stretch = data.get("fibre_stretch", FIBRE_STRETCH)
    links: list[Any] = []
    for link in data["links"]:
        if isinstance(link, dict) and link.get("latency") is None:
            ends = [str(end) for end in listed(link.get("between")) or (link.get("from"), link.get("to"))]
            if len(ends) == 2 and all(end in places for end in ends):
                links.append(link | {"latency": _latency(places[ends[0]], places[ends[1]], stretch)})
                continue
        links.append(link)
    return links


def listed(value: Any) -> list[Any]:
    """A list in a document; empty if it is something else, which the validation reports."""
    return list(value) if isinstance(value, list | tuple) else []


def _latency(start: Any, end: Any, stretch: Any) -> str:
    try:
        places = Location.model_validate(start), Location.model_validate(end)
        return f"{fibre_latency_s(*places, float(stretch))!r} s"
    except (ValueError, TypeError):
        return "0 s"  # the validation reports the wrong location or stretch
