"""What a strategy states about itself besides its program: which loss law is its own, and how its workers meet."""

from __future__ import annotations

from typing import Literal, NamedTuple

Replica = int
"""A replica by its number, from 0: a copy of the model, which differs from the others between outer steps."""


class Law(NamedTuple):
    """Under which published law the loss of a strategy falls.

    Attributes:
      algorithm: as `sim.laws` calls it.
      replicas: M.
      sync_every: H; None where the law has no such thing.
      fitted: whether it was fitted on runs of this very strategy; if not, it is only the nearest that there is.
    """

    algorithm: Literal["data-parallel", "diloco"]
    replicas: int
    sync_every: int | None
    fitted: bool


class Meetings(NamedTuple):
    """When the workers of a strategy meet; how far a replay can be shortened follows from it.

    Attributes:
      of_all: whether every exchange between datacenters is among all workers, who go on together.
      linger: whether an exchange may still be under way when the next round has begun.
      own_pace: whether workers make steps by their own pace, so that places never come back.
      drawn: whether partners are drawn by lot, so that no round is like another.
    """

    of_all: bool = True
    linger: bool = False
    own_pace: bool = False
    drawn: bool = False


def open_end(closing: bool) -> dict[str, str]:
    """What parameters say of a run without its closing exchange."""
    return {} if closing else {"open end": ""}
