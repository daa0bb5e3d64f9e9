"""Checkpoints: the state of a run, one folder for each saved step, written atomically.

A checkpoint is written under a temporary name and renamed when every byte of it is on the disk, so a killed process
never leaves an incomplete one under the final name. `checkpoint.json` holds the digest of each index, and an index the
digest of each piece, so that later damage is found when the checkpoint is read; then the one before is used. Each
process writes the shards of which it holds the first copy. They are joined by their position in the array, so a run may
resume with another number of processes or another mesh of the same size, if all processes see the folder.

    DIR/step-00000120/checkpoint.json    step, configuration, position in the trace, digests of the indexes
                      index-0.json       of each piece: array, type, shape, range in the array, offset, digest
                      arrays-0.bin       the pieces, one after the other

How one is written: `saving.py`.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError

from ..parallel.processes import gathered
from .durable_files import digest

FORMAT = 1
KEPT = 2
"""Number of checkpoints that are kept: the newest, and the one before in case the newest is damaged."""
_NAME = re.compile(r"step-(\d{8,})")
FACTS = "checkpoint.json"


_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, MemoryError, RecursionError)
"""Exceptions that reading damaged JSON may raise."""


class _DamagedError(Exception):
    """A checkpoint differs from what was written."""


@dataclass(frozen=True)
class _Piece:
    """A part of an array in a file: its half-open range in each dimension, and its bytes."""

    file: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    ranges: tuple[tuple[int, int], ...]
    offset: int
    sha256: str

    def read(self) -> NDArray[Any]:
        extent = tuple(stop - start for start, stop in self.ranges)
        size = math.prod(extent) * self.dtype.itemsize
        with self.file.open("rb") as file:
            if not 0 <= size <= file.seek(0, os.SEEK_END) - self.offset:
                raise _DamagedError(f"{self.file.name} is cut short")
            file.seek(self.offset)
            content = file.read(size)
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise _DamagedError(f"{self.file.name} is damaged")
        return np.frombuffer(content, self.dtype).reshape(extent)


@dataclass(frozen=True)
class Checkpoint:
    """A complete, undamaged checkpoint.

    Attributes:
      path: its folder.
      facts: the values that were saved beside the arrays, among them `step`.
      pieces: the parts of each array, by the array's path in the pytree.
    """

    path: Path
    facts: dict[str, Any]
    pieces: Mapping[str, tuple[_Piece, ...]]

    @property
    def step(self) -> int:
        """The inner step after which it was saved."""
        return int(self.facts["step"])

    def array(self, name: str, index: tuple[slice, ...] | None = None) -> NDArray[Any]:
        """An array, or a part of it.

        Args:
          name: its path in the pytree.
          index: a slice for each dimension; None: the whole array.

        Raises:
          InputError: the array does not exist, or parts of it are missing.
        """
        pieces = self.pieces.get(name)
        if not pieces:
            raise InputError(f"{self.path}: has no array {name}; it belongs to another configuration")
        shape = pieces[0].shape
        wanted = [part.indices(size) for part, size in zip(index or (slice(None),) * len(shape), shape, strict=True)]
        out = np.empty([stop - start for start, stop, _ in wanted], pieces[0].dtype)
        filled = 0
        for piece in pieces:
            shared = [(max(a, c), min(b, d)) for (a, b, _), (c, d) in zip(wanted, piece.ranges, strict=True)]
            if all(start < stop for start, stop in shared):
                to = tuple(slice(a - w[0], b - w[0]) for (a, b), w in zip(shared, wanted, strict=True))
                own = tuple(slice(a - r[0], b - r[0]) for (a, b), r in zip(shared, piece.ranges, strict=True))
                out[to] = piece.read()[own]
                filled += out[to].size
        if filled != out.size:
            raise InputError(f"{self.path}: parts of {name} are missing; do all processes see this folder?")
        return out

    def restore(self, like: Any) -> Any:
        """The saved pytree on the devices.

        Args:
          like: shapes with shardings, in the structure of the saved pytree.

        Raises:
          InputError: the saved arrays have other names or shapes.
        """

        def one(path: Any, leaf: Any) -> jax.Array:
            name = jax.tree_util.keystr(path)
            found = self.pieces.get(name)
            if not found or found[0].shape != leaf.shape:
                raise InputError(f"{self.path}: has no array {name} of shape {leaf.shape}; resume with its own options")
            return jax.make_array_from_callback(leaf.shape, leaf.sharding, lambda index: self.array(name, index))

        return jax.tree_util.tree_map_with_path(one, like)


def newest(directory: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest undamaged checkpoint of a run; every byte of it is read and checked.

    Args:
      directory: the folder of all checkpoints of the run.

    Returns:
      The checkpoint, or None if there are no checkpoints; and a line for each damaged one that was skipped.

    Raises:
      InputError: all checkpoints of the folder are damaged or of another format, or processes see different ones.
    """
    passed: list[str] = []
    found = saved_in(directory)
    whole = next((checkpoint for _, path in found if (checkpoint := _whole(path, passed))), None)
    # all processes compare what they see before any of them raises an error
    steps = gathered(np.array([float(whole.step) if whole else -1.0]))
    if steps.min() != steps.max():
        raise InputError(f"--checkpoint {directory}: the processes see different checkpoints; share the folder")
    if found and whole is None:
        raise InputError(f"--checkpoint {directory}: all its checkpoints are damaged; delete the folder to begin again")
    return whole, passed


def _whole(path: Path, passed: list[str]) -> Checkpoint | None:
    """The checkpoint in a folder, checked byte by byte; None, with a line added to `passed`, if it is damaged."""
    try:
        checkpoint = _read(path)
        for pieces in checkpoint.pieces.values():
            for piece in pieces:
                piece.read()
    except (_DamagedError, OSError, *_MALFORMED) as error:
        passed.append(f"{path}: damaged ({error}); the checkpoint before it is used")
        return None
    return checkpoint


def saved_in(directory: Path) -> list[tuple[int, Path]]:
    """The checkpoints in a folder, newest first, damaged ones among them."""
    if not directory.is_dir():
        return []
    named = ((_NAME.fullmatch(path.name), path) for path in directory.iterdir())
    return sorted(((int(match[1]), path) for match, path in named if match), reverse=True)


def _read(path: Path) -> Checkpoint:
    document = json.loads((path / FACTS).read_bytes())
    if not isinstance(document, dict) or not isinstance(document.get("facts"), dict):
        raise _DamagedError(f"{FACTS} is damaged")
    own = document.pop("sha256")
    if document["format"] != FORMAT or own != own_digest(document) or not isinstance(document["facts"]["step"], int):
        raise _DamagedError(f"{FACTS} is damaged")
    pieces: dict[str, list[_Piece]] = {}
    for name, said in document["indexes"].items():
        if digest(path / name) != said:
            raise _DamagedError(f"{name} is damaged")
        file = path / name.replace("index", "arrays").replace(".json", ".bin")
        for entry in json.loads((path / name).read_bytes()):
            ranges = tuple((start, stop) for start, stop in entry["ranges"])
            own_piece = _Piece(
                file, np.dtype(entry["dtype"]), tuple(entry["shape"]), ranges, entry["offset"], entry["sha256"]
            )
            pieces.setdefault(entry["array"], []).append(own_piece)
    for array, parts in pieces.items():
        _check_parts(array, parts)
    return Checkpoint(path, document["facts"], {name: tuple(parts) for name, parts in pieces.items()})


def _check_parts(array: str, parts: list[_Piece]) -> None:
    """Makes sure that the parts of an array fit together and cover it, before memory for the array is allocated."""
    shape, dtype = parts[0].shape, parts[0].dtype
    for part in parts:
        inside = all(0 <= start <= stop <= size for (start, stop), size in zip(part.ranges, shape, strict=True))
        if part.shape != shape or part.dtype != dtype or not inside:
            raise _DamagedError(f"the parts of {array} do not fit together")
    held = sum(math.prod(stop - start for start, stop in part.ranges) for part in parts)
    if held != math.prod(shape):
        raise _DamagedError(f"parts of {array} are missing; do all processes see this folder?")


def own_digest(body: Mapping[str, Any]) -> str:
    """The digest of `checkpoint.json`, which stands in it."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
