"""How the engine sees a network: two protocols, which each network implements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

import simpy

from ..engine.ops import Collective
from ..engine.timeline import LinkUse

if TYPE_CHECKING:
    from .calendar import Calendar


class Served(NamedTuple):
    """How an exchange between sites went.

    Attributes:
      began_s: when the network turned to it, which may be after all had come: those of a site queue [s].
      first_s, last_s: how long it was at work inside the sites, in its beginning and in its end [s].
    """

    began_s: float
    first_s: float
    last_s: float


class Carrier(Protocol):
    """A network at work in one replay."""

    def transfer(self, collective: Collective) -> simpy.Event:
        """Begins a collective now; the event fires when every member has the result.

        Its value, if any, says how it was `Served`.
        """
        ...

    def inside_s(self, collective: Collective) -> float:
        """How long a worker stands still for an exchange among its own chips, all `count` of them [s]."""
        ...

    def apart(self, collective: Collective) -> Callable[[int], simpy.Event] | None:
        """A function that begins a member's part, if each begins and ends by itself; None if all do so together.

        The function is called once for each member, when that member comes. The event that it returns fires when the
        member has its result.
        """
        ...

    def crossing_bytes(self, collective: Collective) -> float:
        """Bytes that the collective sends out of all its sites together [byte]."""
        ...

    def links(self) -> tuple[LinkUse, ...]:
        """What every link has carried so far."""
        ...

    def stalled(self) -> list[str]:
        """Links that carry nothing although something waits for them."""
        ...

    def credit_s(self) -> tuple[float, ...]:
        """What the bucket of every link that has one holds now, as the seconds in which it fills so far [s]."""
        ...

    def next_change_s(self) -> float:
        """When the bandwidth of any link changes next, by the clock; infinite: never [s]."""
        ...

    def decided_s(self) -> float:
        """Until when it is decided how all goes that was handed over: no leap may bring a change nearer [s]."""
        ...

    def sent(self) -> Mapping[tuple[int, int], float]:
        """Bytes between workers so far, by sender and receiver; empty where nobody counts them [byte]."""
        ...

    def clock_leapt(self) -> None:
        """The calendar has just leapt (see `leaps`): links look up anew what they have next, and when."""
        ...


class Network(Protocol):
    """How the engine sees a network."""

    def collective(self, members: tuple[int, ...], payload_bytes: float) -> str:
        """How an exchange among some workers is done, by name."""
        ...

    def connect(self, env: simpy.Environment) -> Carrier:
        """Puts the network to work under a clock."""
        ...

    def leaping(self, calendar: Calendar) -> Network:
        """The same network, whose links change by a calendar."""
        ...
