"""Constructors of regular topologies: `Topology.full_mesh(4, bandwidth="10 Gbit/s", latency="10 ms")`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypedDict, Unpack

from ..documents.validation import Frozen, validate
from ..units.quantities import Quantity
from .inside import Inside
from .shapes import SHAPES


class ShapeKeys(TypedDict, total=False):
    """Further keys of every shape: those of its sites and links, and those of the topology."""

    chips: int
    chip: str
    mfu: float
    chip_speed: Quantity
    inside: Inside | str | Mapping[str, Any]
    host: str
    duplex: str
    loss: float
    burst: Quantity
    name: str
    description: str
    hosts: Any
    transport: Any
    collective: str


_OF_TOPOLOGY = ("name", "description", "hosts", "transport", "collective")


class RegularTopology(Frozen):
    """The shapes as constructors; a topology in a file has them under `generate`.

    Numbers are SI (bit/s, s, flop/s), or text with a unit.
    """

    @classmethod
    def full_mesh(cls, datacenters: int, *, bandwidth: Quantity, latency: Quantity, **more: Unpack[ShapeKeys]) -> Self:
        """A full mesh: one link between every two datacenters dc1, dc2, ...

        Args:
          datacenters: number of datacenters.
          bandwidth: of every link, each way [bit/s].
          latency: of every link, one way [s].
          more: `chips`, `chip`, `mfu` and `chip_speed` of a datacenter, its network `inside` (numbers, or a name such
            as "dgx-h100"), `duplex`, `loss` and `burst` of a link; `name`, `collective` and `transport` of the
            topology.

        Raises:
          InputError: a number is out of range, or a key is unknown.
        """
        return cls._made("full-mesh", {"datacenters": datacenters, "bandwidth": bandwidth, "latency": latency}, more)

    @classmethod
    def ring(cls, datacenters: int, *, bandwidth: Quantity, latency: Quantity, **more: Unpack[ShapeKeys]) -> Self:
        """A ring: a link from each datacenter to the next, and from the last to dc1; arguments as in `full_mesh`."""
        return cls._made("ring", {"datacenters": datacenters, "bandwidth": bandwidth, "latency": latency}, more)

    @classmethod
    def star(
        cls,
        datacenters: int,
        *,
        bandwidth: Quantity,
        latency: Quantity,
        hub: str = "router",
        **more: Unpack[ShapeKeys],
    ) -> Self:
        """A star: a link from each datacenter to a hub, which is a `router` without chips or (`hub="datacenter"`) dc1.

        Other arguments as in `full_mesh`.
        """
        own = {"datacenters": datacenters, "bandwidth": bandwidth, "latency": latency, "hub": hub}
        return cls._made("star", own, more)

    @classmethod
    def two_tier(
        cls,
        regions: int,
        sites: int,
        *,
        bandwidth: Quantity,
        latency: Quantity,
        trunk_bandwidth: Quantity,
        trunk_latency: Quantity,
        **more: Unpack[ShapeKeys],
    ) -> Self:
        """Regions of `sites` datacenters around one router each, and a trunk between every two routers.

        `bandwidth` and `latency` are those between a datacenter and its router. Other arguments as in `full_mesh`.
        """
        trunk = {"bandwidth": trunk_bandwidth, "latency": trunk_latency}
        own = {"regions": regions, "sites": sites, "bandwidth": bandwidth, "latency": latency, "trunk": trunk}
        return cls._made("two-tier", own, more)

    @classmethod
    def _made(cls, shape: str, own: Mapping[str, Any], more: Mapping[str, Any]) -> Self:
        source = f"Topology.{shape.replace('-', '_')}"
        keys = {key: value for key, value in more.items() if key not in _OF_TOPOLOGY}
        made = validate(SHAPES[shape], {"shape": shape, **own, **keys}, source=source, in_si=True)
        named = {key: value for key, value in more.items() if key in _OF_TOPOLOGY}
        return validate(cls, {"name": shape, **named, **made.documents()}, source=source, in_si=True)
