"""Machines whose compute several datacenters share: replicas of an emulation on one computer, jobs of one cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from ..documents.validation import Frozen, Name, nearest
from ..errors import InputError

_MOST_LISTED = 4
"""A sentence gives the slowdown for each number of workers up to this one."""


class Host(Frozen):
    """A machine on which workers of several datacenters compute.

    While n of its workers compute at once, each of them takes `slowdown[n - 1]` times as long as the workload says. Who
    waits for the network leaves the machine to the others.

    A host may be part of another, as a core is of a machine whose cores share caches, memory and power. The other's
    slowdown counts those of its parts in which anybody computes, and multiplies with that of the part.

    Limits: all workers of a host are alike; a host with parts has no workers of its own, and is itself part of none.
    Computing slows computing; exchanges and computing leave each other alone.
    """

    name: Name = Field(examples=["core0"])
    slowdown: tuple[Annotated[float, Field(ge=1, le=1e6, strict=True)], ...] = Field(
        default=(1.0,), min_length=1, examples=[[1, 2.05]]
    )
    """How many times as long a step takes while 1, 2, ... workers compute; beyond the list its last number grows in
    proportion to them. Left out: n workers share one processor evenly and take n times as long [-]."""
    part_of: Name | None = Field(default=None, examples=["machine"])
    """The host that it is a part of; null: none."""

    @model_validator(mode="after")
    def _never_hurries(self) -> Self:
        for fewer, (one, other) in enumerate(pairwise(self.slowdown), start=1):
            if other < one:
                raise InputError(
                    f"slowdown: {other:g} for {fewer + 1} workers follows {one:g} for {fewer}; more of them never "
                    "make a step shorter, so write numbers that do not fall, such as [1, 2.05]"
                )
        return self

    def slowdown_with(self, workers: int) -> float:
        """How many times as long a step takes while so many workers compute (1 or more of them) [-]."""
        listed = len(self.slowdown)
        return self.slowdown[workers - 1] if workers <= listed else self.slowdown[-1] * workers / listed

    def in_words(self, workers: int, what: str = "worker") -> str:
        """How much so many workers (or parts) slow each other down."""
        counts = list(range(1, workers + 1)) if workers <= _MOST_LISTED else [1, 2, workers]
        times = [f"{self.slowdown_with(count):.4g}" for count in counts]
        words = [str(count) for count in counts]
        if workers > _MOST_LISTED:
            times[2:2] = words[2:2] = ["..."]
        some = f"one {what} computes" if workers == 1 else f"{', '.join(words)} of its {what}s compute"
        return f"while {some} a step takes {', '.join(times)} times as long"


@dataclass(frozen=True)
class Place:
    """Where a worker computes.

    Attributes:
      host: whose compute it shares with the other workers there.
      machine: what the host is a part of; None if of nothing.
    """

    host: Host
    machine: Host | None = None


def places_that_slow_down(places: Sequence[Place | None]) -> tuple[Place | None, ...]:
    """The place of each worker whom others can slow down there (or the place itself), and None elsewhere.

    Args:
      places: of every worker that runs at the same time, None for a host of its own.
    """
    workers = Counter(place.host for place in places if place)
    parts = Counter(machine for host, machine in {(place.host, place.machine) for place in places if place} if machine)

    def slows(place: Place) -> bool:
        machine = place.machine
        return place.host.slowdown_with(workers[place.host]) > 1 or (
            machine is not None and machine.slowdown_with(parts[machine]) > 1
        )

    return tuple(place if place and slows(place) else None for place in places)


def check_hosts(hosts: Sequence[Host], of_sites: Iterable[str | None]) -> None:
    """Demands that hosts have names of their own, that every site names one without parts, and parts one that is none.

    A host that no site names is harmless: it makes it easy to try a placement with and without.

    Raises:
      InputError: a name is there twice, or unknown, or a host has parts where it must not.
    """
    names = [host.name for host in hosts]
    whole = {host.part_of for host in hosts if host.part_of is not None}
    for position, name in enumerate(names):
        if name in names[:position]:
            raise InputError(f"hosts[{position}]: there is a host {name!r} already; give each a name of its own")
    for position, host in enumerate(hosts):
        if host.part_of is None:
            continue
        _check_known(f"hosts[{position}].part_of", host.part_of, names)
        if host.name in whole:
            raise InputError(
                f"hosts[{position}].part_of: {host.name!r} has parts itself; parts have none of their own, so take "
                "`part_of` out here"
            )
    for position, wanted in enumerate(of_sites):
        if wanted is None:
            continue
        _check_known(f"datacenters[{position}].host", wanted, names)
        if wanted in whole:
            parts = ", ".join(repr(host.name) for host in hosts if host.part_of == wanted)
            raise InputError(f"datacenters[{position}].host: {wanted!r} has parts; name one of them: {parts}")


def _check_known(field: str, wanted: str, names: Sequence[str]) -> None:
    if wanted not in names:
        hint = nearest(wanted, names) if names else f"write `hosts: [{{name: {wanted}}}]` beside the datacenters"
        raise InputError(f"{field}: there is no host {wanted!r}; {hint}")
