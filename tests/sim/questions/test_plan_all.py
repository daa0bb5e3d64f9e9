"""A plan over all strategies: against plans of each one, the laws, and what may not be asked with it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from sim import laws
from sim.errors import InputError
from sim.questions.plan.losers import CAUSES
from sim.questions.plan.options import Ask, options
from sim.questions.plan.plan import answer
from sim.scenario.failures import Failures
from sim.topology.model import Topology

DAYS = 0.05
KNOWN = (
    "data-parallel",
    "diloco",
    "diloco:payload_bits=4",
    "streaming-diloco",
    "streaming-diloco:payload_bits=4",
    "eager-diloco",
)


def sites(count, bandwidth="2 Gbit/s"):
    names = "abcd"[:count]
    sites = [{"name": n, "chips": 8, "chip_speed": "300 Tflop/s", "inside": {"bandwidth": "400 Gbit/s"}} for n in names]
    pairs = [[a, b] for a in names for b in names if a < b]
    links = [{"between": pair, "bandwidth": bandwidth, "latency": "10 ms"} for pair in pairs]
    return Topology.model_validate({"name": "small", "datacenters": sites, "links": links})


def asked(topology, **more):
    return Ask(topology, **{"days": DAYS, "strategies": ("all",), "params": (4e8, 1e9), "layers": 12} | more)


@pytest.fixture(scope="module")
def plan():
    return answer(asked(sites(2)))


def test_no_plan_of_a_single_strategy_is_better(plan):
    """But for a ten-thousandth of the loss, below which nothing more is looked at."""
    for entry in KNOWN:
        other = answer(asked(sites(2), strategies=(entry,), sync_every=(30, 100, 300))).best
        assert plan.best.compared_loss <= other.compared_loss * (1 + 1e-4), entry


@pytest.mark.parametrize("bandwidth", ["50 Mbit/s", "100 Gbit/s"])
def test_the_causes_add_up_to_what_the_losers_are_behind(bandwidth):
    found = answer(asked(sites(2, bandwidth), sync_every=(30,)))
    assert len(found.lost) > 8
    for each in found.lost:
        assert sum(each.causes[name] for name in CAUSES) == pytest.approx(each.behind, abs=1e-9), each.label


def test_a_single_site_loses_by_the_chips_that_it_does_not_use():
    """Half of the compute, by the law at each number of parameters and its best batch."""
    found = answer(asked(sites(2, "1 Gbit/s"), sync_every=(30,), params=(4e8,)))
    (single,) = (each for each in found.lost if each.strategy == "data-parallel" and each.chips == 8)
    batch = laws.batch_tokens(np.asarray(4e8), "data-parallel", 1)
    half, whole = (
        laws.predicted_loss(np.asarray(4e8), chips * 300e12 * DAYS * 86400 / (6 * 4e8), "data-parallel", 1, batch)
        for chips in (8, 16)
    )
    assert single.causes["chips"] == pytest.approx(float(half - whole), rel=1e-6)


def test_what_nobody_has_measured_does_not_win_unless_risk_is_asked_for(plan):
    assert plan.best.predicted_loss is not None
    unknown = [each for each in plan.lost if each.predicted_loss is None]
    assert {each.strategy for each in unknown} >= {"async-diloco", "sparseloco", "demo", "gossip-diloco", "des-loc"}
    assert all(each.predicted_loss_low < each.predicted_loss_high for each in unknown)
    wary = answer(asked(sites(2), risk=True, sync_every=(30,)))
    assert wary.best.compared_loss == wary.best.predicted_loss_high
    assert all(each.behind >= -1e-4 * wary.best.compared_loss for each in wary.lost)


def test_every_kind_is_there_with_its_reason(plan):
    kinds = {each.strategy for each in plan.lost} | {plan.best.strategy}
    assert kinds >= {"data-parallel", "diloco", "streaming-diloco", "eager-diloco", "pipeline", "decoupled-diloco"}
    assert any("all, " in note for note in plan.notes)
    assert not any("strategies[" in note for note in plan.notes)  # nobody wrote those


def test_one_site_leaves_nothing_to_exchange():
    found = answer(asked(sites(1), sync_every=(30,)))
    plain = answer(asked(sites(1), strategies=("data-parallel", "diloco")))
    assert found.best == plain.best
    assert {each.strategy for each in found.lost} <= {"data-parallel", "diloco"}


def test_a_fixed_h_is_kept():
    found = answer(asked(sites(2), sync_every=(100,)))
    assert {each.sync_every for each in (found.best, *found.lost)} <= {1, 100, 600}  # DES-LOC: lcm of its periods


def test_all_stands_alone():
    with pytest.raises(InputError, match="leave out the others"):
        answer(asked(sites(2), strategies=("all", "diloco")))


def failures(mtbf, **more):
    part = {"what": "site", "mtbf": mtbf, "repair": "2 min"}
    manner = {"detect": "30 s", "restart": "1 min", "reconfigure": "3 min"}
    return Failures.model_validate({"parts": [part], "checkpoint": {"every": "1 h", "write": "0 s"}} | manner | more)


def wide():
    """Exchanges take next to no time, so one model over all sites, which needs the fewest tokens, is best by itself."""
    there = sites(2, "1 Pbit/s").model_dump(mode="json", by_alias=True)
    for site in there["datacenters"]:
        site["inside"] = {"bandwidth": "1 Pbit/s", "latency": "0 s"}
    for link in there["links"]:
        link["latency"] = "0 s"
    return Topology.model_validate(there)


ONE_SIZE = {"sync_every": (30,), "params": (4e8,)}


def test_failures_that_never_come_change_nothing():
    never = answer(asked(wide(), failures=failures("1000000 h"), **ONE_SIZE))
    plain = answer(asked(wide(), **ONE_SIZE))
    assert (never.best.label, never.best.sites, never.best.params) == (plain.best.label, plain.best.sites, 4e8)
    assert never.best.compared_loss == pytest.approx(plain.best.compared_loss, rel=1e-6)
    ranked = {each.label: each.behind for each in never.lost}
    assert ranked == pytest.approx({each.label: each.behind for each in plain.lost}, abs=1e-5)
    assert all(each.causes["failures"] == pytest.approx(0, abs=2e-5) for each in never.lost)
    assert {each.goodput for each in plain.lost} == {None}


def test_who_stops_for_every_failure_loses_to_who_leaves_out_the_site_that_is_away():
    """A site fails every 20 min and is away for 2: half of the chips for a tenth of the time, and stops of 3.5 min.

    Data-Parallel stops twice for a failure; replicas go on without the one that is away.
    """
    without, best = (answer(asked(wide(), **ONE_SIZE, **more)) for more in ({}, {"failures": failures("20 min")}))
    assert without.best.replicas == 1  # DiLoCo with one replica over both sites, or Data-Parallel: both stop
    assert len(without.best.sites) == 2
    assert best.best.replicas == 2
    assert best.under_failures.policy == "leave-out"
    stopping = next(each for each in best.lost if each.strategy == "data-parallel" and len(each.sites) == 2)
    assert stopping.goodput < 0.75 < best.best.goodput
    assert stopping.causes["failures"] > 0.5 * stopping.behind > 0
    for each in best.lost:
        assert sum(each.causes.values()) == pytest.approx(each.behind, abs=1e-9), each.label


def test_with_failures_no_plan_of_a_single_strategy_is_better():
    """Each searched by itself, with histories of its own; medians of 100 of them leave a thousandth."""
    ask = asked(sites(2, "20 Gbit/s"), failures=failures("40 min"), **ONE_SIZE)
    best = answer(ask)
    for entry in ("data-parallel", "diloco", "diloco:payload_bits=4", "streaming-diloco", "eager-diloco"):
        other = answer(replace(ask, strategies=(entry,))).best
        assert best.best.compared_loss <= other.compared_loss * (1 + 1e-3), entry
    assert any(note.startswith("failures: ") and "could still win" in note for note in best.notes)
    assert not any("strategies[" in note for note in best.notes)


def test_where_nothing_is_ever_trained_that_is_said():
    always = failures("10 min", restart="2 h", reconfigure="2 h")
    with pytest.raises(InputError, match="nothing is ever trained; write a longer mtbf"):
        answer(asked(sites(1), failures=always, **ONE_SIZE))


def test_the_command_says_why_in_a_table_and_in_json(simulate):
    arguments = ["plan", "--topology", "h100-one-site", "--days", "1", "--params", "7B", "--strategy", "all"]
    assert "Why the others lost" in simulate(*arguments)[1]
    document = json.loads(simulate(*arguments, "--format", "json")[1])
    assert document["asked"]["strategies"] == ["all"]
    assert document["asked"]["sync_every"] == [30, 100, 300]
    assert [each["strategy"] for each in document["lost"]]


def test_of_many_choices_of_datacenters_the_first_ones_by_flop_per_second_are_chosen_from():
    """Six unlike datacenters have 63 subsets; those that begin with the largest are six, though its links are worst."""
    names = "abcdef"
    unlike = [
        {"name": n, "chips": 4 + place, "chip_speed": "300 Tflop/s", "inside": {"bandwidth": "400 Gbit/s"}}
        for place, n in enumerate(names)
    ]
    pairs = [[a, b] for a in names for b in names if a < b]
    links = [
        {"between": pair, "bandwidth": "10 kbit/s" if "f" in pair else f"{100 + place} Gbit/s", "latency": "10 ms"}
        for place, pair in enumerate(pairs)
    ]
    world = Topology.model_validate({"name": "unlike", "datacenters": unlike, "links": links})
    found = answer(asked(world, sync_every=(30,), params=(4e8,)))
    assert set(found.best.sites) == set("fedcba"[: len(found.best.sites)])
    assert len(found.lost) >= 4
    assert any(note.startswith("datacenters: there are too many choices") for note in found.notes)


def test_a_plan_places_stages_that_are_left_to_a_search_for_each_choice_of_datacenters():
    """On the line a - c - b - d: along it, whatever the order of the datacenters; each choice has its own label."""
    line = sites(4).model_dump(mode="json", exclude_none=True)
    ends = [("a", "c"), ("c", "b"), ("b", "d")]
    line["links"] = [{"between": pair, "bandwidth": "2 Gbit/s", "latency": "10 ms"} for pair in ends]
    topology = Topology.model_validate(line)
    found = {option.sites: option for option in options(asked(topology, strategies=("pipeline:sites=auto",)), topology)}
    order = found["a", "b", "c", "d"].strategy.sites
    assert order in (tuple("acbd"), tuple("dbca"))
    assert len({option.label for option in found.values()}) == len(found) > 4
    for chosen, option in found.items():
        assert set(option.strategy.sites) == set(chosen)
        (strategy,) = option.scenario(4e8, 2**18, 5).strategies
        assert strategy.sites == option.strategy.sites
