"""The training loop's two moves, the inner and the outer step, each with the seconds that its parts took."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from numpy.typing import NDArray

from .algorithms import make_algorithm
from .config import TrainConfig
from .mesh import BY_DEVICE, REPLICA_AXIS, join, make_lanes, ready, replicate, split
from .model import Params, init_params
from .optim import inner_optimizer
from .program import InnerPrograms, compile_inner


class LaneState(NamedTuple):
    """Parameters and inner optimizer state of a lane's replicas, stacked."""

    params: Params
    optimizer: Any


class State(NamedTuple):
    """Everything that training changes."""

    lanes: list[LaneState]
    outer: Any
    """Outer state on the whole mesh; None for an algorithm without outer steps."""


@dataclass(frozen=True)
class InnerCost:
    """What an inner step cost.

    Attributes:
      compute_s: gradients and update of each replica [s].
      exchange_s: the slowest lane's exchange of gradients [s]; None where there is none.
      losses: cross-entropy of each replica before the step [nats per token].
      whole_s: the whole step of each replica on one clock, its exchange included [s]; None where nothing ran.
    """

    compute_s: list[float]
    exchange_s: float | None
    losses: list[float]
    whole_s: Sequence[float | None]


@dataclass(frozen=True)
class OuterCost:
    """What an outer step cost.

    Attributes:
      compute_s: its own arithmetic, the change and the update [s].
      exchange_s: the exchange between replicas [s]; None where there is one replica.
      whole_s: the whole outer step on one clock [s]; None where nothing ran.
    """

    compute_s: float
    exchange_s: float | None
    whole_s: float | None


class Trainer:
    """A compiled training run.

    Args:
      config: the run.
      batches: gives the token ids of a step (from 1), devices x sequences x (L + 1).
      mesh: the devices.
      alone: whether each replica computes alone, one after the other (see `mesh`), rather than all at once.
    """

    def __init__(
        self, config: TrainConfig, batches: Callable[[int], NDArray[np.int32]], mesh: Mesh, *, alone: bool
    ) -> None:
        self.mesh = mesh
        self.lanes = make_lanes(mesh, alone=alone)
        self.algorithm = make_algorithm(config)
        self.inner: list[InnerPrograms] = [compile_inner(config, lane) for lane in self.lanes]
        self.outer = self.algorithm.compile_outer(mesh)
        self._batches = batches
        self._config = config

    def start(self) -> State:
        """The state before the first step: every replica begins with the same parameters."""
        params = jax.device_get(
            jax.jit(init_params, static_argnums=1)(jax.random.key(self._config.seed), self._config.model)
        )
        optimizer = jax.device_get(jax.jit(inner_optimizer(self._config).init)(params))
        lanes = [LaneState(replicate(params, lane), replicate(optimizer, lane)) for lane in self.lanes]
        return State(lanes, replicate(self.outer.start(params), self.mesh) if self.outer else None)

    def inner_step(self, state: State, step: int) -> tuple[State, InnerCost]:
        """One optimizer step of every replica.

        Args:
          state: given up; its memory is used again.
          step: the step's number, from 1; decides the batch.

        Returns:
          The next state and what the step cost.
        """
        batch_GxBxL = self._batches(step)
        lane_states = list(state.lanes)
        lane_costs: dict[int, InnerCost] = {}
        numbered = list(enumerate(zip(self.lanes, self.inner, strict=True)))
        # whoever computes first in a step finds colder caches, so lanes take turns at it
        for index, (lane, programs) in numbered if step % 2 else reversed(numbered):
            rows_GxBxL = batch_GxBxL[index * lane.size : (index + 1) * lane.size]
            tokens_GxBxL = ready(jax.device_put(rows_GxBxL, NamedSharding(lane, BY_DEVICE)))
            lane_states[index], lane_costs[index] = _lane_step(lane, programs, lane_states[index], tokens_GxBxL)
        costs = [lane_costs[index] for index in range(len(self.lanes))]
        exchanges = [cost.exchange_s for cost in costs if cost.exchange_s is not None]
        total = InnerCost(
            compute_s=[seconds for cost in costs for seconds in cost.compute_s],
            exchange_s=max(exchanges, default=None),
            losses=[loss for cost in costs for loss in cost.losses],
            whole_s=[seconds for cost in costs for seconds in cost.whole_s],
        )
        return State(lane_states, state.outer), total

    def outer_step(self, state: State) -> tuple[State, OuterCost]:
        """One outer step: exchange the changes, move the global parameters, start every replica again from them.

        Args:
          state: given up; its memory is used again.

        Returns:
          The next state and what the step cost.

        Raises:
          ValueError: the algorithm has no outer step.
        """
        if self.outer is None:
            raise ValueError(f"{self._config.algorithm} has no outer step")
        params = join([lane.params for lane in state.lanes], self.mesh)
        begin = time.perf_counter()
        change = ready(self.outer.change(state.outer, params))
        changed = time.perf_counter()
        mean_change = ready(self.outer.exchange(change)) if self.outer.exchange else change
        exchanged = time.perf_counter()
        outer, params = ready(self.outer.update(state.outer, mean_change))
        end = time.perf_counter()
        parts = split(params, self.lanes)
        lanes = [LaneState(part, lane.optimizer) for part, lane in zip(parts, state.lanes, strict=True)]
        exchange_s = exchanged - changed if self.outer.exchange else None
        return State(lanes, outer), OuterCost(changed - begin + end - exchanged, exchange_s, end - begin)

    def params(self, state: State) -> Params:
        """The parameters of all replicas, stacked over the whole mesh."""
        params: Params = join([lane.params for lane in state.lanes], self.mesh)
        return params


def _lane_step(
    lane: Mesh, programs: InnerPrograms, state: LaneState, tokens_GxBxL: jax.Array
) -> tuple[LaneState, InnerCost]:
    first = begin = time.perf_counter()
    gradients, cross_entropy_G = programs.gradients(state.params, tokens_GxBxL)
    gradients_s = _seconds_to_ready(lane, (gradients, cross_entropy_G), begin)
    exchange_s = None
    if programs.exchange:
        begin = time.perf_counter()
        gradients = ready(programs.exchange(gradients))
        exchange_s = time.perf_counter() - begin
    begin = time.perf_counter()
    params, optimizer = programs.update(state.params, state.optimizer, gradients)
    update_s = _seconds_to_ready(lane, (params, optimizer), begin)
    losses_M = np.asarray(cross_entropy_G, np.float64).reshape(lane.devices.shape).mean(axis=1)
    compute_s = [gradient_s + seconds for gradient_s, seconds in zip(gradients_s, update_s, strict=True)]
    whole_s = [begin - first + seconds for seconds in update_s]
    return LaneState(params, optimizer), InnerCost(compute_s, exchange_s, losses_M.tolist(), whole_s)


def _seconds_to_ready(lane: Mesh, results: Any, begin: float) -> list[float]:
    """Blocks on one replica after the other; each one's seconds from `begin` until its results were there."""
    if lane.shape[REPLICA_AXIS] == 1:
        ready(results)
        return [time.perf_counter() - begin]
    shards = [{shard.device: shard.data for shard in leaf.addressable_shards} for leaf in jax.tree.leaves(results)]
    seconds = []
    for row in lane.devices:
        ready([leaf[device] for leaf in shards for device in row])
        seconds.append(time.perf_counter() - begin)
    return seconds
