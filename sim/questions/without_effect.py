"""Keys and options that change nothing in the answer to a question: the rules of a run, and rules of each question.

The rules of a run are in `sim.simulation.without_effect`. A question reads other keys than a run: it may not need some
(the number of steps, if the question is about the steady state), or decide some itself, as `plan` does with most. It
also adds no Data-Parallel for comparison, which would use keys that its own strategies do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import permutations

from ..documents.validation import validate
from ..scenario.model import Scenario
from ..scenario.overrides import keys_of, parse_strategy
from ..simulation.jobs import jobs
from ..simulation.long_run import carrying
from ..simulation.results import Job
from ..simulation.without_effect.given import given
from ..simulation.without_effect.keys import Reason, by_path, reasons, sentences
from ..simulation.without_effect.network import MOST_SITES
from ..simulation.without_effect.prices import NOT_COUNTED, prices
from ..simulation.without_effect.training import NO_LAYERS, OWN_BITS, SPEEDS, layers_without_memory, own_bits
from ..topology.model import Topology
from ..topology.ring_order import ring_among
from ..trace.given import GivenSeconds
from ..workload.documents import AnalyticWorkload, TraceWorkload, Workload

_COMPUTING = ("chips", *SPEEDS, "inside", "host")
"""Keys of a datacenter without effect where it does not compute and only forwards the traffic of others."""
NOT_HELD = "only runs and plans look at the memory of chips"
_SECONDS = "the seconds of a step are given"
Called = Callable[[str], str | None]
"""The name of a key for the user: the key itself, the option that set it, or None if the user gave neither."""


def in_bandwidth(
    scenario: Scenario, settled: Sequence[bool], called: Called = str, more: Iterable[Reason] = ()
) -> tuple[str, ...]:
    """Sentences on keys that change nothing in the bandwidth for a utilisation.

    Args:
      scenario: what was asked about.
      settled: for each strategy whether its utilisation is that of the steady state, for any length of the run.
      called: the name of a key for the user.
      more: reasons that do not come from the scenario.
    """
    there = _within_reach(scenario)
    more = [(NOT_COUNTED, prices(scenario.topology)), (NOT_HELD, given(scenario.workload, "workload", "memory")), *more]
    planned = jobs(there)
    found = _renamed(of_jobs(there, planned), scenario, there)
    found |= by_path([(NO_LAYERS, layers_without_memory(there, planned))])
    found |= by_path(_of_bandwidth(scenario, planned, settled))
    named = by_path(more) | {name: why for path, why in found.items() if (name := called(path)) is not None}
    return tuple(sentences(named))


def _of_bandwidth(scenario: Scenario, planned: Sequence[Job], settled: Sequence[bool]) -> Iterator[Reason]:
    workload, sites = scenario.workload, scenario.topology.datacenters
    most = max(job.setting.workers for job in planned)
    yield "no strategy computes there", _idle_sites(scenario.topology, most)
    long = "it does not affect the steady state; --full replays the whole run"
    if all(settled):
        yield long, given(workload, "workload", "steps", "tokens", "overtraining")
        if isinstance(workload, TraceWorkload) and isinstance(workload.trace, GivenSeconds) and not workload.rescale:
            yield _SECONDS, given(workload.trace, "workload.trace", "batch_tokens")
    for position, (strategy, ever) in enumerate(zip(scenario.strategies, settled, strict=True)):
        if ever:
            yield long, given(strategy, f"strategies[{position}]", "closing_exchange")
    if not _timed(workload):
        return
    yield from _of_given_seconds(scenario)
    yield _SECONDS, given(workload, "workload", "active_params")
    if workload.chips is not None or (workload.tokens_per_chip is None and all(s.chips for s in sites[:most])):
        yield "chips and the seconds of a step are given", given(workload, "workload", "batch_tokens")


def of_jobs(scenario: Scenario, planned: Sequence[Job]) -> Iterator[Reason]:
    """The reasons of a run, without a Data-Parallel beside it."""
    yield from reasons(scenario, planned, carrying(scenario, planned))
    yield OWN_BITS, own_bits(scenario, planned)


def _timed(workload: Workload) -> bool:
    return isinstance(workload, AnalyticWorkload) and workload.step_time_s is not None


def _of_given_seconds(scenario: Scenario) -> Iterator[Reason]:
    """Keys that only divide the batch among sites: with given seconds of a step they change no time."""
    if _timed(scenario.workload):
        sites = enumerate(scenario.topology.datacenters)
        yield _SECONDS, list(given(scenario.workload, "workload", "split", "chip"))
        yield _SECONDS, [path for place, site in sites for path in given(site, site_path(place), *SPEEDS)]


def site_path(position: int) -> str:
    """The path of a datacenter in a scenario."""
    return f"topology.datacenters[{position}]"


def _idle_sites(topology: Topology, most: int) -> Iterator[str]:
    """Datacenters after the first few, which alone compute; of one that forwards traffic only the compute keys."""
    names = [site.name for site in topology.datacenters]
    few = most <= MOST_SITES
    passed = {node for pair in permutations(names[:most], 2) for hop in topology.path(*pair) for node in hop if few}
    for position, site in enumerate(topology.datacenters[most:], most):
        whole = few and site.name not in passed
        yield from [site_path(position)] if whole else given(site, site_path(position), *_COMPUTING)


def _within_reach(scenario: Scenario) -> Scenario:
    """The scenario with only those datacenters that compute; the others become routers."""
    sites = scenario.topology.datacenters
    most = max(strategy.workers(len(sites)) for strategy in scenario.strategies)
    if most >= len(sites):
        return scenario
    document = scenario.model_dump(mode="json", exclude_none=True)
    topology = document["topology"]
    left_out = [
        {key: value for key, value in site.items() if key in ("name", "location")}
        for site in topology["datacenters"][most:]
    ]
    routers = [*topology.get("routers", []), *left_out]
    topology = {key: value for key, value in topology.items() if key != "egress"}  # which a bandwidth does not count
    ring = ring_among(scenario.topology.ring_order, [site.name for site in sites[:most]])
    topology |= {"datacenters": topology["datacenters"][:most], "routers": routers, "ring": ring}
    document["topology"] = topology
    return validate(Scenario, document, source=scenario.name)


def _renamed(found: Iterable[Reason], scenario: Scenario, there: Scenario) -> dict[str, str]:
    """Reasons for keys of a scenario, found in its variant that has some of the datacenters as routers."""
    first, most = len(scenario.topology.routers), len(there.topology.datacenters)
    names = {
        f"topology.routers[{first + place}].location": f"topology.datacenters[{most + place}].location"
        for place in range(len(there.topology.routers) - first)
    }
    made = {f"topology.routers[{place}]" for place in range(first, len(there.topology.routers))}
    return {names.get(path, path): why for path, why in by_path(found).items() if path not in made}


def called_in_study(topology: Topology | None) -> Called:
    """Names of the keys of a study for the user, who gave options.

    Args:
      topology: the topology that was given, if any.
    """

    def called(path: str) -> str | None:
        if path == "workload.layers":
            return "--layers"
        asked_for = path.startswith("strategies[") or (topology is not None and path.startswith("topology."))
        return path if asked_for else None

    return called


def in_study(
    scenario: Scenario, topology: Topology | None, datacenters: int | None, entries: Sequence[str], asked: Iterable[str]
) -> Iterator[Reason]:
    """Options of a study, and keys of its topology, without effect.

    Args:
      scenario: the study.
      topology: the topology that was given, if any.
      datacenters: the number that was given, if any.
      entries: strategies as they were given.
      asked: keys that were given for all strategies that have them.
    """
    if topology is not None:
        chips = (
            path for place, site in enumerate(topology.datacenters) for path in given(site, site_path(place), "chips")
        )
        yield "with --params a datacenter counts as one chip", chips
    strategies, sites = scenario.strategies, len(scenario.topology.datacenters)
    if datacenters is not None and all(each.workers(sites) < sites for each in strategies):
        yield "no strategy spans all datacenters", ["--datacenters"]
    yield from own_keys(entries, asked)


def in_budgets(
    names: Sequence[str], scenarios: Sequence[Scenario], planned: Sequence[Sequence[Sequence[Job]]]
) -> Iterator[str]:
    """Sentences on keys that change nothing in the budgets, with the topology unless a sentence holds for all.

    Args:
      names: of the topologies.
      scenarios: the scenario on each.
      planned: the jobs there by each rule, with a plain Data-Parallel if the scenario has none.
    """
    found = [list(sentences(_of_budget(*each))) for each in zip(scenarios, planned, strict=True)]
    for name, own in zip(names, found, strict=True):
        for sentence in own:
            yield sentence if all(sentence in others for others in found) else f"{name}: {sentence}"


def _of_budget(scenario: Scenario, planned: Sequence[Sequence[Job]]) -> dict[str, str]:
    seconds = list(_of_given_seconds(scenario))
    some = [each for each in planned if each]  # a rule may leave no strategy: none of them has a best batch
    found = [
        [
            *reasons(scenario, each, carrying(scenario, each)),
            (NO_LAYERS, layers_without_memory(scenario, each)),
            *seconds,
        ]
        for each in some
    ]
    held = list(given(scenario.workload, "workload", "memory"))
    more: list[Reason] = [(NOT_COUNTED, prices(scenario.topology)), (NOT_HELD, held)]
    return in_all([by_path([*more, *own]) for own in found])


def in_all(views: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Keys that each view names, or what they are part of; and the first reason.

    `closing_exchange` is left out: the length of a run follows from the answer, so it may end within a round.
    """
    first: dict[str, str] = {}
    for named in views:
        first |= {path: why for path, why in named.items() if why and path not in first}
    return {
        path: why
        for path, why in first.items()
        if all(_named(path, named) for named in views) and not path.endswith(".closing_exchange")
    }


def _named(path: str, named: Mapping[str, str]) -> bool:
    return path in named or any(path.startswith((f"{each}.", f"{each}[")) for each in named)


def own_keys(entries: Sequence[str], asked: Iterable[str]) -> Iterator[Reason]:
    """Options for a key of all strategies, if every strategy with that key has its own value."""
    documents = [parse_strategy(entry) for entry in entries]
    for key in asked:
        if all(key in document for document in documents if key in keys_of(document["kind"])):
            yield "every strategy with this key has its own value", [f"--{key.replace('_', '-')}"]
