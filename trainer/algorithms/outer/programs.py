"""The outer step: the schedule of the exchanges, and the programs of the change, the exchange and the update.

What happens in an outer step is the algorithm's own (`step.py`): here its parts are compiled, for a fragment and the
whole mesh. Each replica holds theta and the outer optimizer's state itself, in float32, so only the change is sent.

Source: arXiv 2501.18512, algorithm 2 (fragments, and when each is sent).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from ...config.run import TrainConfig
from ...model.initial import Params, param_shapes
from ...parallel.mesh import BY_REPLICA, REPLICA_AXIS
from ...programs.compile import (
    buckets,
    compile_exchange,
    compile_group_exchange,
    compile_merge,
    compile_program,
    gather_of_rows,
    gather_over,
    mean_of_rows,
    mean_over,
)
from ...programs.program import Program
from .fragments import Fragment
from .step import Combine, OuterState, OuterStep

_shape: Any = jax.ShapeDtypeStruct
"""Untyped in JAX."""


class Event(NamedTuple):
    """An event of a fragment after an inner step.

    Attributes:
      kind: `send` starts its exchange, `arrive` uses the result, `finish` does both after the last step, or
        among all replicas where other exchanges are within groups; `merge`: a syncer moves theta by the changes of some
        replicas, and `take`: some replicas take theta over (`own_paces.py`).
      fragment: its number.
      groups: for each replica the number of its group; empty if all of them are one.
      shares: for each replica: of a merge its weight in the mean, relative to those who are in it, and 0 for any other
        one; of a take the share of its own parameters that it keeps, and 1 where it does not take.
      joined: the replicas that are in a merge; one with nothing new has weight 0.
    """

    kind: Literal["send", "arrive", "finish", "merge", "take"]
    fragment: int
    groups: tuple[int, ...] = ()
    shares: tuple[float, ...] = ()
    joined: tuple[int, ...] = ()

    @property
    def sends(self) -> bool:
        """Whether an exchange begins with it."""
        return self.kind not in ("arrive", "take")

    @property
    def group_size(self) -> int | None:
        """Replicas of the largest group; None if all of them are one."""
        return max(Counter(self.groups).values(), default=None)


@dataclass(frozen=True)
class Schedule:
    """The steps after which each fragment is exchanged.

    Fragment p is sent after the steps s with s mod H = round(p H / P), where a half is rounded up; so fragment 0 is
    sent at the end of each round. Its result is used tau steps later. After the last step T all exchanges under way
    arrive. Then every fragment is exchanged once more, without any local share, so that the run ends with global
    parameters.

    Attributes:
      steps: T.
      sync_every: H.
      fragments: P.
      overlap_steps: tau.
    """

    steps: int
    sync_every: int
    fragments: int = 1
    overlap_steps: int = 0

    def events(self, step: int) -> Iterator[Event]:
        """The events after an inner step, in order."""
        last = step == self.steps
        earliest = step - self.overlap_steps
        for sent in range(max(1, earliest), step if last else earliest + 1):
            if self.overlap_steps:
                yield from (Event("arrive", p) for p in self._sent_behind(sent))
        if last:
            yield from (Event("finish", p) for p in range(self.fragments))
            return
        for p in self._sent_behind(step):
            yield Event("send", p)
            if not self.overlap_steps:
                yield Event("arrive", p)

    def under_way(self, step: int) -> tuple[int, ...]:
        """The fragments whose exchange has begun by the end of a step and whose result is not used yet."""
        if step == self.steps:
            return ()
        sent = range(max(1, step - self.overlap_steps + 1), step + 1) if self.overlap_steps else ()
        return tuple(sorted(p for s in sent for p in self._sent_behind(s)))

    def most_under_way(self, sizes: Sequence[int]) -> int:
        """The largest total size of exchanges under way after a step, given the size of each fragment's exchange."""
        # from step tau on it repeats every H steps
        steps = range(1, min(self.steps, self.overlap_steps + self.sync_every) + 1)
        return max(sum(sizes[p] for p in self.under_way(step)) for step in steps)

    def exchanges(self) -> int:
        """Number of exchanges in a run, all fragments together."""
        return sum(event.sends for step in range(1, self.steps + 1) for event in self.events(step))

    def _sent_behind(self, step: int) -> list[int]:
        place = step % self.sync_every
        count = self.fragments
        return [p for p in range(count) if (2 * p * self.sync_every + count) // (2 * count) == place]


@dataclass(frozen=True)
class OuterPrograms:
    """The outer step of one fragment on the whole mesh.

    Attributes:
      fragment: the parameters that it moves.
      start: parameters of one replica -> outer state of one replica.
      change: (global parameters, error, parameters) -> (error, payload); reuses the memory of the error.
      exchange: payload of each replica -> result for all of them; None for a single replica. Within groups: (payload of
        each replica, the group of each) -> result for each; of a merge: (the same, the weight of each).
      update: (outer state, result, own payload, parameters) -> (outer state, parameters); reuses the memory of the
        outer state. Of a merge it returns the parameters as they are.
      finish: the same for the exchange after the last step.
      came: shapes of the result, of one replica; replicas that share a device have it in common.
      keeps: whether a replica keeps its payload until the result comes, as some algorithms need.
      dense_bytes: what another algorithm would exchange for these parameters, where the payload is something else than
        a number for each of them; else None [byte].
      take: (theta, the share of its own parameters that each replica keeps, parameters) -> parameters, where a syncer
        merges; else None.
    """

    fragment: Fragment
    start: Callable[[Params], OuterState]
    change: Program
    exchange: Program | None
    update: Program
    finish: Program
    came: Any
    keeps: bool
    dense_bytes: int | None = None
    take: Program | None = None


def compile_outer(config: TrainConfig, mesh: Mesh, fragment: Fragment, step: OuterStep) -> OuterPrograms:
    """Compiles the outer step of a fragment.

    Args:
      config: the run.
      mesh: the whole mesh.
      fragment: the parameters that it moves.
      step: what it does, in one replica.
    """
    gathers, on_device = step.coding.gathers, config.replicas_per_device

    def start(params: Params) -> OuterState:
        return step.start(fragment.take(params))

    def change(theta: Params, error: Any, params: Params) -> tuple[Any, Any]:
        return step.encode(jax.tree.map(jnp.subtract, theta, fragment.take(params)), error, theta)

    def move(
        combine: Combine, share: float, waits: bool, outer: OuterState, came: Any, kept: Any, params: Params
    ) -> tuple[OuterState, Params]:
        moved_by, missing = combine(outer, came, kept)
        if step.merged:
            return OuterState(*step.move(outer, moved_by), outer.error, missing), params
        if waits:
            return outer, fragment.put(params, jax.tree.map(jnp.subtract, outer.params, moved_by))
        theta, state = step.move(outer, moved_by)
        mixed = (
            theta if not share else jax.tree.map(lambda x, y: share * x + (1 - share) * y, fragment.take(params), theta)
        )
        return OuterState(theta, state, outer.error, missing), fragment.put(params, mixed)

    params = param_shapes(config.model, config.positions)
    outer = jax.eval_shape(start, params)
    count = sum(leaf.size for leaf in jax.tree.leaves(outer.params))
    _, sent = jax.eval_shape(change, outer.params, outer.error, params)
    kinds = (mean_over, gather_over) if on_device == 1 else (mean_of_rows, gather_of_rows)
    over = partial(kinds[gathers], REPLICA_AXIS, bucket=buckets(mesh))
    came = jax.tree.map(partial(_gathered, count=config.replicas), sent) if gathers else sent
    exchange: Program | None
    if step.grouped or step.merged:
        compile_it = compile_merge if step.merged else compile_group_exchange
        came, exchange = compile_it(lambda each: step.coding.decode(each, outer.params), mesh, sent, config.replicas)
    else:
        exchange = None if config.replicas == 1 else compile_exchange(over, mesh, sent, came, BY_REPLICA, on_device)

    two = (BY_REPLICA, BY_REPLICA)

    def compiled_move(combine: Combine, local_share: float, waits: bool) -> Program:
        arguments = (outer, came, sent if step.keeps else (), params)
        four, moved = (BY_REPLICA,) * 4, partial(move, combine, local_share, waits)
        common = () if step.grouped or step.merged else (1,)
        return compile_program(moved, mesh, arguments, four, two, donate=(0, 3), share=on_device, common=common)

    update = compiled_move(step.combine, step.local_share, step.theta_waits)
    ends_alike = step.combine_last is None and not step.local_share and not step.theta_waits
    return OuterPrograms(
        fragment=fragment,
        start=start,
        change=compile_program(
            change, mesh, (outer.params, outer.error, params), (BY_REPLICA, *two), two, donate=(1,), share=on_device
        ),
        exchange=exchange,
        update=update,
        finish=update if ends_alike else compiled_move(step.combine_last or step.combine, 0.0, False),
        came=came,
        keeps=step.keeps,
        dense_bytes=None if step.coding.dense_bits is None else count * step.coding.dense_bits // 8,
        take=_compile_take(mesh, fragment, outer.params, params, on_device) if step.merged else None,
    )


def _compile_take(mesh: Mesh, fragment: Fragment, theta: Params, params: Params, share: int) -> Program:
    """Compiles how replicas take a fragment of theta over; see `OuterPrograms.take`."""

    def take(theta: Params, kept: jax.Array, params: Params) -> Params:
        def mixed(own: jax.Array, new: jax.Array) -> jax.Array:
            return jnp.where(kept < 1, jnp.where(kept > 0, kept * own + (1 - kept) * new, new), own)

        return fragment.put(params, jax.tree.map(mixed, fragment.take(params), theta))

    arguments = (theta, _shape((), jnp.float32), params)
    return compile_program(take, mesh, arguments, (BY_REPLICA,) * 3, BY_REPLICA, donate=(2,), share=share)


def _gathered(leaf: Any, count: int) -> Any:
    return _shape((count, *leaf.shape), leaf.dtype)
