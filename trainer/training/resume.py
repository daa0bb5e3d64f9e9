"""Resuming a run that was stopped: when its state is saved, and how a resumed run begins."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sim.documents.lock import lock
from sim.errors import InputError
from sim.trace.file import Record, TraceWriter

from ..algorithms import loop_steps, make_algorithm
from ..config.run import TrainConfig
from ..model.initial import Params, param_shapes
from ..parallel.processes import check_same, gathered, is_first, together
from ..parallel.stacked import one_copy
from .checkpoint import Checkpoint, newest
from .costs import InnerCost, OuterCost
from .loop import State
from .saving import Saver

_LOCK = ".lock"
_PATIENCE_S = 60.0
"""Time for which a run of several processes that fails waits for its last checkpoint [s]."""


@dataclass(frozen=True)
class Progress:
    """The progress of a run.

    Attributes:
      step: inner steps taken.
      state: the state after them.
      fingerprint: hash of its text, split and tokenizer.
      inner, outer: costs of these inner steps and their outer steps, from the trace.
    """

    step: int
    state: State
    fingerprint: str
    inner: list[InnerCost]
    outer: list[OuterCost]


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of a run.

    Attributes:
      directory: the folder of all its checkpoints.
      every: inner steps between two of them; the last step is saved, too.
      resume: whether the run resumes from the newest undamaged one.
      saver: writes them while training goes on.
    """

    directory: Path
    every: int
    resume: bool
    saver: Saver = field(default_factory=Saver)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Locks the folder until the run ends, so that no other run saves there or cuts the trace of this one.

        Raises:
          InputError: another run holds the lock, or the folder cannot be written.
        """
        file = together("lock", lambda: self._locked() if is_first() else None)
        try:
            yield
        finally:
            # of several processes one may be gone, and then the thread of another waits for it in vain
            self.saver.join(None if jax.process_count() == 1 else _PATIENCE_S)
            if file is not None:
                os.close(file)

    def _locked(self) -> int:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise InputError(
                f"--checkpoint {self.directory}: cannot be written ({error.strerror}); give another folder"
            ) from None
        if lock(handle):
            with suppress(OSError):  # on a full disk the lock holds without the name of its holder
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
            return handle
        holder = os.pread(handle, 200, 0).decode(errors="replace") or "a process"
        os.close(handle)
        raise InputError(
            f"--checkpoint {self.directory}: another record-trace ({holder}) is using it; wait for its end, or give "
            "another folder"
        )

    def find(self, config: TrainConfig, note: Callable[[str], None]) -> Checkpoint | None:
        """The checkpoint from which the run resumes; None if it begins anew.

        Args:
          config: the run.
          note: called with messages on damaged checkpoints, and on the step from which the run resumes.

        Raises:
          InputError: the folder holds checkpoints of another run, or any checkpoints without `resume`.
        """
        found, damaged = newest(self.directory)
        if found is None:
            return None
        if not self.resume:
            raise InputError(
                f"--checkpoint {self.directory}: holds checkpoints already; write --resume to continue that run, or "
                "give another folder"
            )
        for line in damaged:
            note(line)
        saved, given = found.facts["config"], config.model_dump(mode="json")
        # a field that an older version did not have yet decides nothing about its run
        other = [key for key in given if key in saved and saved[key] != given[key]]
        if other:
            key = other[0]
            raise InputError(
                f"--resume: {key}: got {given[key]!r}, and the run in {self.directory} has {saved.get(key)!r}; "
                "give the options with which that run began"
            )
        note(f"resuming after step {found.step} of {loop_steps(config)}")
        return found

    def due(self, step: int, last: int) -> bool:
        """Whether a checkpoint follows a step, of which there are `last`.

        Raises:
          InputError: one before could not be written.
        """
        self.saver.check()
        return step % self.every == 0 or step == last

    def save(self, snapshot: Any, config: TrainConfig, step: int, writer: TraceWriter | None, fingerprint: str) -> None:
        """Begins to write a checkpoint, with the current position in the trace; returns when the state is copied.

        Raises:
          InputError: the checkpoint before could not be written.
        """
        facts = {
            "step": step,
            "config": config.model_dump(mode="json"),
            "data": fingerprint,
            "trace_bytes": writer.mark() if writer else None,
            "trace_sha256": writer.sha256() if writer else None,
        }
        self.saver.save(self.directory, snapshot, facts)


def check_options(config: TrainConfig, checkpoints: Checkpoints | None, profile: Path | None, clock: str) -> None:
    """Makes sure that all processes have the same options; their texts are compared after they were read.

    Args:
      config: the run.
      checkpoints: where it saves its state, if it does.
      profile: a directory for a profile; None: no profile.
      clock: what is measured.
    """
    given = config.model_dump(mode="json", exclude={"corpus", "tokenizer"})
    saving: dict[str, Any] = {
        "--checkpoint": False,
        "--profile": profile is not None,
        "--clock": clock,
        "the version of jax": jax.__version__,
    }
    if checkpoints is not None:
        every, resume = checkpoints.every, checkpoints.resume
        saving |= {"--checkpoint": True, "--checkpoint-every": every, "--resume": resume}
    check_same({**given, **saving})


def check_fingerprint(fingerprint: str, found: Checkpoint | None) -> None:
    """Makes sure that all processes, and the run that is resumed, train on the same text.

    Args:
      fingerprint: of this process's text, split and tokenizer.
      found: the checkpoint from which the run resumes, if any.

    Raises:
      InputError: their texts differ.
    """
    # in pieces of 32 bits, which a float holds exactly
    words = np.array([float(int(fingerprint[place : place + 8], 16)) for place in range(0, len(fingerprint), 8)])
    if (gathered(words) != words).any():
        raise InputError("--corpus: the processes read different texts; give all of them the same files")
    if found is not None and found.facts["data"] != fingerprint:
        raise InputError(
            f"--resume: the text, its split or the tokenizer differs from that of the run in {found.path.parent}; give "
            "the same --corpus and --tokenizer files, or begin again with another --checkpoint"
        )


def write(writer: TraceWriter | None, line: Record) -> None:
    """Writes a record in the process that writes the trace, and does nothing in others."""
    if writer is not None:
        writer.write(line)


class TrainedModel(NamedTuple):
    """A model in a checkpoint.

    Attributes:
      config: the run.
      params: its global parameters as arrays of the host: for Data-Parallel those of its replica, else theta, averaged
        over the replicas (with eager updates they differ a little).
      step: the step after which it was saved.
      fingerprint: hash of the text of its training.
    """

    config: TrainConfig
    params: Params
    step: int
    fingerprint: str


def read_model(directory: Path) -> TrainedModel:
    """The global model in the newest undamaged checkpoint of a run, for evaluation.

    Args:
      directory: the folder of the run's checkpoints.

    Raises:
      InputError: there is no checkpoint, or all are damaged.
    """
    found, _ = newest(directory)
    if found is None:
        raise InputError(f"{directory}: holds no checkpoint; give the folder of record-trace --checkpoint")
    config = TrainConfig.model_validate(found.facts["config"])
    shapes = param_shapes(config.model, config.positions)
    fragments = make_algorithm(config).fragments
    if not fragments:
        return TrainedModel(config, _arrays(found, "[0].params", shapes), found.step, found.facts["data"])
    params = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    for p, fragment in enumerate(fragments):
        own = jax.eval_shape(fragment.take, shapes)
        params = fragment.put(params, _arrays(found, f"[1][{p}].params", own))
    return TrainedModel(config, jax.device_get(params), found.step, found.facts["data"])


def _arrays(found: Checkpoint, prefix: str, shapes: Params) -> Params:
    """Arrays of a checkpoint, averaged over the replicas."""

    def one(path: Any, leaf: Any) -> Any:
        return one_copy(found.array(prefix + jax.tree_util.keystr(path)))

    arrays: Params = jax.tree_util.tree_map_with_path(one, shapes)
    return arrays
