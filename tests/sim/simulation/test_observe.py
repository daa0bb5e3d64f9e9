"""What is observed of a run is that run: its sums are the report's figures, and nothing in it contradicts itself."""

import math
import re
from collections import defaultdict

import pytest

from sim.errors import InputError
from sim.scenario.loading import load_scenario
from sim.scenario.model import Scenario
from sim.simulation.jobs import jobs
from sim.simulation.observe import observe
from sim.simulation.run import run
from tests.reference.worlds import world, write_traces

STRATEGIES = [
    *("data-parallel", "data-parallel:overlap=layers", "diloco:replicas=3", "diloco:replicas=1,sync_every=7"),
    *("streaming-diloco:replicas=3,fragments=3", "eager-diloco:replicas=3", "async-diloco:replicas=3"),
    "elastic-diloco:replicas=3,quorum=2,grace=1 ms,compression_time=2 ms",
]
RANDOM = 60
THIN = {"topology": "thin-access", "settings": ["workload.steps=47", "workload.layers=6"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("traces")
    write_traces(path)
    return path


def thin(*strategies, **changes):
    return load_scenario(None, strategies=strategies or STRATEGIES, **{**THIN, **changes})


def named():
    """Scenarios by name, each with something that the others lack."""
    low = {"topology": "low-bw", "workload": None}
    together, chunks = ([*THIN["settings"], each] for each in ("jobs=together", "collective=chunked-ring"))
    return {
        "thin-access": thin(),
        "together": thin("diloco:replicas=2", "async-diloco:replicas=3", "data-parallel", settings=together),
        "published cost": load_scenario(None, strategies=STRATEGIES[2:], **low, settings=THIN["settings"]),
        "chunks": thin("data-parallel", "diloco:replicas=3", "elastic-diloco:replicas=3,quorum=2", settings=chunks),
    }


def scenarios_of(seeds, folder):
    """Random scenarios that can be run, with their runs."""
    for seed in seeds:
        try:
            scenario = Scenario.model_validate(world(seed, folder))
            yield scenario, run(scenario).runs
        except ValueError:
            continue


def assert_sums_are_the_figures(scenario, runs, observations):
    """Per site, and as a mean over the sites: what slices come to is what the report says."""
    assert [each.label for each in observations] == [each.label for each in runs]
    for observed, figures in zip(observations, runs, strict=True):
        scale_s = figures.wall_clock_s
        sums = sums_of(observed)
        workers = len(observed.sites)
        assert workers == figures.datacenters
        for place, site in enumerate(figures.sites):
            assert observed.sites[place] == site.name
            across_and_inside_s = sums[place, "inside"] + sums[place, "across"]
            assert sums[place, "compute"] == pytest.approx(site.compute_s, abs=1e-9 * scale_s)
            assert sums[place, "waiting"] == pytest.approx(site.straggler_wait_s, abs=1e-9 * scale_s)
            assert across_and_inside_s == pytest.approx(site.exposed_communication_s, abs=1e-9 * scale_s)
        means = {
            "compute": figures.compute_s,
            "packing": figures.packing_s,
            "waiting": figures.straggler_wait_s,
            "inside": figures.exposed_inside_s,
            "across": figures.exposed_across_s,
        }
        for doing, mean_s in means.items():
            total_s = math.fsum(sums[place, doing] for place in range(workers))
            assert total_s / workers == pytest.approx(mean_s, abs=1e-9 * scale_s), doing
        hidden_s = math.fsum(hidden_of(observed, place) for place in range(workers)) / workers
        assert hidden_s == pytest.approx(figures.hidden_communication_s, abs=1e-9 * scale_s)
        last_s = max(each.end_s for each in observed.slices)
        assert last_s == pytest.approx(scale_s, rel=1e-9)


def sums_of(observed):
    sums = defaultdict(float)
    for each in observed.slices:
        sums[each.worker, each.doing] += each.end_s - each.start_s
    return sums


def hidden_of(observed, worker):
    """How long a worker computed while any of its exchanges was under way, and what was behind its steps anyway."""
    own = sorted((e.start_s, e.end_s) for e in observed.exchanges if worker in e.members)
    merged = []
    for start_s, end_s in own:
        if merged and start_s <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end_s)
        else:
            merged.append([start_s, end_s])
    hidden_s = math.fsum(e.behind_s for e in observed.exchanges if worker in e.members)
    for each in observed.slices:
        if each.worker == worker and each.doing in ("compute", "packing"):
            for start_s, end_s in merged:
                hidden_s += max(0.0, min(end_s, each.end_s) - max(start_s, each.start_s))
    return hidden_s


def assert_links_carried(runs, observations):
    """The integral of what a link carries is the bytes of the flows over it, and those that the report says."""
    for observed, figures in zip(observations, runs, strict=True):
        carried = carried_by(observed)
        reported = {link.name: link.bytes for link in figures.links if link.bytes}
        assert set(carried) == set(reported)
        for name, size_bytes in reported.items():
            assert carried[name] <= size_bytes * (1 + 1e-6)
            assert size_bytes - carried[name] <= size_bytes * 1e-6 + begun_at_the_end(runs)
    sent = defaultdict(float)
    for flow in (flow for each in observations for flow in each.flows):
        for link in flow.links:
            sent[link] += flow.payload_bytes
    total = defaultdict(float)
    for loads in {id(each.loads): each for each in observations}.values():
        for name, size_bytes in carried_by(loads).items():
            total[name] += size_bytes
    assert {name for name, size in sent.items() if size} == set(total)
    for name, size_bytes in total.items():
        assert size_bytes <= sent[name] * (1 + 1e-6)
        assert sent[name] - size_bytes <= sent[name] * 1e-6 + begun_at_the_end(runs)


def begun_at_the_end(runs):
    """A syncer may still send when the last learner has ended, and that is after all that is observed [byte]."""
    return math.inf if any(each.strategy == "decoupled-diloco" for each in runs) else 0.0


def carried_by(observed):
    carried, last = defaultdict(float), {}
    for load in observed.loads:
        if load.link in last:
            before = last[load.link]
            carried[load.link] += before.payload_bits_per_s / 8 * (load.at_s - before.at_s)
        carried[load.link] += load.at_once_bytes
        last[load.link] = load
    for name, load in last.items():
        carried[name] += load.payload_bits_per_s / 8 * (observed.end_s - load.at_s)
    return carried


def assert_consistent(observed):
    """Slices of a worker follow each other, flows arrive after they left, and all is within the stretch."""
    end_s = dict.fromkeys(range(len(observed.sites)), 0.0)
    for each in observed.slices:
        assert 0 <= each.start_s < each.end_s <= observed.end_s
        assert each.start_s == pytest.approx(end_s[each.worker], rel=1e-12, abs=1e-15), (
            "nothing overlaps, nothing is left out"
        )
        end_s[each.worker] = each.end_s
    for each in observed.exchanges:
        assert 0 <= each.start_s <= each.end_s <= observed.end_s
        assert each.members
    stores = set()
    for each in observed.flows:
        assert 0 <= each.start_s <= each.end_s <= observed.end_s
        assert each.source != each.target
        stores |= {each.source, each.target} - set(observed.sites)
        assert {each.source, each.target} & set(observed.sites)
        if each.whole:
            assert each.start_s <= each.end_s - each.delay_s * (1 - 1e-9) + 1e-12 * each.end_s
    assert len(stores) <= 1, "whatever is no site is the store"
    starts = [each.start_s for each in observed.slices], [each.start_s for each in observed.exchanges]
    starts += [each.start_s for each in observed.flows], [each.at_s for each in observed.loads]
    assert all(each == sorted(each) for each in starts)
    at_s = {}
    for load in observed.loads:
        assert at_s.get(load.link, -1.0) < load.at_s <= observed.end_s
        assert load.payload_bits_per_s >= 0
        at_s[load.link] = load.at_s


@pytest.mark.parametrize("name", named())
def test_the_sums_of_a_whole_run_are_the_figures_of_the_report(name):
    scenario = named()[name]
    runs, observations = run(scenario).runs, observe(scenario, None)
    assert_sums_are_the_figures(scenario, runs, observations)
    assert_links_carried(runs, observations)
    for each in observations:
        assert_consistent(each)


@pytest.mark.parametrize("part", range(4))
def test_they_are_for_random_scenarios(folder, part):
    seen = 0
    for scenario, runs in scenarios_of(range(part, RANDOM, 4), folder):
        observations = observe(scenario, None)
        assert_sums_are_the_figures(scenario, runs, observations)
        assert_links_carried(runs, observations)
        for each in observations:
            assert_consistent(each)
        seen += 1
    assert seen >= RANDOM / 4 / 2


def before(observed, end_s):
    """The beginning of an observation, until a moment."""
    slices = [each._replace(end_s=min(each.end_s, end_s)) for each in observed.slices if each.start_s < end_s]
    return slices, [each for each in observed.loads if each.at_s < end_s]


@pytest.mark.parametrize("part", range(4))
def test_the_first_rounds_are_the_beginning_of_the_run(folder, part):
    for scenario, _ in scenarios_of(range(part, RANDOM, 4), folder):
        whole = observe(scenario, None)
        for rounds in (1, 2):
            some = observe(scenario, rounds)
            for few, all_, job in zip(some, whole, jobs(scenario), strict=True):
                strategy = job.strategy
                assert few.end_s <= all_.end_s
                assert_consistent(few)
                slices, loads = before(all_, few.end_s)
                assert list(few.slices) == slices
                if strategy.meetings.drawn or not strategy.meetings.opens:  # a link that nobody used yet is not told of
                    seen = {each.link for each in few.loads}
                    loads = [each for each in loads if each.link in seen]
                assert [each for each in few.loads if each.at_s < few.end_s] == loads
                apart = strategy.schedule(job.setting).own_every if strategy.meetings.own_pace else None
                own = apart or strategy.steps_per_sync_of(job.setting)
                assert_rounds_are_in_it(few, all_, [rounds * each for each in own])


def assert_rounds_are_in_it(few, all_, of_each):
    """Every worker has made the steps of the rounds within the stretch, if it makes so many at all."""
    for worker, steps in enumerate(of_each):
        ends = [s for s in few.slices if s.worker == worker and s.doing == "compute"]
        made, of_all = (
            max((int(re.findall(r"\d+", s.detail)[-1]) for s in slices if "part" not in s.detail), default=0)
            for slices in (ends, [s for s in all_.slices if s.worker == worker and s.doing == "compute"])
        )
        assert made >= min(steps, of_all)


def test_a_round_of_diloco_ends_with_its_outer_exchange_and_one_of_data_parallel_with_a_step():
    diloco, parallel = observe(thin("diloco:replicas=2", "data-parallel"), 1)
    (outer,) = [each for each in diloco.exchanges if each.name == "outer"]
    assert diloco.end_s == outer.end_s
    assert {each.detail for each in parallel.slices if each.doing == "compute"} == {"step 1"}
    two, _ = observe(thin("diloco:replicas=2", "data-parallel"), 2)
    assert [each.number for each in two.exchanges if each.name == "outer"] == [0, 1]
    assert two.slices[: len(diloco.slices)] == diloco.slices


def test_what_is_under_way_when_a_round_ends_is_seen_to_its_end():
    (eager,) = observe(thin("eager-diloco:replicas=2"), 1)
    (outer,) = [each for each in eager.exchanges if each.name == "outer"]
    assert outer.whole
    assert eager.end_s == outer.end_s
    assert max(each.start_s for each in eager.slices) < outer.end_s
    assert any(each.end_s == eager.end_s for each in eager.slices), "the compute of the next round is cut off there"


def test_a_closing_exchange_is_in_the_whole_run_alone():
    scenario = thin("streaming-diloco:replicas=2,sync_every=10,fragments=5", settings=["workload.steps=25"])
    (one,), (all_,) = observe(scenario, 1), observe(scenario, None)
    seen, everything = (
        [(each.number, each.part) for each in observed.exchanges if each.name == "outer" and each.whole]
        for observed in (one, all_)
    )
    assert sorted(seen)[:5] == [(0, part) for part in range(5)]
    assert len(everything) == 5 + 5 + 2 + 5, "two rounds, two fragments of the third, and all of them in the end"
    assert len(seen) < 10


def test_more_rounds_than_there_are_is_the_whole_run():
    scenario = thin("diloco:replicas=2", "async-diloco:replicas=3")
    assert observe(scenario, 1000) == observe(scenario, None)


@pytest.mark.parametrize("rounds", [0, -1])
def test_no_round_is_refused(rounds):
    with pytest.raises(InputError, match=r"rounds: got .*write rounds=1 or more"):
        observe(thin(), rounds)


def test_more_than_can_be_kept_is_refused(monkeypatch):
    monkeypatch.setattr("sim.engine.watching.MOST_KEPT", 12)
    with pytest.raises(InputError, match=r"rounds: more than 12 things happen .*; write fewer, such as rounds=1"):
        observe(thin("diloco:replicas=2"), None)
    monkeypatch.setattr("sim.engine.watching.MOST_KEPT", 5)
    with pytest.raises(InputError, match="single round; take fewer datacenters"):
        observe(thin("diloco:replicas=2"), 1)


def test_a_quick_link_that_switches_is_seen_switching():
    """Where a replay skips repetitions of a schedule, an observation has every one of them."""
    points = [{"at": "0 s", "bandwidth": "1 Gbit/s"}, {"at": "10 ms", "bandwidth": "2 Gbit/s"}]
    links = [{"between": ["a", "b"], "schedule": {"points": points, "repeat": "20 ms"}, "latency": "1 ms"}]
    scenario = Scenario.model_validate(
        {
            "topology": {"name": "two", "datacenters": [{"name": "a"}, {"name": "b"}], "links": links},
            "workload": {"params": 1e9, "batch_tokens": 1e5, "steps": 2},
            "strategies": [{"kind": "data-parallel"}],
        }
    )
    (observed,) = observe(scenario, None)
    seconds = observed.flows[0].end_s - observed.flows[0].start_s
    entries = [each for each in observed.loads if each.link == "a -> b" and each.at_s < observed.flows[0].end_s]
    assert len(entries) > seconds / 0.01 > 500
    assert carried_by(observed)["a -> b"] == pytest.approx(
        sum(f.payload_bytes for f in observed.flows if f.source == "a")
    )
