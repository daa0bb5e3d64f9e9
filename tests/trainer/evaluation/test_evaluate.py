import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

jax = pytest.importorskip("jax")

from sim.errors import InputError  # noqa: E402
from trainer.config.run import ModelConfig, TrainConfig  # noqa: E402
from trainer.data.texts import Part, load_data  # noqa: E402
from trainer.data.token_store import Share, TokenRow  # noqa: E402
from trainer.evaluation.evaluate import evaluate, held_out_loss, held_out_losses, log_probs_of, unigram_loss  # noqa: E402
from trainer.evaluation.question_sets import read_questions  # noqa: E402
from trainer.model.initial import init_params  # noqa: E402
from trainer.model.transformer import logits, loss  # noqa: E402

MODEL = ModelConfig(layers=1, width=16, heads=2, hidden=32, vocab=260)


@pytest.fixture(scope="module")
def params():
    drawn = init_params(jax.random.key(3), MODEL)
    return {**drawn, "embedding": 20 * drawn["embedding"]}  # far from uniform


def config_of(corpus="text", **changes):
    values = {
        "model": MODEL,
        "algorithm": "data-parallel",
        "steps": 1,
        "sequence_length": 16,
        "sequences": 2,
        "corpus": str(corpus),
        "tokenizer": "bytes",
        "held_out": 0.3,
    }
    return TrainConfig(**values | changes)


def part_of(held_out, train=(1, 2, 3), text_bytes=100, name="text", share=1.0):
    kept, trained = (
        Share(TokenRow([np.array(tokens, np.uint16)]), documents=1, text_bytes=text_bytes)
        for tokens in (held_out, train)
    )
    return Part(name, share, trained, kept, fingerprint="")


def data_of(*parts, size=257):
    return SimpleNamespace(parts=parts, tokenizer=SimpleNamespace(size=size))


def test_log_probs_are_those_of_the_training_loss(params):
    tokens_BxL = np.random.default_rng(0).integers(0, 260, (3, 17)).astype(np.int32)
    found = log_probs_of(params)(tokens_BxL)
    assert found.shape == (3, 16)
    assert -found.mean() == pytest.approx(float(loss(params, tokens_BxL, z_loss=0.5)[1]), rel=1e-5)
    every = np.concatenate([np.repeat(tokens_BxL[:1, :5], 260, axis=0), np.arange(260)[:, None]], axis=1)
    assert np.exp(log_probs_of(params)(every.astype(np.int32))[:, -1]).sum() == pytest.approx(1, rel=1e-5)


def test_held_out_loss_is_the_mean_over_every_token(params):
    row = np.random.default_rng(1).integers(0, 257, 16 * 7 + 5)
    found = held_out_losses(log_probs_of(params), config_of(), data_of(part_of(row)), batch_tokens=16 * 3)["text"]
    means = []
    for start in range(0, 16 * 7, 16):  # 7 sequences, the last batch is a third full
        window_L = row[start : start + 17]
        scores_LxV = np.asarray(logits(params, window_L[None, :-1]))[0].astype(np.float64)
        log_z_L = np.log(np.exp(scores_LxV).sum(axis=1))
        means.append(np.mean([log_z_L[i] - scores_LxV[i, window_L[i + 1]] for i in range(16)]))
    assert found.loss == pytest.approx(np.mean(means), rel=1e-5)
    assert found.loss_error == pytest.approx(np.std(means, ddof=1) / math.sqrt(7), rel=1e-3)
    assert found.tokens == 112
    assert found.bits_per_byte == pytest.approx(found.loss * len(row) / 100 / math.log(2))


def test_a_uniform_model_loses_the_log_of_its_vocabulary():
    def uniform(tokens_BxL):
        return np.full((len(tokens_BxL), tokens_BxL.shape[1] - 1), -math.log(257))

    found = held_out_loss(uniform, config_of(), data_of(part_of(range(40))))
    assert found.loss == pytest.approx(math.log(257))
    assert found.loss_error == pytest.approx(0, abs=1e-12)
    some = held_out_loss(uniform, config_of(), data_of(part_of(range(100))))
    assert some.tokens == 96
    assert some.bits_per_byte == pytest.approx(math.log2(257))  # a token a byte, as many as `text_bytes` says


def test_too_little_held_out():
    with pytest.raises(InputError, match=r"16 tokens are held out, too few for a sequence of 16; hold out more"):
        held_out_loss(lambda tokens: tokens, config_of(), data_of(part_of(range(16))))


def test_unigram_loss():
    """Counts 3, 1, 0, 0 and one more each: probabilities 1/2, 1/4, 1/8, 1/8."""
    found = unigram_loss(data_of(part_of((), [0, 0, 1, 0]), size=4), np.array([0, 1, 3, 3]))
    assert found == pytest.approx(math.log(2) * (1 + 2 + 3 + 3) / 4)


def test_a_run_is_evaluated_from_its_parameters_and_configuration(params, tmp_path):
    words = ["the", "river", "runs", "under", "the", "old", "bridge", "and", "a", "boat", "waits"]
    texts = [" ".join(words[(i * j) % len(words)] for j in range(1, 9)) + f" {i}" for i in range(60)]
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("\n".join(json.dumps({"text": text}) for text in texts), encoding="utf-8")
    asked = tmp_path / "piqa.jsonl"
    records = [{"query": f"Question: {text}", "choices": ["tide", "boat and bridge"], "gold": 0} for text in texts[:9]]
    asked.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    config = config_of(corpus)
    found = evaluate(params, config, {"piqa": asked}, batch_tokens=64)
    data = load_data(config)
    assert found.unigram_loss == unigram_loss(data, data.parts[0].held_out.tokens)
    assert found.held_out == held_out_losses(log_probs_of(params), config, data, batch_tokens=64)[str(corpus)]
    assert found.by_corpus == {}
    score = found.zero_shot["piqa"]
    assert score.questions == len(read_questions(asked, "piqa")) == 9
    assert score.truncated == 18
    assert score.chance == 0.5
