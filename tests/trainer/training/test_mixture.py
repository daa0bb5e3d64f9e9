"""Runs on several corpora: as one corpus where it is one, resumed bit for bit, each corpus with its own held-out loss."""

import json
import shutil

import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

from sim.questions.fit.mixture import answer  # noqa: E402
from sim.trace.file import HeldOut, read_header, read_records  # noqa: E402
from trainer.cli.evaluate_checkpoint import rows_of  # noqa: E402
from trainer.data.corpus import load_corpus  # noqa: E402
from trainer.data.held_out import split_of  # noqa: E402
from trainer.data.texts import load_data  # noqa: E402
from trainer.data.token_store import tokenize  # noqa: E402
from trainer.data.tokenizers import ByteTokenizer  # noqa: E402
from trainer.evaluation.evaluate import evaluate, log_probs_of, loss_on  # noqa: E402
from trainer.training.resume import read_model  # noqa: E402

from .test_resume import ALGORITHMS, TINY, arrays, assert_equal, call, story  # noqa: E402


@pytest.fixture
def texts(tmp_path):
    """Two corpora of 200 short documents each, as options name them."""
    found = []
    for name, text in (("low", "a boat waits for tide {}"), ("up", "RAIN FALLS ON STONE {}")):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("\n".join(json.dumps({"text": text.format(i * i)}) for i in range(200)), encoding="utf-8")
        found.append(str(path))
    return found


def record(output, algorithm, corpora, *more, steps=12):
    """Records a run; the corpora are values of --corpus."""
    words = ["--algorithm", algorithm, "--steps", steps, "--tokenizer", "bytes", "--held-out", 0.2, "--output", output]
    named = [word for corpus in corpora for word in ("--corpus", corpus)]
    return call(*words, *named, *TINY, *ALGORITHMS[algorithm], *more)


def losses(path):
    return [each for each in read_records(path) if isinstance(each, HeldOut)]


@pytest.mark.parametrize("algorithm", ["data-parallel", "diloco"])
def test_a_mixture_goes_on_bit_for_bit(algorithm, texts, tmp_path):
    mixture = [f"{texts[0]}=0.7", f"{texts[1]}=0.3"]
    every = ["--checkpoint-every", 5, "--eval-every", 4]
    whole, cut, directory = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl", tmp_path / "cut"
    assert record(whole, algorithm, mixture, "--checkpoint", tmp_path / "whole", *every) == 0
    assert record(cut, algorithm, mixture, "--checkpoint", directory, *every) == 0
    shutil.rmtree(directory / "step-00000012")
    assert record(cut, algorithm, reversed(mixture), "--checkpoint", directory, *every, "--resume") == 0
    assert story(cut) == story(whole)
    assert losses(cut) == losses(whole)
    assert_equal(arrays(directory), arrays(tmp_path / "whole"))


def test_other_weights_are_another_run(texts, tmp_path, capsys):
    path, saved = tmp_path / "run.jsonl", ["--checkpoint", tmp_path / "saved"]
    assert record(path, "diloco", [f"{texts[0]}=0.7", f"{texts[1]}=0.3"], *saved) == 0
    assert record(path, "diloco", [f"{texts[0]}=0.6", f"{texts[1]}=0.4"], *saved, "--resume") == 2
    assert "--resume: corpus: got" in capsys.readouterr().err


def test_one_corpus_with_a_weight_is_a_plain_run(texts, tmp_path):
    low, up = texts
    stories, ends = [], []
    for name, corpora in (("plain", [low]), ("one", [f"{low}=2"]), ("only", [f"{low}=1", f"{up}=0"])):
        path, saved = tmp_path / f"{name}.jsonl", tmp_path / name
        assert record(path, "diloco", corpora, "--checkpoint", saved, "--eval-every", 6) == 0
        stories.append(story(path))
        ends.append((path, arrays(saved)))
    assert stories[0] == stories[1] == stories[2]
    for _, state in ends[1:]:
        assert_equal(ends[0][1], state)
    plain, one, only = (losses(path) for path, _ in ends)
    assert plain == one
    assert read_header(ends[1][0]).corpora == ()
    assert [each.corpora[0].loss for each in only] == [each.loss for each in only] == [each.loss for each in plain]
    assert [(each.name, each.share) for each in read_header(ends[2][0]).corpora] == [(low, 1), (up, 0)]


def test_the_loss_on_each_corpus_is_that_of_its_own_held_out_text(texts, tmp_path, capsys):
    path, saved = tmp_path / "run.jsonl", tmp_path / "saved"
    mixture = [f"{texts[0]}=7", f"{texts[1]}=3"]
    assert record(path, "diloco", mixture, "--checkpoint", saved, "--eval-every", 12) == 0
    said = capsys.readouterr().err
    last = losses(path)[-1]
    model = read_model(saved)
    log_probs, expected = log_probs_of(model.params), []
    for text in texts:
        corpus = load_corpus(text)
        own = tokenize(corpus, ByteTokenizer(), split_of(corpus, 0.2)).held_out
        expected.append(loss_on(log_probs, own, 16))
    assert [each.loss for each in last.corpora] == pytest.approx([each.loss for each in expected], rel=1e-6)
    assert [each.tokens for each in last.corpora] == [each.tokens for each in expected]
    assert last.loss == pytest.approx(0.7 * expected[0].loss + 0.3 * expected[1].loss, rel=1e-6)
    assert last.loss_error == pytest.approx(
        ((0.7 * expected[0].loss_error) ** 2 + (0.3 * expected[1].loss_error) ** 2) ** 0.5, rel=1e-5
    )
    for name, each in zip(texts, expected, strict=True):
        assert f"{name} {each.loss:.4f}" in said.replace("\n", "")
    found = evaluate(model.params, model.config, {}, data=load_data(model.config))
    assert found.held_out.loss == pytest.approx(last.loss, rel=1e-6)
    rows = {row["set"]: row for row in rows_of(found) if row["measure"] == "nats_per_token"}
    assert list(rows) == ["held-out", *(f"held-out {text}" for text in texts)]
    assert rows[f"held-out {texts[1]}"]["value"] == pytest.approx(expected[1].loss, rel=1e-6)
    assert rows["held-out"]["baseline"] == pytest.approx(
        sum(share * rows[f"held-out {text}"]["baseline"] for share, text in zip((0.7, 0.3), texts, strict=True))
    )


def test_too_little_held_out_names_the_corpus(texts, tmp_path, capsys):
    one = tmp_path / "one.txt"
    one.write_text("one long document " * 50)
    assert record(tmp_path / "run.jsonl", "diloco", [f"{texts[0]}=1", f"{one}=1"], "--eval-every", 2) == 2
    assert f"--corpus {one}: 0 tokens are held out, too few" in capsys.readouterr().err


def test_traces_of_mixtures_are_read_by_the_fit_of_a_law(texts, tmp_path):
    paths, expected = [], []
    for share in (0, 0.25, 0.5, 0.75, 1):
        path = tmp_path / f"{share}.jsonl"
        assert record(path, "data-parallel", [f"{texts[0]}={1 - share}", f"{texts[1]}={share}"], "--eval-every", 6) == 0
        paths.append(path)
        expected.append([each.loss for each in losses(path)[-1].corpora])
    found = answer(paths)
    assert [(each.domain, each.low, each.high) for each in found.best] == [(text, 0, 1) for text in texts]
    measured = {(each.row, each.loss): each.measured for each in found.left_out}
    assert measured == {
        (row, text): loss for row, own in enumerate(expected, 1) for text, loss in zip(texts, own, strict=True)
    }
    # a corpus is learned from its own share
    low, up = zip(*expected, strict=True)
    assert low[0] < low[-1]
    assert up[-1] < up[0]
