"""Which kind of document a file holds, so that one given in the place of another is told where it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import InputError


class _Kind(NamedTuple):
    """How a kind of document is known.

    Attributes:
      noun: what a message calls it.
      marks: keys that no kind further down has.
      goes: what to write for a file of this kind.
      shared: keys that it shares with others; a file of nothing else is taken as what is read.
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
"""In the order in which they are looked for."""


def refuse_other_kind(data: Mapping[str, Any], wanted: str, path: object) -> None:
    """Refuses a document that is clearly of another kind than the one that is read.

    Args:
      data: what the file holds.
      wanted: the kind that is read.
      path: the file, for the message.

    Raises:
      InputError: it has a key of another kind and none of the wanted one; says where it goes.
    """
    known = _KINDS.get(wanted)
    if known is None or data.keys() & known.marks:
        return
    found = next((kind for kind in _KINDS.values() if data.keys() & kind.marks), None)
    if found is not None and not (data.keys() <= known.shared):
        raise InputError(f"{path}: is {found.noun}, not {known.noun}; write {found.goes.format(path=path)}")
