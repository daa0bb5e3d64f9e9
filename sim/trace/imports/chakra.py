"""Chakra execution traces: the JSON of PyTorch's `ExecutionTraceObserver`, and the messages of a file `.et`.

PyTorch's JSON has no times; what it tells is what a step exchanges. A `.et` file has a node for each operation, with
its microseconds: its computing nodes, one behind the other, are a step.

Source: mlcommons/chakra, schema/protobuf/et_def.proto; PyTorch's execution trace, schema 1.1.1-chakra.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import InputError
from .kineto import parsed
from .log import Asked, Found, Log, LogFormat, LoggedStep, text_of
from .wire import DamagedError, Value, fields, messages

_COMP, _COLLECTIVE = 4, 7
_NAME, _TYPE, _DURATION, _ATTRIBUTE = 2, 3, 7, 10
_SUMS = {0: "all-reduce", 7: "reduce-scatter", 8: "reduce-scatter"}
_STEP = re.compile(r"ProfilerStep#\d+")
_SUM_CALLS = ("c10d::allreduce_", "c10d::reduce_scatter_", "c10d::_reduce_scatter_base_")


def is_json(content: bytes) -> bool:
    """Whether it is JSON with nodes, and a schema of Chakra."""
    return content.lstrip()[:1] == b"{" and b"chakra" in content[:1000] and b'"nodes"' in content[:4000]


def is_messages(content: bytes) -> bool:
    """Whether it begins with a message that holds a version, and a second that is a node."""
    try:
        first = dict(fields(next(messages(content[:100_000]))))
    except (DamagedError, StopIteration):
        return False
    version = first.get(1)
    return isinstance(version, bytes) and re.fullmatch(rb"[\d.]+[\w.-]*", version) is not None


def read_json(path: Path, content: bytes, asked: Asked) -> Log:
    """What a step exchanges; a file without times has no steps."""
    text_of(path, content)
    nodes = [node for node in parsed(path, content).get("nodes", []) if isinstance(node, dict)]
    steps = sum(_STEP.fullmatch(str(node.get("name"))) is not None for node in nodes)
    payload = sum(_tensor_bytes(node) for node in nodes if node.get("name") in _SUM_CALLS)
    found = {}
    if payload:
        if not steps:
            raise InputError(
                f"{path}: has exchanges and no ProfilerStep, by which they are of one step; call prof.step()"
            )
        where = f"bytes into all-reduces and reduce-scatters over {steps} steps"
        found["payload_bytes"] = Found(payload / steps, where)
    said = f"payload: {payload / steps:,.0f} bytes a step" if payload else "no exchange of gradients"
    notes = ("an execution trace of PyTorch has no times: give the Kineto trace of the same run beside it",)
    return Log(found=found, took=(f"{len(nodes)} operations of {steps} steps; {said}",), notes=notes)


def read_messages(path: Path, content: bytes, asked: Asked) -> Log:
    """One step: the computing nodes of a rank, one behind the other."""
    seconds, payload, nodes, waited = 0.0, 0, 0, 0.0
    try:
        for position, message in enumerate(messages(content)):
            if position == 0:
                continue
            node = dict(fields(message))
            kind, duration_s = node.get(_TYPE), _number(node.get(_DURATION)) * 1e-6
            nodes += 1
            if kind == _COMP:
                seconds += duration_s
            elif kind == _COLLECTIVE:
                waited += duration_s
                payload += _comm_bytes(message)
    except DamagedError:
        raise InputError(f"{path}: is cut off or damaged; write the trace again") from None
    if seconds <= 0:
        raise InputError(f"{path}: no computing node has a duration; give a trace that was linked with a Kineto trace")
    found = {"payload_bytes": Found(float(payload), "comm_size of all-reduces and reduce-scatters")} if payload else {}
    notes = ["computing nodes count one behind the other: what ran beside each other makes the step too long"]
    if waited:
        notes.append(f"collectives have {waited:.3g} s of their own, which are no part of the step")
    guessed = ("the file is one step of one rank; a trace of n steps gives a step n times too long",)
    took = (f"seconds of the step: duration_micros of the computing nodes among {nodes}",)
    return Log((LoggedStep(1, seconds),), found, took, guessed, tuple(notes))


def _tensor_bytes(node: Mapping[str, Any]) -> int:
    """Bytes of a collective's tensors, each of which is [id, storage, offset, elements, bytes of one, device]."""
    values = node.get("inputs", {}).get("values", [])
    tensors = values[0] if values and isinstance(values[0], list) else []
    tensors = tensors if tensors and isinstance(tensors[0], list) else [tensors]
    return sum(int(each[3]) * int(each[4]) for each in tensors if len(each) >= 5)


def _comm_bytes(message: bytes) -> int:
    """`comm_size` of a collective that sums; without `comm_type` it is taken for one."""
    size, kind = 0, 0
    for number, value in fields(message):
        if number != _ATTRIBUTE or not isinstance(value, bytes):
            continue
        attribute = list(fields(value))
        name = next((each for part, each in attribute if part == 1), b"")
        number_ = next((each for part, each in attribute if part > 2 and isinstance(each, int)), 0)
        if name == b"comm_size":
            size = number_
        elif name == b"comm_type":
            kind = number_
    return size if kind in _SUMS else 0


def _number(value: Value | None) -> int:
    return value if isinstance(value, int) else 0


FORMATS = (
    LogFormat(
        "pytorch-et",
        "PyTorch's execution trace (Chakra, JSON)",
        "JSON with nodes and a schema of chakra",
        is_json,
        read_json,
    ),
    LogFormat(
        "chakra", "a Chakra execution trace (.et)", "messages, the first with a version", is_messages, read_messages
    ),
)
