"""What a plan has to work with: the datacenters of its topology, each with chips of a number and a speed."""

from __future__ import annotations

from typing import Any

from ...errors import ArgumentError, InputError
from ...topology.hosts import places_that_slow_down
from ...topology.model import Datacenter, Topology
from ...topology.power import Power
from .options import Ask


def equipped(ask: Ask) -> Topology:
    """The topology, each datacenter with the number and the speed of chips that the plan assumes.

    Raises:
      InputError: the number of chips is not given, they cannot be shared evenly, or datacenters share a host.
    """
    if any(places_that_slow_down(ask.topology.places_of(ask.topology.datacenters))):
        raise InputError(
            f"topology {ask.topology.name}: hosts: datacenters that share the compute of a host slow each other down, "
            "and a plan assumes chips that nobody else uses; take `host` out of the datacenters, or simulate a run "
            "instead of a plan"
        )
    sites = ask.topology.datacenters
    if ask.mfu is not None and not ask.chip and not any(site.chip for site in sites):
        raise ArgumentError(
            "{mfu}: is a share of a chip's peak, and nobody names the chip; write {chip} with its name, such as h100"
        )
    if ask.chips is None:
        bare = [site.name for site in sites if site.chips is None]
        if bare:
            raise ArgumentError(
                "{chips}: topology {name} does not say how many chips {site!r} has; write {chips} "
                "with the number in all datacenters together",
                name=ask.topology.name,
                site=bare[0],
            )
    elif ask.chips % len(sites):
        low = ask.chips // len(sites) * len(sites)
        choices = f"{low} or {low + len(sites)}" if low else str(len(sites))
        raise ArgumentError(
            f"{{chips}}: {ask.chips} chips cannot be shared evenly by the {len(sites)} datacenters of topology "
            "{name}; use {choices}",
            name=ask.topology.name,
            choices=choices,
        )
    priced = tuple(_priced(ask, _counted_on(ask, site)) for site in sites)
    pairs = {"egress": None} if ask.price_gb is not None else {}
    return ask.topology.replaced(datacenters=priced, **pairs)


def _priced(ask: Ask, site: Datacenter) -> Datacenter:
    """A datacenter at the prices of the request; and one whose power counts, where energy is asked for."""
    changes: dict[str, Any] = {"price_chip_hour": ask.price_chip_hour, "egress": ask.price_gb}
    if site.power is None and (ask.objective == "energy" or ask.max_mw is not None):
        changes["power"] = Power()
    given = {key: value for key, value in changes.items() if value is not None}
    return site.replaced(**given) if given else site


def _counted_on(ask: Ask, site: Datacenter) -> Datacenter:
    chips = site.chips if ask.chips is None else ask.chips // len(ask.topology.datacenters)
    if ask.says_the_chip:
        mfu = ask.mfu if ask.chip is not None and ask.chip_flop_per_s is None else None
        return site.replaced(chips=chips, chip=ask.chip, mfu=mfu, chip_speed=ask.chip_flop_per_s)
    if site.chip is not None and ask.mfu is not None:
        return site.replaced(chips=chips, mfu=ask.mfu, chip_speed=None)
    return site.replaced(chips=chips, **({} if site.chip_flop_per_s else {"chip_speed": ask.speed}))
