"""Compute, Start, Wait: the vocabulary that a strategy is written in.

A worker is one datacenter's share of the run (a replica, or a part of the one replica that spans all sites). Its
program is a sequence of ops. A blocking exchange is a Start and a Wait at once; an overlapped one waits later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Collective:
    """An all-reduce among the chips of some workers.

    Attributes:
      name: what is exchanged: `gradients`, `outer`.
      index: which one of that name it is, from 0; members agree on it.
      members: the workers that take part; a single member means among its own chips, inside its datacenter.
      payload_bytes: what every chip contributes each time [byte].
      count: how many exchanges in a row this stands for (the H gradient exchanges of an inner round).
    """

    name: str
    index: int
    members: tuple[int, ...]
    payload_bytes: float
    count: int = 1


@dataclass(frozen=True, slots=True)
class Compute:
    """The worker computes for a while: `steps` inner steps with no exchange between them."""

    seconds: float
    steps: int = 1


@dataclass(frozen=True, slots=True)
class Start:
    """The worker joins a collective and goes on; the exchange begins when the last member has joined."""

    collective: Collective


@dataclass(frozen=True, slots=True)
class Wait:
    """The worker stands still until a collective that it started is done."""

    collective: Collective


Op = Compute | Start | Wait


def moved(program: Iterable[Op], by: int) -> Iterator[Op]:
    """A program whose worker 0 stands at another place among the workers of several jobs."""
    for op in program:
        if isinstance(op, Compute):
            yield op
        else:
            members = tuple(member + by for member in op.collective.members)
            yield type(op)(replace(op.collective, members=members))
