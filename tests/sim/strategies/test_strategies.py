"""Conformance: what every strategy must do, whatever it is."""

from collections import Counter
from dataclasses import replace
from functools import partial

import pytest

from sim.engine.interpreter import replay
from sim.engine.ops import STORE, Compute, Start, Wait
from sim.network.placement import Placement
from sim.network.published_cost import PublishedCostNetwork
from sim.scenario.model import Scenario
from sim.simulation.run import run
from sim.strategies import (
    STRATEGIES,
    AsyncDiLoCo,
    DataParallel,
    DecoupledDiLoCo,
    DeMo,
    DesLoc,
    DiLoCo,
    EagerDiLoCo,
    ElasticDiLoCo,
    GossipDiLoCo,
    HALoS,
    Pipeline,
    Setting,
    SparseLoCo,
    StreamingDiLoCo,
    TwoLevelDiLoCo,
)
from sim.topology.model import Route, Topology, load_topology
from sim.workload.documents import AnalyticWorkload

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
    DiLoCo(replicas=2, sync_every=30, overlap="layers", bucket="150 MB", payload_bits=4),
    DiLoCo(replicas=2, sync_every=30, compression_ratio=10, compression_time="1 s"),
    StreamingDiLoCo(replicas=2, sync_every=30),
    StreamingDiLoCo(replicas=2, sync_every=30, overlap_steps=0),
    StreamingDiLoCo(replicas=4, sync_every=30, fragments=4, overlap_steps=5, overlap="layers", payload_bits=4),
    StreamingDiLoCo(replicas=2, sync_every=5, fragments=12, pattern="sequential", overlap="layers"),
    EagerDiLoCo(replicas=2, sync_every=30),
    EagerDiLoCo(replicas=2, sync_every=30, fragments=3, overlap="layers"),
    AsyncDiLoCo(replicas=1, sync_every=30),
    AsyncDiLoCo(replicas=4, sync_every=30, server=1),
    AsyncDiLoCo(replicas=4, sync_every=30, local_steps="by-speed"),
    ElasticDiLoCo(replicas=4, quorum=3, sync_every=30),
    ElasticDiLoCo(replicas=4, quorum=4, sync_every=30, grace="1 s"),
    GossipDiLoCo(replicas=2, sync_every=30),
    GossipDiLoCo(replicas=8, sync_every=30, copies=1.0, seed=3),
    TwoLevelDiLoCo(replicas=4, sync_every=10, across_every=3),
    TwoLevelDiLoCo(replicas=4, regions=1, sync_every=30),
    TwoLevelDiLoCo(replicas=8, regions=4, sync_every=30, across_every=1),
    HALoS(replicas=4, sync_every=5, across_every=3),
    HALoS(replicas=8, regions=4, sync_every=7, server=3, local_steps="by-speed", payload_bits=4),
    SparseLoCo(replicas=4, sync_every=30),
    SparseLoCo(replicas=8, sync_every=7, chunk=100, top=3, payload_bits=8, index_bits=6.5),
    SparseLoCo(replicas=4, sync_every=30, through="store"),
    SparseLoCo(replicas=4, sync_every=7, through="store", gather=4, deadline="1 h"),
    SparseLoCo(replicas=8, sync_every=30, through="store", gather=3, deadline="0.2 s"),
    DeMo(replicas=4),
    DeMo(replicas=4, top=8, payload_bits=1, through="store"),
    DesLoc(replicas=4, sync_every=10, first_moment_every=2, second_moment_every=5),
    DesLoc(replicas=2, sync_every=7, first_moment_every=1, second_moment_every=1, payload_bits=8),
    DecoupledDiLoCo(replicas=4, quorum=4, sync_every=30, fragments=1, overlap_steps=0),
    DecoupledDiLoCo(replicas=4, quorum=4, sync_every=30, overlap_steps=5),
    DecoupledDiLoCo(replicas=2, sync_every=30, fragments=7, payload_bits=4),
    Pipeline(stages=4, schedule="gpipe", microbatches=6),
    Pipeline(stages=4),
    Pipeline(stages=2, pipelines=2, microbatches=4, schedule="interleaved", compression_time="5 ms"),
    Pipeline(stages=3, schedule="zero-bubble", activation_bits=8),
    Pipeline(stages=1, pipelines=4, payload_bits=8),
]
every = pytest.mark.parametrize(
    "strategy", TABLE, ids=lambda s: s.label + (" bucket" if getattr(s, "bucket_bytes", None) else "")
)


def setting_of(strategy, topology="low-bw", steps=60, params=1e9, sites=None):
    there = topology if isinstance(topology, Topology) else load_topology(topology)
    if strategy.shape == "mailbox" and there.store is None:
        there = with_store(there)
    used = there.datacenters[: sites or strategy.workers(len(there.datacenters))]
    load = AnalyticWorkload.model_validate(
        {"params": params, "steps": steps, "batch_tokens": 2**18, "chips": 64, "layers": 12}
    ).load(used, 8)
    inside = tuple(Route(s.inside.bandwidth_bits_per_s, s.inside.latency_s) for s in used)
    names = tuple(s.name for s in used)
    way = partial(way_to_store, there, names) if strategy.shape == "mailbox" else None
    return Setting(load, inside, there.narrowest(names), way=way), PublishedCostNetwork(
        Placement(there, names, (64 / len(used),) * len(used))
    )


def with_store(topology):
    """The same sites around a store, each with a link of its own, which is narrower on the way up."""
    document = topology.model_dump(mode="json", exclude_none=True, by_alias=True)
    narrow, wide = ({"bandwidth": f"{gbits} Gbit/s", "latency": "7 ms"} for gbits in (3, 5))
    names = [site["name"] for site in document["datacenters"]]
    document["links"] += [{"from": name, "to": "box", **narrow} for name in names]
    document["links"] += [{"from": "box", "to": name, **wide} for name in names]
    document["routers"] = [*document.get("routers", []), "box"]
    return Topology.model_validate(document | {"store": {"at": "box", "request": "20 ms"}})


def way_to_store(topology, names, start, end):
    start, end = (topology.store.at if worker == STORE else names[worker] for worker in (start, end))
    return topology.route(start, end)


def programs(strategy, setting):
    return [list(program) for program in strategy.programs(setting)]


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


def with_headers_and_overhead():
    """The sites of low-bw, with all that a real link adds; buckets are for flows only."""
    document = load_topology("low-bw").model_dump(mode="json", exclude_none=True)
    document["transport"] = {"segment": "1448 B", "header": "66 B", "exchange_overhead": "30 ms"}
    document["links"] = [link | {"burst": "256 KiB"} for link in document["links"]]
    return Topology.model_validate(document)


@every
@pytest.mark.parametrize("network", ["high-bw", "medium-bw", "low-bw", "headers and overhead"])
def test_replay_equals_the_closed_form(strategy, network):
    steps = 420 if strategy.by_layer else 2100
    topology = with_headers_and_overhead() if network == "headers and overhead" else network
    setting, ideal = setting_of(strategy, topology, steps=steps)
    assert steps % strategy.steps_per_sync == 0
    wall_clock_s = replay(programs(strategy, setting), ideal).wall_clock_s
    closed_form_s = strategy.ideal_s(setting)
    assert wall_clock_s >= strategy.bound_s(setting) * (1 - 1e-9)
    if closed_form_s is None:
        assert strategy.label in WITHOUT_CLOSED_FORM
    else:
        # the other fragments close the run behind the first, whose moment it is, and pay no latency of their own
        fragments = len({op.collective.part for op in strategy.programs(setting)[0] if isinstance(op, Start)}) - 1
        closing_s = setting.sending_s(strategy.outer_bytes(setting) / (fragments + 1)) + setting.across.overhead_s
        closing_s *= fragments
        closing_s = closing_s if isinstance(strategy, StreamingDiLoCo) else 0.0
        assert wall_clock_s == pytest.approx(closed_form_s + closing_s, rel=1e-9)


WITHOUT_CLOSED_FORM = {
    "Streaming DiLoCo M=2 H=30 tau=1",
    "Streaming DiLoCo M=4 H=30 P=4 tau=5 by layer 4-bit",
    "Streaming DiLoCo M=2 H=5 P=12 sequential tau=1 by layer",
    "Eager DiLoCo M=2 H=30",
    "Eager DiLoCo M=2 H=30 P=3 by layer",
    "Async DiLoCo M=4 H=30 server=1",
    "Async DiLoCo M=4 H=30 by-speed",
    "Gossip DiLoCo M=8 H=30 copies=1 seed=3",
    "Two-level DiLoCo M=4 regions=2 H=10 K=3",
    "HALoS M=4 regions=2 H=5 K=3",
    "HALoS M=8 regions=4 H=7 by-speed K=4 server=3 4-bit",
    "SparseLoCo M=8 H=30 top=64/4096 by store gather=3 deadline=0.2s",
    "Decoupled DiLoCo M=4 K=4 H=30 P=24 tau=5",
    "Decoupled DiLoCo M=2 K=1 H=30 P=7 tau=2 4-bit",
    "Pipeline p=4 m=16 1f1b",
    "Pipeline D=2 p=2 m=4 interleaved v=2 +0.005s",
    "Pipeline p=3 m=16 zero-bubble activations=8b",
}


@every
def test_a_worker_accounts_for_every_second(strategy):
    setting, network = setting_of(strategy, steps=61)
    timeline = replay(programs(strategy, setting), network)
    for totals in timeline.workers:
        spent = totals.compute_s + totals.packing_s + totals.straggler_wait_s + totals.exposed_s
        assert spent == pytest.approx(totals.finish_s, rel=1e-9)
        # inside and across datacenters each hide behind the same compute at most once
        assert totals.hidden_s <= (1 + strategy.by_layer) * (totals.compute_s + totals.packing_s) * (1 + 1e-9)
    some = getattr(strategy, "gather", None) not in (
        None,
        strategy.replica_count,
    )  # who is among them has less to fetch
    if not some and not isinstance(strategy, AsyncDiLoCo | DecoupledDiLoCo | HALoS | Pipeline):
        assert {round(totals.finish_s / timeline.wall_clock_s, 9) for totals in timeline.workers} == {1.0}


def test_an_inner_round_costs_a_handful_of_ops():
    strategy = DiLoCo(replicas=2, sync_every=1000)
    setting, _ = setting_of(strategy, steps=3000)
    assert len(list(strategy.programs(setting)[0])) == 3 * 4


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


# Limits: what each algorithm becomes where a parameter goes to its end.


def test_two_who_gossip_send_what_two_of_diloco_send():
    one, other = GossipDiLoCo(replicas=2, copies=1.0), DiLoCo(replicas=2)
    setting, _ = setting_of(other)
    assert programs(one, setting) == programs(other, setting)


def test_all_parts_every_time_is_diloco_with_three_times_the_payload_op_for_op():
    one = DesLoc(replicas=4, sync_every=7, first_moment_every=1, second_moment_every=1)
    other = DiLoCo(replicas=4, sync_every=7, payload_factor=3)
    setting, _ = setting_of(other, steps=61)
    assert programs(one, setting) == programs(other, setting)
    assert one.closed_form(setting).seconds == pytest.approx(other.closed_form(setting).seconds)


def test_moments_go_every_third_and_sixth_time():
    """Half of what Local Adam sends: 1 + 1/3 + 1/6 for 3 a round."""
    own = DesLoc(replicas=4, sync_every=5)
    setting, _ = setting_of(own, steps=60)
    sizes = [op.collective.payload_bytes for op in programs(own, setting)[0] if isinstance(op, Start)]
    once = 2 * setting.load.params
    assert sizes == [once * parts for parts in (1, 1, 2, 1, 1, 3) * 2]
    assert sum(sizes) / len(sizes) == pytest.approx(1.5 * once)


@pytest.mark.parametrize("more", [{"regions": 1}, {"regions": 2, "across_every": 1}])
def test_one_region_or_one_level_is_diloco_op_for_op(more):
    two, diloco = TwoLevelDiLoCo(replicas=4, sync_every=7, **more), DiLoCo(replicas=4, sync_every=7)
    setting, _ = setting_of(diloco, steps=61)
    assert programs(two, setting) == programs(diloco, setting)
    assert two.closed_form(setting).seconds == diloco.closed_form(setting).seconds


def test_all_replicas_meet_in_every_kth_round_and_in_the_last():
    two = TwoLevelDiLoCo(replicas=6, regions=3, sync_every=5, across_every=3)
    setting, _ = setting_of(two, steps=37)
    sizes = [len(op.collective.members) for op in programs(two, setting)[4] if isinstance(op, Start)]
    assert sizes == [2, 2, 6, 2, 2, 6, 2, 6]


def test_gossip_pairs_everybody_once_a_round_and_differs_from_round_to_round():
    gossip = GossipDiLoCo(replicas=8, sync_every=1)
    setting, _ = setting_of(gossip, steps=40)
    schedule, seen = gossip.schedule(setting), set()
    for number in range(40):
        groups = schedule.groups(number)
        assert sorted(worker for group in groups for worker in group) == list(range(8))
        seen |= set(groups)
    assert seen == {(a, b) for b in range(8) for a in range(b)}  # in 40 rounds all 28 pairs have met


def test_values_of_all_places_in_no_bits_are_a_dense_payload():
    """With top = chunk and free places a site gets M - 1 payloads of N bits/8 bytes, by the formula of a ring."""
    sparse = SparseLoCo(replicas=4, chunk=64, top=64, payload_bits=16, index_bits=1e-9)
    setting, network = setting_of(sparse, steps=30)
    assert sparse.outer_bytes(setting) == pytest.approx(2 * setting.load.params)
    timeline = replay(programs(sparse, setting), network)
    assert timeline.crossing_bytes == pytest.approx(4 * 3 * 2 * setting.load.params)


def test_a_window_of_templar_by_hand():
    """70e9 parameters, 64 of 4,096 values with 12 and 2 bits: 1.914 GB; at 8 bits a value, 2.734 GB."""
    for bits, size_bytes in ((None, 70e9 / 64 * 14 / 8), (8, 70e9 / 64 * 20 / 8)):
        sparse = SparseLoCo(replicas=4, payload_bits=bits)
        setting, _ = setting_of(sparse, params=70e9)
        assert sparse.outer_bytes(setting) == pytest.approx(size_bytes)


def site_bytes(setting):
    """What a site sends in an exchange of all parameters among all chips: 2 S (1 - 1/R)."""
    return 2 * setting.load.outer_bytes * (1 - 1 / setting.load.chips)


@pytest.mark.parametrize("overlap", ["none", "layers"])
@pytest.mark.parametrize("steps", [1, 6, 7, 20])
@pytest.mark.parametrize("pattern", ["strided", "sequential"])
def test_a_single_fragment_that_is_waited_for_is_diloco_op_for_op(overlap, steps, pattern):
    arguments = {"replicas": 2, "sync_every": 6, "overlap": overlap}
    diloco, streaming = DiLoCo(**arguments), StreamingDiLoCo(**arguments, fragments=1, overlap_steps=0, pattern=pattern)
    setting, _ = setting_of(diloco, steps=steps)
    for layers in (setting.load.layers, (0.5, 0.125, 0.375)):
        there = replace(setting, load=replace(setting.load, layers=layers))
        assert [list(map(rounded, ops)) for ops in programs(streaming, there)] == [
            list(map(rounded, ops)) for ops in programs(diloco, there)
        ]


def rounded(op):
    """An op whose bytes do not tell in which order shares were added up."""
    if isinstance(op, Compute):
        return replace(op, seconds=float(f"{op.seconds:.12g}"))
    return type(op)(replace(op.collective, payload_bytes=float(f"{op.collective.payload_bytes:.12g}")))


@every
def test_without_any_network_only_compute_and_packing_are_left(strategy):
    sites = [{"name": name, "inside": {"bandwidth": "1e30 bit/s", "latency": "0 s"}} for name in "abcdefgh"]
    links = [{"between": ["ix", name], "bandwidth": "1e30 bit/s", "latency": "0 s"} for name in "abcdefgh"]
    document = {"name": "t", "datacenters": sites, "routers": ["ix"], "links": links, "store": {"at": "ix"}}
    setting, network = setting_of(strategy, Topology.model_validate(document), steps=61)
    for worker, totals in enumerate(replay(programs(strategy, setting), network).workers):
        steps = strategy.worker_steps(worker, setting)
        assert totals.compute_s == pytest.approx(steps * setting.load.mean_step_s[worker], rel=1e-12)
        waits_s = totals.straggler_wait_s if isinstance(strategy, Pipeline) else 0.0  # of a stage for those before it
        assert totals.finish_s == pytest.approx(totals.compute_s + totals.packing_s + waits_s, rel=1e-12)
        assert bool(totals.packing_s) == bool(strategy.compression_time)


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("steps", [20, 23])
@pytest.mark.parametrize(
    "strategy",
    [
        DiLoCo(replicas=2, sync_every=10),
        DiLoCo(replicas=2, sync_every=10, overlap="layers"),
        StreamingDiLoCo(replicas=2, sync_every=10, fragments=4),
        StreamingDiLoCo(replicas=2, sync_every=10, fragments=12, overlap_steps=9, overlap="layers"),
        StreamingDiLoCo(replicas=2, sync_every=10, fragments=5, overlap_steps=0, pattern="sequential"),
        EagerDiLoCo(replicas=2, sync_every=10),
        EagerDiLoCo(replicas=2, sync_every=10, fragments=6),
        AsyncDiLoCo(replicas=2, sync_every=10),
        ElasticDiLoCo(replicas=2, quorum=1, sync_every=10),
    ],
    ids=lambda value: getattr(value, "label", None),
)
def test_so_many_rounds_more_send_so_many_times_the_same_bytes(strategy, steps, rounds):
    crossing = []
    for length in (steps, steps + 10 * rounds):
        setting, network = setting_of(strategy, steps=length, sites=2)
        crossing.append(replay(programs(strategy, setting), network).crossing_bytes)
    wanted_bytes = 2 * site_bytes(setting) * rounds
    if isinstance(strategy, AsyncDiLoCo):  # one replica pushes S and pulls S; the other is where the server is
        share = strategy.worker_steps(1, setting) / setting.load.steps
        assert crossing[1] == pytest.approx(2 * 2e9 * -(-share * setting.load.steps // 10), rel=1e-12)
        return
    assert crossing[1] - crossing[0] == pytest.approx(wanted_bytes, rel=1e-9)


@pytest.mark.parametrize(
    ("strategy", "share"),
    [
        (DataParallel(), 1),
        (DataParallel(overlap="layers"), 1),
        (DataParallel(payload_bits=4), 1 / 4),
        (DataParallel(overlap="layers", compression_time="10 ms"), 1),
        (DiLoCo(replicas=2, sync_every=12), 1),
        (DiLoCo(replicas=2, sync_every=12, overlap="layers"), 1),
        (DiLoCo(replicas=2, sync_every=12, compression_time="10 ms"), 1),
        (DiLoCo(replicas=2, sync_every=12, overlap="layers", compression_time="10 ms"), 1),
        (EagerDiLoCo(replicas=2, sync_every=12), 1),
        (StreamingDiLoCo(replicas=2, sync_every=12, fragments=1), 1),
        (StreamingDiLoCo(replicas=2, sync_every=12, fragments=4), 1 / 4),
        (StreamingDiLoCo(replicas=2, sync_every=12, fragments=4, overlap="layers", overlap_steps=5), 1 / 4),
        (StreamingDiLoCo(replicas=2, sync_every=12, fragments=12), 1 / 12),
        (StreamingDiLoCo(replicas=2, sync_every=12, fragments=8), 2 / 12),  # 12 layers: some have two
        (StreamingDiLoCo(replicas=2, sync_every=3, fragments=6), 2 / 6),  # two at each moment
    ],
    ids=lambda value: value.label if hasattr(value, "label") else None,
)
def test_the_most_that_a_site_begins_to_send_within_a_step(strategy, share):
    setting, network = setting_of(strategy, steps=60, sites=2)
    for totals in replay(programs(strategy, setting), network).workers:
        assert totals.peak_bytes == pytest.approx(site_bytes(setting) * share, rel=1e-9)


def test_peak_and_mean_bandwidth_in_numbers():
    """Two sites, 1e9 parameters of 16 bits, 64 chips: 2 x 2 GB x 63/64 = 3.9375 GB out of a site, 3.15 s at 10 Gbit/s."""
    inside = {"bandwidth": "1e30 bit/s", "latency": "0 s"}
    scenario = Scenario.model_validate(
        {
            "topology": {
                "name": "two",
                "datacenters": [{"name": "a", "inside": inside}, {"name": "b", "inside": inside}],
                "links": [{"between": ["a", "b"], "bandwidth": "10 Gbit/s", "latency": "0 s"}],
                "collective": "published",
            },
            "workload": {
                "params": 1e9,
                "layers": 12,
                "step_time": "0.5 s",
                "steps": 100,
                "chips": 64,
                "batch_tokens": 64,
            },
            "strategies": [
                {"kind": "data-parallel"},
                {"kind": "diloco", "replicas": 2, "sync_every": 10},
                {"kind": "streaming-diloco", "replicas": 2, "sync_every": 10, "fragments": 4, "overlap_steps": 3},
                {"kind": "async-diloco", "replicas": 1, "sync_every": 10},
            ],
        }
    )
    parallel, diloco, streaming, one = run(scenario).runs
    exchange_bits = 8 * 3.9375e9
    assert parallel.peak_bandwidth_bits_per_s == pytest.approx(exchange_bits / 0.5)
    assert parallel.mean_bandwidth_bits_per_s == pytest.approx(exchange_bits / (0.5 + 3.15))
    assert diloco.peak_bandwidth_bits_per_s == pytest.approx(exchange_bits / 0.5)
    assert diloco.mean_bandwidth_bits_per_s == pytest.approx(exchange_bits / (5 + 3.15))
    assert streaming.peak_bandwidth_bits_per_s == pytest.approx(exchange_bits / 0.5 / 4)
    # fragments of 0.79 s fit behind three steps; three close the run a second time, behind the first: 4 x 0.7875 s
    assert streaming.wall_clock_s == pytest.approx(50 + 3.15)
    assert streaming.cross_datacenter_bytes == pytest.approx(2 * 3.9375e9 * (10 + 3 / 4))
    assert streaming.mean_bandwidth_bits_per_s == pytest.approx(exchange_bits * 10.75 / 53.15)
    # every tenth step has its gradients and an outer exchange
    assert one.peak_bandwidth_bits_per_s == pytest.approx(2 * exchange_bits / 0.5)
    assert one.mean_bandwidth_bits_per_s == pytest.approx(exchange_bits * 11 / (50 + 110 * 3.15) * 10)
