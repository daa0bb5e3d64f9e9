"""`simulate predict` of a student, of experts and of tasks: what is counted, what is refused, what is told."""

import json

import pytest

from sim.cli.predict import TAKES
from sim.laws.beyond import distillation, many_experts, tasks
from sim.questions.predict_by import BEYOND


def told(simulate, *words):
    code, out, err = simulate("predict", "--params", "1e9", "--law", *words, "--format", "json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_a_student_beside_the_same_model_without_a_teacher(simulate):
    found = told(simulate, "distillation", "--tokens", "1e11", "--teacher-params", "7e9")
    teacher = distillation.supervised_loss(7e9, 140e9)
    assert found["teacher_loss"] == pytest.approx(teacher)
    assert found["predicted_loss"] == pytest.approx(distillation.student_loss(1e9, 1e11, teacher))
    assert found["best_loss"] <= found["predicted_loss"]
    flop = [6e20, 6e20 + 1.4e21, 6e20 + 6 * 7e9 * 140e9, 6e20 + 1.4e21 + 6 * 7e9 * 140e9]
    assert [each["flop"] for each in found["scenarios"]] == pytest.approx(flop)
    for each in found["scenarios"]:
        alone = distillation.supervised_loss(1e9, each["flop"] / 6e9)
        assert each["supervised_loss"] == pytest.approx(alone)
        assert each["better"] == ("distil" if found["predicted_loss"] < alone else "train")
    assert [each["better"] for each in found["scenarios"]] == ["distil", "train", "train", "train"]


def test_what_a_teacher_costs_is_counted_where_it_is_known(simulate):
    free = told(simulate, "distillation", "--teacher-loss", "2.2")
    assert [each["counted"] for each in free["scenarios"]] == ["nothing of the teacher"]
    served = told(simulate, "distillation", "--teacher-loss", "2.2", "--teacher-params", "7e9")
    assert [each["counted"] for each in served["scenarios"]] == ["nothing of the teacher", "its inference"]
    assert served["predicted_loss"] == free["predicted_loss"]
    longer = told(simulate, "distillation", "--teacher-params", "7e9", "--teacher-tokens", "1e12")
    assert longer["teacher_loss"] == pytest.approx(distillation.supervised_loss(7e9, 1e12))


def test_experts_beside_dense_models(simulate):
    found = told(simulate, "joint-experts", "--experts", "4", "--tokens", "3e10")
    assert found["predicted_loss"] == pytest.approx(many_experts.joint_loss(found["active_params"], 3e10, 4))
    as_good = many_experts.joint_loss(found["dense_params"], 3e10, 1.0)
    assert as_good == pytest.approx(found["predicted_loss"])
    assert found["active_params"] < found["dense_params"] < 1e9
    assert found["best_active_params"] * found["best_tokens"] * 6 == pytest.approx(found["flop"])
    fine = told(simulate, "granular-experts", "--granularity", "8", "--tokens", "3e10")
    assert fine["predicted_loss"] == pytest.approx(many_experts.granular_loss(1e9, 3e10, 8))
    as_good = many_experts.granular_dense_loss(fine["dense_params"], 3e10)
    assert as_good == pytest.approx(fine["predicted_loss"])
    assert told(simulate, "joint-experts")["tokens"] == pytest.approx(
        20 * told(simulate, "joint-experts")["active_params"]
    )


def test_tasks_have_the_published_scatter(simulate):
    found = told(simulate, "over-training", "--data", "c4", "--tokens", "3e10")
    assert found["mean_error"] == pytest.approx(tasks.mean_error(tasks.loss(1e9, 3e10, "c4"), "c4"))
    for end in ("mean_error_low", "mean_error_high"):  # the largest miss: the prediction over what was measured
        assert abs(found["mean_error"] / found[end] - 1) == pytest.approx(0.096)
    assert found["mean_error_low"] < found["mean_error"] < found["mean_error_high"]


@pytest.mark.parametrize(
    ("inside", "outside", "words"),
    [
        (["distillation", "--teacher-loss", "2.2", "--tokens", "1e11"], ["distillation", "--teacher-loss", "3.1"], "teacher_loss"),
        (["distillation", "--teacher-loss", "2.2"], ["distillation", "--teacher-loss", "2.2", "--tokens", "1e13"], "tokens"),
        (["joint-experts"], ["joint-experts", "--experts", "64"], "experts"),
        (["granular-experts", "--tokens", "5e10"], ["granular-experts", "--granularity", "64", "--tokens", "5e10"], "granularity"),
        (["over-training"], ["over-training", "--tokens", "5e9"], "tokens"),
    ],
)  # fmt: skip
def test_beyond_the_fits_there_are_notes(inside, outside, words, simulate):
    near, far = (
        [note for note in told(simulate, *asked)["notes"] if note.startswith(f"{words}:") and "beyond" in note]
        for asked in (inside, outside)
    )
    assert (near, len(far)) == ([], 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["distillation"], "write --teacher-params 7B, or --teacher-loss 2.2"),
        (["distillation", "--teacher-tokens", "1e9", "--teacher-loss", "2"], "of which teacher"),
        (
            ["distillation", "--teacher-tokens", "1e9", "--teacher-loss", "2", "--teacher-params", "1e9"],
            "leave out one of them",
        ),
        (["distillation", "--teacher-loss", "0.2"], "from 1 to 12"),
        (["distillation", "--teacher-params", "1"], "--teacher-params: a teacher of loss 60.5 knows less than chance"),
        (["distillation", "--teacher-loss", "nan"], "from 1 to 12"),
        (["distillation", "--teacher-loss", "2", "--steps", "9"], "has no --steps"),
        (["joint-experts", "--experts", "0.5"], "from 1 (dense) up"),
        (["joint-experts", "--granularity", "4"], "write --law granular-experts, too"),
        (["granular-experts", "--granularity", "0"], "from 1 up"),
        (["granular-experts", "--replicas", "2"], "has no --replicas"),
        (["over-training", "--data", "pile"], "write one of c4, redpajama, refinedweb"),
        (["over-training", "--unique-tokens", "1e9"], "has no --unique-tokens"),
        (["diloco", "--teacher-loss", "2"], "has no effect on the law diloco; write --law distillation"),
    ],
)
def test_what_has_no_effect_or_no_sense_is_refused(words, said, simulate):
    code, out, error = simulate("predict", "--params", "1e9", "--law", *words)
    assert (code, out) == (2, "")
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("law", BEYOND)
def test_every_law_has_its_page_its_lines_and_its_source(law, simulate, tmp_path):
    words = ["predict", "--params", "1e9", "--law", law, *(["--teacher-loss", "2.2"] if law == "distillation" else [])]
    page = tmp_path / "page.html"
    assert simulate(*words, "--output", page)[0] == 0
    assert "as asked" in page.read_text()
    assert simulate(*words, "--format", "csv")[1].startswith("law,")
    cited = simulate(*words, "--cite")[1]
    assert any(number in cited for number in ("2502.08606", "2402.07871", "2502.05172", "2403.08540"))


def test_the_names_are_those_of_the_options():
    assert tuple(TAKES) == BEYOND
