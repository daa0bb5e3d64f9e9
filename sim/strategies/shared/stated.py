"""Statements of a strategy about itself beside its program: its loss law, and how its workers exchange."""

from __future__ import annotations

from typing import Literal, NamedTuple

Replica = int
"""A replica by its number, from 0: a copy of the model, which differs from the others between outer steps."""


class Law(NamedTuple):
    """The published loss law of a strategy.

    Attributes:
      algorithm: its name in `sim.laws`.
      replicas: M.
      sync_every: H; None if the law does not depend on it.
      fitted: whether the law was fitted on runs of this strategy; else it is only the nearest law.
      late_steps: inner steps that pass before the result of an exchange is used; None where nobody has published what
        the strategy costs in loss.
    """

    algorithm: Literal["data-parallel", "diloco"]
    replicas: int
    sync_every: int | None
    fitted: bool
    late_steps: int | None = 0


class Meetings(NamedTuple):
    """How the workers of a strategy exchange; decides how far a replay can be shortened.

    Attributes:
      of_all: whether every exchange between datacenters is among all workers, which continue together.
      linger: whether an exchange may last into the next round.
      own_pace: whether workers make steps at their own pace, so that their relative positions never repeat.
      drawn: whether partners are drawn at random, so that rounds differ.
      at_once: whether transfers share links at the same time.
      knows_the_end: whether exchanges depend on how long the run is, so that a replay cannot go on for longer than it
        was to.
      opens: whether workers of several datacenters exchange with each other in the first round, and not one way.
      alike: whether those who wait for each other make as many inner steps in a round, in any datacenters.
    """

    of_all: bool = True
    linger: bool = False
    own_pace: bool = False
    drawn: bool = False
    at_once: bool = False
    knows_the_end: bool = False
    opens: bool = True
    alike: bool = True


class Held(NamedTuple):
    """What of a model a worker has in the memory of its chips.

    Attributes:
      params: share of the parameters.
      activations: microbatches whose activations it keeps at a time, each counted by its share of the layers.
    """

    params: float = 1.0
    activations: float = 1.0


def open_end(closing: bool) -> dict[str, str]:
    """The entry in `parameters` for a run without its closing exchange."""
    return {} if closing else {"open end": ""}
