"""The outer step: the schedule of the exchanges, and the programs of the change, the exchange and the update.

Global parameters theta of a fragment move by outer SGD with Nesterov momentum on the mean change of the replicas:

    change_m = theta - theta_m;  theta <- SGD(theta, mean_m change_m);  theta_m <- a theta_m + (1 - a) theta

with `a` the local share (0 without overlap). Each replica holds theta and the momentum itself, in float32, so only the
change is sent. Eager updates use another estimate of the mean, see `algorithms/eager_diloco.py`.

Source: arXiv 2311.08105, algorithm 1; arXiv 2501.18512, algorithm 2; arXiv 2502.12996.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from ...config.run import TrainConfig
from ...model.optimizers import outer_optimizer
from ...model.transformer import Params, param_shapes
from ...parallel.mesh import BY_REPLICA, REPLICA_AXIS
from ...programs.compile import (
    buckets,
    compile_exchange,
    compile_program,
    gather_of_rows,
    gather_over,
    mean_of_rows,
    mean_over,
)
from ...programs.program import Program
from .fragments import Fragment
from .rounding import decode, encode, mean_of

_shape: Any = jax.ShapeDtypeStruct
"""Untyped in JAX."""


class OuterState(NamedTuple):
    """The state of a fragment in one replica that outer steps change.

    Attributes:
      params: global parameters theta.
      optimizer: the outer optimizer's state.
      error: rounding error of the last exchange; empty without error feedback.
      missing: the part that the last estimate lacked, which the next one adds; empty without eager updates.
    """

    params: Params
    optimizer: Any
    error: Any
    missing: Any


class Event(NamedTuple):
    """An event of a fragment after an inner step.

    Attributes:
      kind: `send` starts its exchange, `arrive` uses the result, `finish` does both after the last step.
      fragment: its number.
    """

    kind: Literal["send", "arrive", "finish"]
    fragment: int


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
        return sum(event.kind != "arrive" for step in range(1, self.steps + 1) for event in self.events(step))

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
      exchange: payload of each replica -> result for all of them; None for a single replica.
      update: (outer state, result, own payload, parameters) -> (outer state, parameters); reuses the memory of the
        outer state.
      finish: the same for the exchange after the last step.
      came: shapes of the result, of one replica; replicas that share a device have it in common.
      keeps: whether a replica keeps its payload until the result comes, as eager updates need.
    """

    fragment: Fragment
    start: Callable[[Params], OuterState]
    change: Program
    exchange: Program | None
    update: Program
    finish: Program
    came: Any
    keeps: bool


def compile_outer(config: TrainConfig, mesh: Mesh, fragment: Fragment, *, eager: bool = False) -> OuterPrograms:
    """Compiles the outer step of a fragment.

    Args:
      config: the run.
      mesh: the whole mesh.
      fragment: the parameters that it moves.
      eager: whether each replica moves by an estimate of the mean (eager updates).
    """
    optimizer = outer_optimizer(config)
    alone, share = config.replicas == 1, config.replicas_per_device
    bits = 32 if alone else config.exchange_bits

    def start(params: Params) -> OuterState:
        own = fragment.take(params)
        zeros = jax.tree.map(jnp.zeros_like, own)
        feedback = config.error_feedback and bits < 32
        return OuterState(own, optimizer.init(own), zeros if feedback else (), zeros if eager else ())

    def change(theta: Params, error: Any, params: Params) -> tuple[Any, Any]:
        changed = jax.tree.map(jnp.subtract, theta, fragment.take(params))
        if not jax.tree.leaves(error):
            return error, encode(changed, bits)
        wanted = jax.tree.map(jnp.add, changed, error)
        sent = encode(wanted, bits)
        return jax.tree.map(jnp.subtract, wanted, decode(sent, wanted, bits)), sent

    def move(last: bool, outer: OuterState, came: Any, kept: Any, params: Params) -> tuple[OuterState, Params]:
        estimate, missing = mean_of(came, outer.params, bits), outer.missing
        if eager:
            estimate, missing = _eager(estimate, decode(kept, outer.params, bits), missing, config.replicas, last=last)
        updates, state = optimizer.update(estimate, outer.optimizer, outer.params)
        theta = optax.apply_updates(outer.params, updates)
        share = 0.0 if last else config.local_share
        mixed = (
            theta if not share else jax.tree.map(lambda x, y: share * x + (1 - share) * y, fragment.take(params), theta)
        )
        return OuterState(theta, state, outer.error, missing), fragment.put(params, mixed)

    params = param_shapes(config.model)
    outer = jax.eval_shape(start, params)
    _, sent = jax.eval_shape(change, outer.params, outer.error, params)
    kinds = (mean_over, gather_over) if share == 1 else (mean_of_rows, gather_of_rows)
    over = partial(kinds[bits < 32], REPLICA_AXIS, bucket=buckets(mesh))
    came = sent if bits == 32 else jax.tree.map(partial(_gathered, count=config.replicas), sent)

    two = (BY_REPLICA, BY_REPLICA)

    def compiled_move(*, last: bool) -> Program:
        arguments = (outer, came, sent if eager else (), params)
        four, moved = (BY_REPLICA,) * 4, partial(move, last)
        return compile_program(moved, mesh, arguments, four, two, donate=(0, 3), share=share, common=(1,))

    update = compiled_move(last=False)
    return OuterPrograms(
        fragment=fragment,
        start=start,
        change=compile_program(
            change, mesh, (outer.params, outer.error, params), (BY_REPLICA, *two), two, donate=(1,), share=share
        ),
        exchange=None if alone else compile_exchange(over, mesh, sent, came, BY_REPLICA, share),
        update=update,
        finish=compiled_move(last=True) if eager or config.local_share else update,
        came=came,
        keeps=eager,
    )


def _eager(mean: Any, own: Any, missing: Any, replicas: int, *, last: bool) -> tuple[Any, Any]:
    """A replica's estimate of the mean change, and the part that the estimate lacks."""
    if last:
        return jax.tree.map(jnp.add, mean, missing), jax.tree.map(jnp.zeros_like, missing)
    share = jax.tree.map(lambda x: x / replicas, own)
    return jax.tree.map(jnp.add, share, missing), jax.tree.map(jnp.subtract, mean, share)


def _gathered(leaf: Any, count: int) -> Any:
    return _shape((count, *leaf.shape), leaf.dtype)
