"""One site: a process of a real training run, its moments written down.

Started by run.py, once in each namespace. Modes: `train` is the run, once or several times; `profile` measures what the
prediction needs: inner steps of all processes at once that never meet, what an exchange of nothing costs, and the outer
step's own arithmetic.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"
# one thread a process, so that two sites on two cores do not take turns in each other's thread pools
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp

from trainer.config.run import TrainConfig
from trainer.data.texts import load_data
from trainer.model.initial import count_params
from trainer.parallel.mesh import REPLICA_AXIS, make_mesh, ready
from trainer.parallel.processes import barrier, start
from trainer.programs.inner_step import InnerPrograms
from trainer.training.loop import State, Trainer

from .ring import Beside, Ring, addresses

WARM_UP, ROUNDS = 3, 40


class Site:
    """A process of the run: the trainer, and how much longer than its own its steps are to take."""

    def __init__(self, config: TrainConfig, processes: int, factor: float) -> None:
        mesh = make_mesh(config.replicas, config.devices_per_replica, processes=processes)
        self.mesh, self.config = mesh, config.on("cpu")
        data = load_data(self.config)
        self.trainer = Trainer(self.config, data.batches.rows, mesh, alone=True)
        self.trainer.inner = [self._watched(programs) for programs in self.trainer.inner]
        self._factor = factor
        self.beside: Beside | None = None
        self._exchange_s = 0.0
        """Processor time that exchanges of inner steps took [s]."""

    def warm_up(self) -> State:
        """Takes a few steps on a state that is thrown away; the fresh one."""
        state = self.trainer.start()
        for step in range(1, WARM_UP + 1):
            state, _ = self.trainer.inner_step(state, step)
        # over a long way, a connection needs some exchanges until its window is open
        for _ in range(WARM_UP):
            state, _ = self.trainer.outer_step(state, self.config.steps)
        return self.trainer.start()

    def use(self, ring: Ring) -> None:
        """Lets outer steps exchange by a ring beside the compute from now on."""
        self.beside = Beside(ring)
        self.trainer.outer = [self.beside.instead(programs) for programs in self.trainer.outer]

    def inner_step(self, state: State, step: int) -> tuple[State, float]:
        """An inner step; and the seconds of its exchange. A slowed site burns more of the processor behind it."""
        begin_s = time.process_time() - self._exchange_s
        state, cost = self.trainer.inner_step(state, step)
        end_s = time.process_time()
        compute_s = end_s - self._exchange_s - begin_s
        while time.process_time() < end_s + (self._factor - 1) * compute_s:
            pass
        return state, cost.exchange_s or 0.0

    def _watched(self, programs: InnerPrograms) -> InnerPrograms:
        """The programs, with the processor time of exchanges written down."""
        exchange = programs.exchange
        if exchange is None:
            return programs

        def watched(gradients: Any) -> Any:
            begin_s = time.process_time()
            mean = ready(exchange(gradients))
            self._exchange_s += time.process_time() - begin_s
            return mean

        return dataclasses.replace(programs, exchange=watched)

    def train(self, go: Path | None, runs: int) -> list[dict[str, Any]]:
        """The runs, each from the moment at which all processes stand ready."""
        state = self.warm_up()
        found = []
        for run in range(runs):
            barrier(f"go {run}")
            if go is not None and run == 0:
                go.write_bytes(b"!")
            found.append(self._run(state))
            state = self.trainer.start()
        return found

    def _run(self, state: State) -> dict[str, Any]:
        if self.beside:
            self.beside.took_s.clear()
        begin = time.perf_counter()
        rows = []
        for step in range(1, self.config.steps + 1):
            first = time.perf_counter()
            state, inner_s = self.inner_step(state, step)
            middle = time.perf_counter()
            state, parts = self.trainer.outer_step(state, step)
            end = time.perf_counter()
            outer_s = sum(part.exchange_s or 0.0 for part in parts)
            rows.append(
                {
                    "begin_s": first - begin,
                    "inner_s": middle - first,
                    "end_s": end - begin,
                    "exchange_s": inner_s + outer_s,
                }
            )
        wall_clock_s = time.perf_counter() - begin
        return {
            "wall_clock_s": wall_clock_s,
            "steps": rows,
            "beside_s": list(self.beside.took_s) if self.beside else [],
        }

    def profile(self) -> dict[str, Any]:
        """Seconds of inner steps in a row, of exchanges, and of the outer arithmetic."""
        state = self.warm_up()
        barrier("go")
        begin = time.perf_counter()
        ends = [begin]
        for step in range(1, self.config.steps):
            state, _ = self.inner_step(state, step)
            ends.append(time.perf_counter())
        barrier("gone")
        nothing = self._nothing()
        rounds = []
        for step in range(1, ROUNDS + 1):
            begin = time.perf_counter()
            state, _ = self.inner_step(state, step)
            inner_s = time.perf_counter() - begin
            nothing()
            begin = time.perf_counter()
            nothing()
            nothing_s = time.perf_counter() - begin
            state, parts = self.trainer.outer_step(state, self.config.steps)
            exchange_s = sum(part.exchange_s or 0.0 for part in parts)
            rounds.append([inner_s, nothing_s, exchange_s, sum(part.compute_s for part in parts)])
        return {
            "rounds_s": rounds,
            "params": count_params(self.config.model, self.config.positions),
            "steps_s": [later - earlier for earlier, later in itertools.pairwise(ends)],
        }

    def profile_ring(self, ring: Ring) -> list[list[float]]:
        """Seconds of exchanges by the ring, and of what an outer step takes beside them."""
        self.use(ring)
        state = self.warm_up()
        rounds = []
        for step in range(1, ROUNDS + 1):
            state, _ = self.trainer.inner_step(state, step)
            barrier(f"ring {step}")
            begin = time.perf_counter()
            state, _ = self.trainer.outer_step(state, self.config.steps)
            whole_s = time.perf_counter() - begin
            assert self.beside is not None
            exchange_s = self.beside.took_s[-1]
            rounds.append([exchange_s, whole_s - exchange_s])
        return rounds

    def _nothing(self) -> Any:
        """A collective of four bytes among all processes."""
        if self.config.replicas == 1:
            return lambda: None
        where = jax.NamedSharding(self.mesh, jax.P(REPLICA_AXIS))
        one = jax.make_array_from_callback((self.config.replicas,), where, lambda index: jnp.ones(1))
        mean = jax.jit(
            jax.shard_map(
                lambda x: jax.lax.pmean(x[0], REPLICA_AXIS)[None],
                mesh=self.mesh,
                in_specs=jax.P(REPLICA_AXIS),
                out_specs=jax.P(REPLICA_AXIS),
            )
        )
        jax.block_until_ready(mean(one))
        return lambda: jax.block_until_ready(mean(one))


def main() -> None:
    """Reads what to do from the command line, and writes what it measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=["train", "profile"])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--coordinator", required=True)
    parser.add_argument("--processes", type=int, required=True)
    parser.add_argument("--process", type=int, required=True)
    parser.add_argument("--core", type=int, required=True)
    parser.add_argument("--factor", type=float, default=1.0)
    parser.add_argument("--go", type=Path)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--ring", nargs="+", help="addresses of all sites, for an exchange beside the compute")
    parser.add_argument("--streams", type=int, default=1)
    given = parser.parse_args()
    os.sched_setaffinity(0, {given.core})
    if given.processes > 1:
        start(given.coordinator, given.processes, given.process, sys.exit)
    config = TrainConfig.model_validate_json(given.config.read_text())
    site = Site(config, given.processes, given.factor)

    def ring() -> Ring:
        return Ring(addresses(given.ring), given.process, streams=given.streams)

    found: Any
    if given.mode == "train":
        if given.ring:
            site.use(ring())
        found = site.train(given.go, given.runs)
    else:
        found = site.profile()
        if given.ring:
            found["ring_s"] = site.profile_ring(ring())
    partial = given.output.with_suffix(".partial")
    partial.write_text(json.dumps(found))
    partial.replace(given.output)


if __name__ == "__main__":
    main()
