"""What runs cost and draw, against closed forms by hand."""

import csv
import io
import json
from dataclasses import replace

import pytest

from sim.documents.validation import validate
from sim.errors import InputError
from sim.scenario.model import Scenario
from sim.simulation.run import outcomes, run
from sim.strategies import STRATEGIES
from sim.topology.egress import MONTH_S, charge, published_lists, tiers
from sim.topology.model import Topology

LINK = {"bandwidth": "1 Gbit/s", "latency": "10 ms"}
WORK = {"params": 1e7, "steps": 23, "batch_tokens": 65536, "chips": 12}
DATA_PARALLEL, DILOCO = {"kind": "data-parallel"}, {"kind": "diloco", "replicas": 2, "sync_every": 5}


def scenario(sites, strategies=(DATA_PARALLEL, DILOCO), work=WORK, **more):
    names = [site["name"] for site in sites]
    pairs = [(a, b) for place, a in enumerate(names) for b in names[place + 1 :]]
    topology = {"name": "t", "datacenters": sites, "links": [{"between": list(pair), **LINK} for pair in pairs], **more}
    document = {"topology": topology, "workload": work, "strategies": list(strategies)}
    return validate(Scenario, document, source="test")


def costs(*arguments, **more):
    return {each.label: each for each in run(scenario(*arguments, **more)).runs}


@pytest.mark.parametrize("collective", ["ring", "published"])
def test_chips_egress_energy_and_carbon_are_those_of_the_closed_forms(collective):
    a = {"name": "a", "price_chip_hour": 3.0, "egress": 0.05, "chip": "h100"}
    b = {"name": "b", "price_chip_hour": 2.0, "egress": 0.02, "chip": "a100"}
    a["power"] = {"host": "300 W", "pue": 1.25, "waiting": 0.3, "carbon": "400 g/kWh"}
    b["power"] = {"chip": "350 W", "carbon": "20 g/kWh"}
    only = costs([a, b], strategies=[DATA_PARALLEL], collective=collective)["Data-Parallel"]
    hours = only.wall_clock_s / 3600
    sent_gb = only.cross_datacenter_bytes / 2 / 1e9  # a ring of two: each sends as much
    assert only.cost.chips == pytest.approx(6 * hours * 3 + 6 * hours * 2)
    assert only.cost.egress == pytest.approx(sent_gb * (0.05 + 0.02))
    assert only.cost.total == pytest.approx(only.cost.chips + only.cost.egress)
    first, second = only.cost.sites
    busy = {site.name: site.compute_s / 3600 for site in only.sites}
    kwh = 6 * 1.25 * (700 * busy["a"] + 0.3 * 700 * (hours - busy["a"]) + 300 * hours) / 1000
    assert first.energy_kwh == pytest.approx(kwh)
    assert second.energy_kwh == pytest.approx(6 * (350 * busy["b"] + 0.4 * 350 * (hours - busy["b"])) / 1000)
    assert only.cost.carbon_kg == pytest.approx(first.energy_kwh * 0.4 + second.energy_kwh * 0.02)
    assert only.cost.peak_power_w == pytest.approx(6 * 1.25 * (700 + 300) + 6 * 350)


def test_the_sites_add_up_to_the_whole():
    prices = (("a", 3), ("b", 2), ("c", 1))
    sites = [{"name": n, "price_chip_hour": p, "egress": p / 50, "chip": "h100", "power": {}} for n, p in prices]
    for each in costs(sites, strategies=[DATA_PARALLEL, DILOCO, {**DILOCO, "replicas": 3}]).values():
        for name in ("chips", "egress", "energy_kwh", "peak_power_w"):
            assert getattr(each.cost, name) == pytest.approx(sum(getattr(site, name) for site in each.cost.sites))
        assert len(each.cost.sites) == each.datacenters


ALL = [
    {"kind": kind}
    | ({"replicas": 3} if "replicas" in strategy.model_fields else {})
    | ({"regions": 1} if "regions" in strategy.model_fields else {})
    for kind, strategy in STRATEGIES.items()
]


@pytest.mark.parametrize("strategy", ALL, ids=lambda each: each["kind"])
@pytest.mark.parametrize("collective", ["ring", "star", "chunked-ring", "published"])
def test_what_the_sites_send_adds_up_to_what_crosses(strategy, collective):
    work = {**WORK, "layers": 6, "steps": 77}
    asked = scenario([{"name": name, "egress": 0.01} for name in "abc"], [strategy], work, collective=collective)
    found = outcomes(asked)[0]
    assert sum(found.sent.values()) == pytest.approx(found.timeline.crossing_bytes, rel=1e-9)
    assert all(start != end for start, end in found.sent)
    free = scenario([{"name": name} for name in "abc"], [strategy], work, collective=collective)
    assert outcomes(free)[0].timeline == replace(found.timeline, sent={})


def test_jobs_that_run_at_once_pay_for_their_own_bytes():
    asked = scenario([{"name": "a", "egress": 0.5}, {"name": "b", "egress": 0.5}])
    for each in run(asked.replaced(jobs="together")).runs:
        assert each.cost.egress == pytest.approx(each.cross_datacenter_bytes / 1e9 * 0.5)


def test_a_star_pays_most_where_its_server_stands():
    """A star of three: both others send S to the server, which sends S back to each."""
    sites = [{"name": name, "egress": 1.0} for name in "abc"]
    only = run(scenario(sites, [DATA_PARALLEL], collective="star")).runs[0]
    payload_gb = 1e7 * 2 / 1e9 * 23
    assert sorted(site.egress for site in only.cost.sites) == pytest.approx([payload_gb, payload_gb, 2 * payload_gb])


def test_a_pair_has_its_own_price_in_its_own_direction():
    sites = [{"name": name, "egress": 1.0} for name in "ab"]
    there = [{"from": "a", "to": "b", "price": 0.25}]
    one_way = costs(sites, strategies=[DATA_PARALLEL], egress=there)["Data-Parallel"]
    sent_gb = one_way.cross_datacenter_bytes / 2 / 1e9
    assert [site.egress for site in one_way.cost.sites] == pytest.approx([0.25 * sent_gb, sent_gb])
    both = costs(sites, strategies=[DATA_PARALLEL], egress=[{"between": ["a", "b"], "price": 0}])["Data-Parallel"]
    assert both.cost.egress == 0


STEPS = [{"up_to": "10 GB", "price_gb": 0.1}, {"up_to": "30 GB", "price_gb": 0.05}, {"price_gb": 0.01}]


@pytest.mark.parametrize(
    ("gb", "price"), [(0, 0), (5, 0.5), (10, 1.0), (10.5, 1.025), (30, 2.0), (31, 2.01), (130, 3.0)]
)
def test_steps_count_up_to_their_borders(gb, price):
    sites = [{"name": "a", "egress": STEPS}]
    steps = validate(Topology, {"name": "t", "datacenters": sites}, source="t").datacenters[0].egress
    assert charge(steps, gb * 1e9, 60.0) == pytest.approx(price)
    # twice as much over two months is twice the bill; over one month it goes further down the steps
    assert charge(steps, 2 * gb * 1e9, 2 * MONTH_S) == pytest.approx(2 * price)
    assert charge(steps, 2 * gb * 1e9, MONTH_S) <= 2 * price + 1e-12


def test_published_lists_are_dated_and_never_rise():
    for name, each in published_lists().items():
        assert "read on 20" in each.source, name
        prices = [tier.per_byte for tier in each.tiers if tier.per_byte]
        assert prices == sorted(prices, reverse=True)
        assert each.tiers[-1].up_to_bytes == float("inf")
    gib = 2**30
    assert charge("aws-internet", 100 * gib, 1.0) == 0
    assert charge("aws-internet", 10240 * gib, 1.0) == pytest.approx(10140 * 0.09)
    assert charge("aws-internet", 200 * 1024 * gib, 1.0) == pytest.approx(
        10140 * 0.09 + 40960 * 0.085 + 102400 * 0.07 + 51200 * 0.05
    )
    assert tiers("gcp-premium")[0].per_byte == pytest.approx(0.12 / gib)


ASKED = ["--workload", "35m", "--topology", "low-bw", "--steps", "20"]


def test_without_prices_there_is_no_column_and_no_key(simulate):
    assert "What it costs" not in simulate(*ASKED)[1]
    document = json.loads(simulate(*ASKED, "--format", "json")[1])
    assert "cost" not in document["runs"][0]
    names = csv.DictReader(io.StringIO(simulate(*ASKED, "--format", "csv")[1])).fieldnames
    assert not [name for name in names if "cost" in name or "kwh" in name]


def test_prices_of_the_command_line_are_those_of_every_datacenter(simulate):
    priced = [*ASKED, "--chip", "h100", "--price-chip-hour", "2", "--price-gb", "0.02"]
    assert "What it costs, and what it draws" in simulate(*priced)[1]
    for row in csv.DictReader(io.StringIO(simulate(*priced, "--format", "csv")[1])):
        hours = float(row["wall_clock_s"]) / 3600
        assert float(row["cost_chips"]) == pytest.approx(2 * float(row["chips"]) * hours)
        assert float(row["cost_egress"]) == pytest.approx(0.02 * float(row["cross_datacenter_bytes"]) / 1e9)
        assert float(row["peak_power_w"]) == pytest.approx(700 * float(row["chips"]))


def test_what_nobody_knows_is_said_and_not_guessed():
    sites = [{"name": "a", "chip": "h100", "power": {"carbon": "100 g/kWh"}}, {"name": "b", "chip": "tpu-v5e"}]
    found = run(scenario(sites))
    assert found.runs[0].cost.energy_kwh is None
    assert any("energy: not counted, as nobody says what a chip of b draws" in note for note in found.notes)
    assert any("without effect: topology.datacenters[0].power (" in note for note in found.notes)
    sites[1] = {"name": "b", "chip": "h100"}
    found = run(scenario(sites))
    assert found.runs[0].cost.energy_kwh > 0
    assert found.runs[0].cost.carbon_kg is None
    assert any("carbon: not counted, as b has no power.carbon" in note for note in found.notes)
    assert found.runs[0].cost.total is None


@pytest.mark.parametrize(
    ("sites", "more", "told"),
    [
        ([{"name": "a", "price_chip_hour": 2}, {"name": "b"}], {}, "datacenters[1]: has no price_chip_hour"),
        ([{"name": "a", "egress": "aws"}, {"name": "b"}], {}, "there is no price list 'aws'; known: aws-internet"),
        ([{"name": "a", "egress": STEPS[:2]}, {"name": "b"}], {}, "every step but the last needs an `up_to`"),
        ([{"name": "a", "egress": [*STEPS[1::-1], STEPS[2]]}, {"name": "b"}], {}, "the steps do not rise"),
        ([{"name": "a", "price_chip_hour": -1}, {"name": "b", "price_chip_hour": 1}], {}, "got -1"),
        ([{"name": "a", "power": {"chip": "700"}}, {"name": "b"}], {}, 'write a power with its unit, such as "700 W"'),
        ([{"name": "a"}, {"name": "b"}], {"egress": [{"from": "a", "to": "c", "price": 1}]}, "no datacenter 'c'"),
        (
            [{"name": "a"}, {"name": "b"}],
            {"egress": [{"from": "a", "to": "b", "price": 1}, {"between": ["b", "a"], "price": 1}]},
            "from a to b has a price already",
        ),
    ],
)
def test_mistakes_are_named(sites, more, told):
    with pytest.raises(InputError) as refused:
        scenario(sites, **more)
    assert told in str(refused.value)
