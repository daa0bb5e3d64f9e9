"""What a chip must hold in a run, against its memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..laws.model_family import FAMILY
from ..scenario.model import Scenario
from ..units.chips import find_chip
from ..units.in_words import human_bytes
from ..workload.documents import AnalyticWorkload
from ..workload.memory import STAGES, Memory
from .results import Job
from .spent import ChipMemory

_FLOAT32 = 4.0
_HEAD = 128
"""Width of an attention head, where nobody says how many there are."""


@dataclass(frozen=True)
class Layers:
    """The shape of a model: its layers L, their width h, and their attention heads a."""

    count: int
    width: float
    heads: float


def shape(scenario: Scenario, job: Job) -> Layers | None:
    """The shape of the model; None where nobody says how many layers it has."""
    workload, load = scenario.workload, job.setting.load
    memory = workload.memory or Memory()
    named = FAMILY.get(workload.model) if isinstance(workload, AnalyticWorkload) and workload.model else None
    count = len(load.layers)
    if not count:
        return None
    width = memory.width or (named.width if named else math.sqrt(load.params / (12 * count)))
    return Layers(count, width, memory.heads or (named.heads if named else max(1.0, width / _HEAD)))


def activation_bytes(memory: Memory, layers: Layers, kept: float = 1.0) -> float:
    """Activations of one chip: those of all layers, or with `layer` their inputs and one layer in full [byte].

    A layer has s b h (10 + 24/t + 5 a s / (h t)) bytes; without those of the attention the last term is left out; the
    input of a layer has 2 s b h.

    Args:
      memory: how the model is held.
      layers: its shape.
      kept: how many times these are kept at once: microbatches, times the share of the layers.

    Source: arXiv 2205.05198, equations 1 and 2, and section 5.
    """
    t, s = memory.model_shards, memory.sequence_tokens
    token_bytes = s * memory.sequences * layers.width
    slim = token_bytes * (10 + 24 / t)
    full = slim + token_bytes * 5 * layers.heads * s / (layers.width * t)
    if memory.rematerialise == "layer":
        return kept * layers.count * 2 * token_bytes + slim
    return kept * layers.count * (slim if memory.rematerialise == "attention" else full)


def memory_of(scenario: Scenario, job: Job) -> ChipMemory:
    """What a chip of a job holds, of the datacenter where that is most of its memory."""
    each = memory_by_site(scenario, job)
    return max(each, key=lambda one: (one.total / (one.capacity or math.inf), one.total))


def memory_by_site(scenario: Scenario, job: Job) -> list[ChipMemory]:
    """What a chip of each datacenter of a job holds."""
    return [_of_worker(scenario, job, worker) for worker in range(len(job.sites))]


def _of_worker(scenario: Scenario, job: Job, worker: int) -> ChipMemory:
    memory, load, strategy = scenario.workload.memory or Memory(), job.setting.load, job.strategy
    chips = load.deal.worker_chips[worker]
    held = strategy.held(worker, job.setting)
    whole = held.params * load.params / memory.model_shards
    among = max(1.0, (memory.shards or chips / memory.model_shards))
    among = min(among, max(1.0, chips / memory.model_shards))
    stage = STAGES.index(memory.sharding)
    layers = shape(scenario, job)
    outer = 0.0 if memory.outer_on_host else strategy.outer_copies(job.setting) * _FLOAT32 * whole
    gathered = (
        memory.weight_bytes * load.params / memory.model_shards / layers.count
        if stage == 3 and among > 1 and layers
        else 0.0
    )
    sent = strategy.buffer_bytes(job.setting) / memory.model_shards
    named = scenario.workload.chip_at(job.sites[worker])
    found = find_chip(named) if named is not None else None
    parts = {
        "weights": memory.weight_bytes * whole / (among if stage == 3 else 1),
        "gradients": memory.gradient_bytes * whole / (among if stage >= 2 else 1),
        "optimizer": memory.optimizer_bytes * whole / (among if stage >= 1 else 1),
        "outer": outer / (among if stage == 3 else 1),
        "buffers": sent / (among if stage == 3 else 1) + gathered,
        "activations": activation_bytes(memory, layers, held.activations) if layers else None,
    }
    return ChipMemory(
        site=job.sites[worker].name,
        chip=found.name if found else None,
        capacity=found.memory_bytes if found else None,
        total=math.fsum(value or 0.0 for value in parts.values()),
        **parts,  # type: ignore[arg-type]
    )


def fits(found: ChipMemory) -> bool:
    """Whether it fits; yes where nobody knows how much memory there is."""
    return found.capacity is None or found.total <= found.capacity


def remedies(memory: Memory) -> str:
    """What would need less, in words."""
    words = []
    if memory.sharding != "parameters":
        words.append("sharding: parameters")
    if memory.rematerialise != "layer":
        words.append("rematerialise: layer")
    words += ["more chips in a datacenter", "more model_shards"]
    words += ["fewer sequences"] if memory.sequences > 1 else []
    words += [] if memory.outer_on_host else ["outer_on_host: true"]
    return ", ".join(words)


def warnings(scenario: Scenario, jobs: Sequence[Job], labels: Sequence[str]) -> Iterator[str]:
    """Sentences on runs that do not fit into the memory of their chips, and on what was not counted."""
    memory = scenario.workload.memory
    known = any(scenario.workload.chip_at(site) for job in jobs for site in job.sites)
    if memory is None and not known:
        return
    for job, label in zip(jobs, labels, strict=True):
        found = memory_of(scenario, job)
        if not fits(found):
            yield (
                f"memory: {label} needs {human_bytes(found.total)} of the {human_bytes(found.capacity or 0.0)} of a "
                f"{found.chip} in {found.site} (workload.memory: sharding {(memory or Memory()).sharding}); less: "
                f"{remedies(memory or Memory())}"
            )
    if memory is not None and jobs and shape(scenario, jobs[0]) is None:
        yield "memory: activations are not counted, as nobody says how many layers the model has (workload.layers)"
