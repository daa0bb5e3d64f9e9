"""Each question by the API against the same question by the command, and what is wrong with an argument."""

import json

import pytest

import crosshaul as ch

LINKS = {"bandwidth": 10 * ch.Gbit, "latency": 10 * ch.ms}
WORLD = ch.Topology.full_mesh(2, **LINKS, name="pair", chip_speed="h100", chips=128)
WORK = ch.Workload(params=1e9, tokens=1e9, batch_tokens=2**20, chips=256, chip="h100")


@pytest.fixture
def asked(simulate, scenario_file):
    """What the command says as JSON about the same topology, workload and strategies."""

    def ask(*arguments, strategies, **more):
        parts = {"topology": WORLD, "workload": WORK}
        document = {key: part.model_dump(mode="json", exclude_none=True) for key, part in parts.items()}
        path = scenario_file(document | {"strategies": strategies} | more)
        code, text, error = simulate(*arguments, "--scenario", path, "--format", "json")
        assert code == 0, error
        return json.loads(text)

    return ask


BOTH = [{"kind": "data-parallel"}, {"kind": "diloco", "replicas": 2, "sync_every": 30}]


def test_runs_are_those_of_the_command(asked):
    theirs = asked(strategies=BOTH)
    ours = json.loads(ch.run(WORLD, WORK).to_json())
    assert ours["runs"] == theirs["runs"]
    assert ours["bottlenecks"] == theirs["bottlenecks"]
    assert ours["verdict"] == theirs["verdict"]


def test_a_run_takes_what_its_formula_says():
    # 6 N B / (R Q) = 62.1 ms of compute a step, and (2 N b / W)(1 - 1/R) + e = 3.1975 s of exchange, 954 steps
    world = ch.Topology.full_mesh(2, **LINKS, collective="published")
    run = ch.run(world, WORK, ch.DataParallel())[0]
    step_s = 6 * 1e9 * 2**20 / (256 * 0.4 * 989.5e12) + 2 * 1e9 * 16 / 10e9 * (1 - 1 / 256) + 0.01
    assert run.wall_clock_s == pytest.approx(954 * step_s, rel=1e-9)


def test_bandwidth_is_that_of_the_command(asked):
    theirs = asked("bandwidth", "--target", "0.3", strategies=BOTH)
    found = ch.bandwidth(WORLD, WORK, targets=0.3)
    assert json.loads(found.to_json())["rows"] == theirs["rows"]
    assert [row["bandwidth_bits_per_s"] for row in found.records()] == [
        r["bandwidth_bits_per_s"] for r in theirs["rows"]
    ]


def test_a_budget_is_that_of_the_command(asked):
    theirs = asked("budget", "--rule", "equal-chips", strategies=BOTH)
    assert json.loads(ch.budget(WORLD, WORK, rules=["equal-chips"]).to_json())["rows"] == theirs["rows"]
    assert [row.topology for row in ch.budget([WORLD, "low-bw"], WORK, rules=["equal-chips"]).rows] == [
        *("pair", "pair"),
        *("low-bw", "low-bw"),
    ]


def test_an_explanation_is_that_of_the_command(asked):
    theirs = asked("explain", strategies=BOTH[1:])
    ours = json.loads(ch.explain(WORLD, WORK, ch.DiLoCo(replicas=2)).to_json())
    assert {key: ours[key] for key in ("breakdown", "elasticities")} == {
        key: theirs[key] for key in ("breakdown", "elasticities")
    }


def test_a_plan_is_that_of_the_command(simulate):
    options = ("--topology", "h100-two-sites", "--days", "3", "--params", "7B", "--strategy", "diloco:replicas=2")
    theirs = json.loads(simulate("plan", *options, "--format", "json")[1])
    ours = ch.plan("h100-two-sites", days=3, params=7e9, strategies=ch.DiLoCo(replicas=2))
    assert json.loads(ours.to_json())["best"] == theirs["best"]
    assert ours.entries[0] is ours.best
    assert {each.replicas for each in ours.entries} == {2}


def test_what_a_strategy_leaves_open_is_searched_by_a_plan():
    found = ch.plan("h100-two-sites", days=3, params=7e9, strategies=[ch.DiLoCo()], sync_every=[10, 100])
    assert {each.replicas for each in found.entries} == {1, 2}
    assert {each.sync_every for each in found.entries} <= {10, 100}


def test_a_prediction_is_that_of_the_command(simulate):
    options = ("--params", "2.4B", "--strategy", "diloco", "--replicas", "4", "--format", "json")
    theirs = json.loads(simulate("predict", *options)[1])
    assert json.loads(ch.predict("2.4B", ch.DiLoCo(replicas=4)).to_json()) == theirs


def test_flows_share_a_link():
    # 1 GB alone for 1 s is 8 Gbit of 10: then two share, 5 Gbit/s each
    found = ch.flows(WORLD, [ch.flow("dc1", "dc2", 2 * ch.GB), ch.flow("dc1", "dc2", "1 GB", start=1 * ch.s)])
    # the first has 6 Gbit left at 1 s, the second has 8: 1.2 s together, then 2 Gbit alone
    assert [flow.finish_s for flow in found.flows] == pytest.approx([2.2 + 0.01, 2.4 + 0.01])


def test_reproduce_is_that_of_the_command(simulate):
    theirs = json.loads(simulate("reproduce", "table-7", "--format", "json")[1])
    assert json.loads(ch.reproduce("table-7").to_json()) == theirs
    with pytest.raises(ch.InputError, match="did you mean 'table-7'"):
        ch.reproduce("table-77")


def test_validate_is_that_of_the_command(simulate):
    theirs = json.loads(simulate("validate", "--only", "simgrid", "--format", "json")[1])
    assert json.loads(ch.validate("simgrid").to_json()) == theirs


def test_a_scenario_may_stand_for_its_parts_and_have_some_replaced(tmp_path):
    first = ch.run(WORLD, WORK)
    path = tmp_path / "result.json"
    path.write_text(first.to_json())
    loaded = ch.load(path)
    assert [run.wall_clock_s for run in ch.run(loaded)] == [run.wall_clock_s for run in first]
    assert [run.label for run in ch.run(loaded, strategies=ch.DiLoCo(sync_every=7))] == ["DiLoCo M=2 H=7"]
    assert ch.run(loaded, collective="ring").scenario.collective == "ring"


@pytest.mark.parametrize("chip_speed", ["h100", 395.8 * ch.Tflop, "395.8 Tflop/s"])
def test_a_chip_is_its_useful_speed(chip_speed):
    by_name = ch.Workload(params=1e9, chip="h100")
    by_speed = ch.Workload(params=1e9, chip_speed=chip_speed)
    assert by_name.replaced(chip_speed=1e14).chip_flop_per_s == 1e14
    assert by_name.chip_flop_per_s == pytest.approx(by_speed.chip_flop_per_s, rel=1e-12)
    assert any("h100 at 40% of its peak" in note for note in ch.run(WORLD, WORK).notes)


def test_measured_seconds_and_a_trace_may_be_put_on_other_chips():
    seconds = ch.Workload.from_seconds([[1.0, 2.0], [2.0, 1.0]], params=1e9, batch_tokens=2**20, chips=256, steps=10)
    run = ch.run(WORLD, seconds, ch.DataParallel())[0]
    assert (run.compute_s, run.straggler_wait_s) == (15.0, 5.0)
    assert ch.Workload.from_trace("35m-diloco-cpu", chip="a100", steps=10).chip_flop_per_s == pytest.approx(124.8e12)
    with pytest.raises(ch.InputError, match=r"^Workload.from_seconds: seconds: got 0 entries"):
        ch.Workload.from_seconds([], params=1e9, batch_tokens=2**20)
    with pytest.raises(ch.InputError, match=r"^Workload.from_trace: stps: unknown key; did you mean 'steps'"):
        ch.Workload.from_trace("35m-diloco-cpu", stps=3)


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda: ch.run(WORLD), "workload: what is trained? write for instance Workload(params=7e9, chips=256)"),
        (lambda: ch.run(WORLD, "10b"), "workload: got '10b'; write for instance Workload(model=\"10b\")"),
        (lambda: ch.run(5, WORK), 'topology: got int; write a Topology, a name such as "open-diloco", or a Scenario'),
        (
            lambda: ch.run("open-dilocko", WORK),
            "topology: there is none named 'open-dilocko'; did you mean 'open-diloco'",
        ),
        (lambda: ch.run(WORLD, WORK, []), "scenario: strategies: got 0 entries; must have at least 1"),
        (lambda: ch.run(WORLD, WORK, jobs="both"), "scenario: jobs: got 'both'; must be 'alone' or 'together'"),
        (
            lambda: ch.Workload(params=1e9, chip="h1000"),
            "Workload: chip: there is none named 'h1000'; did you mean 'h100'",
        ),
        (
            lambda: ch.Workload(params=1e9, chip="h100", mfu=0.4, chip_speed=1e14),
            "Workload: `mfu` and `chip_speed` say the same",
        ),
        (lambda: ch.flow("a", "a", 5), "flow: a flow from 'a' to itself; name two different nodes"),
        (
            lambda: ch.budget(WORLD, WORK, rules=["equal"]),
            "rules: there is none named 'equal'; did you mean 'equal-chips'",
        ),
        (lambda: ch.predict("much"), "params: 'much' is not a number; write a plain number such as 10e9, or 10B"),
        (lambda: ch.load("nowhere.yaml"), "nowhere.yaml: there is no such scenario file; check the path"),
        (lambda: ch.plan(WORLD, days=3, chip="h10"), "chip: there is none named 'h10'; did you mean 'h100'"),
    ],
)
def test_a_mistake_names_the_argument(ask, told):
    with pytest.raises(ch.InputError) as refused:
        ask()
    assert str(refused.value).startswith(told)
    assert "--" not in str(refused.value)


def test_a_timeline_is_that_of_the_command(simulate, scenario_file, tmp_path):
    document = {"topology": WORLD.model_dump(mode="json", exclude_none=True), "strategies": BOTH}
    document["workload"] = WORK.model_dump(mode="json", exclude_none=True)
    theirs, ours = tmp_path / "theirs.json", tmp_path / "ours.json"
    assert simulate("--scenario", scenario_file(document), "--timeline", theirs, "--timeline-rounds", "2")[0] == 0
    assert ch.run(WORLD, WORK).timeline(ours, rounds=2) is None
    assert ours.read_text() == theirs.read_text()
    ch.run(WORLD, WORK).timeline(str(ours), "all")
    assert ours.stat().st_size > theirs.stat().st_size


@pytest.mark.parametrize("rounds", [0, 1.5, True, "some", None])
def test_a_timeline_of_no_number_of_rounds_is_refused(rounds, tmp_path):
    with pytest.raises(ch.InputError, match=r"^rounds: got .*; write .*1.* 'all'|rounds=all"):
        ch.run(WORLD, WORK).timeline(tmp_path / "run.json", rounds)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("seconds", ["x", 0.5, None, [None], ["x"], [[{}]], [[0.1], ["1 s"]], [[]], {}])
def test_seconds_that_are_none_are_refused_in_words(seconds):
    with pytest.raises(ch.InputError, match=r"^Workload\.from_seconds: seconds"):
        ch.Workload.from_seconds(seconds, params=1e9, batch_tokens=2**20)


@pytest.mark.parametrize("targets", ["x", ["x"], [None], [[0.5]]])
def test_targets_that_are_no_numbers_are_refused_in_words(targets):
    with pytest.raises(ch.InputError, match=r"^targets: got "):
        ch.bandwidth("low-bw", ch.Workload(params=1e9, steps=10), targets=targets)
