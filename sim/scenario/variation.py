"""A scenario's document with some part of it made faster or wider; the result is validated like any other."""

from __future__ import annotations

from typing import Any

from ..units.quantities import BANDWIDTH, CHIP_SPEED, Unit, parse, to_text

Document = dict[str, Any]


def faster(topology: Document, name: str, factor: float) -> None:
    """Makes the chips of a site that much faster."""
    for site in topology["datacenters"]:
        if site["name"] == name:
            site["chip_speed"] = times(site["chip_speed"], factor, CHIP_SPEED)


def wider(topology: Document, name: str | None, factor: float) -> int:
    """Makes a link that much wider, in both directions where it has two, at all times where it varies.

    Args:
      topology: as dumped from the model; changed in place.
      name: `a -> b` or `a <-> b`; None: all links.
      factor: how much wider.

    Returns:
      How many links were changed.
    """
    chosen = [link for link in topology["links"] if name is None or _is(link, name)]
    for link in chosen:
        link["bandwidth"] = times(link["bandwidth"], factor, BANDWIDTH)
        for point in link.get("schedule", {}).get("points", []):
            point["bandwidth"] = times(point["bandwidth"], factor, BANDWIDTH)
    return len(chosen)


def times(text: str, factor: float, unit: Unit) -> str:
    """A written quantity times a factor, within the range of what may be written."""
    return to_text(unit.within(parse(text, unit, zero=True) * factor), unit)


def _is(link: Document, name: str) -> bool:
    ends = link.get("between") or (link["from"], link["to"])
    asked = name.replace("<->", "->").split(" -> ")
    return set(ends) == set(asked) and ("between" in link or list(ends) == asked)
