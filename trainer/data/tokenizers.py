"""From text to tokens: single bytes, subwords trained on the corpus, or a tokenizer from a file.

Bytes and subwords trained here are lossless: decoding gives the text back.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.units.in_words import human_bytes

from ..config.run import BYTE_VOCAB
from .cache import cached
from .corpus import Corpus
from .files import expanded
from .held_out import Split

_TRAINER_VERSION = 2
_TRAINING_CHARACTERS = 200_000_000
_CHUNK_CHARACTERS = 1_000_000
_MAX_BYTES = 2**28
"""The largest file of a tokenizer; those of 200,000 tokens have a tenth of it [byte]."""
_END_OF_DOCUMENT = 1
_ENDS = ("<|endoftext|>", "</s>", "<|end_of_text|>", "<eos>", "<|eos|>")
"""Usual names of the token that ends a text."""


class Tokenizer(Protocol):
    """Text to token ids and back."""

    @property
    def name(self) -> str:
        """The tokenizer in a few words."""

    @property
    def size(self) -> int:
        """Tokens in the vocabulary; every token id is below it."""

    @property
    def end_of_document(self) -> int:
        """The token after each document."""

    @property
    def digest(self) -> str:
        """Hash of everything that decides the tokens of a text."""

    def encode(self, texts: Iterable[str]) -> Iterator[NDArray[np.uint32]]:
        """The token ids of each text, without special tokens before or after it."""

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of token ids; end-of-document tokens are left out."""


class ByteTokenizer:
    """256 byte values and an end-of-document token."""

    name = f"bytes ({BYTE_VOCAB} tokens)"
    digest = "bytes-1"
    size = BYTE_VOCAB
    end_of_document = BYTE_VOCAB - 1

    def encode(self, texts: Iterable[str]) -> Iterator[NDArray[np.uint32]]:
        """See `Tokenizer.encode`."""
        for text in texts:
            yield np.frombuffer(text.encode("utf-8", "replace"), np.uint8).astype(np.uint32)

    def decode(self, tokens: Sequence[int]) -> str:
        """See `Tokenizer.decode`."""
        return bytes(token for token in tokens if token < self.end_of_document).decode("utf-8", "replace")


class SubwordTokenizer:
    """A sentencepiece model; its end-of-sentence piece is the end-of-document token.

    Args:
      model: the serialised model.
      name: the tokenizer in a few words.
      by_lines: whether text is encoded line by line. This is faster, and gives the same tokens if the line break is a
        piece and the model adds no prefix to a text.

    Raises:
      InputError: it is not a sentencepiece model, or has no end of sentence.
    """

    def __init__(self, model: bytes, *, name: str, by_lines: bool) -> None:
        from sentencepiece import SentencePieceProcessor

        try:
            self._pieces: Any = SentencePieceProcessor(model_proto=model)
        except (RuntimeError, OSError):
            raise InputError(f"--tokenizer {name}: not a sentencepiece model; give the .model file") from None
        self.end_of_document = int(self._pieces.eos_id())
        if self.end_of_document < 0:
            raise InputError(f"--tokenizer {name}: has no end-of-sentence piece to separate documents; give another")
        self._by_lines = by_lines
        self.size = int(self._pieces.get_piece_size())
        self.digest = hashlib.sha256(b"%d" % by_lines + model).hexdigest()
        self.name = f"{name} ({self.size} tokens)"

    def encode(self, texts: Iterable[str]) -> Iterator[NDArray[np.uint32]]:
        """See `Tokenizer.encode`."""
        for chunk in _chunks(texts):
            lines = [text.splitlines(keepends=True) if self._by_lines else [text] for text in chunk]
            encoded = iter(self._pieces.encode([line for text in lines for line in text]))
            for text in lines:
                yield np.array([token for _ in text for token in next(encoded)], np.uint32)

    def decode(self, tokens: Sequence[int]) -> str:
        """See `Tokenizer.decode`."""
        return str(self._pieces.decode([int(token) for token in tokens if token != self.end_of_document]))


class HubTokenizer:
    """A `tokenizer.json`, the format of the Hugging Face library `tokenizers`.

    Args:
      definition: the file's content.
      name: the tokenizer in a few words.

    Raises:
      InputError: it is not such a file, or has no token that ends a text.
    """

    def __init__(self, definition: bytes, *, name: str) -> None:
        try:
            from tokenizers import Tokenizer as Library
        except ModuleNotFoundError:
            raise InputError(f"--tokenizer {name}: needs tokenizers; pip install 'crosshaul[files]'") from None

        try:
            self._library: Any = Library.from_str(definition.decode("utf-8"))
        except Exception:  # the library raises this bare class
            raise InputError(f"--tokenizer {name}: not a tokenizer.json of the library tokenizers") from None
        ends = [self._library.token_to_id(text) for text in _ENDS]
        self.end_of_document = next((token for token in ends if token is not None), -1)
        if self.end_of_document < 0:
            raise InputError(f"--tokenizer {name}: has none of {', '.join(_ENDS)} to separate documents; give another")
        self.size = max(self._library.get_vocab(with_added_tokens=True).values()) + 1
        self.digest = hashlib.sha256(definition).hexdigest()
        self.name = f"{name} ({self.size} tokens)"

    def encode(self, texts: Iterable[str]) -> Iterator[NDArray[np.uint32]]:
        """See `Tokenizer.encode`."""
        for chunk in _chunks(texts):
            for text in self._library.encode_batch(chunk, add_special_tokens=False):
                yield np.array(text.ids, np.uint32)

    def decode(self, tokens: Sequence[int]) -> str:
        """See `Tokenizer.decode`."""
        ids = [int(token) for token in tokens if token != self.end_of_document]
        return str(self._library.decode(ids, skip_special_tokens=False))


def pack(tokenizer: Tokenizer, documents: Iterable[str]) -> NDArray[np.uint32]:
    """All documents as one row of token ids, with an end-of-document token after each."""
    end = np.array([tokenizer.end_of_document], np.uint32)
    parts = [part for text in tokenizer.encode(documents) for part in (text, end)]
    return np.concatenate([np.zeros(0, np.uint32), *parts])


def load_tokenizer(kind: str, vocab: int, corpus: Corpus, split: Split) -> Tokenizer:
    """The tokenizer of a run; `bpe` is trained on the corpus once and cached by the corpus's content.

    Args:
      kind: `bytes`, `bpe`, or the path of a tokenizer: a sentencepiece .model or a tokenizer.json.
      vocab: tokens of the model's vocabulary.
      corpus: the text.
      split: the tokenizer is trained without the held-out documents, too.

    Raises:
      InputError: the text is too small for the vocabulary, or the tokenizer has more tokens than the model.
    """
    if kind == "bytes":
        return ByteTokenizer()
    if kind != "bpe":
        return _read(expanded(kind, f"--tokenizer {kind}"), vocab)
    said = f"{_TRAINER_VERSION} {vocab} {corpus.digest} {split.fraction!r}"
    key = hashlib.sha256(said.encode()).hexdigest()[:16]
    model = cached(f"tokenizer-{key}.model", lambda: _train(vocab, corpus, split))
    return SubwordTokenizer(model, name="sentencepiece BPE trained on the text", by_lines=True)


def _read(path: Path, vocab: int) -> Tokenizer:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"--tokenizer {path}: cannot be read ({error.strerror}); write bpe, bytes, or the path of a sentencepiece "
            ".model or a tokenizer.json"
        ) from None
    if len(content) > _MAX_BYTES:
        limit = human_bytes(_MAX_BYTES)
        raise InputError(f"--tokenizer {path}: larger than {limit}, too large for a tokenizer; write another path")
    tokenizer: Tokenizer
    if path.suffix == ".json":
        tokenizer = HubTokenizer(content, name=str(path))
    else:
        tokenizer = SubwordTokenizer(content, name=str(path), by_lines=False)
    if tokenizer.size > vocab:
        raise InputError(
            f"--tokenizer {path}: has {tokenizer.size:,} tokens and the model {vocab:,}; write --vocab {tokenizer.size}"
        )
    return tokenizer


def _sample(corpus: Corpus, split: Split) -> Iterator[str]:
    """Lines of the first training documents, enough to train a vocabulary."""
    characters = 0
    for document in corpus.documents():
        if split.held_out(document):
            continue
        yield from (line for line in document.splitlines() if line)
        characters += len(document)
        if characters > _TRAINING_CHARACTERS:
            return


def _train(vocab: int, corpus: Corpus, split: Split) -> bytes:
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=_sample(corpus, split),
            model_writer=model,
            model_type="bpe",
            vocab_size=vocab,
            byte_fallback=True,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            add_dummy_prefix=False,
            user_defined_symbols=["\n"],
            unk_id=0,
            eos_id=_END_OF_DOCUMENT,
            bos_id=-1,
            pad_id=-1,
            max_sentence_length=65_536,
            minloglevel=2,
        )
    except (RuntimeError, OSError) as error:
        if "Vocabulary size too high" in str(error) or "too small" in str(error).lower():
            what = f"the text is too small for a vocabulary of {vocab:,}"
            raise InputError(
                f"--corpus {corpus.source}: {what}; write a smaller --vocab, or --tokenizer bytes"
            ) from None
        if "smaller than required_chars" in str(error):
            what = f"got {vocab}, too few for 256 bytes and the characters of the text"
            raise InputError(f"--vocab: {what}; write 512 or more, or --tokenizer bytes") from None
        raise
    return model.getvalue()


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts in groups of about as many characters each."""
    chunk: list[str] = []
    characters = 0
    for text in texts:
        chunk.append(text)
        characters += len(text)
        if characters >= _CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
