"""Hosts: machines whose compute several datacenters share, such as replicas of an emulation, or jobs of a cluster."""

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

    This is processor sharing: while n of its workers compute at once, each of them takes `slowdown[n - 1]` times as
    long as the workload says. A worker that waits for the network does not slow the others down.

    A host may be part of another one, like a core of a machine whose cores share caches, memory and power. The slowdown
    of the machine is that for the number of its parts in which any worker computes; both slowdowns are multiplied.

    Limits: all workers of a host are alike; a host with parts has no workers itself, and is not part of another.
    Compute slows down compute only; exchanges and compute do not affect each other.
    """

    name: Name = Field(examples=["core0"])
    slowdown: tuple[Annotated[float, Field(ge=1, le=1e6, strict=True)], ...] = Field(
        default=(1.0,), min_length=1, examples=[[1, 2.05]]
    )
    """Factor of the time of a step while 1, 2, ... workers compute; beyond the list its last number grows in
    proportion to their number. Default: n workers share one processor evenly and take n times as long [-]."""
    part_of: Name | None = Field(default=None, examples=["machine"])
    """The host of which it is a part; null: none."""

    @model_validator(mode="after")
    def _slowdown_never_falls(self) -> Self:
        for fewer, (one, other) in enumerate(pairwise(self.slowdown), start=1):
            if other < one:
                raise InputError(
                    f"slowdown: {other:g} for {fewer + 1} workers follows {one:g} for {fewer}; more workers never make "
                    "a step shorter, so write numbers that do not fall, such as [1, 2.05]"
                )
        return self

    def slowdown_with(self, workers: int) -> float:
        """Factor of the time of a step while so many workers compute (at least 1) [-]."""
        listed = len(self.slowdown)
        return self.slowdown[workers - 1] if workers <= listed else self.slowdown[-1] * workers / listed

    def in_words(self, workers: int, what: str = "worker") -> str:
        """A sentence on how much so many workers (or parts) slow each other down."""
        counts = list(range(1, workers + 1)) if workers <= _MOST_LISTED else [1, 2, workers]
        times = [f"{self.slowdown_with(count):.4g}" for count in counts]
        words = [str(count) for count in counts]
        if workers > _MOST_LISTED:
            times[2:2] = words[2:2] = ["..."]
        some = f"one {what} computes" if workers == 1 else f"{', '.join(words)} of its {what}s compute"
        return f"while {some} a step takes {', '.join(times)} times as long"


@dataclass(frozen=True)
class Place:
    """The place where a worker computes.

    Attributes:
      host: the host whose compute it shares with other workers.
      machine: the host of which `host` is a part; None if it is no part.
    """

    host: Host
    machine: Host | None = None


def places_that_slow_down(places: Sequence[Place | None]) -> tuple[Place | None, ...]:
    """The place of each worker that is slowed down there, by others or by the host itself; None for the others.

    Args:
      places: of all workers that run at the same time; None for a worker with its own host.
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
    """Checks that host names are unique, that sites name hosts without parts, and that parts have no parts.

    A host that no site names is accepted, so that a placement is easily tried with and without it.

    Raises:
      InputError: a name occurs twice or is unknown, or a host has parts and must not.
    """
    names = [host.name for host in hosts]
    whole = {host.part_of for host in hosts if host.part_of is not None}
    for position, name in enumerate(names):
        if name in names[:position]:
            raise InputError(f"hosts[{position}]: there is a host {name!r} already; give each its own name")
    for position, host in enumerate(hosts):
        if host.part_of is None:
            continue
        _check_known(f"hosts[{position}].part_of", host.part_of, names)
        if host.name in whole:
            raise InputError(
                f"hosts[{position}].part_of: {host.name!r} has parts itself, and a part must have none; take `part_of` "
                "out here"
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
