"""How the command line writes a strategy and the value of a key: `--strategy` and `--set`."""

from __future__ import annotations

import re
from typing import Any

from ..documents.validation import nearest, parse_yaml
from ..errors import ArgumentError, InputError
from ..strategies import STRATEGIES


def parse_strategy(entry: str) -> dict[str, Any]:
    """`diloco:replicas=4,sync_every=100` -> the document of that strategy.

    Raises:
      InputError: an unknown kind, or something that is not `key=value`.
    """
    kind, _, rest = entry.partition(":")
    if kind not in STRATEGIES:
        known = nearest(kind, list(STRATEGIES))
        raise ArgumentError("{strategies}: there is none named {kind!r}; {known}", kind=kind, known=known)
    document: dict[str, Any] = {"kind": kind}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            told = "{strategies} {entry}: {part!r} sets nothing; write {kind}:key=value,key=value"
            raise ArgumentError(told, entry=entry, part=part, kind=kind)
        document[key.strip()] = _value(value, "{strategies} {entry}", entry)
    return document


def split_setting(entry: str) -> tuple[list[str | int], Any]:
    """`strategies[1].sync_every=10` -> (["strategies", 1, "sync_every"], 10)."""
    path, equals, value = entry.partition("=")
    parts = re.findall(r"[^.\[\]]+", path)
    if not equals or not parts:
        told = "{settings} {entry}: sets nothing; write {settings} key.path=value, such as workload.steps=1000"
        raise ArgumentError(told, entry=entry)
    keys = [int(part) if re.fullmatch("[0-9]{1,9}", part) else part.strip() for part in parts]
    return keys, _value(value, "{settings} {entry}", entry)


def _value(text: str, source: str, entry: str) -> Any:
    """The value of a key, as YAML; a mistake in it names the argument that it stands in."""
    try:
        return parse_yaml(text, "")
    except InputError as error:
        raise ArgumentError(f"{source}{{reason}}", entry=entry, reason=error) from None


def assign(document: dict[str, Any], path: list[str | int], value: Any) -> None:
    """Sets one value deep in plain data; a missing mapping on the way is made, a missing list entry is an error."""
    here: Any = document
    shown = ".".join(map(str, path))
    for depth, part in enumerate(path):
        last = depth == len(path) - 1
        if isinstance(here, list):
            if not isinstance(part, int) or part >= len(here):
                told = "{settings} {shown}: {part!r} is not one of the {count} entries; count from 0"
                raise ArgumentError(told, shown=shown, part=part, count=len(here))
        elif not isinstance(here, dict):
            told = "{settings} {shown}: {above} holds no keys; set it as a whole"
            raise ArgumentError(told, shown=shown, above=".".join(map(str, path[:depth])))
        elif not last:
            here.setdefault(str(part), {})
        key = part if isinstance(here, list) else str(part)
        if last:
            here[key] = value
        else:
            here = here[key]


def keys_of(kind: str) -> set[str]:
    """The keys that strategies of a kind have."""
    return {field.alias or name for name, field in STRATEGIES[kind].model_fields.items()}
