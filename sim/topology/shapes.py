"""Regular shapes of equal datacenters, for short files of large topologies."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, pairwise
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from ..documents.chip_keys import ChipName, Utilization, by_name, settle
from ..documents.validation import Frozen, Name, nearest, validate
from ..errors import InputError, brief
from ..units.quantities import MOST_SITES, Bandwidth, Chips, ChipSpeed, Latency, SizeOrNone
from .egress import EgressPrice, Money
from .inside import Inside
from .links import BANDWIDTH_EXAMPLES, BURST_EXAMPLES, LATENCY_EXAMPLES, Duplex
from .power import Power

MOST_IN_A_MESH = 256
"""The most datacenters of a full mesh, whose number of links grows with their square."""


class LinkTemplate(Frozen):
    """The common keys of the links of a shape."""

    bandwidth_bits_per_s: Bandwidth = Field(alias="bandwidth", examples=BANDWIDTH_EXAMPLES)
    latency_s: Latency = Field(alias="latency", examples=LATENCY_EXAMPLES)
    duplex: Duplex = "full"
    loss: float = Field(default=0.0, ge=0, lt=1, strict=True)
    burst_bytes: SizeOrNone = Field(default=0.0, alias="burst", examples=BURST_EXAMPLES)

    def between(self, pairs: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
        """Such a link for each pair of nodes."""
        wire = self.model_dump(include=set(LinkTemplate.model_fields))
        return [{"between": list(pair), **wire} for pair in pairs]


class AbstractShape(LinkTemplate):
    """The common keys of all shapes: those of their links and those of their datacenters."""

    chips: Chips | None = Field(default=None, examples=[256])
    chip: ChipName | None = Field(default=None, examples=["h100"])
    mfu: Utilization | None = Field(default=None, examples=[0.4])
    chip_flop_per_s: ChipSpeed | None = Field(default=None, alias="chip_speed", examples=["300 Tflop/s"])
    inside: Inside = Inside()
    endpoint_bits_per_s: Bandwidth | None = Field(default=None, alias="endpoint", examples=["1.2 Gbit/s"])
    host: Name | None = Field(default=None, examples=["core0"])
    price_chip_hour: Money | None = Field(default=None, examples=[2.5])
    egress: EgressPrice | None = Field(default=None, examples=[0.02])
    power: Power | None = Field(default=None, examples=['{chip: "700 W"}'])

    @model_validator(mode="before")
    @classmethod
    def _chip_by_name(cls, data: Any) -> Any:
        return by_name(data)

    @model_validator(mode="after")
    def _knows_its_chips(self) -> Self:
        settle(self)
        return self

    def sites(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """Such a datacenter for each name."""
        own = {"chips", "chip", "mfu", "inside", "endpoint_bits_per_s", "host", "price_chip_hour", "egress", "power"}
        own |= self.model_fields_set.intersection({"chip_flop_per_s"})
        shared = self.model_dump(include=own, exclude_none=True)
        return [{"name": name, **shared} for name in names]


class FullMesh(AbstractShape):
    """One link between every two datacenters dc1, dc2, ..."""

    shape: Literal["full-mesh"]
    datacenters: int = Field(gt=0, le=MOST_IN_A_MESH, examples=[8])

    def documents(self) -> dict[str, list[Any]]:
        """The datacenters and links, as they would stand written out."""
        names = _numbered("dc", self.datacenters)
        return {"datacenters": self.sites(names), "links": self.between(combinations(names, 2))}


class Ring(AbstractShape):
    """A link from each datacenter to the next, and from the last to dc1."""

    shape: Literal["ring"]
    datacenters: int = Field(gt=2, le=MOST_SITES, examples=[8])

    def documents(self) -> dict[str, list[Any]]:
        """The datacenters and links, as they would stand written out."""
        names = _numbered("dc", self.datacenters)
        return {"datacenters": self.sites(names), "links": self.between([*pairwise(names), (names[-1], names[0])])}


class Star(AbstractShape):
    """A link from each datacenter to a hub: a router of that name, or dc1 itself."""

    shape: Literal["star"]
    datacenters: int = Field(gt=1, le=MOST_SITES, examples=[8])
    """Number of datacenters, with the hub if it is one."""
    hub: Literal["router", "datacenter"] = "router"
    """`router`: a router named hub, without chips; `datacenter`: dc1 is the hub, and also computes."""

    def documents(self) -> dict[str, list[Any]]:
        """The datacenters, routers and links, as they would stand written out."""
        names = _numbered("dc", self.datacenters)
        if self.hub == "router":
            links = self.between((name, "hub") for name in names)
            return {"datacenters": self.sites(names), "routers": ["hub"], "links": links}
        return {"datacenters": self.sites(names), "links": self.between((name, names[0]) for name in names[1:])}


class TwoTier(AbstractShape):
    """Regions of datacenters r1-dc1, r1-dc2, ... around one router r1 each, and a trunk between every two routers."""

    shape: Literal["two-tier"]
    regions: int = Field(gt=1, le=MOST_IN_A_MESH, examples=[8])
    sites_per_region: int = Field(alias="sites", gt=0, le=1024, examples=[8])
    trunk: LinkTemplate = Field(examples=['{bandwidth: "10 Gbit/s", latency: "30 ms"}'])
    """The link between two regions; all their sites share it."""

    @model_validator(mode="after")
    def _is_not_too_large(self) -> Self:
        count = self.regions * self.sites_per_region
        if count > MOST_SITES:
            raise InputError(f"{count:,} datacenters in all; make regions x sites {MOST_SITES:,} at most")
        return self

    def documents(self) -> dict[str, list[Any]]:
        """The datacenters, routers and links, as they would stand written out."""
        routers = _numbered("r", self.regions)
        inside = [(f"{router}-{name}", router) for router in routers for name in _numbered("dc", self.sites_per_region)]
        return {
            "datacenters": self.sites(name for name, _ in inside),
            "routers": list(routers),
            "links": self.between(inside) + self.trunk.between(combinations(routers, 2)),
        }


SHAPES: dict[str, type[FullMesh | Ring | Star | TwoTier]] = {
    "full-mesh": FullMesh,
    "ring": Ring,
    "star": Star,
    "two-tier": TwoTier,
}


def generated(data: Any) -> dict[str, list[Any]]:
    """The datacenters, routers and links of a `generate` section.

    Raises:
      InputError: the shape is unknown, or its keys are wrong.
    """
    shape = data.get("shape") if isinstance(data, dict) else None
    known = list(SHAPES)
    if not isinstance(shape, str) or shape not in SHAPES:
        given = f"there is no shape {brief(shape)}" if shape is not None else "has no shape"
        raise InputError(f"generate: {given}; write `shape:` with one of the shapes, {nearest(str(shape), known)}")
    return validate(SHAPES[shape], data, source="generate").documents()


def _numbered(stem: str, count: int) -> list[str]:
    return [f"{stem}{number}" for number in range(1, count + 1)]
