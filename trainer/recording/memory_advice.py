"""Whether a compiled run fits the memory of its devices, how many microbatches do, and which option makes it smaller.

Limits: the advice follows from what fills the memory; the smaller run is not compiled to prove that it fits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import jax

from sim.errors import InputError
from sim.trace.file import Header
from sim.units.in_words import human_bytes

from ..config.kinds import KINDS
from ..config.run import TrainConfig
from ..programs.step_functions import step_functions

Compiled = TypeVar("Compiled")


class DoesNotFit(InputError):
    """A program needs more memory than its device has."""


def fitted(
    config: TrainConfig,
    compile_run: Callable[[TrainConfig], Compiled],
    peak_bytes: Callable[[Compiled], float],
    there_bytes: float | None,
    note: Callable[[str], None],
) -> tuple[TrainConfig, Compiled]:
    """Compiles a run, again with more microbatches for as long as it does not fit and more are possible.

    Args:
      config: the run, with the microbatches of its platform.
      compile_run: compiles it; may raise DoesNotFit.
      peak_bytes: the memory that the compiled run needs on a device [byte].
      there_bytes: the memory that is there; None if it is unknown [byte].
      note: called with a message when microbatches were added.

    Returns:
      The run as it was compiled last, which may still not fit, and what was compiled.
    """
    first = config
    while True:
        more = _more_microbatches(config)
        try:
            compiled = compile_run(config)
        except DoesNotFit:
            if more is None:
                raise
        else:
            if there_bytes is None or peak_bytes(compiled) <= there_bytes or more is None:
                break
        config = config.replaced(microbatches=more)
    if config is not first:
        there = f" of {human_bytes(there_bytes)}" if there_bytes else ""
        note(f"{config.microbatches} microbatches instead of {first.microbatches}, for the memory{there} of a device")
    return config, compiled


def _more_microbatches(config: TrainConfig) -> int | None:
    counts = range((config.microbatches or 1) + 1, config.sequences + 1)
    return next((count for count in counts if config.sequences % count == 0), None)


def held_bytes(config: TrainConfig) -> float:
    """What a device keeps between steps at least: parameters and optimizer states, before anything is compiled [byte].

    Of the outer steps it counts the parameters at the last one and the outer momentum.
    Limits: as if every array were divided evenly among shards and parts; what exchanges under way take comes on top.
    """
    step = step_functions(config)
    params = _bytes(step.params)
    spread = config.shards * (config.devices_per_replica if config.fully_sharded else 1)
    outer = 2 * params if KINDS[config.algorithm].outer_steps else 0
    return config.replicas_per_device * (params + _bytes(step.state) + outer) / spread


def _bytes(shapes: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))


def check_states(config: TrainConfig, there_bytes: float | None) -> None:
    """Makes sure that what stays on a device fits it, before minutes are spent on compiling.

    Raises:
      InputError: parameters and optimizer states alone need more.
    """
    held = held_bytes(config)
    if there_bytes is not None and held > there_bytes:
        raise InputError(
            f"--target: the run does not fit the chip's memory of {human_bytes(there_bytes)}: "
            f"{advice(config, held, there_bytes)}"
        )


def check_memory(config: TrainConfig, header: Header) -> None:
    """Makes sure that the compiled programs fit.

    Args:
      config: the run.
      header: the header of its trace, with the memory that the compiler reports and the memory that is there.

    Raises:
      InputError: they need more than there is; the message names the option that needs the least change.
    """
    there, needed = header.device.memory_bytes, header.memory
    if there is None or needed is None or needed.peak_bytes <= there:
        return
    raise InputError(
        f"--target: the run does not fit the chip's memory: it needs {human_bytes(needed.peak_bytes)} a device of "
        f"{human_bytes(there)}; {advice(config, needed.resident_bytes, there)}"
    )


def advice(config: TrainConfig, held: float, there: float) -> str:
    """What fills the memory of a run that does not fit, and the option that makes it smaller.

    Args:
      config: the run.
      held: what stays on a device between steps [byte].
      there: the memory of the device [byte].
    """
    if held > 0.8 * there:
        share = 2 ** math.ceil(math.log2(held / (0.6 * there)))
        return (
            f"parameters and optimizer states alone take {human_bytes(held)}: write --shards {config.shards * share} "
            "with a target of as many times the devices, or a smaller --model"
        )
    return f"all but {human_bytes(held)} of it are activations and gradients: {smaller(config)}"


def smaller(config: TrainConfig) -> str:
    """The option that frees the most activations for the least time."""
    more = _more_microbatches(config)
    parts = f"--microbatches {more}" if more else ""
    remat = {"none": "--remat dots", "dots": "--remat layer"}.get(config.remat, "")
    wanted = " or ".join(option for option in (parts, remat) if option)
    return f"write {wanted}" if wanted else f"write --shards {2 * config.shards}, or a shorter --sequence-length"
