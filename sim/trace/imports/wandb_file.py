"""The file of a run that wandb writes while it runs, online or offline: `run-ID.wandb`.

A header of seven bytes; blocks of 32 KiB of records (checksum, length, part) as LevelDB's log has them; each record is
a message of which the history of the run, its configuration and its name are read here.

Source: the package wandb, its `DataStore` and the numbers of the fields in `wandb_internal.proto`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from .columns import facts_of, steps_of
from .log import Asked, Log, LogFormat
from .rows import Row
from .wire import DamagedError, Value, double, fields

_MAGIC, _HEADER_BYTES, _BLOCK_BYTES, _HEAD_BYTES = b":W&B", 7, 32_768, 7
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_HISTORY, _CONFIG, _RUN = 2, 5, 17
"""Fields of a record."""
_KEY, _NESTED_KEY, _JSON, _RUN_CONFIG, _NAME, _STEP = 1, 2, 16, 4, 8, 2


def matches(content: bytes) -> bool:
    """Whether it begins like a file of wandb."""
    return content.startswith(_MAGIC)


def read(path: Path, content: bytes, asked: Asked) -> Log:
    """The steps of the history, and what the configuration says; the file of a killed run is read to its end."""
    rows: list[Row] = []
    config: dict[str, object] = {}
    name = ""
    cut_off = False
    try:
        for record in _records(content):
            for field, value in fields(record):
                if not isinstance(value, bytes):
                    continue
                if field == _HISTORY:
                    rows.append((len(rows) + 1, _items(value, with_step=True)))
                elif field == _CONFIG:
                    config |= _items(value)
                elif field == _RUN:
                    for part, inner in fields(value):
                        config |= _items(inner) if part == _RUN_CONFIG and isinstance(inner, bytes) else {}
                        name = inner.decode("utf-8", "replace") if part == _NAME and isinstance(inner, bytes) else name
    except (DamagedError, ValueError, RecursionError):
        cut_off = True
    if not rows:
        raise InputError(f"{path}: holds no history; give the file of a run that logged its steps with wandb.log")
    log = steps_of(path, rows, asked)
    notes = ("the file is cut off: the run was killed, or goes on; what is whole was read",) if cut_off else ()
    return replace(
        log,
        found={**facts_of(config, "the configuration of the run"), **log.found},
        took=(*log.took, f"run: {name}" if name else "run: without a name"),
        notes=log.notes + notes,
    )


def _records(content: bytes) -> Iterator[bytes]:
    """The records, put together from their parts.

    Raises:
      DamagedError: the file is cut off or damaged there.
    """
    place, parts = _HEADER_BYTES, b""
    while place < len(content):
        left = _BLOCK_BYTES - place % _BLOCK_BYTES
        if left < _HEAD_BYTES:  # too little for a head: zeros
            place += left
            continue
        head = content[place : place + _HEAD_BYTES]
        if len(head) < _HEAD_BYTES:
            raise DamagedError
        length, part = int.from_bytes(head[4:6], "little"), head[6]
        piece = content[place + _HEAD_BYTES : place + _HEAD_BYTES + length]
        if len(piece) < length or part not in (_WHOLE, _FIRST, _MIDDLE, _LAST):
            raise DamagedError
        place += _HEAD_BYTES + length
        parts = piece if part in (_WHOLE, _FIRST) else parts + piece
        if part in (_WHOLE, _LAST):
            yield parts


def _items(message: bytes, *, with_step: bool = False) -> dict[str, object]:
    """The values of a history or a configuration, by their keys joined by a point."""
    found: dict[str, object] = {}
    for field, value in fields(message):
        if not isinstance(value, bytes):
            continue
        if field == _STEP and with_step:
            found.setdefault("_step", next((number for part, number in fields(value) if part == 1), 0))
        elif field == 1:
            keys: list[str] = []
            item: object = None
            for part, inner in fields(value):
                if part in (_KEY, _NESTED_KEY) and isinstance(inner, bytes):
                    keys.append(inner.decode("utf-8", "replace"))
                else:
                    item = _value(part, inner)
            if not isinstance(item, dict | list):
                found[".".join(keys)] = item
    return found


def _value(part: int, value: Value) -> object:
    """A value of an item: as JSON, as older versions write all, or by its kind."""
    if part == _JSON and isinstance(value, bytes):
        return json.loads(value)
    if part == 5 and isinstance(value, int):
        return value - (1 << 64) if value >> 63 else value
    return double(value) if part == 6 else None


FORMATS = (
    LogFormat("wandb", "a run of Weights & Biases, its file run-ID.wandb", "a beginning of :W&B", matches, read),
)
