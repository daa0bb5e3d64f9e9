"""`simulate budget`: the largest budget that fits, by two rules, held against the closed form by hand; and times to a loss."""

import csv
import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.documents.validation import validate
from sim.errors import InputError
from sim.laws import diloco, loss_with_floor, predict
from sim.questions.budget.budget import answer, most_steps
from sim.scenario.loading import load_scenario
from sim.scenario.model import Scenario
from sim.simulation.run import run

N, BITS, SPEED = 1e9, 16, 300e12
W1, E1, W0, E0 = 10e9, 10e-3, 400e9, 1e-4


def ask(strategies=("data-parallel", "diloco:replicas=2,sync_every=30"), topology="low-bw", **changes):
    settings = [f"workload.{key}={value}" for key, value in changes.items()]
    return load_scenario(topology=topology, workload="550m", strategies=strategies, settings=settings)


def document(**changes):
    plain = {
        "topology": {
            "name": "two",
            "datacenters": [{"name": "a"}, {"name": "b"}],
            "links": [{"between": ["a", "b"], "bandwidth": "10 Gbit/s", "latency": "10 ms"}],
            "collective": "published",
        },
        "workload": {"params": N, "steps": 3000, "batch_tokens": 262144, "chips": 64},
        "strategies": [{"kind": "data-parallel"}, {"kind": "diloco", "replicas": 2, "sync_every": 30}],
    }
    return validate(Scenario, plain | changes, source="test")


def by_hand(steps, replicas, chips=64, every=30):
    """Seconds of a run from the published formula, outer steps whole, for a step of 4,096 tokens on a chip."""
    step_s = 6 * N * 4096 / SPEED
    across_s = 2 * N * BITS / W1 * (1 - 1 / chips) + E1
    if replicas == 0:
        return (step_s + across_s) * steps
    inside_s = 2 * N * BITS / W0 * (1 - replicas / chips) + E0
    return (step_s + inside_s) * steps + across_s * math.ceil(steps / every)


def test_equal_chips_gives_the_most_whole_steps_by_hand():
    parallel, two = answer([document()], rules=["equal-chips"]).rows
    limit_s = by_hand(3000, 0)
    most = max(n for n in range(3000, 300_000) if by_hand(n, 2) <= limit_s)
    assert (parallel.overtraining_multiple, parallel.steps, parallel.wall_clock_s) == (1, 3000, pytest.approx(limit_s))
    assert two.steps == most
    assert two.overtraining_multiple == pytest.approx(most / 3000)
    assert two.wall_clock_s == pytest.approx(by_hand(most, 2))
    assert two.wall_clock_s <= limit_s < by_hand(most + 1, 2)
    assert (two.chips, two.batch_tokens, two.tokens) == (64, 262144, most * 262144)


def test_a_full_replay_finds_the_same_budget():
    steady = answer([document()], rules=["equal-chips"]).rows
    full = answer([document(replay="full")], rules=["equal-chips"]).rows
    assert [row.steps for row in steady] == [row.steps for row in full]


def test_best_batch_takes_chips_in_proportion_and_the_laws_batch():
    parallel, two = answer([document()], rules=["best-batch"]).rows
    best = {0: 2048 * 0.22592 * N**0.281, 2: 2048 * 0.00769 * N**0.479}
    for row, own in zip((parallel, two), best.values(), strict=True):
        assert row.batch_tokens == pytest.approx(own)
        assert row.chips == pytest.approx(own / 4096)
    tokens = 3000 * 262144
    steps = math.ceil(tokens / best[0])
    limit_s = by_hand(steps, 0, best[0] / 4096)  # chips need not be whole
    assert parallel.steps == steps
    assert parallel.wall_clock_s == pytest.approx(limit_s)
    own_chips = best[2] / 4096
    across_s = 2 * N * BITS / W1 * (1 - 1 / own_chips) + E1
    inside_s = 2 * N * BITS / W0 * (1 - 2 / own_chips) + E0
    step_s = 6 * N * 4096 / SPEED + inside_s

    def seconds(n):
        return step_s * n + across_s * math.ceil(n / 30)

    most = max(n for n in range(1, 300_000) if seconds(n) <= limit_s)
    assert two.steps == most
    assert two.overtraining_multiple == pytest.approx(most * best[2] / (steps * best[0]))


def test_losses_are_those_of_the_law_at_these_tokens_and_this_batch():
    for row in answer([ask()]).rows:
        law = predict(550e6, row.tokens, row.strategy, row.replicas, batch_tokens=row.batch_tokens)
        assert row.predicted_loss == law.loss
        assert set(law.notes) <= set(row.notes)


def test_links_without_limit_leave_only_what_is_inside():
    wide = document()
    plain = wide.model_dump(mode="json", exclude_none=True)
    for site in plain["topology"]["datacenters"]:
        site["inside"] = {"bandwidth": "1e9 Tbit/s", "latency": "0 s"}
    plain["topology"]["links"][0] |= {"bandwidth": "1e9 Tbit/s", "latency": "0 s"}
    rows = answer([validate(Scenario, plain, source="test")], rules=["equal-chips"]).rows
    assert [row.overtraining_multiple for row in rows] == [1, pytest.approx(1, abs=1e-3)]


@pytest.mark.parametrize("kind", ["streaming-diloco", "eager-diloco", "async-diloco"])
def test_nothing_longer_fits_where_exchanges_overlap(kind):
    scenario = document(strategies=[{"kind": "data-parallel"}, {"kind": kind, "replicas": 2, "sync_every": 5}])
    plain = scenario.model_dump(mode="json", exclude_none=True)
    plain["workload"]["steps"] = 20
    row = answer([validate(Scenario, plain, source="test")], rules=["equal-chips"]).rows[1]

    def seconds(steps):
        varied = plain | {"workload": plain["workload"] | {"steps": steps}, "strategies": plain["strategies"][1:]}
        return run(validate(Scenario, varied, source="test")).runs[0].wall_clock_s

    assert seconds(row.steps) == pytest.approx(row.wall_clock_s)
    assert row.wall_clock_s <= row.reference_s
    assert min(seconds(row.steps + k) for k in range(1, 11)) > row.reference_s
    assert row.predicted_loss is None


def test_a_run_that_never_repeats_is_continued_at_its_pace():
    kinds = [{"kind": "data-parallel"}, {"kind": "async-diloco", "replicas": 2, "sync_every": 30}]
    plain = document(strategies=kinds).model_dump(mode="json", exclude_none=True)
    plain["topology"]["datacenters"][1]["chip_speed"] = "250 Tflop/s"
    continued, full = (
        answer([validate(Scenario, plain | {"replay": replay}, source="test")], rules=["equal-chips"]).rows[1]
        for replay in ("steady", "full")
    )
    assert full.steps > 400 * 30
    assert continued.steps == pytest.approx(full.steps, rel=1e-3)
    assert [any("no steady state" in note for note in row.notes) for row in (continued, full)] == [True, False]


@given(
    st.floats(0.01, 10), st.floats(0, 20), st.integers(1, 40), st.floats(0.5, 5000), st.integers(1, 3000)
)  # a staircase: every step costs, and so does every round
def test_the_search_is_exact_from_any_guess(step_s, round_s, every, limit_s, guess):
    def seconds(n):
        return step_s * n + round_s * -(-n // every)

    found = most_steps(seconds, limit_s, guess)
    assert seconds(found) <= limit_s * (1 + 1e-12) < seconds(found + 1) * (1 + 1e-9)


def test_a_later_end_that_fits_again_is_found():
    # every fifth step ends right after an exchange, the others wait three steps' time for one
    def seconds(n):
        return n + (0 if n % 5 == 0 else 3)

    assert most_steps(seconds, 10.5, 7, beyond=5) == 10
    assert most_steps(seconds, 9.5, 7, beyond=5) == 6


def test_time_to_a_loss_is_the_replay_of_the_fewest_steps():
    found = answer([ask()], rules=["best-batch"], target_losses=[2.8])
    for row in found.times:
        tokens = [(row.steps + k) * row.batch_tokens for k in (-1, 0)]
        before, after = (
            predict(550e6, d, row.strategy, row.replicas, batch_tokens=row.batch_tokens).loss for d in tokens
        )
        assert after <= 2.8 < before
        assert row.overtraining_multiple == pytest.approx(row.tokens / (20 * 550e6))
    one = next(row for row in found.times if row.strategy == "data-parallel")
    N = 550e6
    step_s = 6 * N * 4096 / SPEED + 2 * N * BITS / W1 * (1 - 1 / one.chips) + E1
    assert one.wall_clock_s == pytest.approx(one.steps * step_s)


def slope(law):
    return math.log(law(551e6) / law(549e6))


def test_a_loss_below_the_floor_is_never_reached():
    # Chinchilla's law at 20 tokens per parameter over its limit for ever more tokens, by Epoch's constants
    E, A, a, B, b = 1.8172, 482.01, 0.3478, 2085.43, 0.3658
    size = E + A / 550e6**a
    power = slope(lambda n: loss_with_floor(n, "data-parallel", 1)) / slope(
        lambda n: E + A / n**a + B / (20 * n) ** b  # the power that makes both fall alike along 20 tokens a parameter
    )
    floor = 18.129 * 550e6**-0.0953 * (size / (size + B / (20 * 550e6) ** b)) ** power
    above, below = answer([ask()], rules=["best-batch"], target_losses=[floor * 1.001, floor * 0.999]).times[::2]
    assert above.lowest_loss == pytest.approx(floor, rel=1e-3)
    assert above.wall_clock_s is not None
    assert below.wall_clock_s is None
    assert below.tokens is None


def test_no_loss_for_what_nobody_fitted():
    kinds = ["data-parallel", "diloco:payload_bits=4", "diloco:payload_bits=1", "elastic-diloco:replicas=2,quorum=1"]
    found = answer([ask(kinds)], rules=["equal-chips"], target_losses=[2.7])
    assert [row.predicted_loss is None for row in found.rows] == [False, False, True, True]
    assert [row.wall_clock_s is None for row in found.times] == [False, False, True, True]
    assert all(row.predicted_loss_low < row.predicted_loss_high for row in found.rows[1:])
    sparse = answer([ask(active_params="1e8")], rules=["equal-chips"])
    assert all(row.predicted_loss is None for row in sparse.rows)
    assert all("active_params" in " ".join(row.notes) for row in sparse.rows)


def test_repeated_data_is_worth_less():
    plenty = answer([ask()], rules=["equal-chips"]).rows
    scarce = answer([ask()], rules=["equal-chips"], unique_tokens=11e9).rows
    assert plenty[0].predicted_loss == pytest.approx(scarce[0].predicted_loss, rel=1e-4)
    assert plenty[1].predicted_loss < scarce[1].predicted_loss
    assert any("epochs" in note for note in scarce[1].notes)


def test_sites_with_chips_of_their_own_are_made_equal():
    plain = document().model_dump(mode="json", exclude_none=True)
    plain["topology"]["datacenters"] = [{"name": name, "chips": 32} for name in "abc"]
    plain["topology"]["links"] = [
        {"between": pair, "bandwidth": "10 Gbit/s", "latency": "10 ms"} for pair in (["a", "b"], ["b", "c"], ["a", "c"])
    ]
    del plain["workload"]["chips"]
    found = answer([validate(Scenario, plain, source="test")])
    assert {row.chips for row in found.rows if row.rule == "equal-chips"} == {60}  # of 64 that two sites have
    assert "two: 60 chips for every strategy" in found.notes[0]
    # 1B parameters: DiLoCo's best batch for M = 2 asks for 39.8 chips in a site that has 32
    assert diloco.batch_tokens(N, "diloco", 2) / (262144 / 60) / 2 > 32
    assert [row.strategy for row in found.rows if row.rule == "best-batch"] == ["data-parallel"]
    assert any("a has 32 chips and needs" in note for note in found.notes)


def test_the_command_answers_for_three_archetypes_in_one_call(simulate):
    code, out, err = simulate("budget", "--format", "json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    keys = {"topology", "strategy", "replicas", "rule", "overtraining_multiple", "tokens", "wall_clock_s"}
    assert all(keys | {"predicted_loss"} <= set(row) for row in told["rows"])
    assert {(row["topology"], row["rule"]) for row in told["rows"]} == {
        (network, rule) for network in ("high-bw", "medium-bw", "low-bw") for rule in ("equal-chips", "best-batch")
    }
    assert len(told["rows"]) == 3 * 2 * 5
    low = next(
        row for row in told["rows"] if (row["topology"], row["rule"], row["replicas"]) == ("low-bw", "equal-chips", 8)
    )
    runs = run(load_scenario(topology="low-bw")).runs
    assert low["overtraining_multiple"] == pytest.approx(
        runs[-1].overtraining_multiple, rel=1 / 178
    )  # that one is a ratio of wall-clocks, with a last round (of 178) that is not full


def test_the_table_and_the_csv(simulate):
    asked = [
        "budget",
        "--topology",
        "low-bw",
        "--strategy",
        "diloco:replicas=2",
        "--target-loss",
        "3",
        "--rule",
        "best-batch",
    ]
    code, out, _ = simulate(*asked)
    assert code == 0
    assert "best batch" in out
    assert "equal chips" not in out
    assert "time to reach a loss" in out
    rows = list(csv.DictReader(io.StringIO(simulate(*asked, "--format", "csv")[1])))
    assert [row["strategy"] for row in rows] == ["data-parallel", "diloco"]
    assert {row["target_loss"] for row in rows} == {"3.0"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--target-loss", "-1"], "--target-loss: got -1; write a loss"),
        (["--unique-tokens", "lots"], "--unique-tokens: 'lots' is not a number"),
        (["--set", "jobs=together"], "write jobs: alone"),
        (["--topology", "nowhere"], "there is none named 'nowhere'"),
        (["--strategy", "diloco:replicas=9", "--topology", "low-bw"], "needs 9 datacenters"),
    ],
)
def test_wrong_input_is_one_clear_line(options, words, simulate):
    code, out, err = simulate("budget", *options)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


def test_too_few_chips_to_share_is_an_error():
    plain = document().model_dump(mode="json", exclude_none=True)
    plain["topology"]["datacenters"] = [{"name": "a", "chips": 1}, {"name": "b", "chips": 1}, {"name": "c", "chips": 1}]
    plain["topology"]["links"].append({"between": ["b", "c"], "bandwidth": "10 Gbit/s", "latency": "10 ms"})
    del plain["workload"]["chips"]
    with pytest.raises(InputError, match=r"2 chips cannot be shared evenly by 6 datacenters"):
        answer([validate(Scenario, plain, source="test")])


@pytest.mark.parametrize("rules", [("best-batch",), ("equal-chips", "best-batch")])
def test_where_no_strategy_has_chips_for_its_best_batch_that_is_told(rules):
    sites = [{"name": "a"}, {"name": "b", "chips": 2}]
    links = [{"between": ["a", "b"], "bandwidth": "1 Gbit/s", "latency": "1 ms"}]
    asked = Scenario.model_validate(
        {
            "topology": {"name": "t", "datacenters": sites, "links": links},
            "workload": {"params": 1e10, "steps": 30, "step_time": "10 s", "batch_tokens": 65536, "chips": 4},
            "strategies": [{"kind": "diloco", "replicas": 2}],
        }
    )
    found = answer([asked], rules=rules)
    assert {row.rule for row in found.rows} == set(rules) - {"best-batch"}
    assert sum("no best-batch row: b has 2 chips" in note for note in found.notes) == 2
