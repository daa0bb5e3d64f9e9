"""The fused clock: steps of one program each, started one behind the other, as a run without a recorder takes them.

The split clock waits for gradients, exchange and update in turn, so that each has seconds of its own. What it costs is
what the fused clock shows: the host's waits, and the exchange that one program may hide behind its arithmetic.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ..parallel.mesh import ready
from ..parallel.processes import gathered
from ..programs.program import Program
from .loop import LaneState, Trainer

STEPS = 10
"""Steps that are started without waiting."""
BLOCKS = 3
"""Times that this is done; the first block, which warms up, comes on top."""


def measure_fused(trainer: Trainer, program: Program, *, steps: int = STEPS, blocks: int = BLOCKS) -> list[float]:
    """The seconds of a step in each block, on a state that is discarded.

    Args:
      trainer: the run.
      program: its fused step, compiled for the first lane.
      steps: steps of a block.
      blocks: number of blocks.

    Returns:
      For each block its time over its steps, of the slowest process [s].
    """
    state = trainer.start().lanes[0]
    state, _ = take_fused(trainer, program, state, 1, 1)
    seconds = []
    for block in range(blocks):
        begin = time.perf_counter()
        state, _ = take_fused(trainer, program, state, 1 + block * steps, steps)
        seconds.append((time.perf_counter() - begin) / steps)
    slowest: list[float] = gathered(np.array(seconds)).max(axis=0).tolist()
    return slowest


def take_fused(trainer: Trainer, program: Program, state: LaneState, first: int, count: int) -> tuple[LaneState, Any]:
    """Takes steps of the first lane, and waits behind the last one.

    Args:
      trainer: the run.
      program: its fused step.
      state: the lane before; its memory is reused.
      first: number of the first step, which decides the batches.
      count: number of steps.

    Returns:
      The lane behind them, and the cross-entropy of each device in the last one.
    """
    losses_G = None
    for step in range(first, first + count):
        *moved, losses_G = program(state.params, state.optimizer, trainer.batch(trainer.lanes[0], step))
        state = LaneState(*moved)
    return ready(state), losses_G
