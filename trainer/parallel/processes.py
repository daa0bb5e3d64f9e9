"""Runs of several processes, on one host or many.

Every process runs the same command with its own number; JAX joins their devices, and the mesh spans them all. Exchanges
between CPUs go over TCP (Gloo), those between accelerators over their own network. Only the first process writes the
trace; all processes write checkpoints, to a folder that all of them see.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
import numpy as np
from jax._src import distributed
from numpy.typing import NDArray

from sim.errors import InputError

FROM_ENVIRONMENT = "auto"
_BIND_VARIABLE = "JAX_COORDINATOR_BIND_ADDRESS"
"""A variable of JAX: the address at which process 0 listens."""
JOIN_TIMEOUT_S = 300.0
"""Time for which a process waits for the others at the start [s]."""
_AGREE_TIMEOUT_MS = 24 * 3600 * 1000
"""Time for which a process waits for another that is still reading its text [ms]; JAX detects a dead one sooner."""
Result = TypeVar("Result")


def start(
    coordinator: str | None, processes: int | None, process_id: int | None, give_up: Callable[[str], None]
) -> int:
    """Joins the other processes; does nothing for a run of a single process.

    Args:
      coordinator: `host:port` of process 0; `auto` takes all three from the environment (Slurm, Open MPI, a TPU pod);
        None: a single process.
      processes: number of processes.
      process_id: number of this process, from 0.
      give_up: called with a message, in another thread, if the others do not come; ends the process. (JAX would abort
        it with a stack trace.)

    Returns:
      The number of processes.

    Raises:
      InputError: an option is missing or must be left out, or the others cannot be reached.
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
        _join(give_up, None, None, None)
        return _joined().num_processes or 1
    if processes is None or process_id is None:
        raise InputError("--coordinator: needs --processes N and --process-id 0..N-1 (or --coordinator auto)")
    if processes < 1 or not 0 <= process_id < processes:
        raise InputError(f"--process-id {process_id}: must be from 0 to {max(processes, 1) - 1}, below --processes")
    if not coordinator.rpartition(":")[2].isdigit():
        raise InputError(f"--coordinator {coordinator}: write host:port, such as localhost:9876")
    _join(give_up, coordinator, processes, process_id)
    return processes


def _join(give_up: Callable[[str], None], address: str | None, processes: int | None, process_id: int | None) -> None:
    named = address or FROM_ENVIRONMENT
    message = (
        f"--coordinator {named}: the processes did not find each other in {JOIN_TIMEOUT_S:.0f} s; start all of them, "
        "each with its own --process-id and the same --processes, and check that the address is that of process 0 and "
        "that the others can reach its port"
    )
    watch = threading.Timer(JOIN_TIMEOUT_S, give_up, [message])
    watch.daemon = True
    watch.start()
    try:
        jax.distributed.initialize(
            address,
            processes,
            process_id,
            initialization_timeout=int(JOIN_TIMEOUT_S) + 60,
            coordinator_bind_address=bind_address(address) if address else None,
        )
    except (ValueError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"--coordinator {named}: the processes cannot be joined ({first}); check the address"
        ) from None
    finally:
        watch.cancel()


def bind_address(coordinator: str) -> str | None:
    """The address at which process 0 listens: the coordinator's, if it is an address of this machine.

    JAX's service has no password, so it should not be reachable from everywhere.

    Args:
      coordinator: `host:port`.

    Returns:
      `host:port` for `localhost` and for an IP address of this machine. None, which means every address, for other
      names (a name may mean another address on this machine than elsewhere, often 127.0.1.1) and for an address that is
      translated (NAT).
    """
    if _BIND_VARIABLE in os.environ:
        return None
    host = coordinator.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return coordinator
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
        with socket.socket(family) as probe:
            probe.bind((host, 0))
    except (ValueError, OSError):
        return None
    return coordinator


def _joined() -> Any:
    """The state of `jax.distributed`: its client stores small texts for all processes, before devices are started.

    It is not public in JAX, but every version from 0.4 to 0.12 has it. The public functions need devices, which can
    only be started when the processes agree on their options.
    """
    return distributed.global_state


def exchanged(topic: str, own: str) -> list[str]:
    """The texts of all processes on a topic, in their order; waits for all of them.

    Args:
      topic: a name that is used once in a run.
      own: the text of this process.
    """
    state = _joined()
    if state.client is None:
        return [own]
    folder = f"crosshaul/{topic}"
    state.client.key_value_set(f"{folder}/{state.process_id:06d}", own)
    state.client.wait_at_barrier(folder, _AGREE_TIMEOUT_MS)
    return [text for _, text in sorted(state.client.key_value_dir_get(folder))]


def together(topic: str, work: Callable[[], Result]) -> Result:
    """Runs a function in every process; if it fails in one of them, all raise an error.

    Args:
      topic: a name that is used once in a run.
      work: the function.

    Raises:
      InputError: it failed in another process. An exception in this process is raised as it is.
    """
    try:
        result = work()
    except Exception as error:
        exchanged(topic, str(error) or type(error).__name__)
        raise
    for number, failure in enumerate(exchanged(topic, "")):
        if failure:
            raise InputError(f"process {number} failed, so all processes end: {failure}")
    return result


def check_same(options: Mapping[str, Any]) -> None:
    """Makes sure that all processes were started with the same options.

    Args:
      options: those of this process, by name, as JSON values.

    Raises:
      InputError: they differ; raised in every process.
    """
    given = [json.loads(text) for text in exchanged("options", json.dumps(options))]
    for number, other in enumerate(given):
        for key in {**given[0], **other}:
            if given[0].get(key) != other.get(key):
                raise InputError(
                    f"{key}: process 0 has {given[0].get(key)!r} and process {number} has {other.get(key)!r}; "
                    "start all processes with the same options"
                )


def is_first() -> bool:
    """Whether this is the first process, which writes the files of the whole run."""
    return jax.process_index() == 0


def gathered(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values of every process, stacked on a new leading axis; waits for all of them.

    Args:
      values: those of this process; all processes have the same shape.
    """
    if jax.process_count() == 1:
        return values[None]
    from jax.experimental import multihost_utils

    # as bytes: without 64-bit types JAX would round a float64
    sent = np.frombuffer(values.tobytes(), np.uint8)
    received: Any = multihost_utils.process_allgather(sent)
    return np.frombuffer(np.asarray(received).tobytes(), np.float64).reshape(-1, *values.shape)


def barrier(name: str) -> None:
    """Waits until every process calls it; any thread may, as no device takes part.

    Args:
      name: one that is used once in a run.
    """
    state = _joined()
    if state.client is not None:
        state.client.wait_at_barrier(f"crosshaul/{name}", _AGREE_TIMEOUT_MS)
