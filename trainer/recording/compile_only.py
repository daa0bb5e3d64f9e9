"""A run compiled for devices that are not there: exchanges, memory and flops as a trace with estimated times.

The compilers for TPUs and GPUs need no chip (`targets.py`). The programs, their collectives and their memory are then
those of the real devices. Only the time of a step is unknown; it is estimated from the counted flops at a stated
utilisation of the chip's peak, and beside it by the roofline of the compiled kernels.

Limits: whole pods or slices, all of whose devices the mesh uses; all steps take the same time, and exchanges have no
times.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
from jax.experimental.compilation_cache import compilation_cache
from jax.sharding import Mesh

from sim.errors import CrosshaulError, InputError
from sim.trace.file import Header, Record, TraceWriter
from sim.units.chips import chip_of_kind

from ..algorithms import AnySchedule, loop_steps, make_algorithm, turns
from ..config.run import TrainConfig
from ..parallel.chip_rates import find_rates
from ..parallel.chips import recorded_device
from ..parallel.mesh import make_lanes, make_mesh
from ..programs.inner_step import compile_inner
from ..programs.roofline import Roofline, estimate_roofline
from ..training.costs import InnerCost
from .header import make_header
from .inventory import Programs, programs_of
from .memory_advice import DoesNotFit, advice, check_memory, check_states, fitted, held_bytes
from .recorder import Listener, Summary
from .records import among, exchange_records, inner_records
from .targets import native_log_hidden
from .trace_file import check_writable

_TIMING = (
    "estimated, nothing ran: compute_s = counted flops of a device over the stated utilization of its published dense "
    "bfloat16 peak, the same in every step; payloads, memory and flops are of programs compiled ahead of time; "
    "exchanges and the arithmetic of the outer step have no seconds"
)


def fitting_devices(count: int, replicas: int, given: int | None, shards: int = 1) -> int:
    """The number of data-parallel devices of each replica with which a run uses all devices of a target.

    Args:
      count: devices of the target.
      replicas: M.
      given: the number that the user gave, if any.
      shards: devices that share a copy of the model.

    Raises:
      InputError: the run cannot use exactly the devices of the target.
    """
    each = replicas * shards
    wanted = each * given if given else math.ceil(count / each) * each
    if wanted == count:
        return count // each
    fits = f"write --devices-per-replica {count // each}" if count % each == 0 else "write other --replicas"
    asked = f"--replicas {replicas}" + (f" x --devices-per-replica {given}" if given else "")
    asked += f" x --shards {shards}" if shards > 1 else ""
    raise InputError(f"--target: has {count} devices, and {asked} needs {wanted}; {fits}")


def estimate(
    config: TrainConfig,
    devices: list[Any],
    output: Path,
    *,
    utilization: float,
    command: str,
    overwrite: bool,
    listener: Listener,
    libraries: tuple[str, ...] = (),
) -> Summary:
    """Compiles a run for the devices of a target and writes its trace, unless it does not fit their memory.

    time of a step = counted flops of one device / (utilization x its published peak)

    Args:
      config: the run.
      devices: of the target; as many as the run uses.
      output: the trace file.
      utilization: share of the chip's peak, from 0 to 1.
      command: the command line, for the header.
      overwrite: whether an existing file is replaced.
      listener: receives the progress of the work.
      libraries: further distributions whose versions are recorded.

    Raises:
      InputError: the output cannot be written, the programs do not fit the chip's memory, or no peak is known.
    """
    if not 0 < utilization <= 1:
        raise InputError(f"--utilization: got {utilization:g}; write a fraction of the peak, such as 0.4")
    check_writable(output, overwrite=overwrite)
    if chip_of_kind(str(devices[0].device_kind)) is None:
        raise InputError(f"--target: the published peak of a {devices[0].device_kind} is unknown; name another chip")
    mesh = make_mesh(config.rows, config.devices_per_replica, config.shards, devices=devices)
    listener.stage("compiling")
    config, programs = _compiled(config, mesh, devices, listener)
    for note in programs.notes:
        listener.note(note)
    header = make_header(
        config,
        mesh,
        programs,
        data="none: nothing was trained",
        command=command,
        timing=_TIMING,
        utilization=utilization,
        libraries=libraries,
    )
    check_memory(config, header)
    schedule = make_algorithm(config).schedule
    with TraceWriter(output, header, overwrite=overwrite) as writer:
        for line in _lines(config, header, programs, schedule):
            writer.write(line)
    return Summary(
        header=header,
        steps=config.steps,
        outer_steps=schedule.exchanges() if schedule else 0,
        times=None,
        gradient=programs.payload("exchange"),
        outer=programs.outer_payloads(),
        first_loss=None,
        last_loss=None,
        roofline=step_roofline(programs, str(devices[0].device_kind)),
    )


def _compiled(config: TrainConfig, mesh: Mesh, devices: list[Any], listener: Listener) -> tuple[TrainConfig, Programs]:
    """The programs of a run, in as many microbatches as the memory of the devices asks for, unless they are given."""
    adapts, config = config.microbatches is None, config.on(platform_of(devices[0]))
    there = recorded_device(devices).memory_bytes
    check_states(config, there)
    if not adapts:
        return config, compile_for(config, mesh)
    return fitted(
        config, lambda run: compile_for(run, mesh), lambda made: made.memory().peak_bytes, there, listener.note
    )


def _lines(config: TrainConfig, header: Header, programs: Programs, schedule: AnySchedule | None) -> Iterator[Record]:
    """The records of all steps."""
    gradient, outer = programs.payload("exchange"), programs.outer_payloads()
    whole = _estimated_cost(config, header, programs)
    for step in range(1, loop_steps(config) + 1):
        here = dict(turns(schedule, step, config.replicas))
        cost = replace(whole, seen=[int(replica in here) for replica in range(config.replicas)])
        yield from inner_records(config, step, cost, gradient)
        for event in schedule.events(step) if schedule and outer else ():
            if event.sends:
                fragment = event.fragment if len(outer) > 1 else None
                payload = among(outer[event.fragment], event.group_size)
                joined = len(event.joined) or None
                yield from exchange_records(step, "outer", payload, None, fragment=fragment, joined=joined)


def step_roofline(programs: Programs, kind: str) -> Roofline | None:
    """The time estimate of a step's gradients and update on one device; None if its bandwidth is unknown.

    Args:
      programs: those of the run.
      kind: the device's name in JAX.
    """
    rates = find_rates(kind)
    parts = [programs.parts[name].program for name in ("gradients", "update")]
    if rates is None:
        return None
    return sum((estimate_roofline(each.as_text(), rates, each.attention_flop) for each in parts if each), Roofline())


def platform_of(device: Any) -> str:
    """The platform of a device of a target; an absent GPU is called after its compiler."""
    return "gpu" if device.platform == "cuda" else str(device.platform)


def compile_for(config: TrainConfig, mesh: Mesh) -> Programs:
    """Compiles the programs of a run for devices that are not there.

    Args:
      config: the run, as it suits their platform (`TrainConfig.on`).
      mesh: the devices of a target.

    Raises:
      DoesNotFit: the compiler finds that they do not fit the chip's memory.
      CrosshaulError: it refuses the run.
    """
    try:
        with native_log_hidden(), _cache_off():
            algorithm = make_algorithm(config)
            outer = algorithm.compile_outer(mesh)
            lane = make_lanes(mesh, alone=False, share=config.replicas_per_device)[0].mesh
            programs = programs_of(
                compile_inner(config, lane), lane, outer, mesh, algorithm.schedule, share=config.replicas_per_device
            )
    except jax.errors.JaxRuntimeError as error:
        raise _compile_error(config, str(error), recorded_device(list(mesh.devices.flat)).memory_bytes) from None
    programs.check_compute_alone()
    return programs


def _estimated_cost(config: TrainConfig, header: Header, programs: Programs) -> InnerCost:
    step_s = programs.step_flop / ((header.utilization or 1.0) * (header.device.peak_flop_per_s or math.nan))
    nothing = [None] * config.replicas
    return InnerCost([step_s] * config.replicas, None, [math.nan] * config.replicas, nothing)


def _compile_error(config: TrainConfig, message: str, there: float | None) -> CrosshaulError:
    first = " ".join(message.splitlines()[:1])
    if "RESOURCE_EXHAUSTED" in message:
        used = re.search(r"\(([\d.]+\w)\) exceeds available \w+ \(([\d.]+\w)\)|Used ([\d.]+\w) of ([\d.]+\w)", message)
        have = [amount for amount in used.groups() if amount] if used else []
        needs = f"needs {have[0]} of {have[1]}" if have else f"does not say how much it needs ({first})"
        better = advice(config, held_bytes(config), there or math.inf)
        return DoesNotFit(f"--target: the run does not fit the chip's memory: it {needs}; {better}")
    return CrosshaulError(f"the compiler refused the run: {first}")


@contextlib.contextmanager
def _cache_off() -> Iterator[None]:
    """Turns the compile cache off: it stores programs for absent devices, but cannot load them again."""
    config: Any = jax.config
    before = config.jax_enable_compilation_cache
    config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        config.update("jax_enable_compilation_cache", before)
        compilation_cache.reset_cache()
