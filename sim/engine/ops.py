"""Compute, Start, Wait, Inside, Merge: the vocabulary that a strategy is written in.

A worker is one datacenter's share of the run (a replica, or a part of the one replica that spans all sites). Its
program is a sequence of ops. A blocking exchange is a Start and a Wait at once; an overlapped one waits later; an
asynchronous worker meets nobody, exchanges with a server, and merges what it has when it comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from .joins import Meeting
    from .traffic import Traffic


class Join(Protocol):
    """How the members of a collective come together; `joins` has those that there are."""

    def meeting(self, traffic: Traffic, collective: Collective) -> Meeting:
        """Where one collective of a replay comes together."""
        ...


Shape = Literal["all-reduce", "all-gather", "mailbox"]
"""What the members of a collective do with each other's payloads: sum them, or keep all of them, which they may leave
in a mailbox for each other."""
STORE = -1
"""The store of a network, as the end of a one-way transfer whose other end is a worker."""
Worker = int
"""A worker by its place among those of a replay, from 0. The engine knows neither replicas nor datacenters."""


class _Many(tuple[int, ...]):
    """Members of a collective, hashed once: when there are a thousand, each of them looks for what it joins."""

    _known: int

    def __hash__(self) -> int:
        try:
            return self._known
        except AttributeError:
            self._known = super().__hash__()
            return self._known


_MANY = 32
"""Members from which on hashing them each time takes longer than calling `__hash__`."""


def group(workers: Iterable[int]) -> tuple[int, ...]:
    """Some workers as members of a collective."""
    found = tuple(workers)
    return found if len(found) < _MANY else _Many(found)


@dataclass(frozen=True, slots=True)
class Collective:
    """An all-reduce among the chips of some workers, an all-gather among them, or a transfer to or from a server.

    Attributes:
      name: what is exchanged: `gradients`, `outer`; `push` and `pull` with a server.
      index: which one of that name it is, from 0; members agree on it.
      members: the workers that take part; a single member means among its own chips, inside its datacenter.
      payload_bytes: what every chip contributes each time; in an all-gather every worker, as its chips share it [byte].
      count: how many exchanges in a row this stands for (the H gradient exchanges of an inner round).
      part: which part of it, where it goes in several (layers, fragments).
      behind_s: how much of each such exchange runs behind compute that the program has counted already [s]; of an
        exchange between sites, how much of its parts inside them.
      parts_inside: whether an exchange between sites has its parts inside them to pay; they may have been measured
        with the compute.
      source, target: for a one-way transfer, the workers in whose datacenters it begins and ends; only the member
        joins.
      join: how its members come together; None: all of them meet at a barrier.
      shape: what the members get: the sum of all payloads, or all of them.
      batch: one-way transfers of the same batch share their links, and wait for those of others; None: each waits for
        all before it, as at the published cost in any case.
      stream: whether a one-way transfer is a message on a connection between its two workers, one for each name: it
        leaves when the last bit of the message before has left, and shares the links with whatever else is on them.
      in_turn: whether such a message waits for those before it on any of its links, too, if they go in turn; of those
        handed over at the same moment the sender that stands first among the workers is first.
    """

    name: str
    index: int
    members: tuple[int, ...]
    payload_bytes: float
    count: int = 1
    part: int = 0
    behind_s: float = 0.0
    source: int | None = None
    target: int | None = None
    join: Join | None = None
    parts_inside: bool = True
    shape: Shape = "all-reduce"
    batch: str | None = None
    stream: bool = False
    in_turn: bool = False

    @property
    def touches(self) -> tuple[int, ...]:
        """The workers whose datacenters it uses: its members, or both ends of a one-way transfer."""
        if self.source is None or self.target is None:
            return self.members
        return (self.source, self.target) if self.source != self.target else (self.source,)

    def moved(self, by: int) -> Collective:
        """The same among workers who stand at another place."""

        def at(worker: int | None) -> int | None:
            return worker if worker is None or worker == STORE else worker + by

        members = group(member + by for member in self.members)
        return replace(self, members=members, source=at(self.source), target=at(self.target))


@dataclass(frozen=True, slots=True)
class Compute:
    """The worker computes for a while: `steps` inner steps with no exchange between them.

    A step with exchanges in it comes in pieces, the last of which counts it (`steps` is 0 in the others). What is
    not `useful` trains nothing: packing and unpacking a payload. `seconds` is what it takes with a host to itself; it
    takes longer where workers share one. `label` says which piece it is, for those who look on.
    """

    seconds: float
    steps: int = 1
    useful: bool = True
    label: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """The worker joins a collective and goes on. The exchange begins when all members have come whom its join needs."""

    collective: Collective


@dataclass(frozen=True, slots=True)
class Wait:
    """The worker stands still until a collective that it started is done."""

    collective: Collective


@dataclass(frozen=True, slots=True)
class Inside:
    """The worker exchanges among its own chips, and stands still until that is done: a Start and a Wait at once.

    `collective` has no other member, and is the same for many of them: `first` says which one of its name it is.
    """

    collective: Collective
    first: int = 0

    @property
    def numbered(self) -> Collective:
        """The collective with its number."""
        return replace(self.collective, index=self.first)


@dataclass(frozen=True, slots=True)
class Merge:
    """The worker's change goes into the parameters that a group shares, and it takes these over, now."""

    group: tuple[int, ...]


Op = Compute | Start | Wait | Inside | Merge


def moved(program: Iterable[Op], by: int) -> Iterator[Op]:
    """A program whose worker 0 stands at another place among the workers of several jobs."""
    for op in program:
        if isinstance(op, Compute):
            yield op
        elif isinstance(op, Merge):
            yield Merge(tuple(member + by for member in op.group))
        elif isinstance(op, Inside):
            yield replace(op, collective=op.collective.moved(by))
        else:
            yield type(op)(op.collective.moved(by))
