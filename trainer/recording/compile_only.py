"""A run compiled for TPUs without having any: its exchanges, memory and flops as a trace with estimated times.

libtpu compiles without a chip. The programs, their collectives and their memory are then those of the real pod. Only
the time of a step is unknown; it is estimated from the counted flops at a stated utilisation of the chip's peak.

Source: docs.jax.dev, ahead-of-time compilation for a topology; libtpu's names of chips and shapes.
Limits: TPUs only; whole pods or slices, all of whose devices the mesh uses; all steps take the same time, and exchanges
have no times.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
from jax.experimental import topologies
from jax.experimental.compilation_cache import compilation_cache
from jax.sharding import Mesh

from sim.documents.validation import nearest
from sim.errors import CrosshaulError, InputError
from sim.trace.file import Header, TraceWriter

from ..algorithms import make_algorithm
from ..config.run import TrainConfig
from ..parallel.chips import find_chip, slice_index
from ..parallel.mesh import make_mesh
from ..programs.compile import compile_inner
from ..training.costs import InnerCost
from .header import make_header
from .inventory import Programs, programs_of
from .recorder import Listener, Summary
from .records import exchange_records, inner_records
from .trace_file import check_writable

_CHIPS = ("v3", "v4", "v5e", "v5p", "v6e", "tpu7x")
_TIMING = (
    "estimated, nothing ran: compute_s = counted flops of a device over the stated utilization of its published dense "
    "bfloat16 peak, the same in every step; payloads, memory and flops are of programs compiled ahead of time; "
    "exchanges and the arithmetic of the outer step have no seconds"
)
_EXAMPLE = "tpu:v5e:16x16, or tpu:v5e:16x16:2 for two slices"


@dataclass(frozen=True)
class Target:
    """TPU slices of one shape.

    Attributes:
      chip: libtpu's name of the chip: v5e, ...
      shape: chips along each side of a slice: 16x16.
      slices: number of slices, joined by the datacenter network.
    """

    chip: str
    shape: str
    slices: int


def parse_target(text: str) -> Target:
    """Reads `tpu:CHIP:SHAPE` or `tpu:CHIP:SHAPE:SLICES`.

    Raises:
      InputError: it is neither, or the chip is unknown.
    """
    if not text.startswith("tpu:") and ":" in text:
        raise InputError(f"--target: got {text!r}; only TPUs are supported: write {_EXAMPLE}")
    spelled = re.fullmatch(r"tpu:(\w+):(\d+(?:x\d+)+)(?::([1-9]\d*))?", text)
    if spelled is None:
        raise InputError(f"--target: got {text!r}; write {_EXAMPLE}")
    if spelled[1] not in _CHIPS:
        raise InputError(f"--target: the TPU {spelled[1]!r} is unknown; {nearest(spelled[1], list(_CHIPS))}")
    return Target(spelled[1], spelled[2], int(spelled[3] or 1))


def target_devices(target: Target) -> list[Any]:
    """The devices of a target, slice by slice; programs can be compiled for them, but not run.

    Raises:
      InputError: libtpu is missing, or does not know the shape.
    """
    if importlib.util.find_spec("libtpu") is None:
        raise InputError("--target: libtpu, which compiles for TPUs, is not installed; pip install 'crosshaul[tpu]'")
    # else libtpu queries a metadata server, which is absent, for minutes
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
    options: dict[str, Any] = {"num_slices": target.slices} if target.slices > 1 else {}
    if target.chip == "v4":
        options["chip_config_name"] = "megacore"  # the two cores of a chip as one device, as on a real v4
    name = f"{target.chip}:{target.shape}"
    logging.getLogger("jax").setLevel(logging.ERROR)
    try:
        with _native_log_hidden():
            found = topologies.get_topology_desc(platform="tpu", topology_name=name, **options)
    except Exception as error:  # libtpu's own kinds of error differ between versions
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"--target: libtpu does not know {name} ({first}); write {_EXAMPLE}") from None
    return sorted(found.devices, key=slice_index)


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
) -> Summary:
    """Compiles a run for the devices of a target and writes its trace.

    time of a step = counted flops of one device / (utilization x its published peak)

    Args:
      config: the run.
      devices: of the target; as many as the run uses.
      output: the trace file.
      utilization: share of the chip's peak, from 0 to 1.
      command: the command line, for the header.
      overwrite: whether an existing file is replaced.
      listener: receives the progress of the work.

    Raises:
      InputError: the output cannot be written, the programs do not fit the chip's memory, or no peak is known.
    """
    if not 0 < utilization <= 1:
        raise InputError(f"--utilization: got {utilization:g}; write a fraction of the peak, such as 0.4")
    check_writable(output, overwrite=overwrite)
    if find_chip(str(devices[0].device_kind)) is None:
        raise InputError(f"--target: the published peak of a {devices[0].device_kind} is unknown; name another chip")
    config = config.on("tpu")
    mesh = make_mesh(config.replicas, config.devices_per_replica, config.shards, devices=devices)
    listener.stage("compiling")
    programs = _compiled(config, mesh)
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
        libraries=("libtpu",),
    )
    gradient, outer = programs.payload("exchange"), programs.outer_payloads()
    schedule = make_algorithm(config).schedule
    cost = _estimated_cost(config, header, programs)
    with TraceWriter(output, header, overwrite=overwrite) as writer:
        for step in range(1, config.steps + 1):
            lines = list(inner_records(config, step, cost, gradient))
            for event in schedule.events(step) if schedule and outer else ():
                if event.kind != "arrive":
                    fragment = event.fragment if len(outer) > 1 else None
                    lines += exchange_records(step, "outer", outer[event.fragment], None, fragment=fragment)
            for line in lines:
                writer.write(line)
    return Summary(
        header=header,
        steps=config.steps,
        outer_steps=schedule.exchanges() if schedule else 0,
        times=None,
        gradient=gradient,
        outer=outer,
        first_loss=None,
        last_loss=None,
    )


def _compiled(config: TrainConfig, mesh: Mesh) -> Programs:
    try:
        with _native_log_hidden(), _cache_off():
            algorithm = make_algorithm(config)
            outer = algorithm.compile_outer(mesh)
            programs = programs_of(compile_inner(config, mesh), mesh, outer, mesh, algorithm.schedule)
    except jax.errors.JaxRuntimeError as error:
        raise _compile_error(str(error)) from None
    programs.check_compute_alone()
    return programs


def _estimated_cost(config: TrainConfig, header: Header, programs: Programs) -> InnerCost:
    step_s = programs.step_flop / ((header.utilization or 1.0) * (header.device.peak_flop_per_s or math.nan))
    nothing = [None] * config.replicas
    return InnerCost([step_s] * config.replicas, None, [math.nan] * config.replicas, nothing)


def _compile_error(message: str) -> CrosshaulError:
    first = " ".join(message.splitlines()[:1])
    if "RESOURCE_EXHAUSTED" in message:
        used = re.search(r"\(([\d.]+\w)\) exceeds available \w+ \(([\d.]+\w)\)|Used ([\d.]+\w) of ([\d.]+\w)", message)
        have = [amount for amount in used.groups() if amount] if used else []
        needs = f"needs {have[0]} of {have[1]}" if have else f"does not say how much it needs ({first})"
        return InputError(
            f"--target: the run does not fit the chip's memory: it {needs}; write fewer --sequences, a shorter "
            "--sequence-length, or another chip"
        )
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


@contextlib.contextmanager
def _native_log_hidden() -> Iterator[None]:
    """Hides libtpu's own log messages (about an absent metadata server)."""
    saved = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
