"""A compiled program, with its flops and exchanges before and after compilation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from sim.errors import CrosshaulError, printable
from sim.trace.file import RecordedCollective, RecordedProgram

from .hlo_collectives import collectives
from .jaxpr_counts import asked_collectives, count_flop

_NOT_READ = (
    "the exchanges of the compiled program could not be read, so those that it asks for stand in their place, without "
    "any that the compiler added"
)


@dataclass(frozen=True)
class Program:
    """A program of the run, ready to be called.

    Attributes:
      compiled: the result of the compiler.
      flop: flops of one device, with all iterations of loops [flop].
      asked: the exchanges that the program asks for, before compilation.
      attention_flop: the part of `flop` that is inside fused attention kernels [flop].
    """

    compiled: jax.stages.Compiled
    flop: float
    asked: tuple[RecordedCollective, ...]
    attention_flop: float = 0.0

    def __call__(self, *arguments: Any) -> Any:
        """Runs it; returns before the results are ready."""
        return self.compiled(*arguments)

    def as_text(self) -> str:
        """The compiled program as HLO text."""
        return self.compiled.as_text() or ""


def compile_traced(traced: Any, mesh: Mesh) -> Program:
    """Compiles a traced program.

    Args:
      traced: `jax.jit(function).trace(*shapes)`.
      mesh: the devices.
    """
    sizes = {str(axis): int(size) for axis, size in mesh.shape.items()}
    flop, asked = count_flop(traced.jaxpr, sizes), asked_collectives(traced.jaxpr, sizes)
    inside = count_flop(traced.jaxpr, sizes, fused_only=True)
    return Program(traced.lower().compile(), flop, asked, inside)


def describe(name: str, program: Program, mesh: Mesh) -> RecordedProgram:
    """The description of a program in a trace: flops, memory, and bytes of its collectives by mesh axis.

    Args:
      name: its name in the trace.
      program: the program.
      mesh: the mesh for which it was compiled.
    """
    memory: Any = program.compiled.memory_analysis()
    held = {
        "argument_bytes": int(memory.argument_size_in_bytes),
        "output_bytes": int(memory.output_size_in_bytes),
        "temporary_bytes": int(memory.temp_size_in_bytes),
        "aliased_bytes": int(memory.alias_size_in_bytes),
    }
    needed = held["argument_bytes"] + held["output_bytes"] + held["temporary_bytes"] - held["aliased_bytes"]
    said = int(getattr(memory, "peak_memory_in_bytes", 0))
    note = ""
    try:
        made = by_axis(program, mesh)
    except CrosshaulError as error:  # a spelling of the compiler's is no reason to end a training run
        made, note = program.asked, f"{_NOT_READ} ({printable(str(error))[:200]})"
    return RecordedProgram(
        name=name,
        flop=program.flop,
        **held,
        peak_bytes=max(said, needed),  # the CPU compiler reports a peak without temporaries
        collectives=made,
        asked=program.asked,
        note=note,
    )


def by_axis(program: Program, mesh: Mesh) -> tuple[RecordedCollective, ...]:
    """A program's collectives as compiled; those of one kind along the same axes are summed.

    Args:
      program: the program.
      mesh: the mesh for which it was compiled.
    """
    payload: Counter[tuple[str, str, int, str, bool]] = Counter()
    count: Counter[tuple[str, str, int, str, bool]] = Counter()
    for each in collectives(program.as_text(), mesh):
        key = (each.kind, each.axis, len(each.groups[0]), each.dtype, each.between_slices)
        payload[key] += each.payload_bytes * each.times
        count[key] += each.times
    return tuple(
        RecordedCollective(
            kind=key[0],
            axis=key[1],
            group_size=key[2],
            dtype=key[3],
            between_slices=key[4],
            payload_bytes=payload[key],
            count=count[key],
        )
        for key in payload
    )


def argument_bytes(program: Program, position: int) -> int:
    """Bytes that an argument takes on one device; parts that the program never reads are not passed to it.

    Args:
      program: the program.
      position: the argument, from 0.
    """
    given = program.compiled.input_shardings[0][position]
    shardings = jax.tree.leaves(given, is_leaf=lambda sharding: sharding is None)
    leaves = jax.tree.leaves(program.compiled.args_info[0][position])
    return sum(
        int(prod(sharding.shard_shape(leaf.shape))) * np.dtype(leaf.dtype).itemsize
        for leaf, sharding in zip(leaves, shardings, strict=True)
        if sharding is not None
    )
