"""Errors of a backend that the run causes and not the code, in words that say what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import jax

from sim.errors import InputError

_LOST = ("gloo", "connection closed by peer", "connection reset", "nccl", "coordination", "heartbeat")


@contextmanager
def device_failures(give_up: Callable[[str], None]) -> Iterator[None]:
    """Turns the errors of a full device and of a lost process into messages for the user; others pass unchanged.

    Args:
      give_up: called with the message if another process is gone. It ends this process at once: a normal exit would
        let JAX wait for the other process first, and then abort.

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
                f"another process of the run is gone ({message.splitlines()[0][:200]}); read its last message, and "
                "start all processes again, with --resume if there are checkpoints"
            )
        raise


def _full(message: str) -> str:
    bytes_found = re.search(r"allocat\w* (\d+) bytes", message)
    amount = f" (one allocation of {int(bytes_found[1]) / 1e9:.3g} GB failed)" if bytes_found else ""
    return (
        f"the run does not fit into the memory of its devices{amount}; write fewer --sequences, more "
        "--microbatches, --remat layer, more --shards, or a smaller --model"
    )
