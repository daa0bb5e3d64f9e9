"""`simulate sweep`: how options and a section of a file become points, and what is refused."""

import csv
import io
import json

import pytest

WORDS = ["--workload", "10b", "--topology", "h100-two-sites", "--steps", "60", "--workers", "1"]


def rows(simulate, *words):
    code, text, error = simulate("sweep", *words, "--format", "csv")
    assert code == 0, error
    return list(csv.DictReader(io.StringIO(text)))


def test_options_and_a_section_say_the_same(simulate, scenario_file):
    by_options = rows(simulate, *WORDS, "--vary", "sync_every=5,10", "--zip", "chips=10,20", "--zip", "compute=1,2")
    section = {"grid": {"sync_every": [5, 10]}, "zip": {"chips": [10, 20], "compute": [1, 2]}}
    document = {
        "topology": "h100-two-sites",
        "workload": {"model": "10b", "steps": 60},
        "strategies": [{"kind": "data-parallel"}, {"kind": "diloco", "replicas": 1}, {"kind": "diloco"}],
        "sweep": section,
    }
    assert rows(simulate, scenario_file(document), "--workers", "1") == by_options
    assert len(by_options) == 4 * 3


def test_draws_are_the_same_for_the_same_seed(simulate):
    words = [*WORDS, "--draw", "compute=normal:1:0.1", "--count", "4", "--seed"]
    first = rows(simulate, *words, "1")
    assert rows(simulate, *words, "1") == first
    assert rows(simulate, *words, "2") != first


def test_a_word_goes_to_all_strategies_that_are_varied(simulate):
    found = rows(simulate, *WORDS, "--sync-every", "7", "--vary", "strategy=diloco,data-parallel,diloco:sync_every=9")
    assert [row["label"] for row in found] == ["DiLoCo M=2 H=7", "Data-Parallel", "DiLoCo M=2 H=9"]


def test_sites_and_links_of_a_shape_are_reached(simulate):
    words = ["--workload", "10b", "--topology", "low-bw", "--steps", "60", "--workers", "1", "--strategy", "diloco"]
    found = rows(simulate, *words, "--vary", "topology.links[0].latency=10 ms,2 s")
    longer_s = float(found[1]["wall_clock_s"]) - float(found[0]["wall_clock_s"])
    assert longer_s == pytest.approx(2 * 0.01)  # two outer steps, each by the way round, of two links of 10 ms
    found = rows(simulate, *words, "--vary", "topology.generate.latency=10 ms,2 s")
    assert [float(row["vary_topology_generate_latency_s"]) for row in found] == [0.01, 2.0]


def test_json_has_the_rows_and_a_scenario_to_run_again(simulate, tmp_path):
    _, text, _ = simulate("sweep", *WORDS, "--vary", "sync_every=5,10", "--format", "json")
    answer = json.loads(text)
    assert answer["varied"] == {"sync_every": "vary_sync_every"}
    assert len(answer["rows"]) == 6
    (tmp_path / "x.json").write_text(text)
    assert simulate(tmp_path / "x.json")[0] == 0


def test_a_file_is_gone_on_with_and_one_of_another_sweep_refused(simulate, tmp_path):
    pytest.importorskip("pyarrow", reason="the file is Parquet")
    words = ["sweep", *WORDS, "--results", tmp_path / "x.parquet", "--vary"]
    assert "Computed  2 by this process" in simulate(*words, "sync_every=5,10")[1]
    assert "2 were there already" in simulate(*words, "sync_every=5,10")[1]
    code, _, error = simulate(*words, "sync_every=5,20")
    assert code == 2
    assert "is of another sweep" in error
    assert "write --overwrite" in error
    assert simulate(*words, "sync_every=5,20", "--overwrite")[0] == 0


def test_what_is_not_installed_is_told_before_the_work(simulate, monkeypatch, tmp_path):
    monkeypatch.setattr("sim.questions.sweep.parquet.find_spec", lambda name: None)
    code, _, error = simulate("sweep", *WORDS, "--vary", "sync_every=5,10", "--results", tmp_path / "x.parquet")
    assert code == 2
    assert "pip install 'crosshaul[sweep]'" in error


BUDGET = ["--workload", "10b", "--topology", "h100-two-sites", "--steps", "60"]


def test_budgets_by_one_rule_and_of_data_that_repeat_are_those_of_the_command(simulate):
    words = ["--rule", "equal-chips", "--unique-tokens", "50M"]
    swept = rows(simulate, *WORDS, "--answer", "budget", *words, "--vary", "sync_every=5,10")
    for every in (5, 10):
        code, text, error = simulate("budget", *BUDGET, *words, "--sync-every", every, "--format", "csv")
        assert code == 0, error
        found = list(csv.DictReader(io.StringIO(text)))
        own = [row for row in swept if row["vary_sync_every"] == str(every)]
        assert len(own) == len(found) > 1
        assert [row["label"] for row in own] == [row["label"] for row in found]
        for name in ("tokens", "predicted_loss_low", "predicted_loss_high", "wall_clock_s"):
            assert [float(row[name]) for row in own] == [float(row[name]) for row in found]
    assert {row["rule"] for row in swept} == {"equal-chips"}
    enough = rows(simulate, *WORDS, "--answer", "budget", *words[:2], "--vary", "sync_every=5,10")
    assert [row["predicted_loss_high"] for row in swept] != [row["predicted_loss_high"] for row in enough]


def test_of_losses_the_rows_say_when_each_is_reached(simulate):
    losses = ["--target-loss", "2.6", "--target-loss", "2.4"]
    words = [*WORDS, "--answer", "budget", "--rule", "equal-chips", *losses, "--vary", "sync_every=5,10"]
    swept = rows(simulate, *words)
    _, text, _ = simulate("budget", *BUDGET, "--rule", "equal-chips", *losses, "--sync-every", 10, "--format", "csv")
    found = list(csv.DictReader(io.StringIO(text)))
    own = [row for row in swept if row["vary_sync_every"] == "10"]
    assert [row["label"] for row in own] == [row["label"] for row in found]
    for name in ("target_loss", "steps", "wall_clock_s"):
        assert [float(row[name]) for row in own] == [float(row[name]) for row in found]
    assert {row["target_loss"] for row in swept} == {"2.6", "2.4"}
    assert "Shortest wall-clock" in simulate("sweep", *words)[1]
    assert "Least tokens" in simulate("sweep", *words, "--metric", "tokens")[1]


def test_a_plan_is_told_of_data_that_repeat(simulate):
    words = ["--topology", "h100-two-sites", "--workers", "1", "--answer", "plan", "--days", "10"]
    enough, few = (rows(simulate, *words, *more, "--vary", "params=1B,3B") for more in ([], ["--unique-tokens", "10M"]))
    assert all(float(b["predicted_loss"]) > float(a["predicted_loss"]) for a, b in zip(enough, few, strict=True))
    code, _, error = simulate("sweep", *words, "--vary", "unique_tokens=1B,2B", "--unique-tokens", "10M")
    assert (code, error.count("--unique-tokens: what is varied replaces it")) == (2, 1)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "--vary: nothing is varied"),
        (["--vary", "sync_every"], "write --vary KEY=VALUE"),
        (["--vary", "sync_every=5,10", "--sync-every", "4"], "--sync-every: what is varied replaces it"),
        (["--vary", "tokens=1B,2B"], "--steps: what is varied replaces it"),
        (["--vary", "batch_tokens=1e6", "--set", "workload.batch_tokens=2e6"], "--set workload.batch_tokens=2e6: what"),
        (["--vary", "strategy=diloco", "--set", "strategies[0].overlap=layers"], "--set strategies[0].overlap=layers:"),
        (["--vary", "topology=low-bw,high-bw"], "--topology: what is varied replaces it"),
        (["--vary", "sync_every=5", "--seed", "3"], "nothing is drawn"),
        (["--draw", "compute=uniform:1:2"], "--count 1000"),
        (["--vary", "sync_every=5", "--target", "0.5"], "--answer bandwidth"),
        (["--vary", "sync_every=5", "--days", "3"], "--answer plan"),
        (["--vary", "sync_every=5", "--rule", "best-batch"], "--rule: goes with --answer budget; leave it out"),
        (["--vary", "sync_every=5", "--target-loss", "2"], "--target-loss: goes with --answer budget; leave it out"),
        (["--vary", "sync_every=5", "--unique-tokens", "1B"], "--unique-tokens: goes with --answer budget or plan;"),
        (
            ["--vary", "sync_every=5", "--answer", "budget", "--target-loss", "-2"],
            "--target-loss: got -2; write a loss",
        ),
        (["--vary", "sync_every=5", "--answer", "budget", "--unique-tokens", "few"], "--unique-tokens: "),
        (["--vary", "sync_every=5", "--output", "x.parquet"], "write --results x.parquet"),
        (["--vary", "sync_every=5", "--results", "x.csv"], "such as x.parquet"),
        (["--vary", "sync_every=5", "--on", "cloud"], "--on: there is no engine 'cloud'"),
        (["--vary", "sync_every=5", "--on-option", "a=1"], "--on-option a: processes"),
        (["--vary", "sync_every=5", "--metric", "wall"], "--metric: there is no column 'wall'"),
        (["--vary", "days=1,2", "--answer", "plan"], "a plan chooses what is trained"),
    ],
)
def test_what_makes_no_sense_is_one_message(simulate, words, told):
    code, out, error = simulate("sweep", *WORDS, *words)
    assert (code, out) == (2, "")
    assert told in error
    assert error.count("\n") == 1
