"""The inner step and the outer step of the training loop, each with the time of its parts."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from ..algorithms import make_algorithm, planned_by, turns
from ..algorithms.outer.programs import Event, OuterPrograms
from ..algorithms.outer.step import OuterState
from ..config.run import TrainConfig
from ..data.batches import Rows
from ..model.initial import Params, init_params, param_shapes
from ..model.optimizers import inner_optimizer
from ..parallel.mesh import (
    BY_REPLICA,
    DATA_AXIS,
    SPREAD,
    Lane,
    abstract,
    make_lanes,
    place_rows,
    ready,
)
from ..parallel.stacked import compile_for_each, compile_replicated, join, one_copy, split
from ..programs.inner_step import InnerPrograms, compile_inner
from .costs import InnerCost, OuterCost, paired, seconds_to_ready


class LaneState(NamedTuple):
    """Parameters and inner optimizer state of a lane's replicas, stacked."""

    params: Params
    optimizer: Any


class UnderWay(NamedTuple):
    """An exchange whose result is not used yet: the result, and the own payload if it is needed again."""

    came: Any
    kept: Any


class State(NamedTuple):
    """The state of a training run: everything that steps change."""

    lanes: list[LaneState]
    outer: tuple[OuterState, ...]
    """Outer state of each fragment on the whole mesh; empty for an algorithm without outer steps."""
    under_way: tuple[UnderWay | None, ...]
    """For each fragment the exchange that is under way."""


class Trainer:
    """A compiled training run.

    Args:
      config: the run.
      rows: returns the token ids of some devices in a step; each process asks for those of its own devices.
      mesh: the devices.
      alone: whether replicas compute one after the other (see `parallel/mesh.py`) instead of all at once.
    """

    def __init__(self, config: TrainConfig, rows: Rows, mesh: Mesh, *, alone: bool) -> None:
        self.mesh = mesh
        self._share = config.replicas_per_device
        self._held = SPREAD if config.fully_sharded else BY_REPLICA
        self.lanes = make_lanes(mesh, alone=alone, share=self._share)
        self.algorithm = make_algorithm(config)
        schedule = self.algorithm.schedule
        plans = [planned_by(config, schedule, lane.first_replica) for lane in self.lanes]
        wanted = [(lane.mesh, plan.planned_steps) for lane, plan in zip(self.lanes, plans, strict=True)]
        compiled = {key: compile_inner(plan, key[0]) for key, plan in dict(zip(wanted, plans, strict=True)).items()}
        self.inner: list[InnerPrograms] = [compiled[key] for key in wanted]
        self.outer = self.algorithm.compile_outer(mesh)
        self.steps = schedule.steps if schedule else config.steps
        """Steps of the loop (`algorithms.loop_steps`)."""
        self._rows = rows
        self._config = config
        self._draws: dict[Mesh, Callable[[], LaneState]] = {}
        self._outer_starts: list[Callable[[Any], OuterState]] = []

    def start(self) -> State:
        """The state before the first step: every replica begins with the same parameters."""
        self.compile_start()
        lanes = [self._draws[lane.mesh]() for lane in self.lanes]
        whole = join([lane.params for lane in lanes], self.mesh, self._share, self._held)
        outer = tuple(begin(whole) for begin in self._outer_starts)
        return State(lanes, outer, (None,) * len(outer))

    def compile_start(self) -> None:
        """Compiles what `start` runs, once; programs of its own for each lane's devices and each fragment."""
        if self._draws:
            return
        config = self._config
        key, model, positions = jax.random.key(config.seed), config.model, config.positions
        begin = inner_optimizer(config).init

        def draw() -> LaneState:
            params = init_params(key, model, positions)
            return LaneState(params, jax.tree.map(jnp.copy, begin(params)))

        self._draws = {lane.mesh: compile_replicated(draw, lane.mesh, self._held) for lane in self.lanes}
        whole = abstract(param_shapes(model, positions), self.mesh, BY_REPLICA, self._share)
        self._outer_starts = [compile_for_each(programs.start, whole, self.mesh) for programs in self.outer]

    def inner_step(self, state: State, step: int) -> tuple[State, InnerCost]:
        """One optimizer step of every replica; of learners with their own paces, of those whose turn it is.

        Args:
          state: the state before; its memory is reused.
          step: the step's number, from 1; decides the batch of every replica that has made as many steps itself.

        Returns:
          The next state, and the cost of the step as measured by this process.
        """
        lane_states = list(state.lanes)
        lane_costs: dict[int, _LaneCost] = {}
        own = dict(turns(self.algorithm.schedule, step, self._config.replicas))
        numbered = [(index, lane) for index, lane in enumerate(self.lanes) if lane.first_replica in own]
        # the first lane of a step finds cold caches, so lanes take turns in being first
        for index, lane in numbered if step % 2 else reversed(numbered):
            programs = self.inner[index]
            tokens_GxBxL = ready(self.batch(lane, own[lane.first_replica]))
            lane_states[index], lane_costs[index] = _lane_step(lane, programs, lane_states[index], tokens_GxBxL)
        return state._replace(lanes=lane_states), self._total(lane_costs)

    def batch(self, lane: Lane, step: int) -> jax.Array:
        """The tokens of a lane in a step, on their way to its devices."""
        own = lane.own_devices
        rows_GxBxL = self._rows(step, [lane.first_device + device for device in own])
        return place_rows(rows_GxBxL, own, lane.mesh)

    def follows(self, step: int) -> bool:
        """Whether an exchange begins or a result arrives after an inner step."""
        return self.algorithm.schedule is not None and any(True for _ in self.algorithm.schedule.events(step))

    def outer_step(self, state: State, step: int) -> tuple[State, list[OuterCost]]:
        """Starts the exchanges that are due after an inner step, and applies the results that arrive.

        Args:
          state: the state before; its memory is reused.
          step: the inner step that was just taken.

        Returns:
          The next state, and the cost for each fragment, in order.
        """
        schedule = self.algorithm.schedule
        events = list(schedule.events(step)) if schedule else []
        if not events:
            return state, []
        params = join([lane.params for lane in state.lanes], self.mesh, self._share)
        outer, under_way = list(state.outer), list(state.under_way)
        costs: list[OuterCost] = []
        for event in events:
            p, programs = event.fragment, self.outer[event.fragment]
            begin = end = time.perf_counter()
            compute_s, exchange_s = 0.0, None
            if event.kind == "take" and programs.take:
                params = ready(programs.take(outer[p].params, np.array(event.shares, np.float32), params))
                end = time.perf_counter()
                compute_s = end - begin
            elif event.kind != "arrive":
                error, under_way[p], changed, end = _send(programs, outer[p], params, event)
                outer[p] = outer[p]._replace(error=error)
                compute_s, exchange_s = (
                    changed - begin,
                    end - changed if programs.exchange and self._share == 1 else None,
                )
            arrived = under_way[p]
            if event.kind != "send" and arrived is not None:
                move = programs.finish if event.kind == "finish" else programs.update
                outer[p], params = ready(move(outer[p], arrived.came, arrived.kept, params))
                under_way[p] = None
                moved = time.perf_counter()
                compute_s, end = compute_s + moved - end, moved
            whole_s, joined = end - begin, len(event.joined) or None
            costs.append(OuterCost(p, event.sends, compute_s, exchange_s, whole_s, event.group_size, joined))
        parts = split(params, self.lanes, self._share)
        lanes = [LaneState(part, lane.optimizer) for part, lane in zip(parts, state.lanes, strict=True)]
        return State(lanes, tuple(outer), tuple(under_way)), paired(costs)

    def params(self, state: State) -> Params:
        """The parameters of all replicas, stacked over the whole mesh."""
        params: Params = join([lane.params for lane in state.lanes], self.mesh, self._share, self._held)
        return params

    def global_params(self, state: State) -> Params:
        """One copy of the global parameters; of a run of one process."""
        whole: Params = jax.tree.map(lambda x: jnp.asarray(one_copy(x)), jax.device_get(self.params(state)))
        for programs, outer in zip(self.outer, state.outer, strict=True):
            part = jax.tree.map(one_copy, jax.device_get(outer.params))
            whole = programs.fragment.put(whole, part)
        return whole

    def snapshot(self, state: State) -> Any:
        """The state as one pytree over the whole mesh, without copying."""
        lanes = LaneState(
            *(join(list(parts), self.mesh, self._share, self._held) for parts in zip(*state.lanes, strict=True))
        )
        return lanes, state.outer, state.under_way

    def restored(self, snapshot: Any) -> State:
        """The state from its snapshot."""
        lanes, outer, under_way = snapshot
        params, optimizer = (
            split(each, self.lanes, self._share, self._held) for each in (lanes.params, lanes.optimizer)
        )
        return State([LaneState(*parts) for parts in zip(params, optimizer, strict=True)], outer, under_way)

    def snapshot_shapes(self, step: int) -> Any:
        """The shapes and shardings of the snapshot after a step."""
        params = param_shapes(self._config.model, self._config.positions)
        optimizer = jax.eval_shape(inner_optimizer(self._config).init, params)
        outer = tuple(jax.eval_shape(programs.start, params) for programs in self.outer)
        pending = self.algorithm.schedule.under_way(step) if self.algorithm.schedule else ()
        # a kept payload is never part of a snapshot: it is used within the step
        under_way = tuple(
            UnderWay(programs.came, ()) if p in pending else None for p, programs in enumerate(self.outer)
        )
        lanes = abstract(LaneState(params, optimizer), self.mesh, self._held, self._share)
        outer = abstract(outer, self.mesh, BY_REPLICA, self._share)
        return lanes, outer, abstract(under_way, self.mesh, BY_REPLICA)

    def _total(self, costs: dict[int, _LaneCost]) -> InnerCost:
        """The cost of a step over the lanes of this process that took it."""
        count = self._config.replicas
        compute_s, whole_s, losses, seen = [0.0] * count, [0.0] * count, [math.nan] * count, [0] * count
        for index, cost in costs.items():
            lane = self.lanes[index]
            for row, (compute, whole, each) in cost.rows.items():
                replica = lane.first_replica + row
                compute_s[replica], whole_s[replica] = compute, whole
                losses[replica], seen[replica] = statistics.fmean(each) if each else math.nan, len(each)
        exchange_s = (
            max((cost.exchange_s or 0.0 for cost in costs.values()), default=0.0) if self.inner[0].exchange else None
        )
        return InnerCost(compute_s, exchange_s, losses, whole_s, seen)


def _send(
    programs: OuterPrograms, outer: OuterState, params: Params, event: Event
) -> tuple[Any, UnderWay, float, float]:
    """Exchanges a fragment's change; returns the rounding error, the exchange, and the ends of change and exchange."""
    error, sent = ready(programs.change(outer.params, outer.error, params))
    changed = time.perf_counter()
    given = (sent, np.array(event.groups, np.int32)) if event.groups else (sent,)
    given = (sent, np.array(event.shares, np.float32)) if event.shares else given
    came = ready(programs.exchange(*given)) if programs.exchange else sent
    return error, UnderWay(came, sent if programs.keeps else ()), changed, time.perf_counter()


@dataclass(frozen=True)
class _LaneCost:
    """The cost of an inner step in a lane: for each replica with devices here, times (compute, whole) and losses."""

    rows: dict[int, tuple[float, float, list[float]]]
    exchange_s: float | None


def _lane_step(
    lane: Lane, programs: InnerPrograms, state: LaneState, tokens_GxBxL: jax.Array
) -> tuple[LaneState, _LaneCost]:
    first = time.perf_counter()
    gathered = ready(programs.gather(state.params)) if programs.gather else state.params
    begin = time.perf_counter()
    exchange_s = begin - first if programs.gather else None
    gradients, cross_entropy_G = programs.gradients(gathered, tokens_GxBxL)
    gradients_s = seconds_to_ready(lane.mesh, (gradients, cross_entropy_G), begin)
    del gathered
    if programs.exchange:
        begin = time.perf_counter()
        gradients = ready(programs.exchange(gradients))
        exchange_s = (exchange_s or 0.0) + time.perf_counter() - begin
    begin = time.perf_counter()
    params, optimizer = programs.update(state.params, state.optimizer, gradients)
    update_s = seconds_to_ready(lane.mesh, (params, optimizer), begin)
    losses: dict[int, list[float]] = {row: [] for row in gradients_s}
    for shard in cross_entropy_G.addressable_shards:
        if shard.replica_id == 0:
            row = (shard.index[0].start or 0) // lane.mesh.shape[DATA_AXIS]
            losses[row].append(float(np.asarray(shard.data)[0]))
    rows = {row: (gradients_s[row] + update_s[row], begin - first + update_s[row], losses[row]) for row in gradients_s}
    return LaneState(params, optimizer), _LaneCost(rows, exchange_s)
