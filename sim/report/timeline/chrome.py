"""A timeline in Chrome's trace event format, as JSON: for chrome://tracing, ui.perfetto.dev and many others.

Source: Trace Event Format (the document that Chromium's about:tracing names).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from .events import events
from .tracks import Piece, Process

_NS_PER_US, _THREADS = 1000, 1000


def encode(found: Sequence[Process]) -> bytes:
    """Processes as a file; its times are microseconds."""
    document = {"displayTimeUnit": "ms", "traceEvents": [*_names(found), *_slices(found), *_counters(found)]}
    return (json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def _names(found: Sequence[Process]) -> Iterator[dict[str, Any]]:
    for pid, process in enumerate(found, 1):
        yield {"ph": "M", "pid": pid, "name": "process_name", "args": {"name": f"{process.strategy}: {process.name}"}}
        yield {"ph": "M", "pid": pid, "name": "process_sort_index", "args": {"sort_index": pid}}
        for tid, thread in enumerate(process.threads, 1):
            at = {"ph": "M", "pid": pid, "tid": _tid(pid, tid)}
            yield at | {"name": "thread_name", "args": {"name": thread.name}}
            yield at | {"name": "thread_sort_index", "args": {"sort_index": tid}}


def _slices(found: Sequence[Process]) -> Iterator[dict[str, Any]]:
    for event in events(found):
        if event.begins is not None:
            yield from _slice(event.begins, event.process + 1, _tid(event.process + 1, event.thread + 1))


def _slice(piece: Piece, pid: int, tid: int) -> Iterator[dict[str, Any]]:
    begins = {"pid": pid, "tid": tid, "ts": piece.start_ns / _NS_PER_US}
    lasts = {"ph": "X", "dur": (piece.end_ns - piece.start_ns) / _NS_PER_US}
    yield begins | lasts | {"name": piece.name, "cat": piece.category, "args": piece.details}
    if piece.leaves:
        yield begins | {"ph": "s", "id": piece.leaves, "name": "bytes", "cat": "flow"}
    if piece.arrives:
        yield begins | {"ph": "f", "bp": "e", "id": piece.arrives, "name": "bytes", "cat": "flow"}


def _counters(found: Sequence[Process]) -> Iterator[dict[str, Any]]:
    for pid, process in enumerate(found, 1):
        for counter in process.counters:
            for at_ns, value in counter.points:
                at = {"ph": "C", "pid": pid, "ts": at_ns / _NS_PER_US}
                yield at | {"name": f"{counter.link}: {counter.what}", "args": {counter.unit: value}}


def _tid(pid: int, number: int) -> int:
    """The number of a thread, which no thread of another process has: some readers would take them for one."""
    return _THREADS * pid + number
