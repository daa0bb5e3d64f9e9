"""Placements by search: against the reference replay of every placement, and lines of sites by hand."""

import random
from itertools import combinations, pairwise, permutations

import pytest

from sim.documents.validation import validate
from sim.questions.goodput.paces import among
from sim.scenario.model import Scenario
from sim.simulation.jobs import plan_job
from sim.simulation.run import run
from sim.strategies.shared.placements import Placements
from tests.reference.compare import _advice
from tests.reference.figures import figures

WORKLOAD = {"params": 1e9, "steps": 3, "batch_tokens": 2**18, "layers": 12}
INSIDE = {"bandwidth": "400 Gbit/s"}


def asked(topology, steps=3, replay="full", split="even", **keys):
    topology = {"name": "t", "collective": "ring", **topology}
    workload = WORKLOAD | {"steps": steps, "split": split}
    strategies = [{"kind": "pipeline", "width": 2048, **keys}]
    document = {"topology": topology, "workload": workload, "strategies": strategies, "replay": replay}
    return validate(Scenario, document, source="test")


def line(*names, latency="1 ms"):
    """Sites on a line, joined to their neighbours, listed by their names."""
    links = [{"between": [a, b], "bandwidth": "1 Gbit/s", "latency": latency} for a, b in pairwise(names)]
    sites = [{"name": name, "chips": 8, "chip_speed": "300 Tflop/s", "inside": INSIDE} for name in sorted(names)]
    return {"datacenters": sites, "links": links}


def anywhere(seed):
    """A random network of three or four sites that differ in chips and speed, and pipelines over it."""
    rng = random.Random(f"placing {seed}")
    count = rng.choice([3, 4, 4])
    names, hubs = [f"s{number}" for number in range(count)], []

    def link(*ends):
        own = {"bandwidth": f"{10 ** rng.uniform(-0.5, 2)!r} Gbit/s", "latency": f"{10 ** rng.uniform(-3, -0.7)!r} s"}
        return {"between": list(ends), **own} | ({"duplex": "half"} if rng.random() < 0.1 else {})

    links = [link(*pair) for pair in combinations(names, 2)]
    if rng.random() < 0.5:
        hubs = ["x", "y"][: rng.choice([1, 2])]
        links = [link(name, hubs[number % len(hubs)]) for number, name in enumerate(names)]
        links += [
            link(*pair) for pair in [*combinations(hubs, 2), *(p for p in combinations(names, 2) if rng.random() < 0.2)]
        ]
    sites = [
        {
            "name": name,
            "chips": rng.choice([8, 16]),
            "chip_speed": f"{rng.choice([200, 400])} Tflop/s",
            "inside": INSIDE,
        }
        for name in names
    ]
    keys = {"microbatches": rng.choice([2, 4]), "schedule": rng.choice(["gpipe", "1f1b", "zero-bubble"])}
    keys |= {"pipelines": 2} if count == 4 and rng.random() < 0.5 else {}
    keys |= {"stages": count - 1} if "pipelines" not in keys and rng.random() < 0.3 else {}
    topology = {"datacenters": sites, "routers": hubs, "links": links, "collective": rng.choice(["ring", "published"])}
    more = {"split": rng.choice(["even", "by-speed"]), "steps": rng.choice([1, 3])}
    return topology, keys | more, names


def by_the_reference(scenario):
    return figures(scenario, lambda sites, chips: _advice(scenario, sites, chips))[0]["wall_clock_s"]


@pytest.mark.parametrize("seed", range(16))
def test_the_placement_is_the_best_of_all_by_the_reference(seed):
    topology, keys, names = anywhere(seed)
    (found,) = run(asked(topology, sites="auto", **keys)).runs
    size = keys.get("pipelines", 1) * keys.get("stages", len(names) // keys.get("pipelines", 1))
    given = {key: value for key, value in keys.items() if key != "stages"}
    everyone = {
        order: by_the_reference(asked(topology, sites=list(order), **given)) for order in permutations(names, size)
    }
    assert found.wall_clock_s == pytest.approx(min(everyone.values()), rel=1e-9)
    assert everyone[tuple(site.name for site in found.sites)] == pytest.approx(min(everyone.values()), rel=1e-9)


@pytest.mark.parametrize("collective", ["ring", "published"])
@pytest.mark.parametrize("bandwidth", ["1 Gbit/s", "10 Gbit/s", "1 Tbit/s"])
@pytest.mark.parametrize(
    "keys",
    [
        {"schedule": "gpipe", "microbatches": 5},
        {"microbatches": 7},
        {"schedule": "interleaved", "microbatches": 8},
        {"schedule": "zero-bubble", "compression_time": "30 ms"},
        {"stage_layers": [1, 5, 4, 2]},
    ],
    ids=str,
)
def test_the_estimate_is_the_replay_where_no_two_messages_share_a_link(keys, bandwidth, collective):
    names = "abcd"
    links = [{"between": pair, "bandwidth": bandwidth, "latency": "20 ms"} for pair in combinations(names, 2)]
    sites = [{"name": name, "chips": 8, "inside": {"bandwidth": "100 Gbit/s"}} for name in names]
    for steps in (1, 4, 40):
        scenario = asked({"datacenters": sites, "links": links, "collective": collective}, steps=steps, **keys)
        job = plan_job(scenario, scenario.strategies[0], 4)
        (found,) = run(scenario).runs
        assert job.strategy.estimate_s(job.setting) == pytest.approx(found.wall_clock_s, rel=1e-9)


def test_a_pipeline_goes_along_a_line_of_sites():
    """On a - c - b - d, the borders of a > b > c > d cross five links one way, and those of a > c > b > d three."""
    topology = line("a", "c", "b", "d")
    by_name, found = (run(asked(topology, **keys)).runs[0] for keys in ({}, {"sites": "auto"}))
    assert [site.name for site in by_name.sites] == ["a", "b", "c", "d"]
    assert [site.name for site in found.sites] in (["a", "c", "b", "d"], ["d", "b", "c", "a"])
    assert sum(link.bytes for link in by_name.links) == pytest.approx(5 / 3 * sum(link.bytes for link in found.links))
    assert found.wall_clock_s < by_name.wall_clock_s


def test_what_was_found_is_told_and_can_be_written_down():
    answer = run(asked(line("a", "c", "b"), sites="auto"))
    order = [site.name for site in answer.runs[0].sites]
    assert f"on={','.join(order)}" in answer.runs[0].label
    assert not any(note.startswith("without effect") and "sites" in note for note in answer.notes)
    assert [note for note in answer.notes if f"stages at {' > '.join(order)}: of all 6 placements" in note]
    again = run(asked(line("a", "c", "b"), sites=order)).runs[0]
    assert again.wall_clock_s == answer.runs[0].wall_clock_s


def test_of_equal_placements_it_is_the_first():
    links = [{"between": pair, "bandwidth": "1 Gbit/s", "latency": "1 ms"} for pair in combinations("cab", 2)]
    topology = {"datacenters": [{"name": name, "inside": INSIDE} for name in "cab"], "links": links}
    answer = run(asked(topology, sites="auto"))
    assert [site.name for site in answer.runs[0].sites] == ["c", "a", "b"]
    assert any(note.startswith("without effect: strategies[0].sites (the search found") for note in answer.notes)


def test_of_more_placements_than_are_tried_a_search_finds_the_line():
    names = ("g", "c", "e", "a", "d", "b", "f")
    answer = run(asked(line(*names, latency="50 ms"), steps=1, sites="auto"))
    order = tuple(site.name for site in answer.runs[0].sites)
    assert order in (names, names[::-1])
    assert any("of 5,040 placements" in note and "of all" not in note for note in answer.notes)


def test_pipelines_beside_each_other_have_neighbours_of_their_own():
    """Two pairs that a thin link joins: each pair is a pipeline, whatever the order of the datacenters."""
    topology = line("a", "b", "c", "d")
    for link in topology["links"]:
        link["bandwidth"] = "100 Gbit/s" if link["between"] != ["b", "c"] else "5 Gbit/s"
    topology["datacenters"] = [topology["datacenters"][place] for place in (0, 2, 1, 3)]
    found = run(asked(topology, sites="auto", pipelines=2, compression_ratio=1e6)).runs[0]
    pairs = {frozenset(site.name for site in found.sites[place : place + 2]) for place in (0, 2)}
    assert pairs == {frozenset("ab"), frozenset("cd")}


@pytest.mark.parametrize(("names", "groups", "size"), [("abc", 1, 3), ("abcd", 2, 2), ("abcde", 2, 2), ("abcd", 1, 2)])
def test_every_placement_is_there_once_and_has_neighbours_among_them(names, groups, size):
    some = Placements(tuple(names), groups, size)
    everyone = list(some.everyone())
    assert len(set(everyone)) == len(everyone) == some.count
    assert everyone[0] == some.first

    def of_any_order(order):
        return frozenset(order[first : first + size] for first in range(0, len(order), size))

    kinds = {of_any_order(order) for order in permutations(names, groups * size)}
    assert {of_any_order(order) for order in everyone} == kinds
    assert all(of_any_order(near) in kinds for near in some.neighbours(some.first))


@pytest.mark.parametrize(
    ("keys", "left", "stand"),
    [
        ({"sites": "auto"}, "ac", ["a", "c"]),
        ({"sites": ["b", "c", "a"]}, "ba", ["b", "a"]),
        ({"sites": ["b", "a"]}, "a", ["a"]),
        ({"stages": 2}, "b", ["b"]),
        ({"pipelines": 3, "sites": ["a", "c", "b"]}, "cb", ["c", "b"]),
    ],
)
def test_where_datacenters_are_away_the_stages_stand_at_those_that_are_left(keys, left, stand):
    scenario = asked(line("a", "c", "b"), **keys)
    job = plan_job(scenario, scenario.strategies[0], 3)
    there = [site for site in job.sites if site.name in left]
    (strategy,) = among(scenario, there, 2**17, job).strategies
    assert list(strategy.sites) == stand
    fewer = among(scenario, there, 2**17, job)
    assert run(fewer).runs[0].datacenters == len(stand)
