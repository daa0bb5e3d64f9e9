"""A time estimate of a compiled program: each kernel takes as long as its bytes or its products, whichever is longer.

The kernels are those that the compiler scheduled for the device, read from the HLO text, with loops multiplied. A
fusion reads its operands and writes its result once; of an operand that is only sliced, and of a result that only
updates a part, that part counts. Arrays in a TPU's vector memory (`S(1)`) move no bytes.

Source: the roofline model of Williams, Waterman and Patterson (2009).
Limits: a bound and no measurement: caches, the shapes of products and overlap are not modelled. Exchanges cost nothing.
Kernels other than fused attention (custom calls) count by their bytes alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

import numpy as np

from ..parallel.chip_rates import Rates
from .hlo_text import Computation, Instruction, Module, parse_module, root, trips

_ARRAY = re.compile(r"\b(pred|token|[a-z]+(\d+)\w*)\[([\d,]*)\](\{[^}]*\})?")
_FREE = {
    *("parameter", "constant", "get-tuple-element", "tuple", "bitcast", "while", "after-all", "conditional", "call"),
    *("partition-id", "replica-id", "iota", "copy-start", "copy-done", "async-done", "slice-start", "slice-done"),
    *("fusion-done", "custom-call-done"),
    *("optimization-barrier", "domain", "add-dependency"),
}
_EXCHANGES = re.compile(r"(all-|reduce-scatter|collective-|ragged-|send|recv).*")
_PASSED = {"bitcast", "convert", "reshape", "copy", "transpose"}
_ATTENTION = re.compile(r'custom_call_target="[^"]*fmha[^"]*"|custom_call_target="tpu_custom_call"')
ATTENTION = "attention"


class Kernel(NamedTuple):
    """One kernel.

    Attributes:
      bytes_moved: read and written in one run [byte].
      flop: in products of one run [flop].
      kind: the type of the products' operands, `attention`, or empty without products.
      times: number of its runs.
    """

    bytes_moved: float
    flop: float
    kind: str
    times: int


@dataclass(frozen=True)
class Roofline:
    """The estimate of a program or of several together.

    Attributes:
      seconds: of all kernels [s].
      bytes_moved: by all kernels [byte].
      flop: in products, by the type of their operands [flop].
      kernels: number of kernels that run.
      unknown_loops: loops of unknown length, whose body was counted once.
    """

    seconds: float = 0.0
    bytes_moved: float = 0.0
    flop: Mapping[str, float] = field(default_factory=dict)
    kernels: int = 0
    unknown_loops: int = 0

    def __add__(self, other: Roofline) -> Roofline:
        return Roofline(
            self.seconds + other.seconds,
            self.bytes_moved + other.bytes_moved,
            {kind: self.flop.get(kind, 0.0) + other.flop.get(kind, 0.0) for kind in {**self.flop, **other.flop}},
            self.kernels + other.kernels,
            self.unknown_loops + other.unknown_loops,
        )


def estimate_roofline(text: str, rates: Rates, attention_flop: float = 0.0) -> Roofline:
    """The estimate of a program.

    Args:
      text: `compiled.as_text()`.
      rates: what the device reaches.
      attention_flop: of all its fused attention kernels together, which the text does not tell [flop].
    """
    module = parse_module(text)
    unknown: list[str] = []
    found = list(_kernels(module, module.entry, 1, unknown))
    in_attention = sum(each.times for each in found if each.kind == ATTENTION)
    found = [each._replace(flop=attention_flop / in_attention) if each.kind == ATTENTION else each for each in found]
    flop: dict[str, float] = {}
    for each in found:
        if each.kind:
            flop[each.kind] = flop.get(each.kind, 0.0) + each.flop * each.times
    return Roofline(
        seconds=sum(each.times * _seconds(each, rates) for each in found),
        bytes_moved=sum(each.times * each.bytes_moved for each in found),
        flop=flop,
        kernels=sum(each.times for each in found),
        unknown_loops=len(unknown),
    )


def _seconds(kernel: Kernel, rates: Rates) -> float:
    speed = {ATTENTION: rates.attention_flop_per_s, "f32": rates.wide_flop_per_s, "f64": rates.wide_flop_per_s}
    compute_s = kernel.flop / speed.get(kernel.kind, rates.narrow_flop_per_s)
    return max(kernel.bytes_moved / rates.bytes_per_s, compute_s) + rates.launch_s


def _kernels(module: Module, name: str, times: int, unknown: list[str]) -> Iterator[Kernel]:
    around = module.computations.get(name, {})
    for each in around.values():
        if each.opcode == "while":
            runs = trips(module, around, each)
            unknown.extend([each.name] if runs is None else [])
            yield from _kernels(module, each.attribute("body"), times * (1 if runs is None else runs), unknown)
        elif each.opcode in {"call", "conditional", "async-start"}:
            for called in each.called:
                yield from _kernels(module, called, times, unknown)
        elif each.opcode not in _FREE and not _EXCHANGES.fullmatch(each.opcode):
            yield _kernel(module, around, each, times)


def _kernel(module: Module, around: Computation, each: Instruction, times: int) -> Kernel:
    if each.opcode in {"fusion", "fusion-start"}:  # the latter runs beside others; its shape has the operands, too
        inner = module.computations.get(each.attribute("calls"), {})
        products = [(made, _product_flop(inner, made) or _library_flop(inner, made)) for made in inner.values()]
        flop = sum(count for _, count in products)
        kind = next((_operand_type(inner, made) for made, count in products if count), "")
        scratch = sum(_scratch(made.shape) for made, count in products if count and made.opcode == "custom-call")
        return Kernel(_read(around, inner, each) + _written(inner, each) - scratch, flop, kind, times)
    moved = bytes_of(each.shape) + sum(bytes_of(around[name].shape) for name in each.operands if name in around)
    if each.opcode in {"dynamic-slice", "gather", "slice"}:
        moved = 2 * bytes_of(each.shape)
    if each.opcode == "custom-call" and _ATTENTION.search(each.rest):
        return Kernel(moved, 0.0, ATTENTION, times)
    flop = _product_flop(around, each) or _library_flop(around, each)
    if each.opcode == "custom-call" and flop:
        moved -= _scratch(each.shape)
    return Kernel(moved, flop, _operand_type(around, each) if flop else "", times)


def bytes_of(shape: str) -> float:
    """Bytes of the arrays of a shape that are in the device's main memory [byte]."""
    total = 0.0
    for kind, bits, sizes, layout in _ARRAY.findall(shape):
        if kind != "token" and "S(" not in layout:
            total += (int(bits) if bits else 8) / 8 * prod(_numbers(sizes))
    return total


def _scratch(shape: str) -> float:
    """Bytes of a library's scratch space, which is a result that nobody reads [byte]."""
    return sum(bytes_of(found) for found in re.findall(r"\bs8\[[\d,]*\]", shape))


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def _dimensions(shape: str) -> list[int]:
    found = _ARRAY.search(shape)
    return _numbers(found[3]) if found else []


def _operand_type(around: Computation, each: Instruction) -> str:
    operand = around.get(each.operands[0]) if each.operands else None
    found = _ARRAY.search(operand.shape) if operand else None
    return found[1] if found else ""


def _product_flop(around: Computation, each: Instruction) -> float:
    """Flops of a matrix product or convolution; 0 for anything else."""
    if each.opcode not in {"dot", "convolution"} or len(each.operands) < 2:
        return 0.0
    left, right = (around.get(name) for name in each.operands[:2])
    if left is None or right is None:
        return 0.0
    if each.opcode == "dot":
        listed = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", each.rest)
        summed = [_dimensions(left.shape)[axis] for axis in _numbers(listed[1] if listed else "")]
        return 2.0 * prod(_dimensions(each.shape)) * prod(summed)
    return _convolution_flop(_dimensions(left.shape), _dimensions(right.shape), _dimensions(each.shape), each.rest)


def _convolution_flop(given: list[int], kernel: list[int], made: list[int], rest: str) -> float:
    """Flops of a convolution, which is how TPUs write products; the batch of a product can be a window with holes.

    Along each window dimension only the pairs of result and kernel positions count that meet an element.
    """
    labels = re.search(r"dim_labels=(\w+)_(\w+)->(\w+)", rest)
    if labels is None:
        return 0.0
    sizes = [
        dict(zip(each, shape, strict=False)) for each, shape in zip(labels.groups(), (given, kernel, made), strict=True)
    ]
    total: float = 2.0 * sizes[2].get("b", 1) * sizes[2].get("f", 1) * sizes[1].get("i", 1)
    window = re.search(r"window=\{([^}]*)\}", rest)
    options = dict(re.findall(r"(\w+)=(\S+)", window[1] if window else ""))
    for place in range(sum(label.isdigit() for label in labels[2])):
        name = str(place)
        stride, dilated, spread = (
            _window(options, option, place, 1) for option in ("stride", "lhs_dilate", "rhs_dilate")
        )
        low = _window(options, "pad", place, 0)
        starts = stride * np.arange(sizes[2][name])[:, None] + spread * np.arange(sizes[1][name]) - low
        met = (starts % dilated == 0) & (starts >= 0) & (starts < dilated * sizes[0][name])
        total *= int(met.sum())
    return total


def _window(options: Mapping[str, str], name: str, place: int, default: int) -> int:
    """An option of a window in one dimension: `2x3`, or of `pad=0_1x2_2` the lower side."""
    return int(options[name].split("x")[place].split("_")[0]) if name in options else default


def _library_flop(around: Computation, each: Instruction) -> float:
    """Flops of a product that a library computes (cuBLAS): its contracted dimensions stand in the configuration."""
    listed = re.search(r'"lhs_contracting_dimensions":\[([^\]]*)\]', each.rest)
    left = around.get(each.operands[0]) if each.operands else None
    if each.opcode != "custom-call" or listed is None or left is None:
        return 0.0
    summed = [_dimensions(left.shape)[axis] for axis in _numbers(listed[1])]
    return 2.0 * prod(_dimensions(each.shape)) * prod(summed)


def _read(around: Computation, inner: Computation, fusion: Instruction) -> float:
    """Bytes that a fusion reads."""
    users: dict[str, list[Instruction]] = {}
    for each in inner.values():
        for name in each.operands:
            users.setdefault(name, []).append(each)
    total = 0.0
    parameters = {int(each.rest.split(")")[0]): each for each in inner.values() if each.opcode == "parameter"}
    for place, name in enumerate(fusion.operands):
        whole = bytes_of(around[name].shape) if name in around else 0.0
        given = parameters.get(place)
        total += min(whole, _used(given.name, whole, users)) if given else whole
    return total


def _used(name: str, whole: float, users: Mapping[str, list[Instruction]], depth: int = 0) -> float:
    """Bytes of an operand that its users in a fusion need."""
    total = 0.0
    for user in users.get(name, []):
        if user.opcode in {"dynamic-slice", "gather", "slice"} and user.operands[0] == name:
            total += bytes_of(user.shape)
        elif user.opcode in {"bitcast", "reshape"} and depth < 4:
            total += _used(user.name, whole, users, depth + 1)
        elif not (user.opcode == "dynamic-update-slice" and user.operands[0] == name):
            return whole
    return total


def _written(inner: Computation, fusion: Instruction) -> float:
    """Bytes that a fusion writes."""
    result = root(inner)
    return bytes_of(fusion.shape) if result is None else min(bytes_of(fusion.shape), _made(inner, result))


def _made(inner: Computation, each: Instruction, depth: int = 0) -> float:
    if each.opcode == "tuple":
        return sum(_made(inner, inner[name], depth + 1) for name in each.operands if name in inner)
    if each.opcode == "dynamic-update-slice" and each.operands[1] in inner:
        return bytes_of(inner[each.operands[1]].shape)
    if each.opcode in _PASSED and each.operands and each.operands[0] in inner and depth < 4:
        below = _made(inner, inner[each.operands[0]], depth + 1)
        source = inner[each.operands[0]]
        return below if below < bytes_of(source.shape) else bytes_of(each.shape)
    return bytes_of(each.shape)
