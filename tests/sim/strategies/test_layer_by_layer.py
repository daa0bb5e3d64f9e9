"""Exchanges behind compute: stories worked out by hand, and a second simulator of the published mechanism.

Two workers of one chip each on a link of 8 bit/s: an exchange of S bytes takes S seconds, and the latency. A step of
8 s has a forward pass of 2 s and a backward pass of 6 s.
"""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine.interpreter import replay
from sim.engine.ops import Compute, Inside, Start, Wait
from sim.errors import InputError
from sim.network.placement import Placement
from sim.network.published_cost import PublishedCostNetwork
from sim.scenario.model import Scenario
from sim.simulation.run import run
from sim.strategies import AsyncDiLoCo, DataParallel, DiLoCo, EagerDiLoCo, ElasticDiLoCo, Setting, StreamingDiLoCo
from sim.topology.model import Route, Topology
from sim.workload.load import Deal, Load


def setting_of(layers=2, payload=8.0, latency_s=0.0, steps=2, step_s=8.0, forward=0.25, chips=1, workers=2):
    """`layers`: how many, or the share of each."""
    shares = layers if isinstance(layers, tuple) else (1 / layers,) * layers
    load = Load(
        params=payload / 2,  # 16 bits each
        batch_tokens=64,
        deal=Deal((chips,) * workers, (1.0,) * workers, by_speed=False),
        steps=steps,
        gradient_bytes=payload,
        outer_bytes=payload,
        mean_step_s=(step_s,) * workers,
        cycle_steps=1,
        compute_s=lambda worker, first, count: step_s * count,
        notes=(),
        layers=shares,
        forward_share=forward,
    )
    return Setting(load, (Route(8.0, latency_s),) * workers, Route(8.0, latency_s))


def network_of(setting):
    across, inside = (
        {"bandwidth": f"{route.bandwidth_bits_per_s!r} bit/s", "latency": f"{route.latency_s!r} s"}
        for route in (setting.across, setting.inside[0])
    )
    names = "abcd"[: setting.workers]
    links = [{"between": [a, b], **across} for a in names for b in names if a < b]
    sites = [{"name": name, "inside": inside} for name in names]
    topology = Topology.model_validate({"name": "test", "datacenters": sites, "links": links})
    return PublishedCostNetwork(Placement(topology, tuple(names), setting.load.deal.worker_chips))


def programs(strategy, setting):
    return [list(program) for program in strategy.programs(setting)]


def timeline_of(strategy, setting):
    return replay(programs(strategy, setting), network_of(setting), spans=True)


def story(strategy, **numbers):
    """What each of the two workers does from when to when; the two do the same. How a program cuts it does not count."""
    timeline = timeline_of(strategy, setting_of(**numbers))
    stories = []
    for worker in (0, 1):
        told = []
        for _, what, start_s, end_s in sorted((s for s in timeline.spans if s.worker == worker), key=lambda s: s.end_s):
            if told and told[-1][0] == what and told[-1][2] == start_s:
                told[-1] = what, told[-1][1], end_s
            elif start_s < end_s:
                told.append((what, start_s, end_s))
        stories.append(told)
    assert stories[0] == stories[1]
    return stories[0]


def started(strategy, setting, name="outer"):
    """The exchanges of a name that a worker begins, in order."""
    ops = strategy.programs(setting)[0]
    return [op.collective for op in ops if isinstance(op, Start) and op.collective.name == name]


# Data-Parallel by layer. A layer: forward 1 s, backward 3 s, reduction 4 s.


def test_a_reduction_runs_behind_the_backward_pass_of_the_layers_before_it():
    # backward of layer 1 is over at 5, of layer 0 at 8; reductions at 5-9 and 9-13, the first behind compute
    assert story(DataParallel(overlap="layers")) == [
        ("compute", 0, 8),
        ("gradients", 8, 13),
        ("compute", 13, 21),
        ("gradients", 21, 26),
    ]


def test_the_latency_comes_on_top_and_holds_up_no_reduction_behind_it():
    assert story(DataParallel(overlap="layers"), latency_s=1.0) == [
        ("compute", 0, 8),
        ("gradients", 8, 14),
        ("compute", 14, 22),
        ("gradients", 22, 28),
    ]


def test_hidden_is_what_was_under_way_behind_compute():
    # under way are 5-13 and 18-26, of which 8-13 and 21-26 in the open: from 8 on, both layers' at once for a while
    totals = timeline_of(DataParallel(overlap="layers"), setting_of()).workers[1]
    assert (totals.compute_s, totals.exposed_across_s, totals.exposed_inside_s) == (16.0, 10.0, 0.0)
    assert totals.hidden_s == 3 + 3


@given(
    layers=st.integers(1, 9),
    step_s=st.floats(0.1, 10),
    payload=st.floats(0.01, 100),
    latency_s=st.sampled_from([0.0, 0.3]),
    steps=st.integers(1, 5),
)
def test_a_step_of_uniform_layers_is_compute_and_what_backward_does_not_hide(layers, step_s, payload, latency_s, steps):
    setting = setting_of(layers, payload, latency_s, steps, step_s, 1 / 3)
    backward_s, reduction_s = step_s * 2 / 3 / layers, payload / layers
    wanted_s = step_s + reduction_s + (layers - 1) * max(0.0, reduction_s - backward_s) + latency_s
    strategy = DataParallel(overlap="layers")
    assert timeline_of(strategy, setting).wall_clock_s == pytest.approx(steps * wanted_s, rel=1e-9)
    assert strategy.ideal_s(setting) == pytest.approx(steps * wanted_s, rel=1e-9)


# Buckets.


def test_one_bucket_as_large_as_everything_begins_after_the_whole_backward_pass():
    assert story(DataParallel(overlap="layers", bucket="8 B")) == [
        ("compute", 0, 8),
        ("gradients", 8, 16),
        ("compute", 16, 24),
        ("gradients", 24, 32),
    ]
    setting = setting_of(layers=4)
    whole, none = DataParallel(overlap="layers", bucket="1 GB"), DataParallel()
    assert programs(whole, setting) == programs(none, setting)
    assert whole.ideal_s(setting) == none.ideal_s(setting)


def test_a_tiny_bucket_is_a_layer():
    setting = setting_of(layers=4)
    tiny, layers = DataParallel(overlap="layers", bucket="1 B"), DataParallel(overlap="layers")
    assert programs(tiny, setting) == programs(layers, setting)


def test_a_bucket_begins_after_the_backward_pass_of_its_first_layer_which_waits_for_it():
    # four layers of 1 s forward, 3 s backward, 2 s to reduce, two in a bucket: begun at 10 and 16, there at 14 and 20
    assert story(DataParallel(overlap="layers", bucket="4 B"), layers=4, step_s=16.0) == [
        ("compute", 0, 16),
        ("gradients", 16, 20),
        ("compute", 20, 36),
        ("gradients", 36, 40),
    ]


@pytest.mark.parametrize(("bucket", "sizes"), [("2 B", [2, 2, 2, 2]), ("2.1 B", [4, 4]), ("5 B", [6, 2]), ("8 B", [8])])
def test_layers_are_put_together_until_they_make_up_a_bucket(bucket, sizes):
    setting = setting_of(layers=4, steps=1)
    started = [
        op.collective
        for op in programs(DataParallel(overlap="layers", bucket=bucket), setting)[0]
        if isinstance(op, Start)
    ]
    assert [one.payload_bytes for one in started] == sizes
    assert [one.part for one in started] == list(range(len(sizes)))


# DiLoCo.


def test_diloco_by_layer_stops_only_for_what_the_backward_pass_does_not_hide():
    assert story(DiLoCo(replicas=2, sync_every=2, overlap="layers"), steps=4) == [
        ("compute", 0, 16),
        ("outer", 16, 21),
        ("compute", 21, 37),
        ("outer", 37, 42),
    ]


def test_gradients_inside_a_datacenter_hide_behind_the_backward_pass_too():
    # four chips a datacenter: inside 2 x 8 x 3/4 = 12 s, so 6 s a layer, of which 3 s are hidden: 9 s exposed a step;
    # across, among 8 chips, 2 x 8 x 7/8 = 14 s, so 7 s a layer from the first layer's 3 s on: to 11 s behind the step
    setting = setting_of(steps=4, chips=4)
    strategy = DiLoCo(replicas=2, sync_every=2, overlap="layers")
    totals = timeline_of(strategy, setting).workers[0]
    assert totals.finish_s == pytest.approx(4 * (8 + 9) + 2 * (11 - 9), rel=1e-12)
    assert strategy.ideal_s(setting) == pytest.approx(totals.finish_s, rel=1e-12)
    assert (totals.compute_s, totals.exposed_inside_s) == (32, pytest.approx(4 * 9, rel=1e-12))
    # behind compute: inside 3 s a step; across from 5 to 8 in a round
    assert totals.hidden_s == pytest.approx(4 * 3 + 2 * 3, rel=1e-12)


def test_steps_without_an_exchange_still_cost_one_op():
    setting = setting_of(layers=24, steps=300)
    blocks = [
        op
        for op in programs(DiLoCo(replicas=2, sync_every=100, overlap="layers"), setting)[0]
        if isinstance(op, Compute) and op.steps > 1
    ]
    assert [op.steps for op in blocks] == [99, 98, 98]


# Streaming. Four layers: 1 s forward, 3 s backward each; H = 4, two fragments: the second after step 2.


def test_strided_fragments_that_the_next_step_waits_for():
    # layers 3 and 1 begin at 23 and 29 and take 5 s: layer 1's forward pass waits from 33 to 34; in the last step, all four
    # go out, at 56, 59, 62 and 65
    strategy = StreamingDiLoCo(replicas=2, sync_every=4, fragments=2, overlap_steps=0, overlap="layers")
    assert story(strategy, layers=4, step_s=16.0, payload=20.0, steps=4) == [
        ("compute", 0, 33),
        ("outer", 33, 34),
        ("compute", 34, 65),
        ("outer", 65, 76),
    ]


def test_a_result_that_is_needed_a_step_later():
    # nobody waits for layers 3 and 1, there at 28 and 34; the last step begins at 48, and all go out from 55 on
    strategy = StreamingDiLoCo(replicas=2, sync_every=4, fragments=2, overlap_steps=1, overlap="layers")
    assert story(strategy, layers=4, step_s=16.0, payload=20.0, steps=4) == [
        ("compute", 0, 64),
        ("outer", 64, 75),
    ]


def test_sequential_fragments_are_neighbours():
    # layers 3 and 2 begin at 23 and 26 and take 7 s: layer 2's forward pass waits from 34 to 37
    strategy = StreamingDiLoCo(
        replicas=2, sync_every=4, fragments=2, overlap_steps=0, overlap="layers", pattern="sequential"
    )
    assert story(strategy, layers=4, step_s=16.0, payload=28.0, steps=4) == [
        ("compute", 0, 34),
        ("outer", 34, 37),
        ("compute", 37, 67),
        ("outer", 67, 86),
    ]


def test_five_steps_begin_without_the_result_and_the_sixth_waits():
    strategy = StreamingDiLoCo(replicas=2, sync_every=8, fragments=1, overlap_steps=5)
    assert story(strategy, payload=40.0, step_s=1.0, steps=16) == [
        ("compute", 0, 13),
        ("outer", 13, 48),
        ("compute", 48, 51),
        ("outer", 51, 91),
    ]


@pytest.mark.parametrize(
    ("pattern", "members"), [("strided", [(0, 3, 6), (1, 4), (2, 5)]), ("sequential", [(0, 1), (2, 3), (4, 5, 6)])]
)
def test_fragments_are_made_of_whole_layers(pattern, members):
    sizes = (1, 2, 4, 8, 16, 32, 64)  # every sum says which layers are in it
    shares = tuple(size / 127 for size in sizes)
    strategy = StreamingDiLoCo(replicas=2, sync_every=30, fragments=3, pattern=pattern)
    setting = setting_of(layers=shares, payload=127.0, steps=29)
    sent = [
        op.collective
        for op in programs(strategy, setting)[0]
        if isinstance(op, Start) and op.collective.name == "outer"
    ]
    wanted = [sum(sizes[layer] for layer in one) for one in members]
    assert [round(one.payload_bytes, 9) for one in sent] == [wanted[1], wanted[2], *wanted]


def steps_of_fragments(strategy, setting):
    """After which step (from 1) each exchange of each fragment begins."""
    found, step = {}, 0
    for op in programs(strategy, setting)[0]:
        if isinstance(op, Compute):
            step += op.steps
        elif isinstance(op, Start) and op.collective.name == "outer":
            found.setdefault(op.collective.part, []).append(step)
    return found


@pytest.mark.parametrize("every", [1, 3, 7, 30, 100])
@pytest.mark.parametrize("fragments", [1, 2, 4, 8, 11])
def test_fragment_p_goes_out_after_step_round_p_h_over_p_of_every_round(every, fragments):
    strategy = StreamingDiLoCo(replicas=2, sync_every=every, fragments=fragments, overlap_steps=0)
    found = steps_of_fragments(strategy, setting_of(layers=11, steps=4 * every))
    assert found[0] == [every, 2 * every, 3 * every, 4 * every]
    for p in range(1, fragments):
        moment = max(1, math.floor(p * every / fragments + 0.5))  # a half counts as a whole; no step 0
        rounds = [k * every + moment for k in range(4)]
        assert found[p] == ([*rounds, 4 * every] if moment < every else rounds)


# Eager.


def test_an_eager_exchange_has_the_whole_next_round():
    assert story(EagerDiLoCo(replicas=2, sync_every=2), payload=20.0, steps=6) == [
        ("compute", 0, 32),
        ("outer", 32, 36),
        ("compute", 36, 52),
        ("outer", 52, 76),
    ]


def test_an_eager_layer_is_waited_for_when_it_is_sent_again():
    # layer 1 goes out at 13 and is there at 25, in time for 29; layer 0 at 16, there at 37 where 32 would do; again at
    # 29 and 37, there at 49 and 61 where 50 and 53 would do; and from 61 to 85 at last
    strategy = EagerDiLoCo(replicas=2, sync_every=2, overlap="layers")
    assert story(strategy, payload=24.0, steps=6) == [
        ("compute", 0, 32),
        ("outer", 32, 37),
        ("compute", 37, 53),
        ("outer", 53, 85),
    ]


# A second simulator of the published mechanism: two like replicas, so that one stands for both; one serial link.


def published_s(shares, step_s, forward, link_s, latency_s, sent, tau, steps):
    """When all is done; `sent(step)` has the layers whose exchange begins in the backward pass of a step (from 0)."""
    now = free = 0.0
    flying = {}
    for step in range(steps):
        for layer, share in enumerate(shares):
            if layer in flying and flying[layer][0] <= step:
                now = max(now, flying.pop(layer)[1])
            now += step_s * forward * share
        for layer in reversed(range(len(shares))):
            now += step_s * (1 - forward) * shares[layer]
            if layer in sent(step):
                now = max(now, flying.pop(layer, (0, 0.0))[1])  # it is under way still: one at a time
                free = max(now, free) + link_s * shares[layer]
                flying[layer] = step + 1 + tau, free + latency_s
    return max([now, *(there for _, there in flying.values())])


def fragments_of(layers, fragments, pattern):
    if pattern == "strided":
        return [layer % fragments for layer in range(layers)]
    return [next(p for p in range(fragments) if layer < (p + 1) * layers // fragments) for layer in range(layers)]


def sent_by(layers, every, fragments, pattern, steps):
    fragment = fragments_of(layers, fragments, pattern)
    moment = [0] + [max(1, math.floor(p * every / fragments + 0.5)) % every for p in range(1, fragments)]

    def sent(step):
        last = step + 1 == steps  # what closes the run
        return {layer for layer in range(layers) if last or (step + 1) % every == moment[fragment[layer]]}

    return sent


shapes = st.lists(st.integers(1, 5), min_size=1, max_size=12).map(lambda sizes: tuple(s / sum(sizes) for s in sizes))
links = {
    "step_s": st.floats(0.1, 10),
    "forward": st.sampled_from([1 / 3, 0.5, 0.1]),
    "payload": st.floats(0.01, 300),
    "factor": st.sampled_from([0.8, 1.0, 0.84]),
    "latency_s": st.sampled_from([0.0, 0.1, 5.0]),
}


@given(shares=shapes, steps=st.integers(1, 6), **links)
def test_data_parallel_by_layer_is_the_published_mechanism(shares, steps, step_s, forward, payload, factor, latency_s):
    setting = setting_of(shares, payload, latency_s, steps, step_s, forward)
    everything = set(range(len(shares)))
    strategy = DataParallel(overlap="layers", payload_factor=factor)
    wanted_s = published_s(shares, step_s, forward, factor * payload, latency_s, lambda _: everything, 0, steps)
    assert timeline_of(strategy, setting).wall_clock_s == pytest.approx(wanted_s, rel=1e-9)
    assert strategy.ideal_s(setting) == pytest.approx(wanted_s, rel=1e-9)


@given(data=st.data(), shares=shapes, every=st.integers(1, 9), steps=st.integers(1, 30), **links)
def test_streaming_and_eager_by_layer_are_the_published_mechanism(
    data, shares, every, steps, step_s, forward, payload, factor, latency_s
):
    fragments = data.draw(st.integers(1, len(shares)), label="P")
    tau = data.draw(st.integers(0, every), label="tau")  # a whole round: eager
    pattern = data.draw(st.sampled_from(["strided", "sequential"]), label="pattern")
    common = {"sync_every": every, "fragments": fragments, "pattern": pattern, "overlap": "layers"}
    common |= {"payload_factor": factor, "replicas": 2}
    strategy = StreamingDiLoCo(overlap_steps=tau, **common) if tau < every else EagerDiLoCo(**common)
    setting = setting_of(shares, payload, latency_s, steps, step_s, forward)
    sent = sent_by(len(shares), every, fragments, pattern, steps)
    wanted_s = published_s(shares, step_s, forward, factor * payload, latency_s, sent, tau, steps)
    assert timeline_of(strategy, setting).wall_clock_s == pytest.approx(wanted_s, rel=1e-9)


@settings(max_examples=50)
@given(
    fragments=st.integers(1, 6),
    every=st.integers(1, 12),
    tau=st.integers(0, 11),
    rounds=st.integers(7, 60),
    payload=st.floats(0.05, 30),
    layers=st.sampled_from([6, 8]),
)
def test_a_long_run_that_repeats_itself_is_still_the_published_mechanism(
    fragments, every, tau, rounds, payload, layers
):
    strategy = {"kind": "streaming-diloco", "replicas": 2, "sync_every": every, "fragments": fragments}
    strategy |= {"overlap_steps": min(tau, every - 1), "overlap": "layers", "payload_factor": 0.8}
    steps = rounds * every
    link = {"between": ["a", "b"], "bandwidth": "8 bit/s", "latency": "0 s"}
    inside = {"bandwidth": "1e30 bit/s", "latency": "0 s"}
    workload = {"params": payload / 2, "layers": layers, "step_time": "1 s", "steps": steps, "chips": 2}
    document = {
        "topology": {
            "name": "two",
            "datacenters": [{"name": "a", "inside": inside}, {"name": "b", "inside": inside}],
            "links": [link],
        },
        "workload": {**workload, "batch_tokens": 64},
        "strategies": [strategy],
    }
    (only,) = run(Scenario.model_validate(document)).runs
    sent = sent_by(layers, every, fragments, "strided", steps)
    wanted_s = published_s((1 / layers,) * layers, 1.0, 1 / 3, 0.8 * payload, 0.0, sent, min(tau, every - 1), steps)
    assert only.wall_clock_s == pytest.approx(wanted_s, rel=1e-9)


# Payloads.

PAYLOADS = [
    ({}, 16.0),
    ({"payload_bits": 4}, 4.0),
    ({"payload_factor": 0.8}, 12.8),
    ({"compression_ratio": 100}, 0.16),
    ({"payload_bits": 8, "payload_factor": 1.25, "compression_ratio": 10}, 1.0),
]


@pytest.mark.parametrize(("payload", "wanted_bytes"), PAYLOADS)
@pytest.mark.parametrize(
    ("kind", "arguments", "name", "exchanges"),
    [
        (DataParallel, {}, "gradients", 6),
        (DataParallel, {"overlap": "layers"}, "gradients", 6),
        (DiLoCo, {"replicas": 1, "sync_every": 3}, "outer", 2),
        (DiLoCo, {"replicas": 2, "sync_every": 3, "overlap": "layers"}, "outer", 2),
        (StreamingDiLoCo, {"replicas": 2, "sync_every": 3, "fragments": 1}, "outer", 2),
        (EagerDiLoCo, {"replicas": 2, "sync_every": 3}, "outer", 2),
        (AsyncDiLoCo, {"replicas": 2, "sync_every": 3}, "push", 2),
        (AsyncDiLoCo, {"replicas": 2, "sync_every": 3}, "pull", 2),
        (AsyncDiLoCo, {"replicas": 1, "sync_every": 3}, "outer", 2),
        (ElasticDiLoCo, {"replicas": 2, "quorum": 1, "sync_every": 3}, "outer", 2),
    ],
)
def test_an_exchange_across_carries_bits_times_factor_over_ratio(
    kind, arguments, name, exchanges, payload, wanted_bytes
):
    """Eight parameters, of 16 bits unless said."""
    setting = setting_of(payload=16.0, steps=6, chips=2)
    sent = {name: 0.0, "gradients": 0.0}
    for op in programs(kind(**arguments, **payload), setting)[0]:
        if isinstance(op, Start | Inside):
            sent[op.collective.name] = (
                sent.get(op.collective.name, 0.0) + op.collective.payload_bytes * op.collective.count
            )
    assert sent[name] == pytest.approx(exchanges * wanted_bytes, rel=1e-12)
    if kind is not DataParallel:
        assert sent["gradients"] == pytest.approx(6 * 16, rel=1e-12)  # they stay as they are


@pytest.mark.parametrize(
    ("strategy", "wholes"),
    [
        (DataParallel(compression_time="1 s"), 8),
        (DataParallel(compression_time="1 s", overlap="layers"), 8),
        (DataParallel(compression_time="1 s", overlap="layers", bucket="5 B"), 8),
        (DiLoCo(replicas=1, sync_every=4, compression_time="1 s"), 2),
        (DiLoCo(replicas=2, sync_every=4, compression_time="1 s"), 2),
        (DiLoCo(replicas=2, sync_every=4, compression_time="1 s", overlap="layers"), 2),
        # the second of two fragments goes out three times: twice at its moment, and once more to close the run
        (StreamingDiLoCo(replicas=2, sync_every=4, fragments=2, compression_time="1 s"), 2.5),
        (EagerDiLoCo(replicas=2, sync_every=4, compression_time="1 s"), 2),
        (ElasticDiLoCo(replicas=2, sync_every=4, quorum=2, compression_time="1 s"), 2),
    ],
    ids=lambda value: getattr(value, "label", None),
)
def test_packing_takes_its_time_for_every_exchange_of_the_whole(strategy, wholes):
    totals = timeline_of(strategy, setting_of(layers=4, steps=8)).workers[0]
    assert totals.packing_s == pytest.approx(wholes, rel=1e-12)
    assert totals.compute_s == 8 * 8.0
    spent = totals.compute_s + totals.packing_s + totals.straggler_wait_s + totals.exposed_s
    assert spent == pytest.approx(totals.finish_s, rel=1e-12)


def test_packing_of_a_layer_delays_its_exchange_and_the_backward_pass():
    # 1 s a layer: layer 1 is packed at 5-6 and goes out at 6-10, layer 0 at 9-10 and goes out at 10-14
    assert story(DataParallel(overlap="layers", compression_time="2 s"), steps=1) == [
        ("compute", 0, 5),
        ("pack", 5, 6),
        ("compute", 6, 9),
        ("pack", 9, 10),
        ("gradients", 10, 14),
    ]


# What is refused.


def test_a_fragment_must_be_back_before_it_goes_out_again():
    assert StreamingDiLoCo(sync_every=5, overlap_steps=4).overlap_steps == 4
    for overlap_steps in (5, 6):
        with pytest.raises(
            InputError, match=r"overlap_steps: got \d; .*sync_every = 5 .*write 4 or less.*eager-diloco"
        ):
            StreamingDiLoCo(sync_every=5, overlap_steps=overlap_steps)


def test_more_fragments_than_layers_are_refused():
    setting = setting_of(layers=4)
    programs(StreamingDiLoCo(fragments=4), setting)
    with pytest.raises(InputError, match=r"5 fragments cannot be made of 4 layers; write fragments: 4 or fewer"):
        programs(StreamingDiLoCo(fragments=5), setting)
    programs(StreamingDiLoCo(fragments=5), replace(setting, load=replace(setting.load, layers=())))  # nobody knows


def two_sites(strategy, **workload):
    link = {"between": ["a", "b"], "bandwidth": "10 Gbit/s", "latency": "1 ms"}
    return Scenario.model_validate(
        {
            "topology": {"name": "two", "datacenters": [{"name": "a"}, {"name": "b"}], "links": [link]},
            "workload": {"params": 1e9, "steps": 20, "chips": 2, "batch_tokens": 1e5, **workload},
            "strategies": [strategy],
        }
    )


@pytest.mark.parametrize("kind", ["data-parallel", "diloco", "streaming-diloco", "eager-diloco"])
def test_by_layer_asks_how_many_layers_there_are(kind):
    with pytest.raises(InputError, match=r"workload.layers: .* by layer .*layers: 48"):
        run(two_sites({"kind": kind, "overlap": "layers"}))
    run(two_sites({"kind": kind, "overlap": "layers"}, layers=9))
    run(two_sites({"kind": kind}))


def test_only_the_shares_of_given_layers_matter():
    by_layer = {"kind": "data-parallel", "overlap": "layers"}
    one, other = (run(two_sites(by_layer, layer_params=sizes)).runs[0] for sizes in ([1e8, 3e8], [1, 3]))
    assert one.wall_clock_s == other.wall_clock_s


def test_waits_of_a_program_come_after_their_starts():
    for strategy in (EagerDiLoCo(sync_every=3, overlap="layers"), StreamingDiLoCo(sync_every=3, overlap_steps=2)):
        under_way = set()
        for op in programs(strategy, setting_of(layers=5, steps=10))[0]:
            if isinstance(op, Start | Inside):
                under_way.add(op.collective)
            elif isinstance(op, Wait):
                under_way.remove(op.collective)
        assert not under_way
