"""The emulation: its cases, what is predicted of them, and two small ones for real where namespaces are to be had."""

import csv
import importlib
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim.errors import InputError

FOLDER = Path(__file__).parents[2] / "experiments" / "wan_emulation"


@pytest.fixture
def emulation():
    """The experiment's modules by name."""
    return lambda name: importlib.import_module(f"experiments.wan_emulation.{name}")


def plan_of(cases, case, **fields):
    return cases.Plan.model_validate({"cases": [{"name": "one", "sites": 2, **case}], **fields})


def profile_of(unshaped, exchange_s=0.0, outer_s=0.0, both=1.0):
    """Two cores: a step takes 0.04 s, twice that where two share a core, and `both` times where both are busy."""

    def measured(*steps_s):
        steps_s = [both * step_s for step_s in steps_s] if len(steps_s) > 1 else steps_s
        rest = {"nothing_s": 0.0, "exchange_s": exchange_s, "outer_s": outer_s}
        return {"steps_s": [[step_s, step_s] for step_s in steps_s], **rest}

    return unshaped.Profile.model_validate(
        {
            "machine": "a machine",
            "trained": {},
            "params": 656256,
            "cores": 2,
            "together": {
                "1": measured(0.04),
                "2": measured(0.04, 0.04),
                "3": measured(0.08, 0.04, 0.08),
                "4": measured(*[0.08] * 4),
            },
            "goodput_share": 0.95,
        }
    )


def test_the_committed_cases_are_valid_and_as_many_as_were_asked_for(emulation):
    plan = emulation("cases").read_plan(FOLDER / "cases.yaml")
    assert len(plan.cases) >= 24
    assert {case.sites for case in plan.cases} == {2, 3, 4}
    assert {case.sync_every for case in plan.cases} >= {1, 5, 20, None}
    rates = [rate for case in plan.cases for rate in case.rates]
    assert min(rates) == 20e6
    assert max(rates) == 500e6


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ({"algorithm": "diloco", "rate": "1 Mbit/s"}, "sync_every"),
        ({"algorithm": "data-parallel", "rate": "1 Mbit/s", "sync_every": 5}, "sync_every"),
        ({"algorithm": "data-parallel"}, "either `rate`"),
        ({"algorithm": "data-parallel", "rates": ["1 Mbit/s"]}, "one for each"),
        ({"algorithm": "data-parallel", "rate": "1 Mbit/s", "straggler": {"site": 2, "factor": 2}}, "numbered from 0"),
        ({"algorithm": "diloco", "rate": "1 Mbit/s", "sync_every": 5, "fragments": 2}, "fragments"),
    ],
)
def test_an_impossible_case_is_refused(emulation, tmp_path, case, told):
    path = tmp_path / "cases.yaml"
    path.write_text(f"cases: [{ {'name': 'one', 'sites': 2, **case} }]".replace("'", '"'))
    with pytest.raises(InputError, match=told):
        emulation("cases").read_plan(path)


def test_without_any_measured_cost_a_case_is_bytes_over_rate(emulation):
    cases, predict = emulation("cases"), emulation("predict")
    plan = plan_of(cases, {"algorithm": "data-parallel", "rate": "20 Mbit/s", "steps": 10})
    said = predict.predicted(plan, plan.cases[0], profile_of(emulation("unshaped")), without=predict.TERMS)
    latency_s = 2 * 2 * 50e-6  # two rounds of a ring of two, over two wires
    assert said.wall_clock_s == pytest.approx(10 * (0.04 + 656256 * 32 / 20e6 + latency_s), rel=1e-9)


def test_headers_bucket_and_start_are_in_the_prediction(emulation):
    cases, predict = emulation("cases"), emulation("predict")
    plan = plan_of(cases, {"algorithm": "diloco", "rate": "20 Mbit/s", "sync_every": 20, "steps": 20}, burst="256 KiB")
    profile = profile_of(emulation("unshaped"), exchange_s=0.003, outer_s=0.005)
    said = predict.predicted(plan, plan.cases[0], profile)
    payload_bits = 656256 * 32
    # the bucket is full after 0.8 s of compute, and what is in it passes at once
    wire_s = (payload_bits / 0.95 - 262144 * 8) / 20e6
    expected = 20 * 0.04 + 0.005 + 0.003 + wire_s
    assert said.wall_clock_s == pytest.approx(expected, rel=2e-3)


def test_four_sites_on_two_cores_compute_half_as_fast(emulation):
    cases, predict = emulation("cases"), emulation("predict")
    case = {"sites": 4, "algorithm": "diloco", "rate": "500 Mbit/s", "sync_every": 50, "steps": 50}
    plan = plan_of(cases, case)
    said = predict.predicted(plan, plan.cases[0], profile_of(emulation("unshaped")))
    assert said.compute_s == pytest.approx(50 * 0.08, rel=1e-9)


def test_who_has_a_core_for_itself_leaves_the_machine_to_the_others_while_it_waits(emulation):
    cases, predict = emulation("cases"), emulation("predict")
    plan = plan_of(cases, {"sites": 3, "algorithm": "data-parallel", "rate": "500 Mbit/s", "steps": 10})
    # both cores at once take twice as long each, as two threads of one core do: after 0.08 s the lone one is done, and
    # the other two, who have had 0.02 s each, need 0.04 s more for theirs
    profile = profile_of(emulation("unshaped"), both=2.0)
    terms = set(predict.TERMS) - {"sharing"}
    said = predict.predicted(plan, plan.cases[0], profile, without=terms)
    assert said.compute_s == pytest.approx(10 * (0.08 + 2 * 0.12) / 3, rel=1e-9)


def test_a_profile_of_something_else_is_refused_and_one_of_another_machine_warned_of(emulation, tmp_path, capsys):
    cases, unshaped = emulation("cases"), emulation("unshaped")
    plan = plan_of(cases, {"algorithm": "data-parallel", "rate": "20 Mbit/s"})
    path = tmp_path / "profile.json"
    found = profile_of(unshaped).model_copy(update={"trained": unshaped.trained_in(plan), "machine": "another"})
    path.write_text(found.model_dump_json())
    assert unshaped.profile_of(plan, path) == found
    assert "was measured on another, and this is" in capsys.readouterr().err
    path.write_text(found.model_copy(update={"machine": unshaped.machine()}).model_dump_json())
    unshaped.profile_of(plan, path)
    assert capsys.readouterr().err == ""
    wider = plan_of(cases, {"algorithm": "data-parallel", "rate": "20 Mbit/s"}, width=256, vocab=512)
    with pytest.raises(InputError, match="another width, vocab; name a --profile"):
        unshaped.profile_of(wider, path)
    path.write_text("{")
    with pytest.raises(InputError, match=r"profile\.json"):
        unshaped.profile_of(plan, path)


def test_a_table_and_a_profile_go_with_their_cases(emulation, tmp_path, monkeypatch):
    run, seen = emulation("run"), []
    monkeypatch.setattr(run.signal, "signal", lambda *_: None)  # the process is the tests' own
    monkeypatch.setattr(run, "emulate", lambda *arguments: seen.append(arguments))
    for arguments in ([], [f"{tmp_path}/mine.yaml"], [f"{tmp_path}/mine.yaml", "--results", "other.csv"]):
        monkeypatch.setattr(sys, "argv", ["run.py", *arguments])
        run.main()
    assert [[path.name for path in paths] for _, _, *paths in seen] == [
        ["results.csv", "results.profile.json"],
        ["mine.csv", "mine.profile.json"],
        ["other.csv", "other.profile.json"],
    ]
    assert seen[1][2].parent == tmp_path


def test_a_slowed_site_holds_the_others_up(emulation):
    cases, predict = emulation("cases"), emulation("predict")
    case = {"algorithm": "data-parallel", "rate": "500 Mbit/s", "steps": 10}
    slow = plan_of(cases, {**case, "straggler": {"site": 1, "factor": 3}})
    even = plan_of(cases, case)
    more_s = [
        predict.predicted(plan, plan.cases[0], profile_of(emulation("unshaped")), without=predict.TERMS).wall_clock_s
        for plan in (slow, even)
    ]
    assert more_s[0] - more_s[1] == pytest.approx(10 * 2 * 0.04, rel=1e-9)


def test_committed_predictions_are_what_the_code_says_now(emulation):
    cases, predict, run = emulation("cases"), emulation("predict"), emulation("run")
    plan = cases.read_plan(FOLDER / "cases.yaml")
    profile = emulation("unshaped").read_profile(FOLDER / "results.profile.json", plan)
    table = {row["case"]: row for row in run.read_rows(FOLDER / "results.csv")}
    assert {case.name for case in plan.cases} == set(table)
    for case in plan.cases:
        row = table[case.name]
        said, naive = (predict.predicted(plan, case, profile, without=terms) for terms in ((), predict.TERMS))
        assert float(row["predicted_s"]) == pytest.approx(said.wall_clock_s, abs=6e-4), case.name
        assert float(row["naive_s"]) == pytest.approx(naive.wall_clock_s, abs=6e-4), case.name
        assert row["links"] == run.links_of(case)


def test_the_page_shows_the_committed_table(emulation):
    figure = emulation("figure")
    page = (FOLDER / "README.md").read_text()
    assert "\n".join(figure.markdown(figure.rows())) in page
    assert "\n".join(figure.terms(figure.rows())) in page
    assert "\n".join(figure.excerpt(figure.rows())) in (FOLDER.parents[1] / "docs" / "tour.md").read_text()


def test_without_root_the_reason_is_told(emulation, monkeypatch):
    namespaces = emulation("namespaces")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(namespaces.shutil, "which", lambda tool: tool)
    assert "need root" in namespaces.missing()
    monkeypatch.setattr(namespaces.shutil, "which", lambda tool: None)
    assert "install iproute2" in namespaces.missing()


def shown(*command, inside=()):
    return subprocess.run([*inside, *command], capture_output=True, text=True, check=True).stdout


@pytest.mark.wan
def test_two_small_cases_for_real(emulation, tmp_path):
    namespaces = emulation("namespaces")
    if (reason := namespaces.missing()) is not None:
        pytest.skip(reason)
    cases = tmp_path / "cases.yaml"
    cases.write_text(
        "repeats: 2\n"
        "tries: 1\n"
        "cases:\n"
        "  - {name: dp, algorithm: data-parallel, sites: 2, rate: 20 Mbit/s, steps: 4}\n"
        "  - {name: diloco, algorithm: diloco, sites: 2, sync_every: 5, rates: [50 Mbit/s, 20 Mbit/s], steps: 10}\n"
    )
    results = tmp_path / "results.csv"
    command = [sys.executable, "-m", "experiments.wan_emulation.run", str(cases), "--results", str(results)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr
    with results.open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["case"] for row in table] == ["dp", "diloco"]
    for row in table:
        # the interfaces count few headers, as packets are cut only behind them; acknowledgements come on top
        assert float(row["sent_bytes"]) == pytest.approx(float(row["payload_bytes"]), rel=0.02)
        # no run is faster than its links; how much slower it is depends on what else the machine does just now
        assert float(row["measured_s"]) > 0.85 * float(row["naive_s"])
        assert float(row["measured_s"]) < 3 * float(row["predicted_s"])
        assert math.isfinite(float(row["error"]))
    assert namespaces.PREFIX not in shown("ip", "netns", "list")


@pytest.mark.wan
def test_what_was_built_is_taken_away_after_a_crash(emulation):
    namespaces = emulation("namespaces")
    if (reason := namespaces.missing()) is not None:
        pytest.skip(reason)
    seen = []

    def interrupted():
        with namespaces.Sites([1e6, None], burst_bytes=65536.0) as sites:
            seen.append(shown("tc", "qdisc", "show", "dev", "eth0", inside=sites.command(0, [])))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert "tbf" in seen[0]
    assert "rate 1Mbit" in seen[0]
    assert namespaces.PREFIX not in shown("ip", "netns", "list") + shown("ip", "-o", "link")
    assert not list(Path("/etc").glob(f"netns/{namespaces.PREFIX}*"))
