"""What a backend says where the run and not the code is at fault, in words that say what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import jax

from sim.errors import InputError

_LOST = ("gloo", "connection closed by peer", "connection reset", "nccl", "coordination", "heartbeat")


@contextmanager
def device_failures() -> Iterator[None]:
    """Turns a device that is full, and a process that is gone, into wrong input; any other failure passes.

    Raises:
      InputError: the run does not fit into the memory, or another process of the run is gone.
    """
    try:
        yield
    except MemoryError as error:
        raise InputError(_full(str(error))) from None
    except jax.errors.JaxRuntimeError as error:
        message = str(error)
        if "RESOURCE_EXHAUSTED" in message or "out of memory" in message.lower():
            raise InputError(_full(message)) from None
        if jax.process_count() > 1 and any(word in message.lower() for word in _LOST):
            raise InputError(
                f"another process of the run is gone ({_first(message)}); see what it said last, and start all of "
                "them again, with --resume where there are checkpoints"
            ) from None
        raise


def _full(message: str) -> str:
    bytes_found = re.search(r"allocat\w* (\d+) bytes", message)
    amount = f" ({int(bytes_found[1]) / 1e9:.3g} GB were asked for at once)" if bytes_found else ""
    return (
        f"the run does not fit into the memory of its devices{amount}; write fewer --sequences, more "
        "--microbatches, --remat layer, more --shards, or a smaller --model"
    )


def _first(message: str) -> str:
    return (message.splitlines() or [""])[0][:200]
