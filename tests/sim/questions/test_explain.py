"""`simulate explain`: seconds that add up, terms that add up, and elasticities worked out by hand."""

import csv
import io
import json
import math

import pytest

from sim.documents.validation import validate
from sim.errors import InputError
from sim.questions.explain.elasticity import elasticities
from sim.questions.explain.explain import answer, closed_form
from sim.scenario.loading import load_scenario
from sim.scenario.model import Scenario
from sim.simulation.jobs import jobs
from sim.simulation.run import run

EVERY_KIND = [
    "data-parallel",
    "data-parallel:overlap=layers",
    "data-parallel:compression_time=5 ms",
    "diloco:replicas=1",
    "diloco:replicas=2",
    "diloco:replicas=4,compression_time=50 ms,payload_bits=8",
    "diloco:replicas=2,overlap=layers",
    "streaming-diloco:replicas=2",
    "streaming-diloco:replicas=2,overlap_steps=0,fragments=4",
    "eager-diloco:replicas=2",
    "async-diloco:replicas=1",
    "async-diloco:replicas=3",
    "elastic-diloco:replicas=4,quorum=3",
    "elastic-diloco:replicas=2,quorum=2",
]


def ask(strategy, topology="medium-bw", steps=600, workload="180m"):
    return load_scenario(
        topology=topology, workload=workload, strategies=[strategy], settings=[f"workload.steps={steps}"]
    )


def uneven(strategy):
    """Four sites of different pace, so that replicas wait for each other and end apart."""
    plain = ask(strategy).model_dump(mode="json", exclude_none=True)
    for site, speed in zip(plain["topology"]["datacenters"], (300, 250, 200, 150, 300, 300, 300, 300), strict=True):
        site["chip_speed"] = f"{speed} Tflop/s"
    return validate(Scenario, plain, source="test")


@pytest.mark.parametrize("strategy", EVERY_KIND)
@pytest.mark.parametrize("make", [ask, uneven], ids=["even", "uneven"])
def test_every_second_is_accounted_for(make, strategy, monkeypatch):
    monkeypatch.setattr("sim.questions.explain.explain.elasticities", lambda *_: ())
    scenario = make(strategy)
    found = answer(scenario)
    wall_clock_s = run(scenario).runs[0].wall_clock_s
    assert found.run.wall_clock_s == wall_clock_s
    for parts in (found.parts, *(site.parts for site in found.sites)):
        assert math.fsum(part.seconds for part in parts) == pytest.approx(wall_clock_s, rel=1e-9)
        assert math.fsum(part.share for part in parts) == pytest.approx(1, rel=1e-9)
        assert all(part.seconds >= -1e-9 * wall_clock_s for part in parts)
    seconds = {part.what: part.seconds for part in found.parts}
    assert seconds["computing"] == pytest.approx(found.run.compute_s)
    assert seconds["exchanges across datacenters"] == pytest.approx(found.run.exposed_across_s)
    if make is uneven and "async" not in strategy and found.run.datacenters > 1:
        fast, slow = (
            next(s for s in found.sites if s.name == name) for name in (found.sites[0].name, found.sites[1].name)
        )
        assert slow.parts[0].seconds > fast.parts[0].seconds


@pytest.mark.parametrize("strategy", EVERY_KIND)
@pytest.mark.parametrize("make", [ask, uneven], ids=["even", "uneven"])
def test_the_terms_add_up_to_the_closed_form(make, strategy):
    job = jobs(make(strategy))[0]
    whole_s, terms = job.strategy.ideal_s(job.setting), closed_form(job)
    if whole_s is None:
        assert terms == ()
        return
    assert math.fsum(term.seconds for term in terms) == pytest.approx(whole_s, rel=1e-9)
    hidden = [term for term in terms if term.what.startswith("hidden")]
    # only what runs layer by layer hides anything: all others are told term by term
    assert bool(hidden) == ("overlap=layers" in strategy)
    assert all(term.seconds < 0 for term in hidden)


def test_the_numbers_of_the_formula_by_hand():
    found = answer(ask("diloco:replicas=2,sync_every=30"))
    N, chips, steps = 180e6, found.run.chips, 600
    bits = 16 * N
    step_s = 6 * N * found.run.batch_tokens / chips / 300e12
    by_hand = [
        step_s * steps,
        (2 * bits / 400e9 * (1 - 2 / chips) + 1e-4) * steps,
        (2 * bits / 100e9 * (1 - 1 / chips) + 1e-3) * steps / 30,
    ]
    assert [term.seconds for term in found.terms] == pytest.approx(by_hand)
    assert found.formula_s == pytest.approx(sum(by_hand)) == found.run.closed_form_s
    assert found.terms[2].numbers == f"[2 x 2.88 Gbit / 100 Gbit/s x (1 - 1/{chips}) + 1.00 ms] x 600/30"
    assert found.remark == "The replay equals the formula."


def test_elasticities_by_hand():
    scenario = ask("diloco:replicas=2,sync_every=30", steps=60_000)
    found = {each.input: each for each in elasticities(scenario)}
    run_ = run(scenario).runs[0]
    N, chips, batch = 180e6, run_.chips, run_.batch_tokens
    step_s = 6 * N * batch / chips / 300e12
    wide_s, late_s = 2 * 16 * N / 100e9 * (1 - 1 / chips) / 30, 1e-3 / 30
    inside_s, inside_late_s = 2 * 16 * N / 400e9 * (1 - 2 / chips), 1e-4
    whole_s = step_s + wide_s + late_s + inside_s + inside_late_s
    assert run_.wall_clock_s == pytest.approx(60_000 * whole_s)
    shares = {
        "bandwidth across": -wide_s / whole_s,
        "latency across": late_s / whole_s,
        "bandwidth inside": -inside_s / whole_s,
        "latency inside": inside_late_s / whole_s,
        "chip speed": -step_s / whole_s,
        "payload bits": (wide_s + inside_s) / whole_s,
        "sync every": -(wide_s + late_s) / whole_s,
        "batch": step_s / whole_s - 1,
        "params": (step_s + wide_s + inside_s) / whole_s,
        "tokens": 1,
    }
    for name, share in shares.items():
        assert found[name].elasticity == pytest.approx(share, abs=2e-3), name
    assert found["payload bits"].low == pytest.approx(16 / 1.05)
    # (1 - 1/R) grows a little with the chips
    more = (wide_s / (chips - 1) + inside_s * 2 / (chips - 2)) / whole_s
    assert found["chips"].elasticity == pytest.approx(-step_s / whole_s + more, abs=3e-3)


@pytest.mark.parametrize("strategy", ["data-parallel", "eager-diloco:replicas=2", "async-diloco:replicas=2"])
def test_twice_the_bytes_over_twice_the_bandwidth_change_nothing(strategy):
    # W depends on payload and bandwidths only through their ratio, so that these elasticities cancel
    found = {each.input: each.elasticity for each in elasticities(ask(strategy, "low-bw", steps=3000))}
    across, inside = found["bandwidth across"], found["bandwidth inside"]
    assert across + inside + found["payload bits"] == pytest.approx(0, abs=1e-2)  # 100 rounds
    # and seconds of compute and of exchanges are all there is
    latencies = found["latency across"] + found["latency inside"]
    assert -across - inside + latencies - found["chip speed"] == pytest.approx(1, abs=1e-2)


def test_the_payload_of_a_strategy_is_varied_too():
    found = {each.input: each for each in elasticities(ask("diloco:replicas=2,payload_bits=4", "low-bw", steps=3000))}
    assert found["payload bits"].low == pytest.approx(4 / 1.05)
    ways = found["bandwidth across"].elasticity + found["bandwidth inside"].elasticity
    assert found["payload bits"].elasticity == pytest.approx(-ways, abs=2e-3)


def test_packing_is_a_term_of_every_exchange():
    for strategy, letters, count in (("data-parallel", "c T", 600), ("diloco:replicas=2", "c T/H", 20)):
        entry = f"{strategy}{',' if ':' in strategy else ':'}compression_time=50 ms"
        term = closed_form(jobs(ask(entry))[0])[-1]
        assert (term.letters, term.seconds) == (letters, pytest.approx(0.05 * count))


def test_of_a_run_that_never_repeats_some_rounds_stand_for_all():
    short, long = (elasticities(ask("async-diloco:replicas=2,sync_every=2", steps=n)) for n in (800, 8000))
    assert [each.elasticity for each in short] == [each.elasticity for each in long]
    assert long[-1].high == pytest.approx(800 * 1.05 * long[-3].high / 1.05)  # tokens, batch


def test_what_does_not_exist_has_no_elasticity():
    plain = ask("data-parallel").model_dump(mode="json", exclude_none=True)
    plain["topology"] = {"name": "one", "datacenters": [{"name": "a"}]}
    found = {each.input: each for each in elasticities(validate(Scenario, plain, source="test"))}
    assert found["bandwidth across"].elasticity is None
    assert "one datacenter" in found["bandwidth across"].why_not
    assert found["sync every"].elasticity is None
    assert found["bandwidth inside"].elasticity < 0


def test_a_recording_can_be_varied_as_it_is():
    found = {each.input: each.elasticity for each in elasticities(load_scenario(strategies=["diloco:replicas=2"]))}
    assert found["chip speed"] < 0 < found["params"]
    assert found["tokens"] == pytest.approx(1, abs=0.02)


def test_the_formats(simulate):
    asked = ["explain", "--workload", "180m", "--topology", "medium-bw"]
    code, out, err = simulate(*asked, "--format", "json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert sum(part["seconds"] for part in told["breakdown"]) == pytest.approx(told["wall_clock_s"])
    assert sum(term["seconds"] for term in told["formula"]) == pytest.approx(told["formula_s"])
    assert len(told["elasticities"]) == 11
    rows = list(csv.DictReader(io.StringIO(simulate(*asked, "--format", "csv")[1])))
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1)
    text = simulate(*asked)[1]
    assert "Where the time goes" in text
    assert "(1 - 1/" in text
    assert max(map(len, text.splitlines())) <= 100


def test_one_run_at_a_time(simulate, scenario_file):
    two = [{"kind": "data-parallel"}, {"kind": "diloco"}]
    path = scenario_file({"topology": "low-bw", "workload": "180m", "strategies": two})
    code, out, err = simulate("explain", "--scenario", path)
    assert (code, out) == (2, "")
    assert "takes one strategy" in err
    assert "write --strategy" in err
    with pytest.raises(InputError, match="needs 9 datacenters"):
        answer(ask("diloco:replicas=9"))


def test_it_says_what_the_run_costs_and_what_its_chips_hold(simulate, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "topology: h100-two-sites\n"
        "workload: {model: 1.3b, memory: {sharding: optimizer}}\n"
        "strategies: [{kind: diloco, replicas: 2}]\n"
    )
    prices = [word for site in (0, 1) for word in ("--set", f"topology.datacenters[{site}].price_chip_hour=2.0")]
    code, out, err = simulate("explain", file, *prices)
    assert code == 0, err
    (run,) = json.loads(simulate(file, *prices, "--format", "json")[1])["runs"]
    assert "what its sites cost and draw" in out
    assert f"{run['cost']['sites'][0]['chips']:,.0f}"[:3] in out
    assert "What a chip holds" in out
