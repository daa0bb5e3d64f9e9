"""The Chrome trace of PyTorch's profiler (Kineto): `prof.export_chrome_trace`.

Steps are its annotations `ProfilerStep#N`. On GPUs the exchange that a step waited for is the time in which kernels of
NCCL ran and no other did.

Source: PyTorch's profiler, and the names of the arguments that it records for collectives (`record_param_comms`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError
from .log import Asked, Found, Log, LogFormat, LoggedStep

_STEP = re.compile(r"ProfilerStep#(\d+)")
_BYTES = {"float": 4, "float32": 4, "half": 2, "float16": 2, "bfloat16": 2, "double": 8, "float8_e4m3fn": 1, "byte": 1}
_SUMS = ("allreduce", "all_reduce", "reduce_scatter", "_reduce_scatter_base")
"""Collectives that carry gradients; gathers of parameters are in the step, and no payload of a replay."""
Span = tuple[float, float]


def matches(content: bytes) -> bool:
    """Whether it is JSON with a list of events."""
    return content.lstrip()[:1] == b"{" and b'"traceEvents"' in content


def read(path: Path, content: bytes, asked: Asked) -> Log:
    """The steps of a profile, and what they exchanged."""
    data = parsed(path, content)
    events = [each for each in data.get("traceEvents", []) if isinstance(each, dict) and each.get("ph") == "X"]
    marks: dict[int, Span] = {}
    took_s: dict[int, float] = {}
    for each in events:
        if (said := _STEP.fullmatch(str(each.get("name")))) and each.get("cat") == "user_annotation":
            marks[int(said[1])] = _span(path, each)
            took_s[int(said[1])] = float(each["dur"]) * 1e-6
    if not marks:
        raise InputError(
            f"{path}: has no ProfilerStep; profile with torch.profiler.schedule(wait=1, warmup=1, active=10), and call "
            "prof.step() at the end of each step"
        )
    kernels = [each for each in events if each.get("cat") == "kernel"]
    sends = _union([_span(path, each) for each in kernels if "nccl" in str(each["name"]).lower()])
    computes = _union([_span(path, each) for each in kernels if "nccl" not in str(each["name"]).lower()])
    records = [each for each in events if each.get("name") == "record_param_comms"]
    told = records or [each for each in kernels if "Collective name" in each.get("args", {})]
    steps = [
        _step(
            number,
            took_s[number],
            marks[number],
            sends,
            computes,
            [each for each in told if _within(path, each, marks[number])],
        )
        for number in sorted(marks)
    ]
    return Log(
        tuple(steps), _found(data), took=_took(steps, bool(kernels)), notes=tuple(_notes(events, kernels, steps))
    )


def parsed(path: Path, content: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
      InputError: it is damaged.
    """
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise InputError(f"{path}:{line}: is no whole JSON; export the profile again") from None
    if not isinstance(data, dict):
        raise InputError(f"{path}: is no JSON object; export the profile again")
    return data


def payload_of(records: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """Bytes that the sums among some records of collectives carry, and how many take part in the largest [byte]."""
    total = group = 0
    for args in records:
        size = _BYTES.get(str(args.get("dtype", "")).lower().removeprefix("c10::"))
        if str(args.get("Collective name", "")).lower() in _SUMS and size:
            total += int(args.get("In msg nelems", 0)) * size
            group = max(group, int(args.get("Group size", 0)))
    return total, group


def _step(
    number: int, took_s: float, mark: Span, sends: list[Span], computes: list[Span], told: Sequence[Mapping[str, Any]]
) -> LoggedStep:
    own = _clipped(sends, mark)
    hidden = sum(end - start for span in own for start, end in _clipped(computes, span))
    exchange_s = (sum(end - start for start, end in own) - hidden) * 1e-6
    payload, group = payload_of(each.get("args", {}) for each in told)
    return LoggedStep(number, took_s, max(0.0, exchange_s), payload_bytes=payload, group=group)


def _found(data: Mapping[str, Any]) -> dict[str, Found]:
    found = {}
    world = data.get("distributedInfo", {}).get("world_size")
    if isinstance(world, int) and world > 0:
        found["chips"] = Found(float(world), "distributedInfo.world_size (a process a chip)")
    names = {str(each.get("name")) for each in data.get("deviceProperties", []) if isinstance(each, dict)}
    if len(names) == 1:
        found["chip"] = Found(names.pop(), "deviceProperties.name")
    return found


def _took(steps: Sequence[LoggedStep], on_gpu: bool) -> tuple[str, ...]:
    took = ["seconds of a step: ProfilerStep of the host"]
    if on_gpu:
        took.append("exchanges: the time in which kernels of NCCL ran and no other did")
    if any(step.payload_bytes for step in steps):
        took.append("payload: bytes into all-reduces and reduce-scatters")
    return tuple(took)


def _notes(
    events: Sequence[Mapping[str, Any]], kernels: Sequence[object], steps: Sequence[LoggedStep]
) -> Iterable[str]:
    yield "a profiled step is slower than one that is not: record_shapes and with_stack cost most"
    sent = [each for each in events if "gloo:" in str(each.get("name")) or str(each.get("name")).startswith("c10d::")]
    if not kernels and sent:
        yield "exchanges on the CPU (gloo) run beside the step, and what it waited for them stays in its seconds"
    if kernels:
        yield "the host may run ahead of the GPU: the mean over the steps is surer than one of them"


def _span(path: Path, event: Mapping[str, Any]) -> Span:
    try:
        start = float(event["ts"])
        return start, start + float(event["dur"])
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{path}: the event {event.get('name')!r} has no ts and dur; export the profile again"
        ) from None


def _within(path: Path, event: Mapping[str, Any], mark: Span) -> bool:
    return mark[0] <= _span(path, event)[0] < mark[1]


def _union(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _clipped(spans: list[Span], to: Span) -> list[Span]:
    return [(max(start, to[0]), min(end, to[1])) for start, end in spans if start < to[1] and end > to[0]]


FORMATS = (
    LogFormat(
        "kineto",
        "the Chrome trace of PyTorch's profiler",
        "JSON with traceEvents",
        matches,
        read,
    ),
)
