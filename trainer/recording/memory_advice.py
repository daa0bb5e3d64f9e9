"""Whether a compiled run fits the memory of its devices, how many microbatches do, and which option makes it smaller.

Limits: the advice follows from what fills the memory; the smaller run is not compiled to prove that it fits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from sim.errors import InputError
from sim.trace.file import Header
from sim.units.in_words import human_bytes

from ..config.run import TrainConfig

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
    resident = needed.resident_bytes
    if resident > 0.8 * there:
        share = 2 ** math.ceil(math.log2(resident / (0.6 * there)))
        advice = (
            f"parameters and optimizer states alone take {human_bytes(resident)}: write --shards "
            f"{config.shards * share}, or a smaller --model"
        )
    else:
        advice = f"all but {human_bytes(resident)} of it are activations and gradients: {smaller(config)}"
    raise InputError(
        f"--target: the run does not fit the chip's memory: it needs {human_bytes(needed.peak_bytes)} a device of "
        f"{human_bytes(there)}; {advice}"
    )


def smaller(config: TrainConfig) -> str:
    """The option that frees the most activations for the least time."""
    more = _more_microbatches(config)
    parts = f"--microbatches {more}" if more else ""
    remat = {"none": "--remat dots", "dots": "--remat layer"}.get(config.remat, "")
    wanted = " or ".join(option for option in (parts, remat) if option)
    return f"write {wanted}" if wanted else f"write --shards {2 * config.shards}, or a shorter --sequence-length"
