import json
from itertools import islice

import numpy as np
import pytest

from sim.errors import InputError
from trainer.data import token_store as tokens_module
from trainer.data.cache import cache_directory, cached
from trainer.data.corpus import Corpus, load_corpus
from trainer.data.held_out import Split, split_of
from trainer.data.token_store import TokenRow, tokenize
from trainer.data.tokenizers import ByteTokenizer, load_tokenizer, pack


def corpus_of(texts, digest="d", reads=None):
    def read(first):
        if reads is not None:
            reads.append(first)
        return islice(iter(texts), first, None)

    return Corpus("texts", digest, read)


TEXTS = [f"document {i}" for i in range(1000)]


def test_the_split_is_a_matter_of_the_text_alone():
    split = split_of(corpus_of(TEXTS), 0.1)
    held = {text for text in TEXTS if split.held_out(text)}
    assert 60 < len(held) < 140  # binomial: 100 +- 9.5
    other = split_of(corpus_of(["something else", *reversed(TEXTS), *TEXTS]), 0.1)
    assert {text for text in TEXTS if other.held_out(text)} - {TEXTS[0]} == held
    wider = split_of(corpus_of(TEXTS), 0.2)
    assert held < {text for text in TEXTS if wider.held_out(text)}
    assert not any(split_of(corpus_of(TEXTS), 0.0).held_out(text) for text in TEXTS)


def test_the_first_document_always_trains():
    for text in TEXTS[:50]:
        assert not split_of(corpus_of(["", text]), 0.99).held_out(text)
    with pytest.raises(InputError, match="texts: holds no text"):
        split_of(corpus_of(["", "  "]), 0.1)


def test_every_document_stands_once_on_one_side():
    split = split_of(corpus_of(TEXTS), 0.1)
    found = tokenize(corpus_of([*TEXTS, "", "  "]), ByteTokenizer(), split)
    sides = {}
    for name, share in (("train", found.train), ("held", found.held_out)):
        row = share.tokens[0 : len(share.tokens)]
        assert row.dtype == np.uint16
        texts = bytes(np.where(row == 256, 0, row).astype(np.uint8)).decode().split("\0")
        assert texts.pop() == ""
        sides[name] = texts
        assert share.documents == len(texts)
        assert share.text_bytes == sum(map(len, texts)) == len(row) - len(texts)
    assert sides["train"] == [text for text in TEXTS if not split.held_out(text)]
    assert sides["held"] == [text for text in TEXTS if split.held_out(text)]


def test_parts_are_seen_as_one_row(monkeypatch):
    split = split_of(corpus_of(TEXTS), 0.1)
    whole = tokenize(corpus_of(TEXTS, "one part"), ByteTokenizer(), split)
    monkeypatch.setattr(tokens_module, "_PART_CHARACTERS", 700)
    parts = tokenize(corpus_of(TEXTS, "parts"), ByteTokenizer(), split)
    for one, many in ((whole.train, parts.train), (whole.held_out, parts.held_out)):
        assert len(one.tokens) == len(many.tokens)
        assert (one.documents, one.text_bytes) == (many.documents, many.text_bytes)
        for begin in range(0, len(one.tokens) + 50, 37):
            np.testing.assert_array_equal(one.tokens[begin : begin + 1500], many.tokens[begin : begin + 1500])
    assert len(list(cache_directory().glob("*.json"))) > 15


def test_an_empty_row():
    assert len(TokenRow([])) == 0
    assert TokenRow([])[0:5].tolist() == []


def test_tokenizing_goes_on_where_it_was_stopped(monkeypatch):
    monkeypatch.setattr(tokens_module, "_PART_CHARACTERS", 3000)
    split = split_of(corpus_of(TEXTS), 0.1)
    expected = tokenize(corpus_of(TEXTS, "never stopped"), ByteTokenizer(), split)

    def stops():
        yield from TEXTS[:700]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tokenize(Corpus("texts", "d", lambda first: islice(stops(), first, None)), ByteTokenizer(), split)
    reads = []
    found = tokenize(corpus_of(TEXTS, "d", reads), ByteTokenizer(), split)
    assert len(reads) == 1
    assert 400 < reads[0] <= 700
    np.testing.assert_array_equal(found.train.tokens[0:99999], expected.train.tokens[0:99999])
    np.testing.assert_array_equal(found.held_out.tokens[0:99999], expected.held_out.tokens[0:99999])
    tokenize(corpus_of(TEXTS, "d", reads), ByteTokenizer(), split)
    assert len(reads) == 1


@pytest.mark.parametrize("damage", ["cut", "gone", "counts"])
def test_a_damaged_cache_is_made_again(damage):
    split = Split(0.1, frozenset())
    expected = tokenize(corpus_of(TEXTS), ByteTokenizer(), split).train.tokens[0:99999].copy()
    (file,) = cache_directory().glob("*-train.tokens")
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-2])
    elif damage == "gone":
        file.unlink()
    else:
        next(cache_directory().glob("*.json")).write_text("{")
    np.testing.assert_array_equal(tokenize(corpus_of(TEXTS), ByteTokenizer(), split).train.tokens[0:99999], expected)
    assert len(file.read_bytes()) == 2 * len(expected)


def test_without_a_cache_the_tokens_stay_in_memory(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    monkeypatch.setattr(tokens_module, "_PART_CHARACTERS", 700)
    found = tokenize(corpus_of(TEXTS), ByteTokenizer(), Split(0.1, frozenset()))
    assert found.train.documents + found.held_out.documents == 1000


def test_bytes_are_lossless():
    tokenizer = ByteTokenizer()
    tokens = pack(tokenizer, ["Ab é漢\n", "z"])
    assert tokens[-1] == 256
    assert list(tokens).count(256) == 2
    assert tokenizer.decode(tokens) == "Ab é漢\nz"


def subwords(text, vocab=400):
    corpus = load_corpus(str(text))
    return load_tokenizer("bpe", vocab, corpus, split_of(corpus, 0.0))


def test_subwords_are_lossless_smaller_and_cached(text, monkeypatch):
    pytest.importorskip("sentencepiece")
    tokenizer = subwords(text)
    odd = "the river\n\n  runs\tunder é 漢字\r\nbridge  "
    tokens = pack(tokenizer, [odd, "a boat"])
    assert tokenizer.decode(list(tokens)) == odd + "a boat"
    assert int(tokens.max()) < 400 == tokenizer.size
    assert list(tokens).count(tokenizer.end_of_document) == 2
    assert tokens[-1] == tokenizer.end_of_document
    content = text.read_text(encoding="utf-8")
    assert len(pack(tokenizer, [content])) < 0.4 * len(content)
    monkeypatch.setattr("trainer.data.tokenizers._train", lambda *_: pytest.fail("trained twice"))
    assert subwords(text).digest == tokenizer.digest


def test_held_out_documents_do_not_train_the_tokenizer(tmp_path):
    pytest.importorskip("sentencepiece")
    texts = [f"{i} the river runs under the old bridge and {i * 7919} boats wait" for i in range(400)]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps({"text": text}) for text in texts), encoding="utf-8")
    corpus = load_corpus(str(path))
    split = split_of(corpus, 0.5)
    kept = tmp_path / "b.jsonl"
    kept.write_text("\n".join(json.dumps({"text": t}) for t in texts if not split.held_out(t)), encoding="utf-8")
    alone = load_corpus(str(kept))
    one = pack(load_tokenizer("bpe", 400, corpus, split), texts)
    two = pack(load_tokenizer("bpe", 400, alone, split_of(alone, 0.0)), texts)
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, pack(load_tokenizer("bpe", 400, corpus, split_of(corpus, 0.0)), texts))


@pytest.mark.parametrize(
    ("vocab", "words"), [(30_000, "write a smaller --vocab, or --tokenizer bytes"), (260, "write 512 or more")]
)
def test_a_vocabulary_that_does_not_fit(text, vocab, words):
    pytest.importorskip("sentencepiece")
    with pytest.raises(InputError, match=words):
        subwords(text, vocab)


def read_tokenizer(path, text, vocab=1000):
    corpus = load_corpus(str(text))
    return load_tokenizer(str(path), vocab, corpus, split_of(corpus, 0.0))


def test_a_sentencepiece_model_of_ones_own(text, tmp_path):
    pytest.importorskip("sentencepiece")
    own = subwords(text)
    (model,) = cache_directory().glob("tokenizer-*.model")
    path = tmp_path / "mine.model"
    path.write_bytes(model.read_bytes())
    found = read_tokenizer(path, text)
    documents = ["the river\nruns under", "", "é"]
    np.testing.assert_array_equal(pack(found, documents), pack(own, documents))
    with pytest.raises(InputError, match=r"has 400 tokens and the model 300; write --vocab 400"):
        read_tokenizer(path, text, vocab=300)
    path.write_bytes(b"no model")
    with pytest.raises(InputError, match="not a sentencepiece model"):
        read_tokenizer(path, text)
    with pytest.raises(InputError, match="cannot be read"):
        read_tokenizer(tmp_path / "gone.model", text)


def test_a_tokenizer_json(text, tmp_path):
    library = pytest.importorskip("tokenizers")
    trained = library.ByteLevelBPETokenizer()
    trained.train([str(text)], vocab_size=300, special_tokens=["<|endoftext|>"], show_progress=False)
    path = tmp_path / "tokenizer.json"
    end = trained.token_to_id("<|endoftext|>")
    trained.post_processor = library.processors.TemplateProcessing("<|endoftext|> $A", None, [("<|endoftext|>", end)])
    trained.save(str(path))
    found = read_tokenizer(path, text)
    assert found.size == trained.get_vocab_size()
    documents = ["the river runs", "a boat é\n waits"]
    bare = [trained.encode(text, add_special_tokens=False).ids for text in documents]
    expected = [*bare[0], end, *bare[1], end]
    assert pack(found, documents).tolist() == expected
    assert found.decode(expected) == "".join(documents)
    definition = json.loads(path.read_text(encoding="utf-8"))
    definition["added_tokens"] = []
    definition["post_processor"] = None
    definition["model"]["vocab"]["<other>"] = definition["model"]["vocab"].pop("<|endoftext|>")
    path.write_text(json.dumps(definition), encoding="utf-8")
    with pytest.raises(InputError, match="to separate documents"):
        read_tokenizer(path, text)
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"not a tokenizer\.json"):
        read_tokenizer(path, text)


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
