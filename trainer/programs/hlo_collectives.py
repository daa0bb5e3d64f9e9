"""The collectives of a compiled program, read from its HLO text.

The text shows each collective with the shape of its result, its groups of devices and the loops around it. The payload
is what a device contributes, not what it sends: a ring all-reduce among G devices sends 2 (G - 1) / G times as much.

A program for several TPU slices is compiled from the view of one slice: its groups number the devices of that slice,
and exchanges over the datacenter network are sends through the host.

Source: XLA's HLO text (shapes, replica_groups in three spellings), as jax 0.10 and 0.12 print it.
Limits: every branch of a conditional is counted once; a collective inside a loop of unknown length is refused (see
`hlo_text.trips`); the mesh of several slices must list one slice after the other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod

import numpy as np
from jax.sharding import Mesh

from sim.errors import CrosshaulError

from .hlo_text import closing, parse_module, trips

Groups = tuple[tuple[int, ...], ...]
_KINDS = (
    "all-reduce",
    "all-gather",
    "reduce-scatter",
    "all-to-all",
    "ragged-all-to-all",
    "collective-permute",
    "collective-broadcast",
)
_ARRAY = re.compile(r"\b([a-z]\w*)\[([\d,<=]*)\]")


@dataclass(frozen=True)
class Collective:
    """One collective of a program.

    Attributes:
      kind: `all-reduce`, ...
      payload_bytes: contribution of each device to one run of it [byte].
      groups: positions in the mesh that exchange with each other.
      dtype: element types, as compiled.
      axis: mesh axes along which the groups lie, joined by a comma.
      times: number of its runs.
      between_slices: whether it crosses the datacenter network between TPU slices.
    """

    kind: str
    payload_bytes: int
    groups: Groups
    dtype: str
    axis: str
    times: int
    between_slices: bool = False


def collectives(text: str, mesh: Mesh) -> list[Collective]:
    """The collectives of a program; groups of a single device exchange nothing and are left out.

    Args:
      text: `compiled.as_text()`.
      mesh: the mesh for which it was compiled.

    Raises:
      CrosshaulError: an unknown spelling, or a loop of unknown length around a collective.
    """
    module = parse_module(text)
    devices = module.partitions or mesh.size
    found: list[Collective] = []

    def walk(name: str, times: int | None) -> None:
        around = module.computations.get(name, {})
        for each in around.values():
            if each.opcode.endswith(("-done", "-update")):  # the other half of a -start
                continue
            kind = each.opcode.removesuffix("-start")
            if kind in _KINDS or each.opcode == "send":
                collective = _collective(kind, each.opcode, each.shape, each.rest, mesh, times, devices)
                found.extend([collective] if collective else [])
                continue
            inside = times
            if each.opcode == "while":
                runs = trips(module, around, each)
                inside = None if runs is None or times is None else runs * times
            for called in each.called:
                walk(called, inside)

    walk(module.entry, 1)
    return found


def _elements(shape: str) -> list[str]:
    """The parts of a tuple shape, one level deep."""
    parts, depth = [""], 0
    for letter in shape[1:-1]:
        depth += (letter in "({[") - (letter in ")}]")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _collective(
    kind: str, opcode: str, shape: str, rest: str, mesh: Mesh, times: int | None, devices: int
) -> Collective | None:
    across = re.search(r'_xla_megascale_target="\{([\d,:]+)\}x\{([\d,:]+)\}"', rest)
    if opcode == "send":
        sent = _sent(rest, across, devices)
        if sent is None:
            return None
        kind, listed = sent
    else:
        listed = _groups(rest, devices)
    groups = tuple(group for group in listed if len(set(group)) > 1)
    if not groups or times == 0:
        return None
    if times is None:
        raise CrosshaulError(
            f"a {kind} is inside a loop of unknown length, so its bytes cannot be counted: {rest[:200]}"
        )
    # the asynchronous forms return (operand, result, ...); an all-reduce-start returns its result alone
    if opcode == "send":
        shape = _elements(shape)[0]
    elif opcode.endswith("-start") and kind != "all-reduce" and shape.startswith("("):
        shape = _elements(shape)[1]
    payload, size = _bytes(shape), len(groups[0])
    if opcode != "send":  # the first result of a send is its payload
        payload = {"all-gather": payload // size, "reduce-scatter": payload * size}.get(kind, payload)
    dtype = "+".join(dict.fromkeys(kind for kind, _ in _ARRAY.findall(shape)))
    return Collective(kind, payload, groups, dtype, _axis(groups, mesh), times, across is not None)


def _sent(rest: str, across: re.Match[str] | None, devices: int) -> tuple[str, list[tuple[int, ...]]] | None:
    """The kind and groups of the exchange to which a send belongs: a collective between slices, or a permute in pieces.

    None if it belongs to neither. Slices are numbered from 1, devices inside a slice from 0.
    """
    if across:
        kind = re.search(r'_xla_megascale_transfer_type="(\w+)"', rest)
        slices, inside = _span(across[1]), _span(across[2])
        groups = [tuple((number - 1) * devices + device for number in slices) for device in inside]
        return (kind[1] if kind else "send").lower().replace("_", "-"), groups
    if pairs := re.search(r'_xla_send_recv_source_target_pairs="(\{.*?\})"', rest):
        return "collective-permute", _braced(pairs[1])
    return None


def _span(text: str) -> list[int]:
    """`1,2` or `0:3` as numbers."""
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition(":")
        numbers.extend(range(int(first), int(last or first) + 1))
    return numbers


def _bytes(shape: str) -> int:
    """Bytes of an array shape or of all arrays in a tuple shape; four-bit elements are packed."""
    total = 0
    for kind, sizes in _ARRAY.findall(shape):
        width = re.search(r"\d+", kind)
        bits = int(width[0]) if width else 8 * (kind == "pred")  # a token or an opaque value has no bytes
        total += -(-bits * prod(int(size.removeprefix("<=")) for size in sizes.split(",") if size) // 8)
    return total


def _groups(rest: str, devices: int) -> list[tuple[int, ...]]:
    for name in ("source_target_pairs=", "replica_groups="):
        if f"{name}{{" in rest:
            listed = rest.split(name, 1)[1]
            return _braced(listed[: closing(listed)]) or [tuple(range(devices))]
    if iota := re.search(r"replica_groups=(\[[\d,]+\]<=\[[\d,]+\](?:T\([\d,]+\))?)", rest):
        shape = _numbers(iota[1].split("<=")[0])
        return [tuple(group) for group in _iota(iota[1]).reshape(shape).tolist()]
    if "replica_groups=mesh[" in rest:
        return _mesh_groups(rest.split("replica_groups=", 1)[1])
    if "replica_groups" not in rest:
        return [tuple(range(devices))]
    raise CrosshaulError(f"an unknown spelling of replica_groups: {rest[:300]}")


def _mesh_groups(text: str) -> list[tuple[int, ...]]:
    """Groups of `mesh['replica'=2,'data'=4] {'data'}`, with `device_ids=(...)` between if devices are reordered."""
    spelled = re.match(r"mesh\[([^\]]*)\](?:, *device_ids=\((\[.*?|[\d,]*)\))? *\{([^}]*)\}", text)
    if not spelled or ":" in spelled[3]:
        raise CrosshaulError(f"an unknown spelling of replica_groups: {text[:300]}")
    axes = re.findall(r"'?([\w.\-]+)'?=(\d+)", spelled[1])
    names, sizes = [name for name, _ in axes], [int(size) for _, size in axes]
    order = spelled[2] or ""
    ids = _iota(order) if order.startswith("[") else np.array(_numbers(order) if order else range(prod(sizes)))
    inside = [names.index(name) for name in re.findall(r"[\w.\-]+", spelled[3])]
    outside = [axis for axis in range(len(names)) if axis not in inside]
    grouped = ids.reshape(sizes).transpose(outside + inside).reshape(-1, prod(sizes[axis] for axis in inside))
    return [tuple(group) for group in grouped.tolist()]


def _iota(text: str) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """`[4,2]<=[2,4]T(1,0)` or `[2,4]T(1,0)`: the numbers from 0 on, reshaped and transposed, as a flat row."""
    source = text.split("<=")[-1]
    shape, _, permutation = source.partition("T")
    ids = np.arange(prod(_numbers(shape))).reshape(_numbers(shape))
    return (ids.transpose(_numbers(permutation)) if permutation else ids).reshape(-1)


def _braced(text: str) -> list[tuple[int, ...]]:
    return [tuple(_numbers(group)) for group in re.findall(r"\{([\d, ]+)\}", text)]


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def _axis(groups: Groups, mesh: Mesh) -> str:
    """The mesh axes whose coordinate differs inside a group."""
    coordinates = np.array(np.unravel_index(np.array(groups[0]), mesh.devices.shape))
    varies = (coordinates != coordinates[:, :1]).any(axis=1)
    return ",".join(str(name) for name, varied in zip(mesh.axis_names, varies, strict=True) if varied)
