"""Held-out loss during a run: in the trace, of the global model, and without effect on the training."""

import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

from sim.trace.file import HeldOut, Step, read_records  # noqa: E402
from sim.trace.series import read_recording  # noqa: E402
from trainer.data.texts import load_data  # noqa: E402
from trainer.evaluation.evaluate import evaluate  # noqa: E402
from trainer.training.resume import read_model  # noqa: E402

from .test_resume import ALGORITHMS, arguments, arrays, assert_equal, call, story  # noqa: E402


@pytest.fixture
def documents(tmp_path):
    path = tmp_path / "documents.jsonl"
    path.write_text(
        "\n".join(f'{{"text": "a boat waits for tide {i}, rain falls on stone {i * i}"}}' for i in range(300))
    )
    return path


def losses(path):
    return [record for record in read_records(path) if isinstance(record, HeldOut)]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_last_one_is_the_evaluation_of_the_checkpoint(algorithm, documents, tmp_path):
    path, directory = tmp_path / "run.jsonl", tmp_path / "saved"
    more = ["--checkpoint", directory, "--eval-every", 5, "--held-out", 0.2]
    assert call(*arguments(documents, path, algorithm, *more, steps=7)) == 0
    found = losses(path)
    last = 9 if algorithm == "decoupled-diloco" else 7  # learners with paces of their own take 21 steps at 9 instants
    assert [each.step for each in found] == [0, 5, last]
    model = read_model(directory)
    alone = evaluate(model.params, model.config, {}, data=load_data(model.config)).held_out
    assert (found[-1].loss, found[-1].tokens) == (pytest.approx(alone.loss, rel=1e-6), alone.tokens)
    # a model of 257 bytes that knows nothing
    assert 5 < found[0].loss < 6.5
    assert found[-1].loss < found[0].loss


def test_it_changes_nothing_and_a_resumed_run_has_each_once(documents, tmp_path):
    without, path = tmp_path / "without.jsonl", tmp_path / "with.jsonl"
    held = ["--held-out", 0.2, "--checkpoint-every", 5]
    assert call(*arguments(documents, without, "diloco", *held, "--checkpoint", tmp_path / "a", steps=10)) == 0
    more = [*held, "--checkpoint", tmp_path / "b", "--eval-every", 2]
    assert call(*arguments(documents, path, "diloco", *more, steps=10)) == 0
    assert story(path) == story(without)
    assert_equal(arrays(tmp_path / "a"), arrays(tmp_path / "b"))
    whole = losses(path)
    newest = tmp_path / "b" / "step-00000010"
    (newest / "checkpoint.json").unlink()
    assert call(*arguments(documents, path, "diloco", *more, "--resume", steps=10)) == 0
    assert losses(path) == whole
    assert [each.step for each in whole] == [0, 2, 4, 6, 8, 10]
    # a replay takes the steps and passes over the evaluations
    assert len([record for record in read_records(path) if isinstance(record, Step) and not record.warmup]) == 20
    assert read_recording(path).header.steps == 10


def test_too_little_held_out_text_is_said_before_the_first_step(text, tmp_path, capsys):
    assert call(*arguments(text, tmp_path / "run.jsonl", "diloco", "--eval-every", 2)) == 2
    assert "tokens are held out, too few for a sequence of 16" in capsys.readouterr().err


def test_it_needs_a_run(tmp_path, text, capsys):
    more = ["--eval-every", 2, "--target", "tpu:v5e:2x2", "--no-run"]
    assert call(*arguments(text, tmp_path / "run.jsonl", "diloco", *more)) == 2
    assert "--eval-every 2: nothing runs with --no-run" in capsys.readouterr().err
