"""How the command line writes a strategy and the value of a key: `--strategy` and `--set`."""

from __future__ import annotations

import re
from typing import Any

from ..documents.validation import nearest, parse_yaml
from ..errors import InputError
from ..strategies import STRATEGIES


def parse_strategy(entry: str) -> dict[str, Any]:
    """`diloco:replicas=4,sync_every=100` -> the document of that strategy.

    Raises:
      InputError: an unknown kind, or something that is not `key=value`.
    """
    kind, _, rest = entry.partition(":")
    if kind not in STRATEGIES:
        raise InputError(f"--strategy: there is none named {kind!r}; {nearest(kind, list(STRATEGIES))}")
    document: dict[str, Any] = {"kind": kind}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise InputError(f"--strategy {entry}: {part!r} sets nothing; write {kind}:key=value,key=value")
        document[key.strip()] = parse_yaml(value, f"--strategy {entry}")
    return document


def split_setting(entry: str) -> tuple[list[str | int], Any]:
    """`strategies[1].sync_every=10` -> (["strategies", 1, "sync_every"], 10)."""
    path, equals, value = entry.partition("=")
    parts = re.findall(r"[^.\[\]]+", path)
    if not equals or not parts:
        raise InputError(f"--set {entry}: sets nothing; write --set key.path=value, such as workload.steps=1000")
    keys = [int(part) if re.fullmatch("[0-9]{1,9}", part) else part.strip() for part in parts]
    return keys, parse_yaml(value, f"--set {entry}")


def assign(document: dict[str, Any], path: list[str | int], value: Any) -> None:
    """Sets one value deep in plain data; a missing mapping on the way is made, a missing list entry is an error."""
    here: Any = document
    shown = ".".join(map(str, path))
    for depth, part in enumerate(path):
        last = depth == len(path) - 1
        if isinstance(here, list):
            if not isinstance(part, int) or part >= len(here):
                raise InputError(f"--set {shown}: {part!r} is not one of the {len(here)} entries; count from 0")
        elif not isinstance(here, dict):
            raise InputError(f"--set {shown}: {'.'.join(map(str, path[:depth]))} holds no keys; set it as a whole")
        elif not last:
            here.setdefault(str(part), {})
        key = part if isinstance(here, list) else str(part)
        if last:
            here[key] = value
        else:
            here = here[key]
