"""`simulate fit`: papers' constants are found again in losses made by their laws, and the largest size is foretold."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from sim.errors import ArgumentError, InputError
from sim.laws import kaplan
from sim.laws.chinchilla import CONSTANTS, chinchilla_loss
from sim.laws.own import read_law
from sim.questions import predict_by
from sim.questions.fit.fit import Ask, answer
from sim.questions.fit.frontier import frontiers
from sim.questions.fit.points import read_points

ROOT = Path(__file__).parents[3]
LOSSES = Path(__file__).parents[1] / "cli" / "losses.csv"
SIZES = LOSSES.with_name("sizes.csv")


def table(path, rows, columns):
    path.write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


@pytest.fixture
def chinchilla(tmp_path):
    random = np.random.default_rng(0)
    rows = [
        (n, n * ratio, chinchilla_loss(n, n * ratio) * math.exp(random.normal(0, 0.003)))
        for n in np.geomspace(5e7, 1.6e10, 9)
        for ratio in (1, 3, 6, 10, 20, 40, 80, 160, 400)
    ]
    return table(tmp_path / "runs.csv", rows, ("params", "tokens", "loss"))


def constants(found):
    return {each.name: each for each in found.constants}


def test_chinchillas_constants_are_found_within_their_intervals(chinchilla):
    found = answer(Ask((chinchilla,), resamples=60))
    assert found.form == "chinchilla"
    for name, truth in vars(CONSTANTS["epoch"]).items():
        own = constants(found)[name]
        width = own.high - own.low
        assert own.low - width / 2 < truth < own.high + width / 2, name
    assert found.rms == pytest.approx(0.003, rel=0.3)
    assert sum(each.inside for each in found.held_out) >= 0.7 * len(found.held_out) == 0.7 * 9


def test_the_three_approaches_agree_on_losses_of_one_law(chinchilla):
    found = {each.approach: each for each in answer(Ask((chinchilla,), resamples=5)).frontiers}
    truth = CONSTANTS["epoch"]
    wanted = truth.b / (truth.a + truth.b)
    assert found[3].params_exponent == pytest.approx(wanted, abs=0.02)
    assert found[2].params_exponent == pytest.approx(wanted, abs=0.06)
    assert found[1].params_exponent == pytest.approx(wanted, abs=0.15)
    for each in found.values():
        assert each.params_exponent + each.tokens_exponent == pytest.approx(1)


def test_too_few_sizes_at_one_budget_give_no_frontier():
    points = [point for point in read_points((LOSSES,)) if point.params < 5e7]
    assert frontiers(points) == ()


def test_kaplans_constants_are_found_from_curves_at_two_batches():
    found = answer(Ask((LOSSES,), resamples=20))
    assert found.form == "steps-batch"
    law, own = kaplan.STEP_LAWS["kaplan"], constants(found)
    assert own["a"].value == pytest.approx(law.a_N, rel=0.05)
    assert own["s"].value == pytest.approx(law.a_S, rel=0.1)
    assert own["Nc"].value == pytest.approx(law.N_c, rel=0.6)
    assert own["Sc"].value == pytest.approx(law.S_c, rel=0.3)
    assert own["aB"].value == pytest.approx(law.batch.exponent, rel=0.1)
    assert len(found.held_out) == 2
    assert all(abs(each.predicted / each.measured - 1) < 0.01 for each in found.held_out)
    assert any(note.startswith("schedule: of 16 of 24 losses the run went on") for note in found.notes)


def test_a_larger_models_curve_at_another_batch_is_that_of_the_law_by_bisection():
    """The fit solves for the loss with Newton's steps, the published law by bisection."""
    found = answer(Ask((LOSSES,), resamples=20, params=1e10, tokens=2e11, batch_tokens=2e6))
    assert [point.steps for point in found.curve] == [pytest.approx(1e4 * place) for place in range(1, 11)]
    truth = [kaplan.loss_after_steps(1e10, point.steps, 2e6) for point in found.curve]
    assert [point.loss for point in found.curve] == pytest.approx(truth, rel=0.01)
    assert [point.loss for point in found.curve] == sorted((point.loss for point in found.curve), reverse=True)
    assert all(point.low <= point.loss <= point.high for point in found.curve)


def test_published_losses_bend_away_from_a_power_law_and_not_so_far_from_one_with_a_floor(tmp_path):
    """As `experiments/loss_scaling.py` found: to 2.4B the power law, at 10B 3.4% too low; with a floor about 1%."""
    sizes = {"35m": 35e6, "90m": 9e7, "180m": 1.8e8, "335m": 3.35e8, "550m": 5.5e8, "1.3b": 1.3e9, "2.4b": 2.4e9}
    sizes |= {"10b": 1e10}
    with (ROOT / "experiments/reference/eval_loss.csv").open() as file:
        rows = [
            (sizes[row["model"]], 20 * sizes[row["model"]], row["data-parallel"])
            for row in csv.DictReader(line for line in file if not line.startswith("#"))
            if row["model"] in sizes
        ]
    path = table(tmp_path / "published.csv", rows, ("params", "tokens", "loss"))
    misses = {}
    for form in ("power", "floor"):
        (held,) = answer(Ask((path,), form=form, delta=math.inf, resamples=60)).held_out
        misses[form] = held.predicted / held.measured - 1
        assert not held.inside
    assert misses["power"] == pytest.approx(-0.034, abs=0.004)
    assert misses["floor"] == pytest.approx(-0.01, abs=0.004)


def test_the_studys_largest_size_from_its_smaller_ones(tmp_path):
    """Data-Parallel at the best rates, two seeds: both are in the band, which four losses leave wide."""
    best = {"57k": "0.008", "104k": "0.016", "164k": "0.008"}
    with (ROOT / "experiments/small_scale/runs.csv").open() as file:
        rows = [
            (row["params"], row["tokens"], row["held_out_loss"], f"{row['size']} {row['seed']}")
            for row in csv.DictReader(file)
            if (row["algorithm"], row["text"], row["sequences"]) == ("data-parallel", "76b83285", "8")
            and (row["overtraining"], row["learning_rate"]) == ("1", best[row["size"]])
        ]
    assert len(rows) == 6
    found = answer(Ask((table(tmp_path / "s.csv", rows, ("params", "tokens", "loss", "run")),)))
    assert found.form == "power"
    assert [each.inside for each in found.held_out] == [True, True]
    assert all(abs(each.predicted / each.measured - 1) < 0.025 for each in found.held_out)


def test_a_law_of_n_alone_takes_runs_of_one_ratio_and_says_which_it_leaves(tmp_path):
    rows = [(n, n * ratio, 20 * n**-0.1 * (1 + 1 / ratio)) for n in (1e6, 1e7, 1e8, 1e9) for ratio in (20, 40)]
    rows.append((1e10, 2e11, 20 * 1e10**-0.1 * 1.05))
    found = answer(Ask((table(tmp_path / "r.csv", rows, ("params", "tokens", "loss")),), form="power", resamples=9))
    assert constants(found)["alpha"].value == pytest.approx(-0.1, abs=1e-3)
    assert any("4 of runs with other tokens a parameter than 20" in note for note in found.notes)


def test_the_file_of_a_law_predicts_what_the_fit_did(tmp_path, simulate):
    path = tmp_path / "law.json"
    words = ("fit", LOSSES, "--resamples", "9", "--params", "1e10", "--tokens", "2e11", "--batch-tokens", "2e6")
    told = json.loads(simulate(*words, "--law-file", path, "--format", "json")[1])
    own = predict_by.answer(str(path), 1e10, tokens=2e11, batch_tokens=2e6)
    last = told["curve"][-1]
    assert own.predicted_loss == pytest.approx(last["loss"], rel=1e-12)
    assert (own.predicted_loss_low, own.predicted_loss_high) == pytest.approx((last["low"], last["high"]), rel=1e-12)
    assert own.critical_batch_tokens == pytest.approx(2e8 / own.predicted_loss**4.76, rel=0.2)
    code, text, _ = simulate("predict", "--law", path, "--params", "1e10", "--steps", "100000", "--batch-tokens", "2e6")
    assert code == 0
    assert f"{own.predicted_loss:.3f} ({own.predicted_loss_low:.3f} to" in text
    assert "extrapolated, 10 times above" in text
    assert len(read_law(path).samples) == 9


def test_a_picture_is_drawn(tmp_path, simulate):
    pytest.importorskip("matplotlib")
    assert simulate("fit", SIZES, "--resamples", "2", "--plot", tmp_path / "x.png")[0] == 0
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [
        ([(1e6, 3.0)], ("params", "loss"), "no column tokens"),
        ([], ("params", "tokens", "loss"), "no rows"),
        ([(1e6, 2e7, "nan")], ("params", "tokens", "loss"), "line 2: loss: got 'nan'"),
        ([(1e6, -2e7, 3)], ("params", "tokens", "loss"), "line 2: tokens: got '-20000000.0'"),
        ([(1e6, 2e7, 3)], ("params", "tokens", "loss"), "too few"),
    ],
)
def test_tables_that_cannot_be_fitted_say_why(tmp_path, rows, columns, words):
    with pytest.raises(InputError, match=words):
        answer(Ask((table(tmp_path / "t.csv", rows, columns),)))


def test_what_has_no_place_is_refused(tmp_path, simulate):
    with pytest.raises(ArgumentError, match="of which model"):
        answer(Ask((SIZES,), form="power", tokens=1e9))
    for words, told in (
        (("--form", "cubic"), "--form: there is none named 'cubic'"),
        (("--resamples", "1"), "--resamples: got 1"),
        (("--huber", "0"), "--huber: got 0"),
        (("--seed", "-1"), "--seed: got -1"),
        (("--law-file", tmp_path / "law.txt"), "ends in .json"),
        (("--form", "steps", "--params", "1e9"), "--batch-tokens"),
    ):
        code, _, error = simulate("fit", LOSSES, *words)
        assert code == 2
        assert told in error
    (tmp_path / "no.json").write_text('{"schema": "crosshaul-law"}')
    code, _, error = simulate("predict", "--law", tmp_path / "no.json", "--params", "1e9")
    assert code == 2
    assert "no.json" in error
    assert "Traceback" not in error


def test_traces_give_the_losses_of_their_steps(tmp_path):
    shipped = ROOT / "sim/trace/shipped/35m-diloco-cpu.jsonl"
    points = read_points((shipped,))
    assert {point.params for point in points} == {35659008.0}
    assert [point.tokens for point in points] == sorted(point.tokens for point in points)
    assert points[-1].tokens == 120 * 2048
    assert [point.final for point in points] == [False] * (len(points) - 1) + [True]
    assert points[0].loss > points[-1].loss
