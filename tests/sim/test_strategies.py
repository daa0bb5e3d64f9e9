"""Conformance: what every strategy must do, whatever it is."""

from collections import Counter
from dataclasses import replace

import pytest

from sim.engine import replay
from sim.network import IdealNetwork, Placement
from sim.ops import Compute, Start, Wait
from sim.strategies import (
    STRATEGIES,
    AsyncDiLoCo,
    DataParallel,
    DiLoCo,
    EagerDiLoCo,
    ElasticDiLoCo,
    Setting,
    StreamingDiLoCo,
)
from sim.topology import Route, load_topology
from sim.workload import AnalyticWorkload

TABLE = [
    DataParallel(),
    DiLoCo(replicas=1, sync_every=1),
    DiLoCo(replicas=1, sync_every=30),
    DiLoCo(replicas=2, sync_every=1),
    DiLoCo(replicas=2, sync_every=7),
    DiLoCo(replicas=4, sync_every=30),
    DiLoCo(replicas=8, sync_every=100),
    DataParallel(overlap="layers"),
    DataParallel(overlap="layers", bucket="500 MB"),
    DataParallel(payload_bits=8, payload_factor=1.25, compression_ratio=10, compression_time="5 ms"),
    DiLoCo(replicas=1, sync_every=30, overlap="layers"),
    DiLoCo(replicas=2, sync_every=30, overlap="layers"),
    DiLoCo(replicas=2, sync_every=1, overlap="layers", payload_bits=4),
    DiLoCo(replicas=2, sync_every=30, compression_ratio=10, compression_time="1 s"),
    StreamingDiLoCo(replicas=2, sync_every=30),
    StreamingDiLoCo(replicas=2, sync_every=30, overlap_steps=0),
    StreamingDiLoCo(replicas=4, sync_every=30, fragments=4, overlap_steps=5, overlap="layers", payload_bits=4),
    StreamingDiLoCo(replicas=2, sync_every=5, fragments=12, pattern="sequential", overlap="layers"),
    EagerDiLoCo(replicas=2, sync_every=30),
    EagerDiLoCo(replicas=2, sync_every=30, fragments=3, overlap="layers"),
    AsyncDiLoCo(replicas=1, sync_every=30),
    AsyncDiLoCo(replicas=4, sync_every=30, server=1),
    ElasticDiLoCo(replicas=4, quorum=3, sync_every=30),
    ElasticDiLoCo(replicas=4, quorum=4, sync_every=30, grace="1 s"),
]
every = pytest.mark.parametrize(
    "strategy", TABLE, ids=lambda s: s.label + (" bucket" if getattr(s, "bucket_bytes", None) else "")
)


def setting_of(strategy, topology="low-bw", steps=60, params=1e9, sites=None):
    there = load_topology(topology)
    used = there.datacenters[: sites or strategy.workers(len(there.datacenters))]
    load = AnalyticWorkload.model_validate(
        {"params": params, "steps": steps, "batch_tokens": 2**18, "chips": 64, "layers": 12}
    ).load(used, 8)
    inside = tuple(Route(s.inside.bandwidth_bits_per_s, s.inside.latency_s) for s in used)
    return Setting(load, inside, there.narrowest(tuple(s.name for s in used))), IdealNetwork(
        Placement(there, tuple(s.name for s in used), (64 / len(used),) * len(used))
    )


def programs(strategy, setting):
    return [list(strategy.program(worker, setting)) for worker in range(setting.workers)]


def test_every_strategy_is_in_the_table():
    assert {type(s) for s in TABLE} == set(STRATEGIES.values())


@every
@pytest.mark.parametrize("steps", [1, 29, 60, 61])
def test_every_step_is_computed_once_and_every_start_is_waited_for(strategy, steps):
    setting, _ = setting_of(strategy, steps=steps)
    computed = 0
    for ops in programs(strategy, setting):
        computed += sum(op.steps for op in ops if isinstance(op, Compute))
        started = [op.collective for op in ops if isinstance(op, Start)]
        assert Counter(started) == Counter(op.collective for op in ops if isinstance(op, Wait))
        assert len(set(started)) == len(started)
    assert computed == setting.workers * steps


@every
def test_members_agree_on_every_collective(strategy):
    setting, _ = setting_of(strategy)
    joined = Counter(op.collective for ops in programs(strategy, setting) for op in ops if isinstance(op, Start))
    assert all(count == len(collective.members) for collective, count in joined.items())


@every
@pytest.mark.parametrize("steps", [1, 30, 61])
def test_outer_steps_are_whole_and_one_comes_last(strategy, steps):
    setting, _ = setting_of(strategy, steps=steps)
    for worker, ops in enumerate(programs(strategy, setting)):
        outer = [op.collective for op in ops if isinstance(op, Start) and op.collective.name in ("outer", "push")]
        by_part = {one.part: [other.index for other in outer if other.part == one.part] for one in outer}
        rounds = strategy.outer_steps(strategy.worker_steps(worker, setting))
        for part, indices in by_part.items():
            # a fragment that is not the first has its own moment in a round, and closes the run besides
            assert indices == list(range(len(indices)))
            assert len(indices) == rounds or (part and len(indices) == rounds + 1)
        assert bool(by_part) == bool(rounds)
        if outer:
            assert isinstance(ops[-1], Wait)
            assert ops[-1].collective.name in ("outer", "pull")


@every
def test_the_same_program_comes_out_each_time(strategy):
    setting, network = setting_of(strategy)
    assert programs(strategy, setting) == programs(strategy, setting)
    first, second = (replay(programs(strategy, setting), network, spans=True) for _ in range(2))
    assert first == second


@every
@pytest.mark.parametrize("network", ["high-bw", "medium-bw", "low-bw"])
def test_replay_equals_the_closed_form(strategy, network):
    setting, ideal = setting_of(strategy, network, steps=2100)
    assert 2100 % strategy.steps_per_sync == 0
    wall_clock_s = replay(programs(strategy, setting), ideal).wall_clock_s
    closed_form_s = strategy.ideal_s(setting)
    assert wall_clock_s >= strategy.bound_s(setting) * (1 - 1e-9)
    if closed_form_s is None:
        assert strategy.label in WITHOUT_CLOSED_FORM
    else:
        # the other fragments close the run behind the first, whose moment it is, and pay no latency of their own
        fragments = len({op.collective.part for op in strategy.program(0, setting) if isinstance(op, Start)}) - 1
        closing_s = fragments * setting.sending_s(strategy.outer_bytes(setting) / (fragments + 1))
        closing_s = closing_s if isinstance(strategy, StreamingDiLoCo) else 0.0
        assert wall_clock_s == pytest.approx(closed_form_s + closing_s, rel=1e-9)


WITHOUT_CLOSED_FORM = {
    "Streaming DiLoCo M=2 H=30 tau=1",
    "Streaming DiLoCo M=4 H=30 P=4 tau=5 by layer 4-bit",
    "Streaming DiLoCo M=2 H=5 P=12 tau=1 by layer",
    "Eager DiLoCo M=2 H=30",
    "Eager DiLoCo M=2 H=30 P=3 by layer",
    "Async DiLoCo M=4 H=30 server=1",
}


@every
def test_a_worker_accounts_for_every_second(strategy):
    setting, network = setting_of(strategy, steps=61)
    timeline = replay(programs(strategy, setting), network)
    for totals in timeline.workers:
        spent = totals.compute_s + totals.packing_s + totals.straggler_wait_s + totals.exposed_s
        assert spent == pytest.approx(totals.finish_s, rel=1e-9)
    if not isinstance(strategy, AsyncDiLoCo):
        assert {round(totals.finish_s / timeline.wall_clock_s, 9) for totals in timeline.workers} == {1.0}


def test_an_inner_round_costs_a_handful_of_ops():
    strategy = DiLoCo(replicas=2, sync_every=1000)
    setting, _ = setting_of(strategy, steps=3000)
    assert len(list(strategy.program(0, setting))) == 3 * 5


@pytest.mark.parametrize("replicas", [1, 8])
def test_diloco_with_h_1_sends_data_parallels_bytes_and_its_outer_steps(replicas):
    def crossing(strategy):
        setting, network = setting_of(strategy)
        return replay(programs(strategy, setting), network).crossing_bytes

    reference = crossing(DataParallel())
    inner = reference if replicas == 1 else 0.0  # several replicas keep their gradients inside
    assert crossing(DiLoCo(replicas=replicas, sync_every=1)) == pytest.approx(inner + reference, rel=1e-12)


def test_in_one_datacenter_everything_takes_the_local_network():
    for strategy in (DataParallel(), DiLoCo(replicas=1, sync_every=30)):
        setting, network = setting_of(strategy, sites=1)
        load = setting.load
        once = 2 * 16e9 / 400e9 * (1 - 1 / 64) + 1e-4
        exchanges = load.steps + strategy.outer_steps(load.steps)
        timeline = replay(programs(strategy, setting), network)
        assert timeline.wall_clock_s == pytest.approx(load.steps * load.mean_step_s[0] + exchanges * once, rel=1e-9)
        assert timeline.crossing_bytes == 0.0


def test_steps_cost_what_the_workload_says_for_each_worker():
    strategy = DiLoCo(replicas=2, sync_every=10)
    setting, network = setting_of(strategy, steps=10)
    uneven = replace(setting, load=replace(setting.load, compute_s=lambda worker, first, count: (1 + worker) * count))
    timeline = replay(programs(strategy, uneven), network)
    assert timeline.workers[0].compute_s == 10.0
    assert timeline.workers[1].compute_s == 20.0
    assert timeline.workers[0].straggler_wait_s == pytest.approx(10.0, rel=1e-9)
