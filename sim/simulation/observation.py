"""What a replay did, moment by moment, as plain data: for timelines and charts. Arithmetic only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Doing = Literal["compute", "packing", "waiting", "inside", "across"]
"""What a worker does: train; make payloads smaller or restore them; wait for slower workers; stand still for an
exchange inside its datacenter, or across datacenters. Each is a term of the report's wall-clock."""

_EXCHANGES = {
    "gradients": "gradient exchange",
    "outer": "outer exchange",
    "push": "push to the server",
    "pull": "pull from the server",
    "global": "exchange with the global server",
    "activations": "activations",
    "returned": "gradients of activations",
}


_MESSAGES = ("activations", "returned")
"""Exchanges that are messages from one site to another, many in a step."""


def is_message(name: str) -> bool:
    """Whether an exchange of a name is one of many messages of a step, from one site to another."""
    return name in _MESSAGES


def exchange_in_words(name: str) -> str:
    """What people call an exchange, by its name."""
    return _EXCHANGES.get(name, name)


class Slice(NamedTuple):
    """A stretch of one worker's time, in which it does one thing. The slices of a worker never overlap.

    Attributes:
      worker: its number, from 0.
      doing: what it does.
      name: the same for people: `compute`, `outer exchange, across sites`, `waiting for site-2`, ...
      start_s, end_s: when, in simulated time from the beginning of the run [s].
      detail: which one of that name: `steps 1 to 30`, `number 2, part 5`, ...
    """

    worker: int
    doing: Doing
    name: str
    start_s: float
    end_s: float
    detail: str = ""


class Exchange(NamedTuple):
    """An exchange under way, exposed or hidden behind compute; the exchanges of a worker may overlap.

    Attributes:
      name: what is exchanged: `gradients`, `outer`, `push`, ...
      number, part: which one of that name, and which part (layer, fragment) of it.
      members: the workers for whom it begins and ends: all that take part, or one of them where each goes on with its
        own result (in a chunked ring, and when one comes too late).
      payload_bytes: what every member contributes [byte].
      start_s, end_s: from the moment when it could begin until these members have the result [s].
      times: how many exchanges in a row it stands for, each of that payload.
      behind_s: how long, besides, they were under way behind compute of the same steps, which was over when they are
        drawn to begin [s].
      whole: whether it was over in the stretch that was observed.
    """

    name: str
    number: int
    part: int
    members: tuple[int, ...]
    payload_bytes: float
    start_s: float
    end_s: float
    times: int = 1
    behind_s: float = 0.0
    whole: bool = True


class Flow(NamedTuple):
    """Bytes on their way between two datacenters, or to or from a store.

    Attributes:
      name: what they belong to.
      source, target: names of the datacenters, or of the router of a store.
      links: names of the links on the way.
      payload_bytes: how many [byte].
      start_s, end_s: from the first byte sent until the last has arrived [s].
      sent_s: when the sender had sent the last one [s].
      delay_s: how long a byte is on its way [s].
      whole: whether all had arrived in the stretch that was observed.
    """

    name: str
    source: str
    target: str
    links: tuple[str, ...]
    payload_bytes: float
    start_s: float
    end_s: float
    sent_s: float = 0.0
    delay_s: float = 0.0
    whole: bool = True


class Load(NamedTuple):
    """What one link carries from a moment on, until its next entry.

    Attributes:
      link: its name.
      at_s: the moment [s].
      payload_bits_per_s: what it carries [bit/s].
      capacity_bits_per_s: what it could carry of payload at that moment [bit/s].
      at_once_bytes: what it let pass at that very moment besides, out of the bucket of its shaper [byte].
    """

    link: str
    at_s: float
    payload_bits_per_s: float
    capacity_bits_per_s: float
    at_once_bytes: float = 0.0


@dataclass(frozen=True)
class Observation:
    """A stretch of a replay, everything in it in order of its beginning.

    Attributes:
      label: the strategy that ran.
      sites: the name of each worker's datacenter, by worker.
      start_s, end_s: the stretch that was observed; what reaches beyond it is cut off there [s].
      slices, exchanges, flows, loads: what happened; flows and loads are empty where exchanges have the published cost.
        Loads are those of all jobs that ran at the same time, and only of links that carried anything.
    """

    label: str
    sites: tuple[str, ...]
    start_s: float
    end_s: float
    slices: tuple[Slice, ...]
    exchanges: tuple[Exchange, ...] = ()
    flows: tuple[Flow, ...] = ()
    loads: tuple[Load, ...] = ()
