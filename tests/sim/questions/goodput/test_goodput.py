"""Goodput as a question: beside plain runs, formulas, and itself on more cores."""

from __future__ import annotations

import json
import math
from contextlib import ExitStack

import pytest

from sim.errors import InputError
from sim.failures.closed_forms import availability
from sim.questions.goodput import histories
from sim.questions.goodput.cases import Case
from sim.questions.goodput.goodput import answer
from sim.questions.goodput.paces import Paces
from sim.scenario.failures import Away, Checkpoint, Failures, Part
from sim.scenario.model import Scenario
from sim.simulation.run import outcomes, run

DAY_S = 86_400.0
SITES = [
    {"name": "a", "chips": 64, "chip_speed": "300 Tflop/s"},
    {"name": "b", "chips": 64, "chip_speed": "300 Tflop/s"},
    {"name": "c", "chips": 64, "chip_speed": "200 Tflop/s"},
]
LINKS = [
    {"between": ["a", "b"], "bandwidth": "10 Gbit/s", "latency": "10 ms"},
    {"between": ["b", "c"], "bandwidth": "5 Gbit/s", "latency": "20 ms"},
    {"between": ["a", "c"], "bandwidth": "2 Gbit/s", "latency": "30 ms"},
]
KINDS = {
    "data-parallel": {"kind": "data-parallel"},
    "diloco": {"kind": "diloco", "replicas": 3, "sync_every": 20},
    "streaming": {"kind": "streaming-diloco", "replicas": 3, "sync_every": 20},
    "elastic": {"kind": "elastic-diloco", "replicas": 3, "quorum": 2, "sync_every": 20, "grace": "1 s"},
    "async": {"kind": "async-diloco", "replicas": 3, "sync_every": 20},
}


def scenario(*kinds, sites=SITES, links=LINKS, failures=None, steps=20_000):
    document = {
        "topology": {"name": "three", "datacenters": sites, "links": links},
        "workload": {"params": 1e9, "batch_tokens": 1_572_864, "steps": steps},
        "strategies": [KINDS[each] for each in kinds],
    }
    return Scenario.model_validate(document).replaced(failures=failures)


RARE = Failures(parts=(Part(what="site", mtbf=1e11, repair=10.0),))


def test_without_failures_each_takes_as_long_as_its_run():
    asked = scenario("data-parallel", "diloco", "streaming", "async", failures=RARE)
    found = answer(asked, histories=3)
    plain = {each.label: each.wall_clock_s for each in run(asked).runs}
    assert {(row.label, row.policy) for row in found.rows} == {
        *(("Data-Parallel", policy) for policy in ("restart", "elastic")),
        *(("DiLoCo M=3 H=20", policy) for policy in ("restart", "leave-out")),
        *(("Streaming DiLoCo M=3 H=20 tau=1", policy) for policy in ("restart", "leave-out")),
        ("Async DiLoCo M=3 H=20", "own-pace"),
    }
    for row in found.rows:
        # replicas at their own pace end at different times; together they have done their tokens a little earlier
        margin = 0.2 if row.policy == "own-pace" else 1e-3
        assert row.without_s == plain[row.label]
        assert row.wall_clock_s.p50 == pytest.approx(plain[row.label], rel=margin)
        assert row.goodput.p50 == pytest.approx(1, rel=1e-3)


def test_what_it_costs_and_draws():
    """Without failures as much as the run; of a site that is away for a day, its rent and what waiting chips draw."""
    sites = [
        each | {"price_chip_hour": 2.0, "egress": 0.05, "power": {"chip": "700 W", "pue": 1.2, "carbon": "100 g/kWh"}}
        for each in SITES
    ]
    asked = scenario("data-parallel", sites=sites, failures=RARE.replaced(policies=("restart",)))
    (row,), (plain,) = answer(asked, histories=2).rows, run(asked).runs
    assert row.cost.p50 == pytest.approx(plain.cost.total, rel=1e-3)
    assert row.energy_kwh.p50 == pytest.approx(plain.cost.energy_kwh, rel=1e-3)
    assert row.carbon_kg.p50 == pytest.approx(plain.cost.carbon_kg, rel=1e-3)
    away = Failures(
        away=(Away(site="c", at=3600.0, how="planned", **{"for": DAY_S}),),
        spares=16,
        restart=0.0,
        policies=("restart",),
        checkpoint=Checkpoint(every=1e9),
    )
    (late,) = answer(asked.replaced(failures=away), histories=1).rows
    hours = row.wall_clock_s.p50 / 3600
    rent = 2.0 * (3 * 80 * (hours + 24) - 3 * 64 * hours)
    assert late.cost.p50 - row.cost.p50 == pytest.approx(rent, rel=1e-3)
    assert late.energy_kwh.p50 - row.energy_kwh.p50 == pytest.approx(24 * 192 * 0.7 * 0.4 * 1.2, rel=1e-3)


def test_a_replica_that_comes_back_is_sent_the_parameters_once_and_that_costs_egress():
    """One absence is one copy of 2 bytes for each of 1e9 parameters, at 0.05 a GB, whatever price others have."""
    sites = [each | {"egress": 0.05} for each in SITES]
    away = Failures(away=(Away(site="c", at=3600.0, **{"for": 3600.0}),), restart=0.0, policies=("leave-out",))
    asked = scenario("diloco", sites=sites, failures=away)
    (row,), (plain,) = answer(asked, histories=1).rows, run(asked).runs
    assert row.catch_up_bytes == 2e9
    (job,) = outcomes(asked)
    trained = row.wall_clock_s.p50 * (row.shares["training"] + row.shares["redone"]) / job.timeline.wall_clock_s
    assert row.cost.p50 == pytest.approx(plain.cost.egress * trained + 2 * 0.05, rel=1e-9)
    (never,) = answer(asked.replaced(failures=RARE.replaced(policies=("leave-out",))), histories=1).rows
    assert never.catch_up_bytes == 0


@pytest.mark.parametrize("kind", ["data-parallel", "diloco", "streaming"])
@pytest.mark.parametrize("left", [(0, 1), (1, 2), (0, 2)])
def test_fewer_sites_are_as_fast_as_a_scenario_of_them_alone(kind, left):
    asked = scenario(kind)
    (outcome,) = outcomes(asked)
    paces = Paces(asked, outcome.job, outcome)
    names = {SITES[each]["name"] for each in left}
    share = sum(outcome.job.setting.load.deal.tokens_share[each] for each in left)
    document = {
        "topology": {
            "name": "two",
            "datacenters": [SITES[each] for each in left],
            "routers": [site["name"] for site in SITES if site["name"] not in names],
            "links": LINKS,
        },
        "workload": {"params": 1e9, "batch_tokens": 1_572_864 * share, "steps": 20_000},
        "strategies": [KINDS[kind] | ({"replicas": 2} if kind != "data-parallel" else {})],
    }
    alone = run(Scenario.model_validate(document)).runs[0]
    found_s = paces.round_s(frozenset(left))
    assert found_s == pytest.approx(alone.wall_clock_s / alone.steps * alone.sync_every)
    shares = tuple(1.0 if each in left else 0.0 for each in range(3))
    assert paces.rate(shares, (1.0,) * 3) == pytest.approx(alone.tokens / alone.wall_clock_s)


def test_a_site_that_is_alone_exchanges_with_nobody():
    asked = scenario("diloco")
    (outcome,) = outcomes(asked)
    paces = Paces(asked, outcome.job, outcome)
    own_s = outcome.job.setting.load.mean_step_s[2]
    assert paces.step_s(2, frozenset({2})) >= own_s
    assert paces.exchange_s(frozenset({2})) == 0


def test_who_comes_back_fetches_the_parameters():
    """1e9 parameters of 2 bytes: from b to c 3.2 s at 5 Gbit/s and 20 ms, which is the slowest of the best ways."""
    asked = scenario("diloco")
    (outcome,) = outcomes(asked)
    paces = Paces(asked, outcome.job, outcome)
    assert paces.fetch_s == pytest.approx(16e9 / 5e9 + 0.02)
    case = Case("x", "leave-out", outcome, paces, Failures(parts=RARE.parts, restart=100.0), math.inf, DAY_S)
    assert case.rounds.restart_s == pytest.approx(103.22)


def test_slow_chips_hold_up_the_others():
    """A step of Data-Parallel is as long as that of its slowest site: half the speed there adds a step of compute."""
    asked = scenario("data-parallel")
    (outcome,) = outcomes(asked)
    paces = Paces(asked, outcome.job, outcome)
    own_s, all_s = paces.own_s, paces.round_s(frozenset(range(3)))
    slow = paces.rate((1.0,) * 3, (1.0, 0.5, 1.0))
    late_s = max(own_s[0], 2 * own_s[1], own_s[2]) - max(own_s)
    assert slow == pytest.approx(1_572_864 / (all_s + late_s))


def test_a_site_that_is_away_for_a_day():
    """Of a week with one of three sites away for a day: restarts lose the whole day, the others a share of it."""
    failures = Failures(away=(Away(site="c", at=2 * DAY_S, **{"for": DAY_S}),), checkpoint=Checkpoint(every=1e6))
    found = answer(scenario("data-parallel", "diloco", "async", failures=failures), for_s=7 * DAY_S, histories=2)
    rows = {(row.strategy, row.policy): row for row in found.rows}
    lost = 2 * DAY_S + DAY_S + 600  # since the last checkpoint (there was none), the day, and the restart
    for kind in ("data-parallel", "diloco"):
        assert rows[kind, "restart"].goodput.p50 == pytest.approx(1 - lost / (7 * DAY_S), rel=1e-3)
    share = rows["async-diloco", "own-pace"]
    (outcome,) = outcomes(scenario("async"))
    steps = outcome.job.strategy.schedule(outcome.job.setting).steps
    rates = [n / each.finish_s for n, each in zip(steps, outcome.timeline.workers, strict=True)]
    assert 1 - share.goodput.p50 == pytest.approx(rates[2] / sum(rates) / 7, rel=0.05)
    assert rows["diloco", "leave-out"].goodput.p50 > rows["diloco", "restart"].goodput.p50
    for row in found.rows:
        assert math.fsum(row.shares.values()) == pytest.approx(1)
        assert row.goodput.p5 == row.goodput.p95  # nothing is drawn


def test_one_site_that_fails_and_is_repaired():
    site = [SITES[0]]
    failures = Failures(
        parts=(Part(what="site", mtbf=DAY_S, repair=DAY_S / 4, repair_spread="exponential"),),
        detect=0.0,
        restart=0.0,
        checkpoint=Checkpoint(every=60.0, write=0.0),
    )
    asked = scenario("data-parallel", sites=site, links=[], failures=failures.replaced(policies=("restart",)))
    (row,) = answer(asked, for_s=200 * DAY_S, histories=100).rows
    mean = row.shares["training"] + row.shares["redone"]
    assert mean == pytest.approx(availability(DAY_S, DAY_S / 4), abs=0.01)


def test_the_same_seed_gives_the_same_answer_on_several_cores(monkeypatch):
    failures = Failures(parts=(Part(what="host", chips=8, mtbf=30 * DAY_S, repair=7_200.0),))
    asked = scenario("data-parallel", "diloco", failures=failures)
    one = answer(asked, for_s=2 * DAY_S, histories=60)
    monkeypatch.setattr(histories, "_WORTH_S", -1.0)
    assert answer(asked, for_s=2 * DAY_S, histories=60) == one
    other = asked.replaced(failures=failures.replaced(seed=1))
    assert answer(other, for_s=2 * DAY_S, histories=60).rows != one.rows


def test_a_worker_that_is_gone_or_knows_too_little_is_replaced_by_oneself():
    failures = Failures(parts=(Part(what="site", mtbf=DAY_S / 3, repair=7_200.0),))
    asked = scenario("diloco", failures=failures.replaced(policies=("leave-out",)))
    (outcome,) = outcomes(asked)
    paces = Paces(asked, outcome.job, outcome)
    case = Case("x", "leave-out", outcome, paces, asked.failures, math.inf, 2 * DAY_S)
    with ExitStack() as stack:
        crew = histories.Crew(stack, cores=2)
        crew._each_s = 1e9
        assert len(paces._rounds_s) == 1  # nobody was away yet, so that a worker knows only of all
        found = crew.histories(case.history(), range(6))
        crew._workers[0]._process.kill()
        crew._workers[0]._process.wait()
        assert crew.histories(case.history(), range(6)) == found
    assert found == [case.history().number(number) for number in range(6)]


def test_more_histories_are_gone_through_until_the_median_is_known():
    failures = Failures(parts=(Part(what="host", chips=8, mtbf=300 * DAY_S, repair=7_200.0),))
    (row, _) = answer(scenario("data-parallel", failures=failures), for_s=20 * DAY_S).rows
    assert row.histories == histories.MOST or histories.FEWEST <= row.histories < histories.MOST


def test_the_interval_of_a_median_holds_it():
    """Of uniform numbers, in 19 of 20 cases; its width is that of the binomial distribution."""
    import random

    draw, holds = random.Random(0), 0
    for _ in range(400):
        values = sorted(draw.random() for _ in range(100))
        half, middle = histories.half_width(values), values[50]
        holds += abs(middle - 0.5) <= 2 * half
        assert 0.02 < half < 0.25
    assert holds >= 380


@pytest.mark.parametrize(
    ("failures", "match"),
    [
        (Failures(away=(Away(site="z", at=0.0, **{"for": 1.0}),)), r"failures.away\[0\].site.*'z'.*write a, b, c"),
        (RARE.replaced(policies=("own-pace",)), "failures.policies: no strategy can do any of these; write"),
    ],
)
def test_what_does_not_fit_is_said(failures, match):
    with pytest.raises(InputError, match=match):
        answer(scenario("data-parallel", failures=failures))


@pytest.mark.parametrize(
    ("document", "match"),
    [
        ({"parts": [{"what": "host", "mtbf": "1 day", "repair": "1 h"}]}, "a host needs its chips"),
        ({"parts": [{"what": "site", "mtbf": "1 day", "repair": "1 h", "chips": 4}]}, "leave it out"),
        ({"parts": [{"what": "site", "mtbf": "1 day", "repair": "1 h", "speed": 0.5}]}, "leave it out"),
        ({}, "nothing fails"),
        ({"away": [{"site": "a", "at": "0 s", "for": "2 h", "every": "1 h"}]}, "longer than for"),
    ],
)
def test_a_section_that_cannot_be_meant_is_refused(document, match):
    with pytest.raises((InputError, ValueError), match=match):
        Failures.model_validate(document)


FILE = """
topology: low-bw
workload: {model: 1.3b, tokens: 26B}
strategies:
  - {kind: diloco, replicas: 4, sync_every: 30}
failures:
  parts: [{what: host, chips: 8, mtbf: "20 days", repair: "2 h"}]
  spares: 8
"""


def test_the_command(simulate, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(FILE)
    code, out, err = simulate("goodput", path, "--for", "7 days", "--histories", "20", "--format", "json")
    assert code == 0, err
    told = json.loads(out)
    assert [(row["policy"], row["histories"]) for row in told["rows"]] == [("restart", 20), ("leave-out", 20)]
    assert told["for_s"] == 7 * DAY_S
    again = tmp_path / "answer.json"
    again.write_text(out)
    assert json.loads(simulate("goodput", again, "--for", "7 days", "--histories", "20", "--format", "json")[1]) == told
    table = simulate("goodput", path, "--for", "7 days", "--histories", "20")[1]
    assert "leave out who is away" in table
    rows = simulate("goodput", path, "--for", "7 days", "--histories", "20", "--format", "csv")[1].splitlines()
    assert len(rows) == 3
    assert "goodput_p50" in rows[0]


def test_every_other_command_says_that_it_does_not_count_failures(simulate, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(FILE)
    for words in ((path,), ("bandwidth", path), ("budget", path), ("explain", path)):
        code, out, err = simulate(*words, "--format", "json")
        assert code == 0, err
        assert "without effect: failures (only simulate goodput counts what breaks)" in out, words


def test_options_in_the_place_of_a_section(simulate):
    words = ("goodput", "--topology", "low-bw", "--strategy", "data-parallel", "--for", "2 days", "--histories", "5")
    told = json.loads(simulate(*words, "--mtbf", "40 days", "--repair", "1 h", "--format", "json")[1])
    (part,) = told["scenario"]["failures"]["parts"]
    assert (part["what"], part["mtbf"], part["repair"]) == ("chip", "3456000 s", "3600 s")
    assert told["rows"][0]["faults_per_day"] > 0
    code, _, err = simulate(*words, "--repair", "1 h")
    assert (code, "write --mtbf or --site-mtbf" in err) == (2, True)
    code, _, err = simulate(*words, "--mtbf", "soon")
    assert (code, "--mtbf" in err) == (2, True)


def test_a_run_in_which_nothing_fails_says_so(simulate):
    out = simulate("goodput", "--topology", "low-bw", "--histories", "5")[1]
    assert "Nothing fails in any of 5 histories" in out
