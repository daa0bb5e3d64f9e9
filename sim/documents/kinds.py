"""Kinds of documents, so that a file of another kind is refused with a hint on the command that takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import InputError


class _Kind(NamedTuple):
    """The marks of a kind of document.

    Attributes:
      noun: its name in messages.
      marks: keys that no later kind has.
      goes: the command or option that takes a file of this kind.
      shared: keys that it has in common with other kinds; a file with only these is accepted.
    """

    noun: str
    marks: frozenset[str]
    goes: str
    shared: frozenset[str] = frozenset()


_KINDS = {
    "result": _Kind("a result", frozenset({"crosshaul_version"}), "simulate {path}"),
    "flows": _Kind("a list of flows", frozenset({"flows"}), "simulate flows {path}", frozenset({"topology"})),
    "training configuration": _Kind(
        "a training configuration",
        frozenset({"algorithm"}),
        "record-trace --config {path}",
        frozenset({"model", "steps", "replicas", "corpus"}),
    ),
    "scenario": _Kind(
        "a scenario", frozenset({"strategies", "workload"}), "simulate {path}", frozenset({"topology", "name"})
    ),
    "topology": _Kind("a topology", frozenset({"datacenters", "generate", "links"}), "--topology {path}"),
    "workload": _Kind("a workload", frozenset({"params", "model", "trace", "batch_tokens"}), "--workload {path}"),
}
"""All kinds, in the order in which they are tried."""


def refuse_other_kind(data: Mapping[str, Any], wanted: str, path: object) -> None:
    """Refuses a document that is clearly of another kind than the one that is read.

    Args:
      data: the content of the file.
      wanted: the expected kind.
      path: the file, for the message.

    Raises:
      InputError: it has a key of another kind and none of the expected one; the message says what takes it.
    """
    known = _KINDS.get(wanted)
    if known is None or data.keys() & known.marks:
        return
    found = next((kind for kind in _KINDS.values() if data.keys() & kind.marks), None)
    if found is not None and not (data.keys() <= known.shared):
        raise InputError(f"{path}: is {found.noun}, not {known.noun}; write {found.goes.format(path=path)}")
