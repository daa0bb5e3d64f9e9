"""How fast the device copies and multiplies when nothing else is in the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from .cases import Copy, Products

_REPEATS = 3
"""The quickest of so many runs counts: a ceiling is what the device can do."""


def compile_ceiling(case: Copy | Products, mesh: Mesh) -> jax.stages.Compiled:
    """Compiles the loop of a case for one device."""
    where = NamedSharding(mesh, PartitionSpec())
    arrays = jax.eval_shape(partial(_arrays, case))
    shapes = [jax.ShapeDtypeStruct(each.shape, each.dtype, sharding=where) for each in arrays]
    return jax.jit(_loop(case), out_shardings=where).lower(*shapes).compile()


def measure_ceiling(case: Copy | Products, compiled: jax.stages.Compiled) -> dict[str, float]:
    """Runs the loop; bytes read and written, or flops, over its time."""
    arrays = _arrays(case)
    jax.block_until_ready(compiled(*arrays))
    seconds = []
    for _ in range(_REPEATS):
        begin = time.perf_counter()
        jax.block_until_ready(compiled(*arrays))
        seconds.append(time.perf_counter() - begin)
    pass_s = min(seconds) / case.runs
    if isinstance(case, Copy):
        return {"pass_s": pass_s, "bytes_per_s": 2 * case.array_bytes / pass_s}
    return {"pass_s": pass_s, "flop_per_s": case.flop / pass_s}


def _arrays(case: Copy | Products) -> list[jax.Array]:
    """Random numbers: a device multiplies zeros with less power, and so faster, than it multiplies a model."""
    if isinstance(case, Copy):
        return [jax.random.normal(jax.random.key(0), (case.array_bytes // 4,))]
    sizes = ((case.tokens, case.width), (case.width, 4 * case.width), (4 * case.width, case.width))
    scales = (1.0, case.width**-0.5, (4 * case.width) ** -0.5)
    keys = jax.random.split(jax.random.key(0), 3)
    return [
        (scale * jax.random.normal(key, size)).astype(case.dtype)
        for key, size, scale in zip(keys, sizes, scales, strict=True)
    ]


def _loop(case: Copy | Products) -> Callable[..., Any]:
    """Every pass needs the result of the one before, so that none can be left out."""
    if isinstance(case, Copy):
        return lambda x: jax.lax.fori_loop(0, case.runs, lambda _, each: 0.5 * each + 1.0, x)

    def block(x: jax.Array, up: jax.Array, down: jax.Array) -> jax.Array:
        return jax.lax.fori_loop(0, case.runs, lambda _, each: (each @ up) @ down, x)

    return block
