"""What a backend says where the run and not the code is at fault, in words that say what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import jax

from sim.errors import InputError

_LOST = ("gloo", "connection closed by peer", "connection reset", "nccl", "coordination", "heartbeat")


@contextmanager
def device_failures(give_up: Callable[[str], None]) -> Iterator[None]:
    """Turns a device that is full, and a process that is gone, into wrong input; any other failure passes.

    Args:
      give_up: called with what is wrong where another process is gone; ends this one at once, because at a usual end
        JAX would wait for the other first, and then abort.

    Raises:
      InputError: the run does not fit into the memory.
    """
    try:
        yield
    except MemoryError as error:
        raise InputError(_full(str(error))) from None
    except (jax.errors.JaxRuntimeError, ValueError) as error:  # exchanges over TCP fail with the latter
        message = str(error)
        if isinstance(error, InputError):
            raise
        if "RESOURCE_EXHAUSTED" in message:
            raise InputError(_full(message)) from None
        if jax.process_count() > 1 and any(word in message.lower() for word in _LOST):
            give_up(
                f"another process of the run is gone ({message.splitlines()[0][:200]}); see what it said last, and "
                "start all of them again, with --resume where there are checkpoints"
            )
        raise


def _full(message: str) -> str:
    bytes_found = re.search(r"allocat\w* (\d+) bytes", message)
    amount = f" ({int(bytes_found[1]) / 1e9:.3g} GB were asked for at once)" if bytes_found else ""
    return (
        f"the run does not fit into the memory of its devices{amount}; write fewer --sequences, more "
        "--microbatches, --remat layer, more --shards, or a smaller --model"
    )
