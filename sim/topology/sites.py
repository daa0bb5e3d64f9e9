"""The nodes of a topology: datacenters with their chips, and routers without chips."""

from __future__ import annotations

import math
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from ..documents.chip_keys import ChipName, Utilization, by_name, settle
from ..documents.validation import Frozen, Name, nearest
from ..errors import InputError
from ..units.quantities import Bandwidth, Chips, ChipSpeed
from .egress import EgressPrice, Money
from .geography import Location
from .inside import Inside
from .power import Power
from .routes import Route


class Datacenter(Frozen):
    """A datacenter (a site)."""

    name: Name = Field(examples=["a"])
    chips: Chips | None = Field(default=None, examples=[256])
    """Chips of the site; null: as many as the workload asks for."""
    chip: ChipName | None = Field(default=None, examples=["h100"])
    """The kind of chip here, by its name; null: the workload's."""
    mfu: Utilization | None = Field(default=None, examples=[0.4])
    """Useful share of the chip's published bfloat16 peak; default: by the law of the chip for a model of the family on
    a GPU that it covers, else 0.4 [-]."""
    chip_flop_per_s: ChipSpeed | None = Field(default=None, alias="chip_speed", examples=["300 Tflop/s"])
    """Useful flop/s of a chip here (peak times utilisation); null: that of its chip, else the workload's [flop/s]."""
    inside: Inside = Inside()
    endpoint_bits_per_s: Bandwidth | None = Field(default=None, alias="endpoint", examples=["1.2 Gbit/s"])
    """Bandwidth at which the program here handles the bytes of exchanges with other sites (copies, converts, sums), one
    peer after another; null: as fast as they come. For flows, not for `published` [bit/s]."""
    location: Location | None = Field(default=None, examples=["{latitude: 47.37, longitude: 8.54}"])
    """Its place on the Earth; a link between two known locations needs no latency."""
    host: Name | None = Field(default=None, examples=["core0"])
    """The host in `hosts` whose compute it shares; null: its own host."""
    price_chip_hour: Money | None = Field(default=None, examples=[2.5])
    """Price of a chip here for an hour; null: nobody counts it."""
    egress: EgressPrice | None = Field(default=None, examples=[0.02])
    """Price of a GB that leaves it: a number, the name of a published list, or steps of the monthly volume."""
    power: Power | None = Field(default=None, examples=['{chip: "700 W"}'])
    """What its chips and hosts draw; null: the published power of a named chip, without hosts and cooling."""

    @model_validator(mode="before")
    @classmethod
    def _chip_by_name(cls, data: Any) -> Any:
        return by_name(data)

    @model_validator(mode="after")
    def _speed_of_its_chip(self) -> Self:
        settle(self)
        return self

    @property
    def inside_route(self) -> Route:
        """The route of an exchange among its chips."""
        inside = self.inside
        node_bits_per_s = inside.node_bandwidth_bits_per_s or math.inf
        return Route(inside.bandwidth_bits_per_s, inside.latency_s, 0.0, inside.node_chips, node_bits_per_s)


class Router(Frozen):
    """A node without chips: an Internet exchange, a backbone, a cloud; written as its name if it has no location."""

    name: Name = Field(examples=["ix"])
    location: Location | None = None

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        return self.name if self.location is None else handler(self)


RouterOrName = Annotated[
    Router,
    BeforeValidator(lambda v: {"name": v} if isinstance(v, str) else v, json_schema_input_type=Router | Name),
]


def check_names(given: tuple[str, ...], names: set[str], where: str) -> None:
    """Demands that some nodes are there.

    Raises:
      InputError: names the first that is not.
    """
    for name in (name for name in given if name not in names):
        raise InputError(f"{where}: there is no datacenter or router {name!r}; {nearest(name, sorted(names))}")
