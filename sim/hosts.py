"""Machines whose compute several datacenters share: replicas of an emulation on one computer, jobs of one cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from .document import Frozen, nearest
from .errors import InputError

_LISTED = 4
"""Workers up to which a sentence tells the slowdown of each number of them."""


class Host(Frozen):
    """A machine on which workers of several datacenters compute.

    While n of its workers compute at once, each of them takes `slowdown[n - 1]` times as long as the workload says. Who
    waits for the network leaves the machine to the others.

    Limits: all workers of a host are alike. Computing slows computing; exchanges and computing leave each other alone.
    """

    name: str = Field(min_length=1, examples=["core0"])
    slowdown: tuple[Annotated[float, Field(ge=1, strict=True)], ...] = Field(
        default=(1.0,), min_length=1, examples=[[1, 2.05]]
    )
    """How many times as long a step takes while 1, 2, ... workers compute; beyond the list its last number grows in
    proportion to them. Left out: n workers share one processor evenly and take n times as long [-]."""

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

    def in_words(self, workers: int) -> str:
        """How much so many workers slow each other down."""
        counts = list(range(1, workers + 1)) if workers <= _LISTED else [1, 2, workers]
        times = [f"{self.slowdown_with(count):.4g}" for count in counts]
        words = [str(count) for count in counts]
        if workers > _LISTED:
            times[2:2] = words[2:2] = ["..."]
        some = "one worker computes" if workers == 1 else f"{', '.join(words)} of its workers compute"
        return f"while {some} a step takes {', '.join(times)} times as long"


def crowded(hosts: Sequence[Host | None]) -> tuple[Host | None, ...]:
    """The host of each worker where its workers can slow each other (or a lone one) down, and None elsewhere.

    Args:
      hosts: the host of every worker that runs at the same time, None for a host of its own.
    """
    workers = Counter(host.name for host in hosts if host)
    return tuple(host if host and host.slowdown_with(workers[host.name]) > 1 else None for host in hosts)


def check_hosts(hosts: Sequence[Host], of_sites: Iterable[str | None]) -> None:
    """Demands that hosts have names of their own, and that every site names one that there is.

    A host that no site names is harmless: it makes it easy to try a placement with and without.

    Raises:
      InputError: a name is there twice, or unknown.
    """
    names = [host.name for host in hosts]
    for position, name in enumerate(names):
        if name in names[:position]:
            raise InputError(f"hosts[{position}]: there is a host {name!r} already; give each a name of its own")
    for position, wanted in enumerate(of_sites):
        if wanted is not None and wanted not in names:
            hint = nearest(wanted, names) if names else f"write `hosts: [{{name: {wanted}}}]` beside the datacenters"
            raise InputError(f"datacenters[{position}].host: there is no host {wanted!r}; {hint}")
