"""The wire format of Protocol Buffers, as far as logs need it: fields by number, without a schema."""

from __future__ import annotations

import struct
from collections.abc import Iterator

Value = int | bytes
"""A number of a varint or of fixed bits, or the bytes of what has a length."""
_FIXED = {1: 8, 5: 4}


class DamagedError(ValueError):
    """The bytes are no message."""


def varint(content: bytes, place: int) -> tuple[int, int]:
    """A number of variable length, and the place behind it.

    Raises:
      DamagedError: there is none.
    """
    value = shift = 0
    while place < len(content) and shift < 70:
        byte = content[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return value, place
        shift += 7
    raise DamagedError


def fields(content: bytes) -> Iterator[tuple[int, Value]]:
    """The fields of a message, in their order.

    Raises:
      DamagedError: the bytes are no message.
    """
    place = 0
    while place < len(content):
        tag, place = varint(content, place)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value: Value
            value, place = varint(content, place)
        elif kind == 2 or kind in _FIXED:
            length = _FIXED.get(kind, 0)
            if kind == 2:
                length, place = varint(content, place)
            value = content[place : place + length]
            if len(value) < length:
                raise DamagedError
            place += length
        else:
            raise DamagedError
        yield number, value


def double(value: Value) -> float:
    """The number that eight bytes are."""
    return float(struct.unpack("<d", value)[0]) if isinstance(value, bytes) and len(value) == 8 else float("nan")


def messages(content: bytes) -> Iterator[bytes]:
    """Messages one behind the other, each after its length.

    Raises:
      DamagedError: the last one is cut off, or there are none.
    """
    place = 0
    while place < len(content):
        length, place = varint(content, place)
        if place + length > len(content):
            raise DamagedError
        yield content[place : place + length]
        place += length
