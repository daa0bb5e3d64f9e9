"""Changes of a document as text: the `key.path=value` of `--set`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..errors import ArgumentError, InputError
from .reading import parse_yaml


def split_settings(entries: Sequence[str], example: str = "workload.steps=1000") -> list[tuple[list[str | int], Any]]:
    """Each of some `key.path=value` in its parts, in their order.

    Args:
      entries: the texts.
      example: an example for the error message.

    Raises:
      InputError: one of them is not `key.path=value`, or a key is there twice: one value would be dropped.
    """
    settings: list[tuple[list[str | int], Any]] = []
    for entry in entries:
        path, value = _split(entry, example)
        if any(path == before for before, _ in settings):
            raise ArgumentError("{settings} {entry}: the same key is set twice; keep one of them", entry=entry)
        settings.append((path, value))
    return settings


def _split(entry: str, example: str) -> tuple[list[str | int], Any]:
    """`strategies[1].sync_every=10` -> (["strategies", 1, "sync_every"], 10)."""
    path, equals, value = entry.partition("=")
    parts = re.findall(r"[^.\[\]]+", path)
    if not equals or not parts:
        told = "{settings} {entry}: has no key or no value; write {settings} key.path=value, such as {example}"
        raise ArgumentError(told, entry=entry, example=example)
    keys = [int(part) if re.fullmatch("[0-9]{1,9}", part) else part.strip() for part in parts]
    return keys, read_value(value, "{settings} {entry}", entry)


def split_at_commas(text: str) -> list[str]:
    """`replicas=2,local_steps=[30,20]` -> its parts between the commas that are in no brackets."""
    parts, depth = [""], 0
    for each in text:
        depth += (each in "[{") - (each in "]}" and depth > 0)
        if each == "," and not depth:
            parts.append("")
        else:
            parts[-1] += each
    return parts


def read_value(text: str, source: str, entry: str) -> Any:
    """The value of a key, as YAML; an error names the argument."""
    try:
        return parse_yaml(text, "")
    except InputError as error:
        raise ArgumentError(f"{source}{{reason}}", entry=entry, reason=error) from None


def assign(document: dict[str, Any], path: list[str | int], value: Any) -> None:
    """Sets one value deep in plain data; missing mappings on the path are made, a missing list entry is an error."""
    here: Any = document
    shown = ".".join(map(str, path))
    for depth, part in enumerate(path):
        last = depth == len(path) - 1
        if isinstance(here, list):
            if not isinstance(part, int) or part >= len(here):
                told = "{settings} {shown}: {part!r} is not one of the {count} entries; count from 0"
                raise ArgumentError(told, shown=shown, part=part, count=len(here))
        elif not isinstance(here, dict):
            told = "{settings} {shown}: {above} has no keys below it; set the whole of it"
            raise ArgumentError(told, shown=shown, above=".".join(map(str, path[:depth])))
        elif not last:
            here.setdefault(str(part), {})
        key = part if isinstance(here, list) else str(part)
        if last:
            here[key] = value
        else:
            here = here[key]
