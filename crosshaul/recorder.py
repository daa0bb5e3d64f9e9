"""A recorder for any training loop: what each step cost, as a trace that `simulate --trace` replays.

    with Recorder("run.jsonl", parameters=7e9, tokens_per_step=1_048_576, chips=64) as rec:
        for batch in batches:
            loss = train_step(batch)
            torch.cuda.synchronize()  # or jax.block_until_ready(loss): both return before the device is done
            rec.step()

This file imports nothing but the standard library, and can be copied into another repository as it is.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

ORIGIN = "crosshaul.Recorder"
_SHORTEST_S = 1e-9
"""A step that the clock cannot resolve counts as this [s]."""
_MAY_DIFFER = {"libraries", "recorded_at", "command"}
"""What of a header may differ where a recording goes on."""


class Recorder:
    """Writes a line for each step, at once: what a killed run has written is a whole trace up to there.

    A step lasts from the end of the one before to `step()`, without what `exchange()` and `pause()` took out of it.
    Who runs out of disk loses the rest of the recording and is warned; the training goes on.

    Args:
      path: the trace, a name that ends in `.jsonl`.
      parameters: N of the model.
      tokens_per_step: of one step, over all the chips that this file is about [tokens].
      chips: accelerators that compute such a step together.
      chip: the kind of chip: a name such as `h100`, or `torch.cuda.get_device_name()`, or
        `jax.devices()[0].device_kind`.
      platform: `gpu`, `tpu` or `cpu`.
      active_parameters: parameters that are active for a token, if not all are (mixture of experts).
      payload_bits: bits of an exchanged parameter, where no `exchange()` says how many bytes it sends [bit].
      algorithm: what is trained with, by its name in `simulate list strategies`.
      sync_every: inner steps between outer steps.
      warmup: steps at the start that are marked as warm-up and not replayed: the first one compiles.
      resume: whether an existing recording of the same run goes on; else an existing file is refused.
      enabled: False on all processes but one: nothing is written.

    Raises:
      FileExistsError: there is such a file, and `resume` was not asked for.
      ValueError: an argument cannot be meant, or the file to resume is of another run.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        parameters: float,
        tokens_per_step: float,
        chips: int = 1,
        chip: str = "unknown",
        platform: Literal["gpu", "tpu", "cpu", "unknown"] = "unknown",
        active_parameters: float | None = None,
        payload_bits: float | None = None,
        algorithm: str = "unknown",
        sync_every: int | None = None,
        warmup: int = 1,
        resume: bool = False,
        enabled: bool = True,
    ) -> None:
        self._path = Path(path)
        self._tokens = _whole("tokens_per_step", tokens_per_step)
        if self._path.suffix != ".jsonl":
            raise ValueError(f"{path}: a trace's name ends in .jsonl; write run.jsonl")
        if platform not in ("gpu", "tpu", "cpu", "unknown"):
            raise ValueError(f"platform={platform!r}; write gpu, tpu or cpu, or leave it out")
        if payload_bits is not None and not 0 < payload_bits <= 1024:
            raise ValueError(f"payload_bits={payload_bits!r}; write the bits of a parameter, such as 16")
        if warmup < 0:
            raise ValueError(f"warmup={warmup!r}; write how many steps to leave out, 0 or more")
        active = None if active_parameters is None else _whole("active_parameters", active_parameters)
        header: dict[str, Any] = {
            "record": "header",
            "schema": "crosshaul-trace",
            "schema_version": 1,
            "algorithm": algorithm,
            "model": {"name": "custom", "params": _whole("parameters", parameters), "active_params": active},
            "replicas": 1,
            "replicas_per_device": 1,
            "sync_every": None if sync_every is None else _whole("sync_every", sync_every),
            "steps": None,
            "batch_tokens": self._tokens,
            "device": {"platform": platform, "kind": chip, "count": _whole("chips", chips)},
            "payload_bits": payload_bits,
            "origin": ORIGIN,
            "libraries": {"python": sys.version.split()[0]} | _versions("torch", "jax"),
            "timing": "monotonic host clock from the end of a step to the end of the next; compute_s without what the "
            "loop said it waited for exchanges and pauses; the device is done only where the loop waits for it",
            "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._left = warmup
        self._number = 0
        self._aside: str | None = None
        self._exchange_s = self._pause_s = self._gradient_s = 0.0
        self._file = _opened(self._path, header, resume=resume) if enabled else None
        if self._file is not None and self._path.stat().st_size:
            self._number = _last_step(self._path)
        else:
            self._write(header)
        self._began_s = time.perf_counter()

    def step(self, *, loss: float | None = None) -> None:
        """Ends a step.

        Args:
          loss: of the step [nats per token]. A tensor is asked for its value, which waits for the device.
        """
        if self._aside:
            raise RuntimeError(f"step() within {self._aside}(); end it first")
        said = None if loss is None else float(loss)
        now_s = time.perf_counter()
        whole_s = now_s - self._began_s - self._pause_s
        self._number += 1
        compute_s = max(whole_s - self._exchange_s, _SHORTEST_S)
        gradients = repr(compute_s + self._gradient_s) if self._gradient_s else "null"
        told = repr(said) if said is not None and math.isfinite(said) else "null"
        self._line(
            f'{{"record":"step","step":{self._number},"replica":0,"compute_s":{compute_s!r},"whole_s":{gradients},'
            f'"tokens":{self._tokens},"loss":{told},"warmup":{"true" if self._left else "false"}}}\n'
        )
        self._left = max(0, self._left - 1)
        self._exchange_s = self._pause_s = self._gradient_s = 0.0
        self._began_s = time.perf_counter()

    @contextmanager
    def exchange(
        self, payload_bytes: float, *, group: int = 2, kind: Literal["outer", "gradient"] = "outer"
    ) -> Iterator[None]:
        """What the loop waits for an exchange: taken out of the step, and written as an exchange of its own.

        Args:
          payload_bytes: of the whole model, as it is sent, and not of the part of a rank [byte].
          group: how many exchange with each other.
          kind: `outer` (parameter changes between replicas) or `gradient`.
        """
        size = _whole("payload_bytes", payload_bytes)
        if kind not in ("outer", "gradient") or group < 2:
            raise ValueError(f"kind={kind!r}, group={group!r}; write outer or gradient, and a group of 2 or more")
        begin_s = self._enter("exchange")
        try:
            yield
        finally:
            took_s = time.perf_counter() - begin_s
            self._aside = None
            self._exchange_s += took_s
            self._gradient_s += took_s if kind == "gradient" else 0.0
        self._write(
            {
                "record": "exchange",
                "step": self._number + 1,
                "kind": kind,
                "group_size": group,
                "payload_bytes": size,
                "seconds": took_s,
                "warmup": self._left > 0,
            }
        )

    @contextmanager
    def pause(self) -> Iterator[None]:
        """What belongs to no step: an evaluation, a checkpoint."""
        begin_s = self._enter("pause")
        try:
            yield
        finally:
            self._aside = None
            self._pause_s += time.perf_counter() - begin_s

    def close(self) -> None:
        """Ends the recording."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        self._began_s = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _enter(self, name: str) -> float:
        if self._aside:
            raise RuntimeError(f"{name}() within {self._aside}(); end it first")
        self._aside = name
        return time.perf_counter()

    def _write(self, record: dict[str, Any]) -> None:
        self._line(json.dumps(record, separators=(",", ":")) + "\n")

    def _line(self, text: str) -> None:
        if self._file is None:
            return
        line, end = text.encode(), self._file.tell()
        try:
            if self._file.write(line) != len(line):  # the disk is full in the middle of a line
                self._file.truncate(end)
                raise OSError("no space for a whole line")
        except OSError as error:
            warnings.warn(f"{self._path}: cannot be written ({error}); the recording ends here", stacklevel=3)
            self.close()


def _whole(name: str, value: float) -> int:
    if not (math.isfinite(value) and value > 0 and value == int(value)):
        raise ValueError(f"{name}={value!r}; write a whole number above 0")
    return int(value)


def _versions(*names: str) -> dict[str, str]:
    """Versions of the libraries that the loop has imported."""
    found = {name: getattr(sys.modules.get(name), "__version__", None) for name in names}
    return {name: str(version) for name, version in found.items() if version}


def _opened(path: Path, header: dict[str, Any], *, resume: bool) -> Any:
    """The file, behind its last whole line."""
    try:
        return path.open("xb", buffering=0)
    except FileExistsError:
        if not resume:
            said = f"{path}: exists already; give another name, or resume=True to go on behind its last whole line"
            raise FileExistsError(said) from None
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole:
        _same_run(path, whole, header)
    file = path.open("r+b", buffering=0)
    file.truncate(len(whole))
    file.seek(len(whole))
    return file


def _same_run(path: Path, content: bytes, header: dict[str, Any]) -> None:
    try:
        old = json.loads(content.partition(b"\n")[0])
        differ = [key for key in header if key not in _MAY_DIFFER and old.get(key) != header[key]]
    except (ValueError, AttributeError):
        differ = ["header"]
    if differ:
        raise ValueError(f"{path}: is of another run ({', '.join(differ)} differ); give another name")


def _last_step(path: Path) -> int:
    lines = map(json.loads, path.read_bytes().splitlines())
    return max((line["step"] for line in lines if line["record"] == "step"), default=0)
