"""Several processes, on one host or many, as one run.

Every process runs the same command with a number of its own; JAX joins their devices, and the mesh spans them all.
Between CPUs the exchanges travel over TCP (Gloo), between accelerators over whatever joins them. The first process
alone writes the trace; checkpoints are written by all, to a folder that all of them see.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError

FROM_ENVIRONMENT = "auto"


def start(coordinator: str | None, processes: int | None, process_id: int | None) -> int:
    """Joins the other processes; does nothing where there are none.

    Args:
      coordinator: `host:port` of process 0; `auto` takes all three from the environment (Slurm, Open MPI, a TPU pod).
      processes: how many there are.
      process_id: this one's number, from 0.

    Returns:
      How many processes there are (1 for `auto`, which forces no host devices).

    Raises:
      InputError: an option is missing or too much, or the others cannot be reached.
    """
    if coordinator is None:
        if processes is not None or process_id is not None:
            raise InputError("--processes and --process-id need --coordinator host:port (or auto)")
        return 1
    if coordinator == FROM_ENVIRONMENT:
        if processes is not None or process_id is not None:
            raise InputError(
                "--coordinator auto: takes --processes and --process-id from the environment; leave both out"
            )
        _initialize()
        return 1
    if processes is None or process_id is None:
        raise InputError("--coordinator: needs --processes N and --process-id 0..N-1 (or --coordinator auto)")
    if processes < 1 or not 0 <= process_id < processes:
        raise InputError(f"--process-id {process_id}: must be from 0 to {max(processes, 1) - 1}, below --processes")
    if not coordinator.rpartition(":")[2].isdigit():
        raise InputError(f"--coordinator {coordinator}: write host:port, such as localhost:9876")
    _initialize(coordinator, processes, process_id)
    return processes


def _initialize(*where: Any) -> None:
    try:
        jax.distributed.initialize(*where)
    except (ValueError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise InputError(f"--coordinator: the processes cannot be joined ({first}); check the address") from None


def is_first() -> bool:
    """Whether this process writes what is written once."""
    return jax.process_index() == 0


def gathered(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values of every process, stacked on a new leading axis; waits for all of them.

    Args:
      values: this process's, of the same shape everywhere.
    """
    if jax.process_count() == 1:
        return values[None]
    from jax.experimental import multihost_utils

    # as bytes: without 64-bit types a float64 would be rounded on its way
    sent = np.frombuffer(values.tobytes(), np.uint8)
    received: Any = multihost_utils.process_allgather(sent)
    return np.frombuffer(np.asarray(received).tobytes(), np.float64).reshape(-1, *values.shape)


def barrier(name: str) -> None:
    """Waits until every process is here."""
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(name)
