"""A training step of the 35M-parameter model beside its floor: its counted flops at the rate of a plain matrix product.

Steps and products take turns, so that both see the same machine; medians of each, of seconds by the clock and of CPU
seconds of this process, which count less of what else a loaded machine does. `--profile DIR` writes a profile of three
steps and prints where their time went.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from trainer.config.run import TrainConfig, family_model
from trainer.data.batches import rows_of
from trainer.parallel.mesh import make_mesh, ready
from trainer.training.loop import Trainer
from trainer.training.profiling import PROFILED_STEPS, busiest, check_directory, profiled

ROUNDS = 7
SIDE = 2048
SEQUENCES, LENGTH = 4, 256


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Seconds until the results are there, by the clock and of CPU."""
    begin, begin_cpu = time.perf_counter(), time.process_time()
    ready(run())
    return time.perf_counter() - begin, time.process_time() - begin_cpu


def main() -> None:
    """Measures both in turn, prints one line a figure."""
    config = TrainConfig(
        model=family_model("35m"), algorithm="data-parallel", steps=ROUNDS, sequence_length=LENGTH, sequences=SEQUENCES
    )
    shape = (1, SEQUENCES, LENGTH + 1)

    def batch(step: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
        return np.random.default_rng(step).integers(0, config.model.vocab, shape, dtype=np.int32)

    trainer = Trainer(config, rows_of(batch), make_mesh(1, 1), alone=True)
    programs = trainer.inner[0]
    flop = programs.gradients.flop + programs.update.flop
    a = jnp.asarray(np.random.default_rng(0).standard_normal((SIDE, SIDE), dtype=np.float32))
    product = jax.jit(jnp.matmul).lower(a, a).compile()
    state, _ = trainer.inner_step(trainer.start(), 1)
    steps, products, steps_cpu = [], [], []
    for step in range(1, ROUNDS + 1):
        products += [timed(lambda: product(a, a)) for _ in range(3)]
        begin_cpu = time.process_time()
        state, cost = trainer.inner_step(state, step)
        steps_cpu.append(time.process_time() - begin_cpu)
        steps.append(cost.compute_s[0])
    product_s, product_cpu_s = (statistics.median(each) for each in zip(*products, strict=True))
    rate, step_cpu_s = 2 * SIDE**3 / product_s, statistics.median(steps_cpu)
    step_s, floor_s, floor_cpu_s = statistics.median(steps), flop / rate, flop / (2 * SIDE**3) * product_cpu_s
    print(f"matrix product {rate / 1e9:.0f} Gflop/s (float32, {SIDE} square, median of {len(products)})")
    print(
        f"step           {step_s:.2f} s, {flop / 1e9:.0f} Gflop in {SEQUENCES * LENGTH:,} tokens (median of {ROUNDS})"
    )
    print(f"floor          {floor_s:.2f} s; ratio {floor_s / step_s:.2f} of it reached")
    ratio = floor_cpu_s / step_cpu_s
    print(f"CPU seconds    {step_cpu_s:.2f} of a step, {floor_cpu_s:.2f} of its floor; ratio {ratio:.2f}")
    if sys.argv[1:2] == ["--profile"]:
        directory = Path(sys.argv[2])
        check_directory(directory)
        with profiled(directory):
            for step in range(PROFILED_STEPS):
                state, _ = trainer.inner_step(state, step + 1)
        for operation in busiest(directory, 14):
            print(f"{operation.seconds / PROFILED_STEPS:8.3f} s a step  {operation.runs:6d} runs  {operation.name}")


if __name__ == "__main__":
    main()
