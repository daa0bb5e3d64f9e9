"""Pipelines against closed forms, counted bytes, Data-Parallel, and a full replay."""

from itertools import pairwise

import pytest

from sim.documents.validation import validate
from sim.engine.ops import Compute, Start
from sim.errors import InputError
from sim.scenario.model import Scenario
from sim.simulation.jobs import plan_job
from sim.simulation.observe import observe
from sim.simulation.run import run
from sim.strategies import DataParallel
from sim.strategies.shared.pipelining import bubble_s, cut, gpipe_s, kept, turns

FREE = {"bandwidth": "1e30 bit/s", "latency": "0 s"}
LINK = {"bandwidth": "10 Gbit/s", "latency": "10 ms"}
LAYERS, WIDTH, BATCH = 24, 2048, 2**18


def scenario(*strategies, sites=4, link=LINK, inside=FREE, collective="ring", replay="steady", **workload):
    names = [f"s{number}" for number in range(sites)]
    links = [{"between": [a, b], **link} for a in names for b in names if a < b]
    centers = [{"name": name, "inside": inside} for name in names]
    topology = {"name": "t", "datacenters": centers, "links": links, "collective": collective}
    asked = {"params": 1e9, "steps": 60, "batch_tokens": BATCH, "chips": 16 * sites, "layers": LAYERS}
    asked |= {"memory": {"width": WIDTH}} | workload
    document = {"topology": topology, "workload": asked, "strategies": list(strategies), "replay": replay}
    return validate(Scenario, document, source="test")


def pipeline(**keys):
    return {"kind": "pipeline", **keys}


def ran(*strategies, **keys):
    return run(scenario(*strategies, **keys)).runs


STEP_S = 6 * 1e9 * BATCH / 64 / 300e12  # compute of a stage: a fourth of the layers, for all tokens


# The bubble, on links that take no time.


@pytest.mark.parametrize("collective", ["ring", "published"])
@pytest.mark.parametrize("microbatches", [4, 8, 64])
@pytest.mark.parametrize(
    ("keys", "share"),
    [
        ({"schedule": "gpipe"}, lambda p, m: (p - 1) / (m + p - 1)),
        ({"schedule": "1f1b"}, lambda p, m: (p - 1) / (m + p - 1)),
        ({"schedule": "interleaved", "chunks": 2}, lambda p, m: (p - 1) / (2 * m + p - 1)),
        ({"schedule": "interleaved", "chunks": 3}, lambda p, m: (p - 1) / (3 * m + p - 1)),
        # with F = B = W, which are what forward_share = 1/3 makes: a third of the bubble of 1F1B
        ({"schedule": "zero-bubble"}, lambda p, m: (p - 1) / (3 * m + p - 1)),
    ],
    ids=["gpipe", "1f1b", "v=2", "v=3", "zero-bubble"],
)
def test_the_bubble_is_that_of_the_closed_form(keys, share, microbatches, collective):
    (found,) = ran(pipeline(microbatches=microbatches, **keys), link=FREE, collective=collective)
    assert 1 - found.compute_utilization == pytest.approx(share(4, microbatches), rel=1e-9)
    assert found.compute_s / found.steps == pytest.approx(STEP_S, rel=1e-9)
    assert found.wall_clock_s / found.steps == pytest.approx(STEP_S / (1 - share(4, microbatches)), rel=1e-9)
    assert found.exposed_communication_s == pytest.approx(0.0, abs=1e-9 * found.wall_clock_s)


@pytest.mark.parametrize("weights_share", [0.2, 0.5])
@pytest.mark.parametrize("sites", [2, 4, 8])
def test_the_bubble_of_zero_bubble_with_pieces_of_any_length(sites, weights_share):
    """(p - 1)(F + B - W) beside m (F + B + W), B being the gradient of the input; a replay of one step, and of many."""
    workload = {"forward_share": 0.4}
    asked = pipeline(schedule="zero-bubble", weights_share=weights_share, microbatches=2 * sites)
    (found,) = ran(asked, sites=sites, link=FREE, **workload)
    forward, weights = 0.4, 0.6 * weights_share
    idle = (sites - 1) * (forward + (0.6 - weights) - weights) / (2 * sites)
    assert found.wall_clock_s / found.compute_s == pytest.approx(1 + idle, rel=1e-9)


def test_a_bubble_that_has_no_closed_form_is_not_given_one():
    assert bubble_s("zero-bubble", 4, 1, 3, 1.0, 2.0, 1.0) is None  # fewer microbatches than stages
    assert bubble_s("zero-bubble", 4, 1, 8, 1.0, 2.4, 1.2) is None  # weights take longer than a forward pass
    assert bubble_s("zero-bubble", 4, 1, 8, 1.0, 2.0, 1.0) == pytest.approx(3.0)


def test_what_is_lost_without_links_is_waiting_for_other_stages():
    (found,) = ran(pipeline(microbatches=8), link=FREE)
    lost_s = found.straggler_wait_s + found.ended_early_s
    assert lost_s == pytest.approx(found.wall_clock_s - found.compute_s, rel=1e-9)


@pytest.mark.parametrize(
    ("schedule", "share"),
    [("gpipe", 3 / (8 + 3)), ("1f1b", 3 / (8 + 3)), ("zero-bubble", 3 / (3 * 8 + 3))],
)
def test_two_sites_with_two_stages_each_are_four_datacenters_with_wide_links_inside(schedule, share):
    """As the page says how to write it: the bubble is that of four stages, and one border alone crosses the sites."""
    names = ["a1", "a2", "b1", "b2"]
    widths = [("a1", "a2", FREE), ("a2", "b1", FREE), ("b1", "b2", FREE)]
    links = [{"between": [one, other], **own} for one, other, own in widths]
    topology = {"name": "t", "datacenters": [{"name": name, "inside": FREE} for name in names], "links": links}
    workload = {"params": 1e9, "steps": 20, "batch_tokens": BATCH, "chips": 64, "layers": LAYERS}
    workload |= {"memory": {"width": WIDTH}}
    asked = pipeline(microbatches=8, schedule=schedule)
    document = {"topology": topology | {"collective": "ring"}, "workload": workload, "strategies": [asked]}
    (found,) = run(validate(Scenario, document, source="test")).runs
    assert 1 - found.compute_utilization == pytest.approx(share, rel=1e-9)
    crossing = sum(link.bytes for link in found.links if {"a2", "b1"} == {*link.name.split(" -> ")})
    assert crossing == pytest.approx(found.steps * 2 * BATCH * WIDTH * 2, rel=1e-9)


# Borders that take time.


@pytest.mark.parametrize("collective", ["ring", "published"])
@pytest.mark.parametrize("bandwidth", ["1 Gbit/s", "100 Gbit/s", "1 Tbit/s"])
def test_gpipe_over_equal_borders(bandwidth, collective):
    """By hand: the first microbatch passes everything, and others follow at the pace of what is slowest."""
    m, p, latency_s = 6, 4, 0.03
    (found,) = ran(
        pipeline(schedule="gpipe", microbatches=m),
        link={"bandwidth": bandwidth, "latency": f"{latency_s} s"},
        collective=collective,
    )
    forward_s, backward_s = STEP_S / m / 3, STEP_S / m * 2 / 3
    sending_s = BATCH / m * WIDTH * 16 / {"1 Gbit/s": 1e9, "100 Gbit/s": 100e9, "1 Tbit/s": 1e12}[bandwidth]
    there_s = (p - 1) * (forward_s + sending_s + latency_s) + forward_s + (m - 1) * max(forward_s, sending_s)
    back_s = (p - 1) * (backward_s + sending_s + latency_s) + backward_s + (m - 1) * max(backward_s, sending_s)
    assert found.wall_clock_s / found.steps == pytest.approx(there_s + back_s, rel=1e-9)
    assert gpipe_s(p, m, forward_s, backward_s, sending_s, latency_s) == pytest.approx(there_s + back_s, rel=1e-12)
    assert found.closed_form_s is None or found.closed_form_s == pytest.approx(found.wall_clock_s, rel=1e-9)
    assert (found.closed_form_s is None) == (collective != "published")


def test_latency_delays_a_message_and_not_the_one_after_it():
    """Over half a second of latency microbatches follow each other on the way: it is paid once each way, not m times."""
    near, far = (ran(pipeline(schedule="gpipe"), sites=2, link={**FREE, "latency": f"{ms} ms"})[0] for ms in (1, 501))
    assert (far.wall_clock_s - near.wall_clock_s) / far.steps == pytest.approx(2 * 0.5, rel=1e-9)


@pytest.mark.parametrize("keys", [{}, {"schedule": "gpipe"}, {"schedule": "zero-bubble"}, {"activation_bits": 4}])
def test_activations_and_their_gradients_are_counted_at_each_border(keys):
    """2 B d b/8 bytes a step at each of three borders, and half of it in each direction of a link."""
    (found,) = ran(pipeline(microbatches=8, **keys))
    border_bytes = BATCH * WIDTH * keys.get("activation_bits", 16) / 8
    assert found.cross_datacenter_bytes == pytest.approx(found.steps * 3 * 2 * border_bytes, rel=1e-9)
    for one, other in pairwise(f"s{number}" for number in range(4)):
        for name in (f"{one} -> {other}", f"{other} -> {one}"):
            (link,) = [each for each in found.links if each.name == name]
            assert link.bytes == pytest.approx(found.steps * border_bytes, rel=1e-9)
    # a site in the middle begins to send both in a step, and would need so much to have sent it in that step
    assert found.peak_bandwidth_bits_per_s == pytest.approx(2 * 8 * border_bytes / STEP_S, rel=1e-9)


def test_chunks_pass_more_borders():
    (found,) = ran(pipeline(microbatches=8, schedule="interleaved", chunks=3))
    assert found.cross_datacenter_bytes == pytest.approx(found.steps * 11 * 2 * BATCH * WIDTH * 2, rel=1e-9)


def test_messages_of_two_borders_share_a_link_fairly():
    """Two pipelines over one link in the same direction: each gets half of it, and sends as fast as alone over half."""
    names = ["a", "b", "c", "d"]
    links = [{"between": [name, "x"], **FREE} for name in "ac"] + [{"between": [name, "y"], **FREE} for name in "bd"]
    links.append({"between": ["x", "y"], "bandwidth": "10 Gbit/s", "latency": "0 s"})
    topology = {"name": "t", "datacenters": [{"name": n, "inside": FREE} for n in names], "routers": ["x", "y"]}
    topology |= {"links": links, "collective": "ring"}
    workload = {"params": 1e9, "steps": 20, "batch_tokens": BATCH, "layers": LAYERS, "step_time": "0.5 s", "chips": 64}
    workload |= {"memory": {"width": WIDTH}}
    asked = pipeline(pipelines=2, microbatches=4, schedule="gpipe", compression_ratio=1e6)
    (both,) = run(Scenario.model_validate({"topology": topology, "workload": workload, "strategies": [asked]})).runs
    halved = {"between": ["a", "b"], "bandwidth": "5 Gbit/s", "latency": "0 s"}
    topology = {"name": "t", "datacenters": topology["datacenters"][:2], "links": [halved], "collective": "ring"}
    workload |= {"batch_tokens": BATCH / 2, "chips": 32}
    asked = pipeline(microbatches=4, schedule="gpipe")
    (one,) = run(Scenario.model_validate({"topology": topology, "workload": workload, "strategies": [asked]})).runs
    assert both.wall_clock_s == pytest.approx(one.wall_clock_s, rel=1e-4)  # but for gradients, a millionth in size


# In turn.


def beside(pipelines, stages, bandwidth="10 Gbit/s", latency="0 s", steps=1, collective="ring", **keys):
    """Pipelines whose stages of one place are at one hub, and a link from each hub to the next that all of them use."""
    places = [(each, place) for each in range(pipelines) for place in range(stages)]
    links = [{"between": [f"s{each}{place}", f"hub{place}"], **FREE} for each, place in places]
    trunk = {"bandwidth": bandwidth, "latency": latency}
    links += [{"between": [f"hub{place}", f"hub{place + 1}"], **trunk} for place in range(stages - 1)]
    centers = [{"name": f"s{each}{place}", "inside": FREE} for each, place in places]
    topology = {"name": "t", "datacenters": centers, "routers": [f"hub{place}" for place in range(stages)]}
    topology |= {"links": links, "collective": collective}
    workload = {"params": 1e9, "steps": steps, "batch_tokens": BATCH, "layers": LAYERS, "step_time": "0.5 s"}
    workload |= {"chips": len(places), "memory": {"width": WIDTH}}
    asked = pipeline(pipelines=pipelines, compression_ratio=1e6, **keys)  # gradients are a millionth in size
    return Scenario.model_validate({"topology": topology, "workload": workload, "strategies": [asked]})


@pytest.mark.parametrize("pipelines", [2, 3])
def test_in_turn_the_first_message_has_the_link_to_itself_and_the_last_comes_as_with_fair_shares(pipelines):
    """By hand: D messages of S bytes are handed over at the same moment to one link; F = forward pass of a stage."""
    sending_s = BATCH / pipelines * WIDTH * 16 / 10e9
    forward_s, latency_s = 0.5 / 3, 0.02
    for sharing, times in (("fair", [pipelines] * pipelines), ("temporal", range(1, pipelines + 1))):
        scenario = beside(pipelines, 2, latency="20 ms", schedule="gpipe", microbatches=1, bandwidth_sharing=sharing)
        (seen,) = observe(scenario)
        ends_s = [each.end_s for each in seen.exchanges if each.name == "activations"]
        assert ends_s == pytest.approx([forward_s + each * sending_s + latency_s for each in times], rel=1e-9)
        firsts = [each.source for each in seen.flows if each.name == "activations"]
        assert firsts == [f"s{each}0" for each in range(pipelines)]


def test_a_step_of_gpipe_in_turn_by_hand():
    """Two pipelines, one microbatch: the second is S/W later on the way there, and its gradients find the link free."""
    sending_s, compute_s = BATCH / 2 * WIDTH * 16 / 10e9, 0.5
    keys = {"schedule": "gpipe", "microbatches": 1}
    fair, temporal = (run(beside(2, 2, bandwidth_sharing=each, **keys)).runs[0] for each in ("fair", "temporal"))
    # F, S/W, F + B of the last stage, S/W, B: of the second pipeline, whose activations wait for those of the first
    assert temporal.wall_clock_s == pytest.approx(2 * compute_s + sending_s + 2 * sending_s, rel=1e-5)
    assert fair.wall_clock_s == pytest.approx(2 * compute_s + 2 * sending_s + 2 * sending_s, rel=1e-5)


@pytest.mark.parametrize("schedule", ["gpipe", "1f1b", "zero-bubble"])
@pytest.mark.parametrize(
    ("pipelines", "stages", "bandwidth"), [(2, 2, "3 Gbit/s"), (4, 2, "30 Gbit/s"), (3, 3, "30 Gbit/s")]
)
def test_pipelines_in_turn_are_quicker_than_with_fair_shares_and_send_the_same(pipelines, stages, bandwidth, schedule):
    keys = {"schedule": schedule, "microbatches": 4, "latency": "20 ms", "steps": 8}
    fair, temporal = (
        run(beside(pipelines, stages, bandwidth, bandwidth_sharing=each, **keys)).runs[0]
        for each in ("fair", "temporal")
    )
    assert temporal.wall_clock_s < 0.99 * fair.wall_clock_s
    assert temporal.cross_datacenter_bytes == fair.cross_datacenter_bytes
    assert [link.bytes for link in temporal.links] == pytest.approx([link.bytes for link in fair.links])


@pytest.mark.parametrize("keys", [{"schedule": "zero-bubble"}, {"schedule": "interleaved"}, {}])
def test_a_long_run_in_turn_is_the_full_one(keys):
    def ran_as(replay):
        asked = beside(2, 2, "60 Gbit/s", "23 ms", 150, microbatches=6, bandwidth_sharing="temporal", **keys)
        return run(asked.replaced(replay=replay)).runs[0]

    steady, full = ran_as("steady"), ran_as("full")
    assert steady.replayed_steps < 60 < full.replayed_steps
    assert steady.wall_clock_s == pytest.approx(full.wall_clock_s, rel=1e-9)
    assert steady.exposed_across_s == pytest.approx(full.exposed_across_s, rel=1e-9)


def test_turns_that_nobody_takes_are_named():
    """Where every border has a link of its own, and at the published cost, where messages take turns anyway."""
    asked = pipeline(bandwidth_sharing="temporal")
    apart = run(scenario(asked)).notes
    assert "without effect: strategies[0].bandwidth_sharing (no two messages share a link)" in apart
    told = run(scenario(asked, collective="published")).notes
    assert any(
        "strategies[0].bandwidth_sharing (at the published cost messages take turns anyway)" in each for each in told
    )
    one, other = (
        run(beside(2, 2, collective="published", bandwidth_sharing=each)).runs[0] for each in ("fair", "temporal")
    )
    assert one.wall_clock_s == other.wall_clock_s
    assert not any("bandwidth_sharing" in note for note in run(beside(2, 2, bandwidth_sharing="temporal")).notes)


# Beside each other, and alone.


def planned(strategy, **keys):
    asked = scenario(strategy, **keys)
    return plan_job(asked, asked.strategies[0], 4)


@pytest.mark.parametrize("collective", ["ring", "published"])
@pytest.mark.parametrize("sites", [1, 3])
def test_one_stage_is_data_parallel_op_for_op(sites, collective):
    keys = {"sites": sites, "collective": collective, "inside": {"bandwidth": "100 Gbit/s"}}
    one = planned(pipeline(stages=1, pipelines=sites, microbatches=1, payload_bits=8), **keys)
    other = planned({"kind": "data-parallel", "payload_bits": 8}, **keys)
    assert one.strategy.closed_form(one.setting).seconds == other.strategy.closed_form(other.setting).seconds
    assert one.strategy.bound_s(one.setting) == other.strategy.bound_s(other.setting)
    ops, others = ([list(program) for program in each.strategy.programs(each.setting)] for each in (one, other))
    assert ops == others


@pytest.mark.parametrize("sites", [1, 3])
def test_one_stage_of_many_microbatches_takes_as_long_as_data_parallel(sites):
    inside = {"bandwidth": "100 Gbit/s", "overlap": "none"}
    asked = pipeline(stages=1, pipelines=sites), {"kind": "data-parallel"}
    one, other = ran(*asked, sites=sites, inside=inside)
    assert one.wall_clock_s == pytest.approx(other.wall_clock_s, rel=1e-12)
    assert one.predicted_loss == other.predicted_loss


def test_sites_with_the_same_layers_exchange_their_gradients():
    job = planned(pipeline(pipelines=2, microbatches=4))
    for worker, program in enumerate(job.strategy.programs(job.setting)):
        found = [op.collective for op in program if isinstance(op, Start) and op.collective.name == "gradients"]
        assert {one.members for one in found} == {(worker % 2, worker % 2 + 2)}
        assert len(found) == 60
        assert found[0].payload_bytes == pytest.approx(1e9 * 2 / 2)  # half of the layers
    (found,) = run(scenario(pipeline(pipelines=2, microbatches=4))).runs
    messages, gradients = 2 * 2 * (BATCH / 2) * WIDTH * 2, 2 * (2 * 1e9)  # a ring of two sends S each
    assert found.cross_datacenter_bytes / found.steps == pytest.approx(messages + gradients, rel=1e-9)


def test_a_stage_takes_the_share_of_its_layers():
    job = planned(pipeline(stage_layers=[12, 6, 4, 2], microbatches=2))
    for program, layers in zip(job.strategy.programs(job.setting), (12, 6, 4, 2), strict=True):
        step_s = sum(op.seconds for op in program if isinstance(op, Compute)) / 60
        assert step_s == pytest.approx(4 * STEP_S * layers / 24, rel=1e-9)


def test_a_chain_of_uneven_stages_goes_at_the_pace_of_the_slowest():
    (found,) = ran(pipeline(stage_layers=[6, 12, 3, 3], microbatches=1024, schedule="1f1b"), link=FREE, steps=6)
    assert found.wall_clock_s / found.steps == pytest.approx(4 * STEP_S / 2, rel=0.01)


def test_by_speed_quicker_sites_have_more_layers():
    speeds = (100, 300, 100, 100)
    document = scenario(pipeline(), split="by-speed").model_dump(mode="json", exclude_none=True)
    for center, speed in zip(document["topology"]["datacenters"], speeds, strict=True):
        center["chip_speed"] = f"{speed} Tflop/s"
    asked = Scenario.model_validate(document)
    job = plan_job(asked, asked.strategies[0], 4)
    assert "stages of 4/12/4/4 layers" in job.strategy.in_words(job.setting)
    steps_s = [job.strategy.step_s(worker, job.setting) for worker in range(4)]
    assert max(steps_s) == pytest.approx(min(steps_s))


def test_stages_stand_where_they_are_put():
    asked = scenario(pipeline(sites=["s3", "s1"]))
    assert [site.name for site in plan_job(asked, asked.strategies[0], 2).sites] == ["s3", "s1"]
    (found,) = run(asked).runs
    assert {link.name for link in found.links if link.bytes} == {"s3 -> s1", "s1 -> s3"}
    assert {site.tokens_share for site in found.sites} == {1.0}


# Shortcuts.


@pytest.mark.parametrize("collective", ["ring", "published"])
@pytest.mark.parametrize(
    "keys",
    [
        {"schedule": "gpipe", "microbatches": 5},
        {"microbatches": 7},
        {"schedule": "interleaved", "microbatches": 8, "pipelines": 2},
        {"schedule": "zero-bubble", "pipelines": 2, "microbatches": 6},
        {"stage_layers": [1, 9, 11, 3], "microbatches": 9},
    ],
    ids=str,
)
def test_a_long_run_is_the_full_one(keys, collective):
    own = {"link": {"bandwidth": "60 Gbit/s", "latency": "23 ms"}, "inside": {"bandwidth": "400 Gbit/s"}}
    own |= {"collective": collective, "steps": 333}
    (steady,), (full,) = (ran(pipeline(**keys), replay=how, **own) for how in ("steady", "full"))
    assert steady.replayed_steps < 40 < full.replayed_steps
    names = "wall_clock_s compute_s straggler_wait_s exposed_across_s exposed_inside_s hidden_communication_s"
    for name in (*names.split(), "ended_early_s", "cross_datacenter_bytes", "peak_bandwidth_bits_per_s"):
        one, other = getattr(steady, name), getattr(full, name)
        assert one == pytest.approx(other, rel=1e-9, abs=1e-9 * full.wall_clock_s), name


def test_a_very_long_run_is_replayed_in_a_few_steps():
    (found,) = ran(pipeline(), steps=150_000)
    assert found.replayed_steps < 40


# What it holds, and what it refuses.


def test_activations_that_are_kept_at_a_time():
    """GPipe keeps all microbatches, 1F1B as many as there are stages from here on, ZB-H1 as many as there are stages."""
    for place in range(4):
        assert kept(turns("gpipe", 4, 1, 8, place), [1.0]) == 8
        assert kept(turns("1f1b", 4, 1, 8, place), [1.0]) == 4 - place
        assert kept(turns("zero-bubble", 4, 1, 8, place), [1.0]) == 4
    # Megatron's number for interleaving: p (1 + (p - 1)/(p v)) chunks at the first worker, here of 1/2 each
    assert kept(turns("interleaved", 4, 2, 8, 0), [0.5, 0.5]) == pytest.approx(4 * (1 + 3 / 8))


def test_a_chip_holds_its_stage_alone():
    memory = {"width": WIDTH, "sharding": "none", "rematerialise": "attention"}
    one, two = ran(pipeline(microbatches=8), {"kind": "data-parallel"}, memory=memory)
    assert one.memory.weights == pytest.approx(two.memory.weights / 4)
    assert one.memory.optimizer == pytest.approx(two.memory.optimizer / 4)
    (single,) = ran(pipeline(stages=1, schedule="interleaved", microbatches=2), sites=1, memory=memory)
    assert single.memory.weights == pytest.approx(two.memory.weights)
    assert one.memory.activations == pytest.approx(two.memory.activations)  # a fourth of the layers, of 4 microbatches


def test_layers_are_cut_as_equally_as_can_be():
    assert cut([1 / 24] * 24, [1 / 4] * 4) == (6, 6, 6, 6)
    assert sorted(cut([1 / 30] * 30, [1 / 4] * 4)) == [7, 7, 8, 8]
    assert cut([0.7, 0.1, 0.1, 0.1], [1 / 4] * 4) == (1, 1, 1, 1)
    assert cut([0.1, 0.1, 0.1, 0.1, 0.6], [1 / 2] * 2) == (4, 1)


@pytest.mark.parametrize(
    ("keys", "workload", "said"),
    [
        ({}, {"layers": None}, "workload.layers"),
        ({}, {"layers": 3}, "workload.layers: Pipeline m=16 1f1b cuts 3 layers into 4 stages"),
        ({"stage_layers": [6, 6, 6, 5]}, {}, "write 4 numbers from 1 on that add up to 24"),
        ({"schedule": "interleaved", "microbatches": 6}, {}, "write 4 or 8"),
        ({"chunks": 2}, {}, "write schedule: interleaved"),
        ({"weights_share": 0.5}, {}, "write schedule: zero-bubble"),
        ({"sites": ["s0", "nowhere"]}, {}, "write some of s0, s1, s2, s3"),
        ({"sites": ["s0", "s0"]}, {}, "write each name once"),
        ({"sites": ["s0", "s1", "s2"], "pipelines": 2}, {}, "write as many for each"),
        ({"sites": ["s0", "s1"], "stages": 2}, {}, "leave stages out"),
        ({}, {"memory": None, "active_params": 1e8}, "width: 4096"),
        ({"stages": 5}, {}, "needs 5 datacenters"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_write(keys, workload, said):
    with pytest.raises(InputError, match=said):
        run(scenario(pipeline(**keys), **workload))


def test_a_program_says_which_piece_of_a_step_it_computes():
    job = planned(pipeline(microbatches=4, schedule="zero-bubble"))
    pieces = [op for op in job.strategy.programs(job.setting)[3] if isinstance(op, Compute)][:5]
    assert [op.label for op in pieces] == ["forward 1", "backward 1", "forward 2", "backward 2", "forward 3"]
    assert all(not op.label for op in DataParallel().programs(job.setting)[0] if isinstance(op, Compute))
