import json

import numpy as np
import pytest

from sim.errors import InputError
from trainer.config.run import ModelConfig, TrainConfig
from trainer.data.batches import Batches, windows
from trainer.data.shuffle import shuffled
from trainer.data.texts import load_data


def batches(count=40, **changes):
    arguments = {"devices": 2, "sequences": 3, "sequence_length": 4, "seed": 0, "source": "text", **changes}
    return Batches(np.arange(count * 5 + 2, dtype=np.uint32), **arguments)


def test_batches_are_whole_sequences_each_once_an_epoch():
    stream = batches()
    steps = [stream(step) for step in range(1, 21)]  # 120 sequences: three epochs of 40
    assert steps[0].shape == (2, 3, 5)
    assert steps[0].dtype == np.int32
    rows = np.concatenate(steps).reshape(-1, 5)
    assert np.all(np.diff(rows, axis=1) == 1)
    assert np.all(rows[:, 0] % 5 == 0)
    epochs = [tuple(rows[first : first + 40, 0]) for first in (0, 40, 80)]
    assert all(sorted(epoch) == list(range(0, 200, 5)) for epoch in epochs)
    assert len(set(epochs)) == 3
    assert stream.epochs(20) == pytest.approx(3)


def test_batches_depend_on_seed_and_step_alone():
    forward = batches()
    first = [forward(step) for step in range(1, 15)]
    backward = batches()
    for step in range(14, 0, -1):
        np.testing.assert_array_equal(backward(step), first[step - 1])
    assert not np.array_equal(first[0], batches(seed=1)(1))


def test_the_same_stream_however_it_is_spread():
    """Devices, sequences of a device, even the batch: only the cut of one stream changes."""
    expected = np.concatenate([batches()(step).reshape(-1, 5) for step in range(1, 5)])
    for devices, sequences, steps in ((6, 1, 4), (1, 6, 4), (4, 3, 2), (1, 1, 24)):
        stream = batches(devices=devices, sequences=sequences)
        found = np.concatenate([stream(step).reshape(-1, 5) for step in range(1, steps + 1)])
        np.testing.assert_array_equal(found, expected)


class Watched:
    """A row that remembers which tokens were read."""

    def __init__(self, count):
        self.row = np.arange(count, dtype=np.uint16)
        self.read = set()

    def __len__(self):
        return len(self.row)

    def __getitem__(self, span):
        self.read.update(range(span.start, span.stop))
        return self.row[span]


def test_a_host_reads_its_own_rows_alone():
    row = Watched(200)
    stream = Batches(row, devices=4, sequences=2, sequence_length=4, seed=3, source="text")
    whole = stream(7)
    for devices in ([1], [2, 3], [3, 0]):
        row.read.clear()
        own = stream.rows(7, devices)
        np.testing.assert_array_equal(own, whole[devices])
        assert row.read == set(own.ravel().tolist())


def test_a_text_too_small_for_a_batch():
    with pytest.raises(InputError, match=r"27 tokens are too few for a batch of 6 sequences of 5; give more text"):
        batches(count=5)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 16, 17, 1000, 4096, 4097])
def test_a_shuffle_gives_each_item_once(count):
    items = shuffled(np.arange(count), count, (1, 2))
    assert sorted(items.tolist()) == list(range(count))
    places = np.array([[count - 1, 0], [count // 2, count - 1]])
    np.testing.assert_array_equal(shuffled(places, count, (1, 2)), items[places])


def test_a_shuffle_of_a_count_beyond_memory():
    count = 10**12 + 39
    items = shuffled(np.arange(10_000) * 10**8, count, (5,))
    assert len(set(items.tolist())) == 10_000
    assert items.min() >= 0
    assert items.max() < count
    assert abs(items.mean() / count - 0.5) < 0.02  # 7 standard deviations of a mean of uniform draws


def test_a_shuffle_is_uniform_and_forgets_the_order():
    count, orders = 50, 4000
    items = np.stack([shuffled(np.arange(count), count, (seed,)) for seed in range(orders)])
    for place in (0, 24, 49):
        seen = np.bincount(items[:, place], minlength=count)
        chi_square = float(((seen - orders / count) ** 2 / (orders / count)).sum())
        assert chi_square < 110  # 49 degrees of freedom: beyond it with probability 1e-6
    neighbours = np.mean(items[:, 1:] == items[:, :-1] + 1)
    assert abs(neighbours - 1 / count) < 0.003  # 9 standard deviations
    assert len({tuple(row) for row in items}) == orders


def test_windows_predict_every_token_once():
    row = np.arange(103, dtype=np.uint16)
    found = list(windows(row, 10, 4))
    assert [len(batch) for batch in found] == [4, 4, 2]
    rows = np.concatenate(found)
    assert rows[:, 1:].ravel().tolist() == list(range(1, 101))
    assert rows[:, 0].tolist() == list(range(0, 100, 10))
    assert list(windows(row[:10], 10, 4)) == []
    assert list(windows(row[:0], 10, 4)) == []


def run(corpus, **changes):
    values = {
        "model": ModelConfig(layers=1, width=8, heads=1, hidden=8, vocab=257),
        "algorithm": "data-parallel",
        "steps": 5,
        "sequences": 4,
        "sequence_length": 16,
        "corpus": str(corpus),
        "tokenizer": "bytes",
    }
    return TrainConfig(**values | changes)


def test_data_says_what_they_are_made_of(text):
    loaded = load_data(run(text))
    stream, data = loaded.batches, loaded.description
    assert stream(1).shape == (1, 4, 17)
    assert str(text) in data
    assert "bytes (257 tokens)" in data
    assert f"{5 * 4 / stream.sequences_in_epoch:.3g} epochs" in data
    assert "held out: 0 documents" in data  # a single document trains


def test_the_fingerprint_is_that_of_the_tokens_and_not_of_the_order(text, tmp_path):
    own = load_data(run(text)).fingerprint
    assert load_data(run(text, seed=5, sequences=2, steps=9)).fingerprint == own
    assert load_data(run(text, held_out=0.02)).fingerprint != own
    other = tmp_path / "other.txt"
    other.write_text(text.read_text(encoding="utf-8") + "!", encoding="utf-8")
    assert load_data(run(other)).fingerprint != own


def test_training_never_sees_what_is_held_out(tmp_path):
    path = tmp_path / "a.jsonl"
    words = [chr(0x4E00 + i) for i in range(300)]  # a character of its own for each document
    path.write_text("\n".join(json.dumps({"text": word * 30}) for word in words), encoding="utf-8")
    data = load_data(run(path, held_out=0.2))
    held_out = set(data.tokenizer.decode(data.parts[0].held_out.tokens[0 : len(data.parts[0].held_out.tokens)]))
    assert 30 < len(held_out) < 90
    row = np.concatenate([data.batches(step).reshape(-1, 17) for step in range(1, int(2 / data.batches.epochs(1)))])
    seen = {character for tokens in row for character in data.tokenizer.decode(tokens)} - {"\ufffd"}
    assert len(seen) > 200
    assert not seen & held_out
    assert load_data(run(path, held_out=0)).parts[0].held_out.documents == 0
