"""What a run costs, draws and holds, as plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ChipMemory:
    """What a chip holds in a run [byte].

    Attributes:
      site, chip: where it is most of what there is; the kind of chip there, if it is named.
      capacity: the memory of that kind of chip; None where nobody names it.
      total: all of the following together.
      weights, gradients, optimizer: of the model.
      outer: what outer steps keep.
      buffers: what is being exchanged, and a gathered layer where parameters are sharded.
      activations: None where nobody says how many layers there are.
    """

    site: str
    chip: str | None
    capacity: float | None
    total: float
    weights: float
    gradients: float
    optimizer: float
    outer: float
    buffers: float
    activations: float | None


@dataclass(frozen=True)
class SiteCost:
    """What one datacenter costs and draws in a run; None where nobody says it.

    Attributes:
      name: the datacenter.
      chips, egress: money for its chips, and for the bytes that leave it.
      energy_kwh, carbon_kg: electricity with hosts and cooling, and its carbon [kWh], [kg].
      peak_power_w: while all its chips compute [W].
    """

    name: str
    chips: float | None
    egress: float | None
    energy_kwh: float | None
    carbon_kg: float | None
    peak_power_w: float | None


@dataclass(frozen=True)
class Cost:
    """The same of all datacenters of a run together; None where one of them does not say it.

    Attributes:
      total: chips and egress together, in the currency of the prices.
      chips, egress, energy_kwh, carbon_kg, peak_power_w: sums over the datacenters.
      sites: each of them.
    """

    total: float | None
    chips: float | None
    egress: float | None
    energy_kwh: float | None
    carbon_kg: float | None
    peak_power_w: float | None
    sites: tuple[SiteCost, ...]
