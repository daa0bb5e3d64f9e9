"""The inner step of a replica whose devices keep only their parts of parameters, gradients and optimizer state.

Before the gradients every device gathers all parameters, in the precision of the model; behind them a reduce-scatter
leaves it the mean gradient of its part, and it updates that part alone. Both exchanges together move the bytes of the
all-reduce that they replace. A device keeps 12 N / D bytes instead of 12 N between steps, and within a step 2 N each
for gathered parameters and gradients in bfloat16.

Source: arXiv 1910.02054 (ZeRO), stages 1 to 3, with the parameters gathered at once instead of layer by layer.
Limits: an array none of whose dimensions the devices divide is kept by each of them.
"""

from __future__ import annotations

from typing import Any

import jax
from jax.sharding import Mesh

from ..config.run import Precision
from ..model.transformer import cast
from ..parallel.mesh import BY_DEVICE, DATA_AXIS, SPREAD, abstract
from .compile import compile_program
from .program import Program, compile_traced
from .step_functions import StepFunctions

_lax: Any = jax.lax
"""Exchanges are untyped in JAX."""


def compile_gather(step: StepFunctions, precision: Precision | None, mesh: Mesh) -> Program:
    """Compiles: the parts of the parameters -> all parameters on each device, in the precision of the model."""
    given, made = abstract(step.params, mesh, SPREAD), abstract(step.gradient, mesh, BY_DEVICE)
    dimensions = _along_data(given)

    def local(parts: Any) -> Any:
        return jax.tree.map(_gathered, cast(parts, precision), dimensions)

    specs = jax.tree.map(lambda x: x.sharding.spec, given), jax.tree.map(lambda x: x.sharding.spec, made)
    program = jax.shard_map(local, mesh=mesh, in_specs=(specs[0],), out_specs=specs[1])
    return compile_traced(jax.jit(program).trace(given), mesh)


def compile_of_gathered(step: StepFunctions, mesh: Mesh, *, typed: bool) -> Program:
    """Compiles: all parameters on each device, tokens -> gradients and cross-entropy of each device.

    The gradients take the memory of the gathered parameters.
    """
    two = (BY_DEVICE, BY_DEVICE)
    return compile_program(step.gradients, mesh, (step.gradient, step.tokens_BxL), two, two, donate=(0,), typed=typed)


def compile_scatter(step: StepFunctions, mesh: Mesh) -> Program:
    """Compiles: the gradients of each device -> the parts of their mean."""
    given, made = abstract(step.gradient, mesh, BY_DEVICE), abstract(step.gradient, mesh, SPREAD)
    dimensions, devices = _along_data(made), int(mesh.shape[DATA_AXIS])

    def mean(x: jax.Array, dimension: int) -> Any:
        if dimension < 0:
            return _lax.pmean(x, DATA_AXIS)
        return _lax.psum_scatter(x, DATA_AXIS, scatter_dimension=dimension, tiled=True) / devices

    def local(gradients: Any) -> Any:
        return jax.tree.map(mean, gradients, dimensions)

    specs = jax.tree.map(lambda x: x.sharding.spec, given), jax.tree.map(lambda x: x.sharding.spec, made)
    program = jax.shard_map(local, mesh=mesh, in_specs=(specs[0],), out_specs=specs[1])
    return compile_traced(jax.jit(program).trace(given), mesh)


def compile_update_of_parts(step: StepFunctions, mesh: Mesh) -> Program:
    """Compiles: parts of parameters, of the optimizer's state and of gradients -> the first two, updated.

    The compiler splits the arithmetic as the arrays lie. It adds one exchange, of the few numbers that the norm of the
    whole gradient is summed from, by which the optimizer clips.
    """
    given = [abstract(tree, mesh, SPREAD) for tree in (step.params, step.state, step.gradient)]
    where = jax.tree.map(lambda x: x.sharding, tuple(given[:2]))
    program = jax.jit(jax.vmap(step.update), donate_argnums=(0, 1), out_shardings=where)
    return compile_traced(program.trace(*given), mesh)


def _gathered(part: jax.Array, dimension: int) -> jax.Array:
    return part if dimension < 0 else _lax.all_gather(part, DATA_AXIS, axis=dimension, tiled=True)


def _along_data(shapes: Any) -> Any:
    """The dimension of each array that lies along the data axis; -1 if none does (a pytree has no leaf None)."""

    def one(leaf: Any) -> int:
        spec = tuple(leaf.sharding.spec)
        return spec.index(DATA_AXIS) if DATA_AXIS in spec else -1

    return jax.tree.map(one, shapes)
