"""Writing checkpoints, in a thread while training goes on.

The state is copied to the memory of the host first, which is all that training waits for: its programs reuse the memory
of the state. Then a thread hashes the copy and writes it, shard by shard; the format is that of `checkpoint.py`, and
the same bytes as if training had waited. One checkpoint is written at a time: a later one waits for its end.

Limits: the host needs memory for a copy of the state that its devices hold. The thread takes cores from training on a
CPU, where it has the lowest priority (Linux).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError

from ..parallel.processes import barrier, is_first
from .checkpoint import FACTS, FORMAT, KEPT, own_digest, saved_in
from .durable_files import digest, sync, write

_LEAST_PRIORITY = 19


class Copy(NamedTuple):
    """A shard of an array in the memory of the host.

    Attributes:
      array: the array's path in the pytree.
      shape: the array's.
      ranges: the shard's half-open range in each dimension.
      content: the shard; shares no memory with a device.
    """

    array: str
    shape: tuple[int, ...]
    ranges: list[tuple[int, int]]
    content: NDArray[Any]


def copied(tree: Any) -> list[Copy]:
    """Copies the shards of which this process holds the first copy.

    Args:
      tree: a pytree of arrays on devices.
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    shards = [
        (jax.tree_util.keystr(path), leaf.shape, shard)
        for path, leaf in leaves
        for shard in leaf.addressable_shards
        if shard.replica_id == 0
    ]
    for _, _, shard in shards:
        shard.data.copy_to_host_async()
    return [
        Copy(name, shape, [part.indices(size)[:2] for part, size in zip(shard.index, shape, strict=True)], _copy(shard))
        for name, shape, shard in shards
    ]


def _copy(shard: Any) -> NDArray[Any]:
    content: NDArray[Any] = np.asarray(shard.data)
    return content.copy() if shard.device.platform == "cpu" else content  # a CPU shares its memory with NumPy


def save(directory: Path, tree: Any, facts: Mapping[str, Any]) -> None:
    """Writes a checkpoint; all processes return when it is complete.

    Args:
      directory: the folder of all checkpoints of a run.
      tree: a pytree of arrays on devices.
      facts: further values to save, as JSON, among them `step`.

    Raises:
      InputError: the folder cannot be written.
    """
    _write(directory, copied(tree), facts)


@dataclass
class Saver:
    """Writes the checkpoints of a run in a thread, one at a time.

    Attributes:
      thread: the thread of the last one; None before the first.
      failures: why it could not be written, if so.
    """

    thread: threading.Thread | None = None
    failures: list[BaseException] = field(default_factory=list)

    def save(self, directory: Path, tree: Any, facts: Mapping[str, Any]) -> None:
        """Begins to write a checkpoint, behind the one before; returns when the state is copied.

        Args:
          directory: the folder of all checkpoints of a run.
          tree: a pytree of arrays on devices.
          facts: further values to save, as JSON, among them `step`.

        Raises:
          InputError: the checkpoint before could not be written.
        """
        self.wait()
        self.thread = threading.Thread(target=self._run, args=(directory, copied(tree), facts), daemon=True)
        self.thread.start()

    def wait(self) -> None:
        """Waits until the last checkpoint is on the disk.

        Raises:
          InputError: it could not be written.
        """
        self.join()
        self.check()

    def join(self, timeout_s: float | None = None) -> None:
        """Waits for the end of the last checkpoint, whether it could be written or not.

        Args:
          timeout_s: the longest time to wait [s]; None: any.
        """
        if self.thread is not None:
            self.thread.join(timeout_s)

    def check(self) -> None:
        """Makes sure that no checkpoint failed so far; waits for nothing.

        Raises:
          InputError: one could not be written.
        """
        if self.failures:
            raise self.failures[0]

    def is_busy(self) -> bool:
        """Whether a checkpoint is being written."""
        return self.thread is not None and self.thread.is_alive()

    def _run(self, directory: Path, copies: Sequence[Copy], facts: Mapping[str, Any]) -> None:
        with suppress(OSError, AttributeError):  # a thread has a priority of its own on Linux alone
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LEAST_PRIORITY)
        try:
            _write(directory, copies, facts)
        except BaseException as error:  # raised again where the run sees it
            self.failures.append(error)


def _write(directory: Path, copies: Sequence[Copy], facts: Mapping[str, Any]) -> None:
    step, process = int(facts["step"]), jax.process_index()
    final, temporary = directory / f"step-{step:08d}", directory / f".step-{step:08d}.tmp"
    try:
        if is_first():
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
        barrier(f"checkpoint {step} begins")
        _write_pieces(temporary, process, copies)
        barrier(f"checkpoint {step} is written")
        if is_first():
            indexes = sorted(temporary.glob("index-*.json"))
            body = {"format": FORMAT, "facts": dict(facts), "indexes": {each.name: digest(each) for each in indexes}}
            write(temporary / FACTS, json.dumps({**body, "sha256": own_digest(body)}).encode())
            sync(temporary)
            shutil.rmtree(final, ignore_errors=True)  # a damaged checkpoint of the same step
            temporary.rename(final)
            sync(directory)
            for _, old in saved_in(directory)[KEPT:]:
                shutil.rmtree(old, ignore_errors=True)
        barrier(f"checkpoint {step} is there")
    except OSError as error:
        raise InputError(
            f"--checkpoint {directory}: cannot be written ({error.strerror}); give another folder"
        ) from None


def _write_pieces(folder: Path, process: int, copies: Sequence[Copy]) -> None:
    index: list[dict[str, Any]] = []
    with (folder / f"arrays-{process}.bin").open("wb") as file:
        for each in copies:
            raw = np.ascontiguousarray(each.content).reshape(-1).view(np.uint8).data
            index.append(
                {
                    "array": each.array,
                    "dtype": each.content.dtype.name,
                    "shape": each.shape,
                    "ranges": each.ranges,
                    "offset": file.tell(),
                    "sha256": hashlib.sha256(raw).hexdigest(),
                }
            )
            file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    write(folder / f"index-{process}.json", json.dumps(index).encode())
