"""A training run, recorded as a trace: what each step computed, what each exchange carried."""

from __future__ import annotations

import math
import platform
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Literal

from jax.sharding import Mesh

from sim.errors import CrosshaulError, InputError
from sim.trace import Exchange, Header, RecordedDevice, RecordedModel, Step, TraceWriter

from .config import TrainConfig
from .data import load_batches
from .hlo import collectives
from .mesh import make_mesh
from .model import count_params
from .program import Compiled
from .train import InnerCost, OuterCost, Trainer

_LIBRARIES = ("crosshaul", "jax", "jaxlib", "optax", "numpy", "sentencepiece")


@dataclass(frozen=True)
class Payload:
    """What one exchange program carries, counted from its collectives.

    Attributes:
      payload_bytes: what each device contributes [byte].
      group_size: devices in a group.
      dtype: element types, as compiled.
    """

    payload_bytes: int
    group_size: int
    dtype: str


@dataclass(frozen=True)
class Summary:
    """What was recorded.

    Attributes:
      params: parameters N.
      steps, outer_steps: how many were recorded.
      compute_s: median compute seconds of a replica's step [s].
      outer_compute_s: median arithmetic of an outer step, which is in no record [s]; None without outer steps.
      gradient, outer: the payloads; None where nothing is exchanged.
      first_loss, last_loss: mean over the replicas [nats per token].
    """

    params: int
    steps: int
    outer_steps: int
    compute_s: float
    outer_compute_s: float | None
    gradient: Payload | None
    outer: Payload | None
    first_loss: float
    last_loss: float


@dataclass(frozen=True)
class Listener:
    """What a run tells whoever watches it.

    Attributes:
      stage: called with the name of each stage before the first step.
      step: called behind each step with its number, mean loss and mean compute seconds.
    """

    stage: Callable[[str], None]
    step: Callable[[int, float, float], None]


def record(config: TrainConfig, output: Path, *, command: str, overwrite: bool, listener: Listener) -> Summary:
    """Trains and writes the trace.

    Args:
      config: the run.
      output: the trace file.
      command: the command line, for the header.
      overwrite: whether an existing file is replaced.
      listener: is told how far the run is.

    Returns:
      A summary of what was recorded.

    Raises:
      InputError: the output cannot be written, the devices or the text do not suffice.
    """
    check_writable(output, overwrite=overwrite)
    mesh = make_mesh(config.replicas, config.devices_per_replica)
    listener.stage("reading text")
    batches, data = load_batches(config)
    listener.stage("compiling")
    on_cpu = mesh.devices.flat[0].platform == "cpu"
    trainer = Trainer(config, batches, mesh, alone=on_cpu)
    recorder = _Recorder(trainer, config)
    listener.stage("warming up")
    warmup = list(recorder.warm_up())
    header = _header(config, mesh, data=data, command=command, timing=_timing(config, on_cpu=on_cpu))
    with TraceWriter(output, header, overwrite=overwrite) as writer:
        for line in warmup:
            writer.write(line)
        return recorder.run(writer, listener, header.model.params)


def check_writable(path: Path, *, overwrite: bool) -> None:
    """Finds out before any long work whether the trace can be written; leaves the path as it was.

    Raises:
      InputError: it cannot, or it would overwrite a file.
    """
    if path.is_dir():
        raise InputError(f"--output {path}: is a directory; give a file name inside it")
    there = path.exists()
    if there and not overwrite:
        raise InputError(f"--output {path}: is there already; give another name, or --overwrite to replace it")
    try:
        path.open("ab").close()
    except OSError as error:
        raise InputError(f"--output {path}: cannot be written ({error.strerror}); give another path") from None
    if not there:
        path.unlink()


def count_payload(program: Compiled, mesh: Mesh) -> Payload:
    """Counts an exchange program's collectives.

    Raises:
      CrosshaulError: it has none, or they differ in their groups' size, which a trace cannot say.
    """
    found = collectives(program.as_text() or "", mesh)
    sizes = {len(group) for collective in found for group in collective.groups}
    if len(sizes) != 1:
        raise CrosshaulError(f"an exchange must have collectives of one group size, and this one has {sorted(sizes)}")
    total = sum(collective.payload_bytes * collective.times for collective in found)
    return Payload(total, sizes.pop(), "+".join(dict.fromkeys(collective.dtype for collective in found)))


class _Recorder:
    """Turns the steps of a trainer into records."""

    def __init__(self, trainer: Trainer, config: TrainConfig) -> None:
        self._trainer = trainer
        self._config = config
        lane, inner = trainer.lanes[0], trainer.inner[0]
        for program in (inner.gradients, inner.update):
            if collectives(program.as_text() or "", lane):
                raise CrosshaulError("the compute programs exchange, so their seconds would not be compute alone")
        outer_exchange = trainer.outer.exchange if trainer.outer else None
        self.gradient = count_payload(inner.exchange, lane) if inner.exchange else None
        self.outer = count_payload(outer_exchange, trainer.mesh) if outer_exchange else None

    def warm_up(self) -> Iterator[Step | Exchange]:
        """Takes steps on a state that is thrown away, and an outer step behind them."""
        if not self._config.warmup_steps:
            return
        state = self._trainer.start()
        for _ in range(self._config.warmup_steps):
            state, cost = self._trainer.inner_step(state, 1)
            yield from self._inner(0, cost, warmup=True)
        if self._trainer.outer:
            _, outer_cost = self._trainer.outer_step(state)
            yield from self._outer(0, outer_cost, warmup=True)

    def run(self, writer: TraceWriter, listener: Listener, params: int) -> Summary:
        """Takes the steps of the run and writes each as it ends."""
        state = self._trainer.start()
        inner_costs: list[InnerCost] = []
        outer_costs: list[OuterCost] = []
        for step in range(1, self._config.steps + 1):
            state, cost = self._trainer.inner_step(state, step)
            inner_costs.append(cost)
            for line in self._inner(step, cost):
                writer.write(line)
            if self._trainer.algorithm.outer_step_follows(step):
                state, outer_cost = self._trainer.outer_step(state)
                outer_costs.append(outer_cost)
                for line in self._outer(step, outer_cost):
                    writer.write(line)
            listener.step(step, statistics.fmean(cost.losses), statistics.fmean(cost.compute_s))
        return Summary(
            params=params,
            steps=len(inner_costs),
            outer_steps=len(outer_costs),
            compute_s=statistics.median(seconds for cost in inner_costs for seconds in cost.compute_s),
            outer_compute_s=statistics.median(cost.compute_s for cost in outer_costs) if outer_costs else None,
            gradient=self.gradient,
            outer=self.outer,
            first_loss=statistics.fmean(inner_costs[0].losses),
            last_loss=statistics.fmean(inner_costs[-1].losses),
        )

    def _inner(self, step: int, cost: InnerCost, *, warmup: bool = False) -> Iterator[Step | Exchange]:
        tokens = self._config.batch_tokens // self._config.replicas
        for replica, (seconds, loss) in enumerate(zip(cost.compute_s, cost.losses, strict=True)):
            finite = loss if math.isfinite(loss) else None
            yield Step(step=step, replica=replica, compute_s=seconds, tokens=tokens, loss=finite, warmup=warmup)
        yield from _exchange(step, "gradient", self.gradient, cost.exchange_s, warmup=warmup)

    def _outer(self, step: int, cost: OuterCost, *, warmup: bool = False) -> Iterator[Exchange]:
        yield from _exchange(step, "outer", self.outer, cost.exchange_s, warmup=warmup)


def _exchange(
    step: int, kind: Literal["gradient", "outer"], payload: Payload | None, seconds: float | None, *, warmup: bool
) -> Iterator[Exchange]:
    if payload is not None:
        yield Exchange(
            step=step,
            kind=kind,
            group_size=payload.group_size,
            payload_bytes=payload.payload_bytes,
            seconds=seconds,
            dtype=payload.dtype,
            warmup=warmup,
        )


def _header(config: TrainConfig, mesh: Mesh, *, data: str, command: str, timing: str) -> Header:
    model = config.model
    device = mesh.devices.flat[0]
    kinds: dict[str, Literal["cpu", "gpu", "tpu"]] = {"cpu": "cpu", "tpu": "tpu"}
    return Header(
        algorithm=config.algorithm,
        model=RecordedModel(params=count_params(model), **model.model_dump()),
        replicas=config.replicas,
        sync_every=config.sync_every,
        steps=config.steps,
        batch_tokens=config.batch_tokens,
        sequence_length=config.sequence_length,
        device=RecordedDevice(
            platform=kinds.get(device.platform, "gpu"),
            kind=_processor() if device.platform == "cpu" else device.device_kind,
            count=mesh.size,
        ),
        libraries={"python": platform.python_version(), **_library_versions()},
        seed=config.seed,
        data=data,
        timing=timing,
        command=command,
        recorded_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _timing(config: TrainConfig, *, on_cpu: bool) -> str:
    order = (
        "each replica computed alone, one after the other (turn about), on the cores that all forced host devices share"
        + (" (the devices of one replica at once)" if config.devices_per_replica > 1 else "")
        if on_cpu
        else "all replicas dispatched at once and blocked on in order, so a later one's seconds are an upper bound"
    )
    return (
        "monotonic host clock around compiled programs, blocking until ready; compute_s = gradients + update (clip "
        f"and AdamW), float32, exchanges taken out; {order}; compilation, data loading and the arithmetic of the outer "
        "step are in no record; an exchange's seconds are its own program's on this machine, the slowest replica's"
    )


def _processor() -> str:
    """The processor's model as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine() or "cpu")


def _library_versions() -> dict[str, str]:
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
