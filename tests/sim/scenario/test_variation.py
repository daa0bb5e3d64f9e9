"""A varied scenario beside the same change made by hand in its document, over the random scenarios of the reference."""

import copy
import json
import math
from pathlib import Path

import pytest
from pydantic import BaseModel

from sim.errors import InputError
from sim.scenario.loading import load_scenario
from sim.scenario.model import Scenario
from sim.simulation.run import run
from sim.trace.series import recording_names
from tests.reference.worlds import world, write_traces

ROOT = Path(__file__).parents[3]
SEEDS = range(6_000_000, 6_000_060)
FACTOR = 1.0837
"""Of no round number, so that products are rounded."""


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traces")
    write_traces(folder)
    return [world(seed, folder) for seed in SEEDS]


UNITS = {"Gbit/s": (1e9, "bit/s"), "bit/s": (1, "bit/s"), "s": (1, "s"), "ms": (1e-3, "s"), "Tflop/s": (1e12, "flop/s")}
"""Units of the documents: in SI base units, and the base unit."""


def times(text, factor):
    """`"2 Gbit/s"` -> that many times as much, written in the base unit."""
    number, unit = text.split(" ", 1)
    size, base = UNITS[unit]
    return f"{float(number) * size * factor!r} {base}"


def wider(document, factor, chosen=lambda link: True):
    for link in filter(chosen, document["topology"]["links"]):
        for each in (link, *link.get("schedule", {}).get("points", ())):
            each["bandwidth"] = times(each["bandwidth"], factor)


def later(document, factor, chosen=lambda link: True):
    for link in filter(chosen, document["topology"]["links"]):
        link["latency"] = times(link["latency"], factor)


def inside(key, default):
    def change(document, factor):
        for site in document["topology"]["datacenters"]:
            own = site.setdefault("inside", {})
            own[key] = times(own.get(key, default), factor)

    return change


def faster(document, factor):
    sites, workload = document["topology"]["datacenters"], document["workload"]
    for site in sites:
        if "chip_speed" in site:
            site["chip_speed"] = times(site["chip_speed"], factor)
    if not all("chip_speed" in site for site in sites):
        workload["chip_speed"] = times(workload.get("chip_speed", "300 Tflop/s"), factor)


CAPACITIES = {
    "bandwidth_across": wider,
    "latency_across": later,
    "bandwidth_inside": inside("bandwidth", "400 Gbit/s"),
    "latency_inside": inside("latency", "0.1 ms"),
    "chip_speed": faster,
}


def values_of(model, path=""):
    """Every value of a model by its path; quantities in SI base units."""
    if isinstance(model, BaseModel):
        parts = [(f".{name}", getattr(model, name)) for name in type(model).model_fields]
    elif isinstance(model, tuple):
        parts = [(f"[{position}]", each) for position, each in enumerate(model)]
    else:
        return {path: model}
    return {key: value for name, part in parts for key, value in values_of(part, path + name).items()}


def same(one, other):
    """Within one step of a float."""
    if not isinstance(one, float):
        return one == other
    return one == other or one == math.nextafter(other, math.inf) or one == math.nextafter(other, -math.inf)


def can_be_faster(document):
    workload = document["workload"]
    return "step_time" not in workload and ("trace" not in workload or workload.get("rescale", False))


@pytest.mark.parametrize("name", CAPACITIES)
@pytest.mark.parametrize("factor", [1.0, 2.0, FACTOR, 1 / 3])
def test_a_capacity_is_what_its_document_says_when_the_change_is_made_there(worlds, name, factor):
    compared = 0
    for document in worlds:
        if (name.endswith("across") and not document["topology"]["links"]) or (
            name == "chip_speed" and not can_be_faster(document)
        ):
            continue
        changed = copy.deepcopy(document)
        CAPACITIES[name](changed, factor)
        by_hand = values_of(Scenario.model_validate(changed))
        found = values_of(Scenario.model_validate(document).vary(**{name: factor}))
        assert found.keys() == by_hand.keys()
        assert [path for path in found if not same(found[path], by_hand[path])] == []
        compared += found != values_of(Scenario.model_validate(document))
    assert compared > 20 or factor == 1


def test_nothing_changes_by_a_factor_of_one_and_what_was_given_stays_given(worlds):
    for document in worlds:
        before = Scenario.model_validate(document)
        ones = dict.fromkeys((*CAPACITIES, "compute"), 1.0)
        for after in (before.vary(), before.vary(**ones), before.vary(**ones, clip=True)):
            assert after == before
            assert after.model_dump_json(exclude_unset=True) == before.model_dump_json(exclude_unset=True)


def test_a_run_of_a_varied_scenario_is_that_of_the_document_changed_by_hand(worlds):
    compared = 0
    for document in worlds[:30]:
        if not document["topology"]["links"]:
            continue
        changed = copy.deepcopy(document)
        wider(changed, 2.0)
        later(changed, 0.5)
        try:
            by_hand = run(Scenario.model_validate(changed))
        except InputError:
            continue
        found = run(Scenario.model_validate(document).vary(bandwidth_across=2.0, latency_across=0.5))
        assert [each.wall_clock_s for each in found.runs] == pytest.approx(
            [each.wall_clock_s for each in by_hand.runs], rel=1e-12
        )
        assert found.notes == by_hand.notes
        assert found.runs[0].topology == document["topology"]["name"]
        compared += 1
    assert compared > 10


def test_a_link_is_changed_alone_and_in_both_directions_where_it_has_two():
    links = [
        {"between": ["a", "b"], "bandwidth": "1 Gbit/s", "latency": "10 ms"},
        {"from": "b", "to": "c", "bandwidth": "2 Gbit/s", "latency": "20 ms"},
        {"from": "c", "to": "b", "bandwidth": "3 Gbit/s", "latency": "30 ms"},
    ]
    before = scenario(sites=("a", "b", "c"), links=links)

    def bandwidths(link):
        varied = before.vary(bandwidth_across=2.0, latency_across=3.0, link=link)
        return [(each.bandwidth_bits_per_s / 1e9, each.latency_s) for each in varied.topology.links]

    plain = [(1.0, 0.01), (2.0, 0.02), (3.0, 0.03)]
    for name in ("a -> b", "b -> a", "a <-> b"):
        assert bandwidths(name) == [(2.0, 0.03), *plain[1:]]
    assert bandwidths("c -> b") == [*plain[:2], (6.0, 0.09)]
    with pytest.raises(InputError, match=r"vary: link: there is none named 'b <-> c'; did you mean 'b -> c'"):
        bandwidths("b <-> c")


def test_chips_are_faster_where_their_speed_is_said_or_in_one_datacenter_alone():
    mixed = scenario(sites=({"name": "a", "chip_speed": "100 Tflop/s"}, "b"))

    def speeds(**changes):
        varied = mixed.vary(**changes)
        own = [site.chip_flop_per_s for site in varied.topology.datacenters]
        return [speed and speed / 1e12 for speed in (*own, varied.workload.chip_flop_per_s)]

    assert speeds(chip_speed=2.0) == [200, None, 600]
    assert speeds(chip_speed=2.0, site="a") == [200, None, 300]
    assert speeds(chip_speed=2.0, site="b") == [100, 600, 300]
    assert speeds(compute=2.0) == [200, None, 600]
    assert speeds(chip_speed=2.0, compute=0.25, site="b") == [100, 150, 300]
    assert mixed.vary(bandwidth_inside=0.5, site="b").topology.datacenters[0] == mixed.topology.datacenters[0]
    own = scenario(sites=[{"name": name, "chip_speed": "100 Tflop/s"} for name in "ab"]).vary(chip_speed=2.0)
    assert "chip_flop_per_s" not in own.workload.model_fields_set


def test_a_step_that_was_measured_is_shorter_by_compute_and_by_no_speed():
    measured = scenario(workload={"params": 1e9, "steps": 10, "step_time": "3 s"})
    assert measured.vary(compute=2.0).workload.step_time_s == 1.5
    for changes in ({"chip_speed": 2.0}, {"compute": 2.0, "site": "a"}):
        with pytest.raises(InputError, match=r"the workload gives `step_time`.*; vary compute instead, without a site"):
            measured.vary(**changes)
    recorded = scenario(workload={"trace": recording_names()[0]})
    with pytest.raises(InputError, match=r"vary: compute: recorded seconds are replayed.* add `rescale: true`"):
        recorded.vary(compute=2.0)
    assert recorded.vary(compute=1.0) == recorded


def test_amounts_are_values_and_take_the_place_of_what_says_the_same():
    before = scenario(workload={"model": "10b", "overtraining": 2, "tokens_per_chip": 2048})
    after = before.vary(steps=100, chips=64, batch_tokens=2**20, payload_bits=8)
    assert json.loads(after.workload.model_dump_json(exclude_unset=True)) == {
        "model": "10b",
        "steps": 100,
        "batch_tokens": 2**20,
        "chips": 64,
        "payload_bits": 8,
    }
    assert after.vary(tokens="140B").workload.tokens == 140e9
    assert after.vary(tokens="140B").workload.steps is None
    smaller = before.vary(params="7B").workload
    assert (smaller.model, smaller.params, smaller.layers) == (None, 7e9, 48)
    assert before.workload.model == "10b"


def test_bits_are_those_of_strategies_that_have_their_own_too():
    before = scenario(strategies=[{"kind": "data-parallel"}, {"kind": "diloco", "payload_bits": 4}])
    after = before.vary(payload_bits=8)
    assert (after.workload.payload_bits, [each.payload_bits for each in after.strategies]) == (8, [None, 8])


def test_a_parameter_is_set_in_every_strategy_that_has_it():
    kinds = [{"kind": "data-parallel"}, {"kind": "diloco"}, {"kind": "elastic-diloco", "grace": "1 s"}]
    after = scenario(sites=("a", "b", "c"), strategies=kinds).vary(sync_every=100, replicas=3, grace=0.25)
    assert [getattr(each, "sync_every", None) for each in after.strategies] == [None, 100, 100]
    assert [getattr(each, "replicas", None) for each in after.strategies] == [None, 3, 3]
    assert after.strategies[2].grace_s == 0.25
    assert after.vary(grace="2 s").strategies[2].grace_s == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bandwith_across": 2}, "vary: bandwith_across: none of the strategies has it; did you mean 'bandwidth_acr"),
        ({"fragments": 2}, "vary: fragments: none of the strategies has it"),
        ({"kind": "diloco"}, "vary: kind: none of the strategies has it"),
        ({"bandwidth_across": 1e30}, r"vary: bandwidth_across=1e\+30: the bandwidth from a to b would be 1e\+39 bit/s"),
        ({"bandwidth_across": 1e-30}, r"write a factor that makes it 1 to 1e\+30 bit/s"),
        (
            {"latency_across": 1e20},
            r"vary: latency_across=1e\+20: the latency from a to b would be 1e\+18 s; write a f",
        ),
        ({"bandwidth_inside": 1e25}, r"vary: bandwidth_inside=1e\+25: the bandwidth inside a would be"),
        ({"chip_speed": 1e20}, r"vary: chip_speed=1e\+20: the speed of the workload's chips would be"),
        ({"bandwidth_across": 0}, "vary: bandwidth_across: got 0; write a factor above 0, such as 2.0 for twice as m"),
        ({"latency_across": -1}, "vary: latency_across: got -1; write a factor 0 or more"),
        ({"compute": math.nan}, "vary: compute: got nan; write a factor above 0"),
        ({"chip_speed": "2"}, "vary: chip_speed: got '2'; write a factor above 0"),
        ({"chip_speed": True}, "vary: chip_speed: got True; write a factor above 0"),
        ({"link": "a -> b"}, "vary: link: narrows bandwidth_across and latency_across; give one of them"),
        ({"site": "a", "steps": 3}, "vary: site: narrows chip_speed, compute"),
        ({"site": "z", "chip_speed": 2}, "vary: site: there is no datacenter 'z'; known: a, b"),
        ({"steps": 0}, "vary: steps: got 0; must be greater than 0, such as 1000"),
        ({"chips": 2.5}, "vary: chips: got 2.5; must be a whole number"),
        ({"tokens": "many"}, "vary: tokens: 'many' is not a number"),
        ({"steps": 3, "tokens": 1e9}, "vary: `tokens` and `steps` say the same twice; keep one of them"),
        ({"sync_every": 0}, r"vary: strategies\[1\]: sync_every: got 0; must be greater than 0"),
        ({"payload_bits": 1e9}, r"vary: payload_bits: 1000000000.0 is outside of the accepted range"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_names_the_argument_and_what_to_write(changes, message):
    with pytest.raises(InputError, match=message):
        scenario().vary(**changes)


def test_a_recording_has_its_own_model_and_one_site_no_links():
    with pytest.raises(InputError, match="vary: params: a recording is of one model; leave it out"):
        scenario(workload={"trace": recording_names()[0]}).vary(params=1e9)
    with pytest.raises(InputError, match="vary: latency_across: topology t has no links; leave it out"):
        scenario(sites=("a",), links=[], strategies=[{"kind": "data-parallel"}]).vary(latency_across=2.0)


def test_capacities_may_be_clipped_to_the_range_and_a_stall_stays_one():
    points = [{"at": "0 s", "bandwidth": "1 Gbit/s"}, {"at": "5 s", "bandwidth": "0 bit/s"}]
    link = {"between": ["a", "b"], "latency": "0 s", "schedule": {"points": points, "repeat": "9 s"}}
    before = scenario(links=[link])
    for factor, expected in ((1e-20, 1.0), (1e40, 1e30)):
        (after,) = before.vary(bandwidth_across=factor, latency_across=2.0, clip=True).topology.links
        assert after.bandwidth_bits_per_s == expected
        assert [point.bandwidth_bits_per_s for point in after.schedule.points] == [expected, 0]
        assert (after.latency_s, after.schedule.repeat_s) == (0, 9)


def test_a_shipped_scenario_keeps_its_names():
    before = load_scenario(topology="open-diloco")
    after = before.vary(bandwidth_across=3.0)
    kept = [before.name, before.topology.name, before.topology.description, before.topology.source]
    assert [after.name, after.topology.name, after.topology.description, after.topology.source] == kept
    assert [each.label for each in after.strategies] == [each.label for each in before.strategies]


def test_the_example_of_the_reference_runs():
    section = (ROOT / "docs" / "reference.md").read_text().partition("### Variations in Python")[2]
    names = {}
    exec(section.partition("```python\n")[2].partition("```")[0], names)
    assert (
        names["wider"].topology.links[0].bandwidth_bits_per_s
        == 2 * names["scenario"].topology.links[0].bandwidth_bits_per_s
    )
    assert {getattr(each, "sync_every", 100) for each in names["wider"].strategies} == {100}


def scenario(sites=("a", "b"), links=None, workload=None, strategies=None):
    link = {"between": ["a", "b"], "bandwidth": "1 Gbit/s", "latency": "10 ms"}
    named = [site if isinstance(site, dict) else {"name": site} for site in sites]
    document = {
        "topology": {"name": "t", "datacenters": named, "links": [link] if links is None else links},
        "workload": workload or {"params": 1e9, "steps": 10},
        "strategies": strategies or [{"kind": "data-parallel"}, {"kind": "diloco", "replicas": 2}],
    }
    return Scenario.model_validate(document)
