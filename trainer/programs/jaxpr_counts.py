"""Flops and exchanges of a program before compilation, read from its jaxpr.

A jaxpr names the mesh axes of every collective and the length of every loop, so both are counted exactly and for any
backend. XLA's own cost analysis counts the body of a loop once, and a backend may widen, split or join exchanges
(`hlo_collectives.py` counts them after compilation).

Source: arXiv 2204.02311, appendix B (model flops; rematerialised flops count here, too, since the device runs them).
Limits: of a conditional the most expensive branch counts; a while loop of unknown length is refused if it holds matrix
products or exchanges; collectives that automatic partitioning inserts are in no jaxpr. What a kernel computes is not
visible: fused attention counts in closed form (its matrix products over the pairs that causal attention sees, none of
its arithmetic between them), and any other kernel with operations of its own is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn  # type: ignore[attr-defined, unused-ignore]  # 0.12 hides one

from sim.errors import CrosshaulError
from sim.trace.file import RecordedCollective

from ..model.attention import FUSED_PRODUCTS

_ELEMENTWISE = re.compile(
    r"abs|a?(sin|cos|tan)h?|atan2|add|add_any|sub|mul|div|rem|neg|sign|max|min|clamp|floor|ceil|round|nextafter"
    r"|exp|exp2|expm1|log|log1p|logistic|pow|integer_pow|square|one_minus_square|sqrt|rsqrt|cbrt|erf|erfc|erf_inv|lgamma"
)
_REDUCTIONS = re.compile(r"reduce_(sum|max|min|prod)|arg(max|min)|cum(sum|prod|max|min|logsumexp)")
_EXCHANGES = {
    "all_gather": "all-gather",
    "all_gather_invariant": "all-gather",
    "all_gather_reduced": "all-gather",
    "all_to_all": "all-to-all",
    "pbroadcast": "collective-broadcast",
    "pmax": "all-reduce",
    "pmin": "all-reduce",
    "ppermute": "collective-permute",
    "psum": "all-reduce",
    "psum2": "all-reduce",
    "psum_invariant": "all-reduce",
    "ragged_all_to_all": "ragged-all-to-all",
    "reduce_scatter": "reduce-scatter",
    "unreduced_psum": "all-reduce",
    "unreduced_reduce_scatter": "reduce-scatter",
}
_KERNELS = re.compile(r"pallas_call|dot_product_attention_\w+")


class Equation(NamedTuple):
    """One operation of a program.

    Attributes:
      eqn: the equation, with the shapes of its operands.
      times: number of its runs.
      sizes: devices along each mesh axis.
      share: devices that share the operation (those along automatic axes).
    """

    eqn: JaxprEqn
    times: int
    sizes: dict[str, int]
    share: int


def equations(jaxpr: Jaxpr | ClosedJaxpr, sizes: dict[str, int]) -> Iterator[Equation]:
    """Every operation of a program that is not a call, with the number of its runs in loops.

    Args:
      jaxpr: the program.
      sizes: devices along each axis of its mesh.

    Raises:
      CrosshaulError: a loop of unknown length holds matrix products or exchanges.
    """
    return _walk(_open(jaxpr), 1, sizes, prod(sizes.values()))


def count_flop(jaxpr: Jaxpr | ClosedJaxpr, sizes: dict[str, int], *, fused_only: bool = False) -> float:
    """Flops of one device: 2 m n k for a matrix product, 1 for each result of arithmetic or operand of a reduction.

    Args:
      jaxpr: the program.
      sizes: devices along each axis of its mesh.
      fused_only: whether those inside fused attention kernels are counted alone.

    Returns:
      The count [flop].
    """
    return sum(
        each.times * _flop(each.eqn) / each.share
        for each in equations(jaxpr, sizes)
        if not fused_only or _function(each.eqn) in FUSED_PRODUCTS
    )


def asked_collectives(jaxpr: Jaxpr | ClosedJaxpr, sizes: dict[str, int]) -> tuple[RecordedCollective, ...]:
    """The exchanges that a program asks for; those of a single device move nothing and are left out.

    Exchanges over automatic axes (a sharded model) are left out, too: the compiler decides what a device sends.

    Args:
      jaxpr: the program.
      sizes: devices along each axis of its mesh.
    """
    payload: Counter[tuple[str, str, int, str]] = Counter()
    count: Counter[tuple[str, str, int, str]] = Counter()
    for eqn, times, _, share in equations(jaxpr, sizes):
        kind = _EXCHANGES.get(eqn.primitive.name)
        axes = _axes(eqn) if kind else []
        if kind is None or share > 1 or (size := _group_size(eqn, axes, sizes)) == 1:
            continue
        for operand in eqn.invars:
            aval: Any = operand.aval
            key = (kind, ",".join(sorted(axes, key=list(sizes).index)), size, hlo_type(aval.dtype))
            payload[key] += times * -(-_bits(aval.dtype) * prod(aval.shape) // 8)
            count[key] += times
    return tuple(
        RecordedCollective(
            kind=kind, axis=axis, group_size=size, dtype=dtype, payload_bytes=payload[key], count=count[key]
        )
        for key in payload
        for kind, axis, size, dtype in [key]
    )


def hlo_type(dtype: Any) -> str:
    """A type as XLA spells it: f32, bf16, s8, pred, f8e4m3fn."""
    name = str(jnp.dtype(dtype).name)
    for long, short in (("bfloat", "bf"), ("float", "f"), ("uint", "u"), ("int", "s"), ("complex", "c")):
        if name.startswith(long):
            return short + name.removeprefix(long).replace("_", "")
    return "pred" if name == "bool" else name


def _bits(dtype: Any) -> int:
    """Bits of an element in an exchange; four-bit numbers are bytes in memory and are packed for an exchange."""
    name = str(jnp.dtype(dtype).name)
    return 4 if name in {"int4", "uint4", "float4_e2m1fn"} else 8 * int(jnp.dtype(dtype).itemsize)


def _open(jaxpr: Jaxpr | ClosedJaxpr) -> Jaxpr:
    return jaxpr.jaxpr if isinstance(jaxpr, ClosedJaxpr) else jaxpr


def _walk(jaxpr: Jaxpr, times: int, sizes: dict[str, int], share: int) -> Iterator[Equation]:
    for eqn in jaxpr.eqns:
        name = eqn.primitive.name
        inner = [_open(part) for value in eqn.params.values() for part in _parts(value)]
        if _function(eqn) in FUSED_PRODUCTS and _holds_kernel(inner):
            yield Equation(eqn, times, sizes, share)
        elif _KERNELS.fullmatch(name):
            raise CrosshaulError(f"the flops inside a {name} are unknown; give it a closed form in {__name__}")
        elif not inner or name in _EXCHANGES or _REDUCTIONS.fullmatch(name):
            yield Equation(eqn, times, sizes, share)
        elif name == "cond":
            yield from max((list(_walk(branch, times, sizes, share)) for branch in inner), key=_cost)
        elif name == "while":
            _refuse_unknown(inner, sizes, share)
        elif name == "shard_map":
            shape = {str(axis): int(size) for axis, size in eqn.params["mesh"].shape.items()}
            manual = {str(axis) for axis in eqn.params.get("newly_manual_axes", eqn.params.get("manual_axes", shape))}
            left = max(1, share // prod(shape[axis] for axis in manual))
            yield from _walk(inner[0], times, shape, left)
        else:
            trips = int(eqn.params["length"]) if name == "scan" else 1
            for part in inner:
                yield from _walk(part, times * trips, sizes, share)


def _parts(value: Any) -> list[Jaxpr | ClosedJaxpr]:
    values = value if isinstance(value, tuple | list) else [value]
    return [part for part in values if isinstance(part, Jaxpr | ClosedJaxpr)]


def _refuse_unknown(inner: list[Jaxpr], sizes: dict[str, int], share: int) -> None:
    for part in inner:
        for eqn, *_ in _walk(part, 1, sizes, share):
            if eqn.primitive.name in {"dot_general", "conv_general_dilated", *_EXCHANGES}:
                raise CrosshaulError(
                    f"a {eqn.primitive.name} is inside a while loop of unknown length, so it cannot be counted; "
                    "write the loop as a scan"
                )


def _holds_kernel(inner: list[Jaxpr]) -> bool:
    """Whether a kernel is inside; differentiation may split constants off into a call of the same name."""
    return any(
        _KERNELS.fullmatch(eqn.primitive.name) is not None
        or _holds_kernel([_open(part) for value in eqn.params.values() for part in _parts(value)])
        for part in inner
        for eqn in part.eqns
    )


def _function(eqn: JaxprEqn) -> str:
    """The name of the function that an equation calls; empty if it calls none."""
    return str(eqn.params.get("name", "")) if "jaxpr" in eqn.params else ""


def _cost(branch: list[Equation]) -> float:
    return sum(each.times * _flop(each.eqn) for each in branch)


def _flop(eqn: JaxprEqn) -> float:
    name = eqn.primitive.name
    if not eqn.outvars:
        return 0.0
    ins: list[Any] = [operand.aval for operand in eqn.invars]
    out: Any = eqn.outvars[0].aval
    if products := FUSED_PRODUCTS.get(_function(eqn)):
        # the last argument: values, or the gradient of the result, B x L x H x K
        heads = next(each.shape for each in reversed(ins) if len(each.shape) >= 4)
        length, _, width = heads[-3:]
        seen_pairs = prod(heads) // (length * width) * length * (length + 1) // 2
        return float(products * 2 * width * seen_pairs)
    if name == "dot_general":
        (contracting, _), _ = eqn.params["dimension_numbers"]
        return float(2 * prod(out.shape) * prod(ins[0].shape[axis] for axis in contracting))
    if name == "conv_general_dilated":
        out_features = ins[1].shape[eqn.params["dimension_numbers"].rhs_spec[0]]
        return float(2 * prod(out.shape) * prod(ins[1].shape) / out_features)
    if _ELEMENTWISE.fullmatch(name) and jnp.issubdtype(out.dtype, jnp.inexact):
        return float(prod(out.shape))
    if _REDUCTIONS.fullmatch(name) and jnp.issubdtype(ins[0].dtype, jnp.inexact):
        return float(prod(ins[0].shape))
    return 0.0


def _axes(eqn: JaxprEqn) -> list[str]:
    named = eqn.params.get("axes", eqn.params.get("axis_name", ()))
    return [str(axis) for axis in (named if isinstance(named, tuple | list) else (named,)) if isinstance(axis, str)]


def _group_size(eqn: JaxprEqn, axes: list[str], sizes: dict[str, int]) -> int:
    groups = eqn.params.get("axis_index_groups")
    if groups:
        return len(groups[0])
    if pairs := eqn.params.get("perm"):
        return 1 if all(source == target for source, target in pairs) else prod(sizes[axis] for axis in axes)
    return prod(sizes[axis] for axis in axes)
