"""Keys of sites, workload and strategies that change nothing in a scenario, by reason (see `keys`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, zip_longest

from ...documents.chip_keys import named_speed
from ...scenario.model import Scenario
from ...strategies import is_reference
from ...topology.model import PUBLISHED, Datacenter
from ...trace.given import GivenSeconds
from ...workload.documents import AnalyticWorkload, TraceWorkload, Workload
from ..results import Job
from .given import given, insides, strategies
from .network import Rule
from .prices import counts_watts

SPEEDS = ("chip", "mfu", "chip_speed")
"""Keys that say how fast chips compute."""
NO_LAYERS = "no strategy goes by layers"
OWN_BITS = "every strategy has its own payload bits"


def _lone_chips(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    sites = scenario.topology.datacenters
    busy = {
        site.name
        for job in jobs
        for site, chips in zip(job.sites, job.setting.load.deal.worker_chips, strict=True)
        if chips > 1
    }
    lone = [
        position
        for position, site in enumerate(sites)
        if site.name not in busy and all(j.setting.load.chips <= len(j.sites) for j in jobs)
    ]
    yield from insides(scenario.topology, lone, "bandwidth", "latency", "node_chips", "node_bandwidth", "overlap")


def _one_node(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    topology = scenario.topology
    most: dict[str, float] = {}
    for job in jobs:
        for site, chips in zip(job.sites, job.setting.load.deal.worker_chips, strict=True):
            most[site.name] = max(most.get(site.name, 0.0), chips)
    whole = [i for i, site in enumerate(topology.datacenters) if 1 < most.get(site.name, 1e9) <= site.inside.node_chips]
    across = scenario.algorithm == PUBLISHED and len(topology.datacenters) > 1
    yield from insides(topology, whole, "node_chips", *(() if across else ("bandwidth",)))


def _published_inside(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    included = all(job.setting.load.inside_included for job in jobs)
    several = len(scenario.topology.datacenters) > 1
    if scenario.algorithm == PUBLISHED and several and (included or all(job.strategy.spans for job in jobs)):
        sites = range(len(scenario.topology.datacenters))
        yield from insides(scenario.topology, sites, "latency", "overlap", "node_chips", "node_bandwidth")


def _measured(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if all(job.setting.load.inside_included for job in jobs):
        yield from insides(scenario.topology, range(len(scenario.topology.datacenters)), "overlap")


def _given_seconds(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    workload = scenario.workload
    timed = isinstance(workload, AnalyticWorkload) and workload.step_time_s is not None
    recorded = isinstance(workload, TraceWorkload) and not workload.rescale
    if timed and (jobs[0].setting.load.active_params or 0.0) >= jobs[0].setting.load.params:
        yield from given(workload, "workload", "active_params")  # fewer than all would have no law of loss
    sites = scenario.topology.datacenters
    if (timed or recorded) and workload.split == "even":
        for position, site in enumerate(sites):
            keys = SPEEDS[1:] if counts_watts(scenario, position) else SPEEDS
            yield from given(site, f"topology.datacenters[{position}]", *keys)
    alike = workload.split == "even" or not any(site.chip_flop_per_s for site in sites)
    if (timed or recorded) and alike and not counts_watts(scenario, None):
        yield from given(workload, "workload", "chip")


def _rescaled(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    workload = scenario.workload
    if isinstance(workload, TraceWorkload) and isinstance(workload.trace, GivenSeconds):
        unused = "batch_tokens" if workload.rescale else "active_params"
        yield from given(workload.trace, "workload.trace", unused)


def _own_speeds(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if all(site.chip_flop_per_s for site in scenario.topology.datacenters):
        yield from given(scenario.workload, "workload", *SPEEDS)


def _kinds(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    def has_another_speed(document: Datacenter | Workload) -> bool:
        return document.chip_flop_per_s != named_speed(document.chip, document.mfu)

    for place, site in enumerate(scenario.topology.datacenters):
        if has_another_speed(site) and not counts_watts(scenario, place):
            yield from given(site, f"topology.datacenters[{place}]", "chip")
    stated = "chip_flop_per_s" in scenario.workload.model_fields_set and has_another_speed(scenario.workload)
    if stated and not counts_watts(scenario, None):
        yield from given(scenario.workload, "workload", "chip")


def _own_chips(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    sites = scenario.topology.datacenters
    said = scenario.workload.chips is not None or scenario.workload.tokens_per_chip is not None
    if said or not all(site.chips for site in sites):
        for position, site in enumerate(sites):
            yield from given(site, f"topology.datacenters[{position}]", "chips")


def _split(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if all(len(set(job.setting.load.deal.tokens_share)) == 1 for job in jobs):
        yield from given(scenario.workload, "workload", "split")


def _by_layer(job: Job) -> bool:
    """Whether the layers of the model matter to a strategy, or would if nobody said how many there are."""
    strategy, setting = job.strategy, job.setting
    unsaid = replace(setting, load=replace(setting.load, layers=()))
    of_layers = "pattern" in strategy.public_keys()  # else fragments are of equal size, whatever the layers
    return strategy.by_layer or (of_layers and max(map(strategy.fragment_count, (setting, unsaid))) > 1)


def _layers(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    if scenario.workload.memory is None:
        yield from layers_without_memory(scenario, jobs)


def layers_without_memory(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    """Layers of a workload that change no exchange and no compute, where nobody looks at what a chip holds."""
    workload = scenario.workload
    counted = isinstance(workload, AnalyticWorkload) and workload.attention is not None
    if not counted and not any(_by_layer(job) for job in jobs):
        yield from given(workload, "workload", "layers", "layer_params")


def _forward(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    def matters(job: Job) -> bool:
        setting = job.setting
        behind = any(setting.behind_backward) and max(setting.load.deal.worker_chips) > 1
        return job.strategy.by_layer or (behind and not setting.load.inside_included)

    if not any(matters(job) for job in jobs):
        yield from given(scenario.workload, "workload", "forward_share")


def own_bits(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    """Payload bits of a workload that no exchange of these jobs uses."""

    def by_its_own(job: Job) -> bool:
        strategy = job.strategy
        if strategy.has_outer_steps:  # its gradients have the workload's bits, and its loss depends on them
            lone = not strategy.spans and max(job.setting.load.deal.worker_chips) <= 1
            return strategy.payload_bits is not None and lone and strategy.plain_in(job.setting).law.late_steps is None
        return strategy.payload_bits is not None

    if all(by_its_own(job) for job in jobs):
        yield from given(scenario.workload, "workload", "payload_bits")


def _bits(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    # without Data-Parallel one is replayed to compare with, and has the workload's bits
    if any(is_reference(job.strategy) for job in jobs):
        yield from own_bits(scenario, jobs)


def _buckets(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    yield from strategies(scenario, lambda s: not s.by_layer, "bucket")


def with_jobs(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[tuple[int, Job]]:
    """The jobs of a scenario's own strategies, with the positions of these."""
    for job in jobs:
        yield from ((position, job) for position, each in enumerate(scenario.strategies) if each == job.asked)


def _patterns(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    for position, job in with_jobs(scenario, jobs):
        layers, count = job.setting.load.layers, job.strategy.fragment_count(job.setting)
        alike = not layers or (len(set(layers)) == 1 and len(layers) % count == 0 and not job.strategy.by_layer)
        if count == 1 or alike:
            yield from given(job.strategy, f"strategies[{position}]", "pattern")


def _margins(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    for position, job in with_jobs(scenario, jobs):
        slack_s = getattr(job.strategy, "slack_s", None)
        if slack_s is not None and slack_s(job.setting) <= 0:
            yield from given(job.strategy, f"strategies[{position}]", "margin")


def _alike_rounds(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    for position, job in with_jobs(scenario, jobs):
        if getattr(job.strategy, "local_steps", "even") != "even":
            own, plain = (
                each.schedule(job.setting) for each in (job.strategy, job.strategy.replaced(local_steps="even"))
            )
            pairs = (zip_longest(own.rounds(each), plain.rounds(each)) for each in job.setting.everyone)
            if all(one == other for one, other in chain.from_iterable(pairs)):
                yield from given(job.strategy, f"strategies[{position}]", "local_steps")


def _closing(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    for position, job in with_jobs(scenario, jobs):
        strategy, setting = job.strategy, job.setting
        if "closing_exchange" not in strategy.public_keys() or strategy.meetings.own_pace:
            continue
        closed = strategy.replaced(closing_exchange=True).outer_steps_in(setting)
        if closed == strategy.outer_steps_in(setting) and strategy.fragment_count(setting) == 1:
            yield from given(job.strategy, f"strategies[{position}]", "closing_exchange")


def _memory(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    memory, path = scenario.workload.memory, "workload.memory"
    if memory is None:
        return
    layered = any(job.setting.load.layers for job in jobs)
    if not layered:
        yield from given(memory, path, "rematerialise", "sequences", "sequence_tokens", "width", "heads")
    elif memory.rematerialise != "none":
        yield from given(memory, path, "heads")
    if memory.sharding == "none":
        yield from given(memory, path, "shards")
    if not any(job.strategy.outer_copies(job.setting) for job in jobs):
        yield from given(memory, path, "outer_on_host")


def _lone_stages(scenario: Scenario, jobs: Sequence[Job]) -> Iterator[str]:
    keys = ("schedule", "chunks", "stage_layers", "activation_bits", "width", "weights_share")
    for position, job in with_jobs(scenario, jobs):
        if getattr(job.strategy, "pipelines", None) == job.setting.workers:
            yield from given(job.strategy, f"strategies[{position}]", *keys)


TRAINING: tuple[tuple[str, Rule], ...] = (
    ("a datacenter with a single chip exchanges nothing inside", _lone_chips),
    ("one node has all chips of its datacenter", _one_node),
    ("the published cost of an exchange across datacenters does not depend on it", _published_inside),
    ("the measured seconds of a step include the exchange of gradients inside", _measured),
    ("the seconds of a step are given", _given_seconds),
    ("flops count where seconds are rescaled, and the batch where they are not", _rescaled),
    ("every datacenter has a speed of its own", _own_speeds),
    ("the speed of the chips is given", _kinds),
    ("how many chips work is said in the workload, or not of every datacenter; it is a limit only", _own_chips),
    ("all datacenters are equally fast", _split),
    (NO_LAYERS, _layers),
    ("nothing is exchanged behind a backward pass", _forward),
    ("what a chip holds does not depend on it here", _memory),
    (OWN_BITS, _bits),
    ("layers are bundled with `overlap: layers` only", _buckets),
    ("it changes what is learned and not when", lambda s, _: strategies(s, lambda each: True, "mixing")),
    ("there is one fragment, or all are alike", _patterns),
    ("the last round is whole, and ends with its exchange", _closing),
    (
        "there is one replica only",
        lambda s, _: strategies(s, lambda each: each.replica_count == 1, "server"),
    ),
    ("every replica makes the same rounds with H for all", _alike_rounds),
    (
        "all replicas are waited for",
        lambda s, _: strategies(s, lambda each: each.meetings.of_all, "grace", "margin"),
    ),
    ("the steps behind which an exchange hides leave no time to wait for more learners", _margins),
    ("a pipeline of a single stage passes nothing on", _lone_stages),
    ("two replicas have no other partners", lambda s, _: strategies(s, lambda each: each.replica_count == 2, "seed")),
    (
        "the payloads of all replicas are gathered",
        lambda s, _: strategies(s, lambda each: getattr(each, "gather", 0) == each.replica_count, "gather"),
    ),
    (
        "there is one region only",
        lambda s, _: strategies(s, lambda each: getattr(each, "regions", 0) == 1, "across_every"),
    ),
    (
        "every exchange is among all replicas",
        lambda s, _: strategies(
            s, lambda each: each.meetings.of_all and getattr(each, "across_every", 0) == 1, "regions"
        ),
    ),
)
"""Each reason, with the rule that finds its keys."""
