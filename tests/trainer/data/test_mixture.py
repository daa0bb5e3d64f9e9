"""Mixtures of corpora: shares of the run, of a batch and of a device; each corpus in the order of a run on it alone."""

import json
from pathlib import Path

import numpy as np
import pytest

from sim.errors import InputError
from trainer.config.corpora import corpora_of
from trainer.config.run import ModelConfig, TrainConfig
from trainer.data.batches import Batches
from trainer.data.mixture import PERIOD, MixedBatches, order_of, shares_of
from trainer.data.texts import load_data

SHARES = [(0.7, 0.3), (0.5, 0.5), (0.9999, 0.0001), (0.6, 0.3, 0.1), (1 / 3, 1 / 3, 1 / 3), (0.4, 0.3, 0.2, 0.06, 0.04)]


def counts_of(shares):
    return list(shares_of({str(k): share for k, share in enumerate(shares)}).values())


def mixed(shares, devices=2, sequences=3, seed=0, texts=(40, 17, 90, 23, 31)):
    """Corpora of sequences of five tokens; the tokens of corpus k begin at 1,000 k."""
    streams = [
        Batches(
            np.arange(texts[k] * 5 + 2) + 1000 * k, devices=1, sequences=1, sequence_length=4, seed=seed, source=f"{k}"
        )
        for k in range(len(shares))
    ]
    return MixedBatches(streams, counts_of(shares), devices=devices, sequences=sequences, seed=seed)


@pytest.mark.parametrize("shares", SHARES)
def test_after_any_number_of_sequences_each_corpus_has_given_its_share_to_within_one(shares):
    counts = counts_of(shares)
    assert sum(counts) == PERIOD
    assert np.array(counts) == pytest.approx(np.array(shares) * PERIOD, abs=1)
    order = order_of(counts)
    assert np.bincount(order).tolist() == counts
    taken = np.cumsum(order[:, None] == np.arange(len(shares)), axis=0)
    missed = taken - np.arange(1, PERIOD + 1)[:, None] * np.array(counts) / PERIOD
    # Tijdeman's bound, which is the best possible
    assert np.abs(missed).max() <= 1 - 1 / (2 * len(shares) - 2) + 1e-9


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize(("devices", "sequences"), [(2, 3), (4, 1), (1, 8)])
def test_batches_and_devices_have_their_shares(shares, devices, sequences):
    stream, steps = mixed(shares, devices, sequences), 400
    corpora = np.stack([stream(step)[..., 0] // 1000 for step in range(1, steps + 1)])
    for k, share in enumerate(shares):
        here = corpora == k
        over = here.sum(axis=(1, 2)).cumsum() - share * devices * sequences * np.arange(1, steps + 1)
        assert np.abs(over).max() < 1.1  # shares are rounded to ten-thousandths
        assert np.abs(here.sum(axis=2) - share * sequences).max() < 4
        # a device's count is a sum of independent steps, each with a variance of 1 at most
        assert np.abs(here.sum(axis=(0, 2)) - share * steps * sequences).max() < 4 * steps**0.5


def test_no_device_gets_one_corpus_again_and_again():
    """Half and half take turns, so that without a shift two devices of one sequence would each have a corpus."""
    stream = mixed((0.5, 0.5), devices=2, sequences=1)
    first = np.array([stream(step)[0, 0, 0] // 1000 for step in range(1, 101)])
    assert 30 < first.sum() < 70  # 50 draws of a half: 4 standard deviations


def test_each_corpus_is_read_in_the_order_of_a_run_on_it_alone():
    shares = (0.6, 0.3, 0.1)
    stream = mixed(shares, seed=5)
    corpus, place = (
        np.stack(each) for each in zip(*(stream.places(step, [0, 1]) for step in range(1, 61)), strict=True)
    )
    for k in range(len(shares)):
        # each place once: nothing is left out or read twice
        assert sorted(place[corpus == k]) == list(range((corpus == k).sum()))
    alone = Batches(np.arange(40 * 5 + 2), devices=1, sequences=1, sequence_length=4, seed=5, source="0")
    rows = np.concatenate([stream(step).reshape(-1, 5) for step in range(1, 61)])
    own = rows[rows[:, 0] < 1000]
    want = np.concatenate([alone(step).reshape(-1, 5) for step in range(1, len(own) + 1)])
    order = np.argsort(place[corpus == 0])
    np.testing.assert_array_equal(own[order], want)


def test_a_step_is_a_function_of_seed_and_step_and_of_the_batch_alone():
    stream = mixed((0.7, 0.3))
    whole = [stream(step) for step in range(1, 21)]
    again = mixed((0.7, 0.3))
    for step in range(20, 0, -1):
        np.testing.assert_array_equal(again(step), whole[step - 1])
        np.testing.assert_array_equal(again.rows(step, [1]), whole[step - 1][[1]])
    spread = mixed((0.7, 0.3), devices=6, sequences=1)
    for step in range(1, 21):
        np.testing.assert_array_equal(spread(step).reshape(-1, 5), whole[step - 1].reshape(-1, 5))
    other = mixed((0.7, 0.3), seed=1)
    assert not np.array_equal(other(1), whole[0])


def run(corpus, **changes):
    values = {
        "model": ModelConfig(layers=1, width=8, heads=1, hidden=8, vocab=257),
        "algorithm": "diloco",
        "replicas": 2,
        "steps": 5,
        "sequences": 4,
        "sequence_length": 16,
        "corpus": corpus,
        "tokenizer": "bytes",
    }
    return TrainConfig(**values | changes)


@pytest.fixture
def two(tmp_path):
    """Two corpora of documents of upper and lower case, with five documents in common."""
    both = [f"Both of them {i}" for i in range(5)]
    paths = []
    for name, text in (("low", "a boat waits for tide {}"), ("up", "RAIN FALLS ON STONE {}")):
        path = tmp_path / f"{name}.jsonl"
        texts = [text.format(i * i) for i in range(200)] + both
        path.write_text("\n".join(json.dumps({"text": each}) for each in texts), encoding="utf-8")
        paths.append(str(path))
    return paths


def test_one_corpus_with_a_weight_is_that_corpus(two):
    low, up = two
    assert run({low: 3}) == run(low)
    plain, mixture = load_data(run(low)), load_data(run({low: 1, up: 0}))
    for step in range(1, 9):
        np.testing.assert_array_equal(mixture.batches(step), plain.batches(step))
    assert [(part.name, part.share) for part in mixture.parts] == [(low, 1), (up, 0)]


def test_the_parts_of_a_mixture(two):
    low, up = two
    config = run({up: 3, low: 7}, held_out=0.2)
    data = load_data(config)
    assert [(part.name, part.share) for part in data.parts] == [(low, 0.7), (up, 0.3)]
    assert config == run({low: 0.7, up: 0.3}, held_out=0.2).replaced(corpus={up: 3, low: 7})
    texts = [data.tokenizer.decode(part.held_out.tokens[0 : len(part.held_out.tokens)]) for part in data.parts]
    assert "boat" in texts[0]
    assert "RAIN" not in texts[0]
    assert "RAIN" in texts[1]
    # what is in both is held out from both, or from none
    for i in range(5):
        assert len({f"Both of them {i}" in text for text in texts}) == 1
    assert "70.00% of the sequences" in data.description


def test_the_split_of_documents_in_two_corpora_is_one(two):
    """The first document of a corpus is never held out, from another one either."""
    low, up = two
    first = json.loads(Path(low).read_text().splitlines()[0])["text"]
    Path(up).write_text(Path(up).read_text() + "\n" + json.dumps({"text": first}))
    data = load_data(run({low: 1, up: 1}, held_out=0.99))
    kept = data.parts[1].held_out
    assert kept.documents > 150
    assert first not in data.tokenizer.decode(kept.tokens[0 : len(kept.tokens)])


def test_the_fingerprint_knows_the_shares_and_those_of_the_corpora_do_not(two):
    low, up = two
    one, other = (load_data(run({low: weight, up: 1}, held_out=0.1)) for weight in (1, 2))
    assert one.fingerprint != other.fingerprint
    assert [part.fingerprint for part in one.parts] == [part.fingerprint for part in other.parts]
    assert load_data(run({low: 2, up: 2}, held_out=0.1)).fingerprint == one.fingerprint


def test_the_subwords_are_those_of_all_corpora_whatever_their_shares(two):
    low, up = two
    config = {"model": ModelConfig(layers=1, width=8, heads=1, hidden=8, vocab=400), "tokenizer": "bpe"}
    digests = {load_data(run({low: weight, up: 1}, **config)).tokenizer.digest for weight in (0, 1, 5)}
    assert len(digests) == 1
    assert load_data(run(low, **config)).tokenizer.digest not in digests


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"low": -1, "up": 2}, "got the weight -1; write a number above 0"),
        ({"low": float("nan"), "up": 2}, "got the weight nan"),
        ({"low": True, "up": 2}, "got the weight True"),
        ({"low": "much", "up": 2}, "got the weight 'much'"),
        ({"low": 0, "up": 0}, "all weights are 0; write at least one above it"),
        ({"low": 0}, "all weights are 0"),
        ({}, "corpus: has no text"),
        ({"": 1, "up": 1}, "write a name or a path"),
        ({"low": 1e-6, "up": 1}, "less than a share of 1/10,000; write more, or 0"),
        ({"low": 1, "nowhere": 1}, "there is no such file or folder"),
        ({"low": 1, "copy": 1}, "are the same text; write it once"),
        ({"low": 1, "few": 9}, "tokens are too few for a batch of 8 sequences"),
    ],
    ids=str,
)
def test_wrong_weights_are_named(weights, said, two, tmp_path):
    (tmp_path / "copy.jsonl").write_text((tmp_path / "low.jsonl").read_text())
    (tmp_path / "few.txt").write_text("a few words")
    endings = {"few": ".txt"}
    there = {name and str(tmp_path / name) + endings.get(name, ".jsonl"): weight for name, weight in weights.items()}
    with pytest.raises(InputError) as error:
        load_data(run(there))
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("given", "want"),
    [
        (["docstrings"], "docstrings"),
        (["a=b.txt"], "a=b.txt"),
        (["docstrings=0.7", "c4:50=3e-1"], {"docstrings": 0.7, "c4:50": 0.3}),
        (["docstrings=1"], {"docstrings": 1}),
        (["year=2020"], "year=2020"),
        (["year=2020=0.5", "docstrings=0.5"], {"year=2020": 0.5, "docstrings": 0.5}),
    ],
)
def test_options_name_texts_and_weights(given, want, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "year=2020").mkdir()  # a name that ends like a weight
    assert corpora_of(given) == want


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["a", "b"], "--corpus a: has no weight, which each of several texts needs; write --corpus docstrings=0.7"),
        (["a=1", "b"], "--corpus b: has no weight"),
        (["a=1", "a=2"], "--corpus a=2: a is there twice"),
    ],
)
def test_options_that_do_not_fit_are_named(given, said):
    with pytest.raises(InputError) as error:
        corpora_of(given)
    assert said in str(error.value)
