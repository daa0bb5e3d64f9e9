"""Conformance: what every strategy must do, whatever it is."""

from collections import Counter
from dataclasses import replace

import pytest

from sim.engine import replay
from sim.network import IdealNetwork, Placement
from sim.ops import Compute, Start, Wait
from sim.strategies import STRATEGIES, DataParallel, DiLoCo, Setting
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
]
every = pytest.mark.parametrize("strategy", TABLE, ids=lambda s: s.label)


def setting_of(strategy, topology="low-bw", steps=60, params=1e9, sites=None):
    there = load_topology(topology)
    used = there.datacenters[: sites or strategy.workers(len(there.datacenters))]
    load = AnalyticWorkload.model_validate({"params": params, "steps": steps, "batch_tokens": 2**18, "chips": 64}).load(
        used, 8
    )
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
    for ops in programs(strategy, setting):
        assert sum(op.steps for op in ops if isinstance(op, Compute)) == steps
        started = [op.collective for op in ops if isinstance(op, Start)]
        assert Counter(started) == Counter(op.collective for op in ops if isinstance(op, Wait))
        assert len(set(started)) == len(started)


@every
def test_members_agree_on_every_collective(strategy):
    setting, _ = setting_of(strategy)
    joined = Counter(op.collective for ops in programs(strategy, setting) for op in ops if isinstance(op, Start))
    assert all(count == len(collective.members) for collective, count in joined.items())


@every
@pytest.mark.parametrize("steps", [1, 30, 61])
def test_outer_steps_are_whole_and_one_comes_last(strategy, steps):
    setting, _ = setting_of(strategy, steps=steps)
    for ops in programs(strategy, setting):
        outer = [op.collective.index for op in ops if isinstance(op, Start) and op.collective.name == "outer"]
        assert outer == list(range(strategy.outer_steps(steps)))
        if outer:
            assert isinstance(ops[-1], Wait)
            assert ops[-1].collective.name == "outer"


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
    assert replay(programs(strategy, setting), ideal).wall_clock_s == pytest.approx(strategy.ideal_s(setting), rel=1e-9)


@every
def test_a_worker_accounts_for_every_second(strategy):
    setting, network = setting_of(strategy, steps=61)
    timeline = replay(programs(strategy, setting), network)
    for totals in timeline.workers:
        spent = totals.compute_s + totals.straggler_wait_s + totals.exposed_s
        assert spent == pytest.approx(timeline.wall_clock_s, rel=1e-9)


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
