"""The header of a trace, its first line: the run, its devices, and its programs with flops and memory."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib import metadata

from jax.sharding import Mesh

from sim.documents.validation import MOST_WORDS
from sim.errors import printable
from sim.laws.flops import attention_flop_per_token, rule_flop
from sim.trace.file import FusedClock, Header, RecordedCorpus, RecordedExecution, RecordedModel

from ..config.run import TrainConfig
from ..parallel.chips import recorded_device
from .inventory import Programs

_LIBRARIES = ("crosshaul", "jax", "jaxlib", "optax", "numpy", "sentencepiece")


def make_header(
    config: TrainConfig,
    mesh: Mesh,
    programs: Programs,
    *,
    data: str,
    command: str,
    timing: str,
    utilization: float | None = None,
    libraries: tuple[str, ...] = (),
    fused: FusedClock | None = None,
    corpora: tuple[RecordedCorpus, ...] = (),
) -> Header:
    """The header of a trace.

    Args:
      config: the run.
      mesh: its devices.
      programs: the programs that were compiled for them.
      data: the source of the text.
      command: the command line.
      timing: how times were measured.
      utilization: share of the devices' peak from which times were estimated; None if they were measured.
      libraries: further distributions whose versions are recorded.
      fused: steps on the fused clock, if they were measured.
      corpora: those of a mixture.
    """
    params = config.model.params
    return Header(
        algorithm=config.algorithm,
        model=RecordedModel(params=params, **config.model.model_dump()),
        replicas=config.replicas,
        shards=config.shards,
        replicas_per_device=config.replicas_per_device,
        sync_every=config.sync_every,
        variant=config.variant,
        inner_optimizer=config.inner_optimizer,
        steps=config.steps,
        batch_tokens=config.batch_tokens,
        sequence_length=config.sequence_length,
        device=recorded_device(list(mesh.devices.flat)),
        execution=RecordedExecution(
            precision=config.precision or "float32",
            microbatches=config.microbatches or 1,
            attention=config.attention,
            remat=config.remat,
            unrolled=bool(config.unrolled),
        ),
        libraries={"python": platform.python_version(), **_versions((*_LIBRARIES, *libraries))},
        seed=config.seed,
        data=_shown(data),
        corpora=corpora,
        times="measured" if utilization is None else "estimated",
        utilization=utilization,
        step_flop=programs.step_flop,
        rule_flop=rule_flop(params, config.batch_tokens) / config.mesh_devices,
        model_flop=model_flop(config),
        memory=programs.memory(),
        programs=tuple(programs.described.values()),
        fused=fused,
        timing=timing,
        command=_shown(command),
        recorded_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def model_flop(config: TrainConfig) -> float:
    """Flops of a device's step by 6 N a token and causal attention [flop]."""
    model = config.model
    attention = attention_flop_per_token(model.layers, model.width, config.sequence_length)
    return (rule_flop(model.params, 1) + attention) * config.batch_tokens / config.mesh_devices


def _shown(text: str) -> str:
    """A text that holds a path, made printable and short enough for a header."""
    return printable(text)[:MOST_WORDS]


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
