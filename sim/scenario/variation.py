"""A scenario with some of it changed: capacities by a factor; amounts and choices by their new value.

Nothing goes through text: each part is a copy of a model with checked numbers (`Frozen.replaced`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, TypeVar

from ..documents.validation import nearest, validate_copy
from ..errors import InputError, brief
from ..laws.model_family import FAMILY
from ..strategies import AbstractStrategy
from ..topology.links import Link
from ..topology.model import Datacenter, Topology
from ..units.quantities import BANDWIDTH, CHIP_SPEED, LATENCY, Unit
from ..workload.documents import AnalyticWorkload, TraceWorkload, Workload
from ..workload.extent import CHIP_FLOP_PER_S

AnyStrategy = TypeVar("AnyStrategy", bound=AbstractStrategy)
INSTEAD_OF = {
    "tokens": ("overtraining", "steps"),
    "steps": ("tokens", "overtraining"),
    "chips": ("tokens_per_chip",),
    "params": ("model",),
}
"""Keys of a workload that say the same in another way: they are taken out."""
FACTORS = ("bandwidth_across", "latency_across", "bandwidth_inside", "latency_inside", "chip_speed", "compute")
"""What `Scenario.vary` changes by a factor."""


@dataclass(frozen=True)
class Factor:
    """How many times as much of a capacity there shall be.

    Attributes:
      argument: what the caller calls it, for messages.
      times: the factor; above 0, or 0 for a latency.
      unit: of the capacity.
      clip: whether a result out of range is brought back into it, rather than refused.
      inverse: whether so many times as much is a division (of the seconds that something takes).
    """

    argument: str
    times: float
    unit: Unit
    clip: bool
    inverse: bool = False

    def __post_init__(self) -> None:
        """Demands a number that can be a factor."""
        times, zero = self.times, self.unit is LATENCY and not self.inverse
        number = isinstance(times, Real) and not isinstance(times, bool)
        if not (number and math.isfinite(times) and (times > 0 or (zero and times == 0))):
            least = "0 or more" if zero else "above 0"
            raise InputError(
                f"vary: {self.argument}: got {brief(times)}; write a factor {least}, such as 2.0 for twice as much"
            )

    @property
    def changes(self) -> bool:
        """Whether anything becomes another number by it."""
        return self.times != 1

    def of(self, value: float, what: str) -> float:
        """The capacity times the factor.

        Args:
          value: the capacity as it is; 0 stays 0 [unit].
          what: whose it is, for messages.

        Raises:
          InputError: the product is out of the range of what is simulated; names the argument.
        """
        product = value / self.times if self.inverse else value * self.times
        if self.clip:
            return self.unit.within(product)
        if not self.unit.accepts(product, zero=value == 0 or self.unit is LATENCY):
            raise InputError(
                f"vary: {self.argument}={self.times:g}: {what} would be {product:g} {self.unit.base}; write a factor "
                f"that makes it {self.unit.span(zero=self.unit is LATENCY)}"
            )
        return product


@dataclass(frozen=True)
class Capacities:
    """Factors on what the hardware offers; None and 1 leave it as it is (see `Scenario.vary`)."""

    bandwidth_across: float | None = None
    latency_across: float | None = None
    bandwidth_inside: float | None = None
    latency_inside: float | None = None
    chip_speed: float | None = None
    compute: float | None = None
    link: str | None = None
    site: str | None = None
    clip: bool = False

    def topology(self, before: Topology, workload: Workload) -> Topology:
        """The topology with its links, datacenters and chips changed.

        Args:
          before: as it is.
          workload: what says how fast chips are where the topology does not.

        Raises:
          InputError: a capacity is out of range, there is no such link or site, or nothing to change.
        """
        changes: dict[str, Any] = {}
        if links := self._links(before):
            changes["links"] = links
        if sites := self._sites(before, workload):
            changes["datacenters"] = sites
        return before.replaced(**changes) if changes else before

    def workload(self, before: Workload, topology: Topology) -> Workload:
        """The workload with the speed of those chips changed of which the topology says none."""
        for speed in self._speeds(before):
            if isinstance(before, AnalyticWorkload) and before.step_time_s is not None:
                shorter = Factor(speed.argument, speed.times, LATENCY, self.clip, inverse=True)
                before = before.replaced(step_time=shorter.of(before.step_time_s, "a step"))
            elif self.site is None and any(site.chip_flop_per_s is None for site in topology.datacenters):
                whose = "the speed of the workload's chips"
                by_law = _speeds_by_law(before, topology)
                spoken = next((by_law[site.name] for site in topology.datacenters if site.name in by_law), None)
                own = speed.of(spoken or before.chip_flop_per_s or CHIP_FLOP_PER_S, whose)
                before = before.replaced(mfu=None, chip_speed=own)
        return before

    def _factor(self, argument: str, unit: Unit) -> Factor:
        times = getattr(self, argument)
        return Factor(argument, 1.0 if times is None else times, unit, self.clip)

    def _links(self, topology: Topology) -> tuple[Link, ...]:
        """All links, some of them changed; none where none changes."""
        bandwidth, latency = self._factor("bandwidth_across", BANDWIDTH), self._factor("latency_across", LATENCY)
        named = links_by_name(topology) if self.link is not None else {}
        if self.link is not None and self.link not in named:
            raise InputError(f"vary: link: there is none named {self.link!r}; {nearest(self.link, list(named))}")
        only = named[self.link] if self.link is not None else None
        if only is not None and self.bandwidth_across is None and self.latency_across is None:
            raise InputError("vary: link: narrows bandwidth_across and latency_across; give one of them")
        arguments = [factor.argument for factor in (bandwidth, latency) if factor.changes]
        if not arguments:
            return ()
        if not topology.links:
            raise InputError(f"vary: {arguments[0]}: topology {topology.name} has no links; leave it out")

        def changed(link: Link) -> Link:
            way = "from {} to {}".format(*link.ends)
            if bandwidth.changes:
                link = link.with_bandwidth(lambda bits_per_s: bandwidth.of(bits_per_s, f"the bandwidth {way}"))
            return link.replaced(latency=latency.of(link.latency_s, f"the latency {way}")) if latency.changes else link

        return tuple(changed(link) if only is None or link is only else link for link in topology.links)

    def _sites(self, topology: Topology, workload: Workload) -> tuple[Datacenter, ...]:
        """All datacenters, some of them changed; none where none changes."""
        bandwidth, latency = self._factor("bandwidth_inside", BANDWIDTH), self._factor("latency_inside", LATENCY)
        speeds = self._speeds(workload)
        names = [site.name for site in topology.datacenters]
        if self.site is not None and self.site not in names:
            raise InputError(f"vary: site: there is no datacenter {self.site!r}; {nearest(self.site, names)}")
        narrowed = (self.chip_speed, self.compute, self.bandwidth_inside, self.latency_inside)
        if self.site is not None and all(factor is None for factor in narrowed):
            raise InputError(
                "vary: site: narrows chip_speed, compute, bandwidth_inside and latency_inside; give one of them"
            )
        if not (bandwidth.changes or latency.changes or speeds):
            return ()

        by_law = _speeds_by_law(workload, topology) if speeds else {}

        def changed(site: Datacenter) -> Datacenter:
            inside, own = site.inside, site.chip_flop_per_s
            if own is not None or self.site is not None:
                own = by_law.get(site.name, own)
            if bandwidth.changes or latency.changes:
                bits_per_s = bandwidth.of(inside.bandwidth_bits_per_s, f"the bandwidth inside {site.name}")
                latency_s = latency.of(inside.latency_s, f"the latency inside {site.name}")
                site = site.replaced(inside=inside.replaced(bandwidth=bits_per_s, latency=latency_s))
            kind = workload.chip_at(site)
            if own is None and self.site is not None:
                own = workload.chip_flop_per_s or CHIP_FLOP_PER_S
            if own is not None and not _measured(workload):
                for speed in speeds:
                    own = speed.of(own, f"the speed of the chips in {site.name}")
                site = site.replaced(chip=kind, mfu=None, chip_speed=own) if speeds else site
            return site

        return tuple(changed(site) if self.site in (None, site.name) else site for site in topology.datacenters)

    def _speeds(self, workload: Workload) -> list[Factor]:
        """The factors on how fast chips compute.

        Raises:
          InputError: the seconds of a step do not depend on a speed.
        """
        both = (self._factor("chip_speed", CHIP_SPEED), self._factor("compute", CHIP_SPEED))
        factors = [factor for factor in both if factor.changes]
        for factor in factors:
            if isinstance(workload, TraceWorkload) and not workload.rescale:
                raise InputError(
                    f"vary: {factor.argument}: recorded seconds are replayed as they are; add `rescale: true` to the "
                    "workload to change them"
                )
            if _measured(workload) and (factor.argument == "chip_speed" or self.site is not None):
                raise InputError(
                    f"vary: {factor.argument}: the workload gives `step_time`, the same for every datacenter; vary "
                    "compute instead, without a site"
                )
        return factors


def _speeds_by_law(workload: Workload, topology: Topology) -> dict[str, float]:
    """The speed of a chip of each site whose speed the law of the chip says, with all sites at work [flop/s]."""
    sites = topology.datacenters
    if not any(chips := workload.by_law(sites)):
        return {}
    speeds = workload.load(sites, len(sites)).deal.speeds
    return {site.name: speed for site, chip, speed in zip(sites, chips, speeds, strict=True) if chip}


def _measured(workload: Workload) -> bool:
    """Whether the seconds of a step are given."""
    return isinstance(workload, AnalyticWorkload) and workload.step_time_s is not None


def links_by_name(topology: Topology) -> dict[str, Link]:
    """Links by the names that people write: `a -> b`; also `b -> a` and `a <-> b` for a link of both directions."""
    names: dict[str, Link] = {}
    for link in topology.links:
        a, b = link.ends
        ways = (f"{a} -> {b}", f"{b} -> {a}", f"{a} <-> {b}") if link.between else (f"{a} -> {b}",)
        names |= dict.fromkeys(ways, link)
    return names


def with_amounts(workload: Workload, amounts: Mapping[str, Any]) -> Workload:
    """A workload with other amounts; what said the same in another way is taken out.

    Args:
      workload: as it is.
      amounts: new values by key; None leaves a key as it is.

    Raises:
      InputError: a value is out of its range, two say the same, or a recording cannot have it.
    """
    given = {key: value for key, value in amounts.items() if value is not None}
    if not given:
        return workload
    without = {other: None for key in given for other in INSTEAD_OF.get(key, ()) if other not in given}
    if "params" in given:
        if isinstance(workload, TraceWorkload):
            raise InputError("vary: params: a recording is of one model; leave it out, or take another workload")
        named = FAMILY[workload.model].layers if workload.model else None
        given |= {"layers": named} if not (workload.layers or workload.layer_params) else {}
    return validate_copy(workload, without | given, source="vary")


def with_bits(strategies: Sequence[AnyStrategy], payload_bits: float | None) -> tuple[AnyStrategy, ...]:
    """Strategies with another payload, where they have bits of their own; None: as they are."""
    return tuple(
        validate_copy(each, {"payload_bits": payload_bits}, source="vary")
        if payload_bits is not None and each.payload_bits is not None
        else each
        for each in strategies
    )


def with_parameters(
    strategies: Sequence[AnyStrategy], parameters: Mapping[str, Any], known: Sequence[str]
) -> tuple[AnyStrategy, ...]:
    """Strategies with other parameters, each of them set wherever a strategy has it.

    Args:
      strategies: as they are.
      parameters: new values by key.
      known: what else a caller may have meant, for messages.

    Raises:
      InputError: no strategy has one of the parameters, or a value is out of its range.
    """
    keys = [strategy.public_keys() - {"kind"} for strategy in strategies]
    for name in parameters:
        if not any(name in own for own in keys):
            every = [*known, *sorted(set().union(*keys).difference(known))]
            raise InputError(f"vary: {name}: none of the strategies has it; {nearest(name, every)}")
    own = [{name: value for name, value in parameters.items() if name in keys[i]} for i in range(len(strategies))]
    return tuple(
        validate_copy(strategy, changes, source=f"vary: strategies[{position}]") if changes else strategy
        for position, (strategy, changes) in enumerate(zip(strategies, own, strict=True))
    )
