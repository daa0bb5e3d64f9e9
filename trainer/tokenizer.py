"""Text to tokens: single bytes, or subwords trained on the corpus itself.

Both are lossless: decoding gives the text back.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError

from .cache import cached
from .config import BYTE_VOCAB
from .corpus import Corpus

_TRAINER_VERSION = 1
_ENCODE_DOCUMENTS = 500
_END_OF_DOCUMENT = 1


class Tokenizer(Protocol):
    """Text to token ids and back."""

    @property
    def name(self) -> str:
        """The tokenizer in a few words."""

    @property
    def digest(self) -> str:
        """Hash of everything that decides which tokens a text becomes."""

    def encode(self, documents: Iterable[str]) -> NDArray[np.uint32]:
        """All documents as one row of token ids, an end-of-document token behind each."""

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of token ids; end-of-document tokens are left out."""


class ByteTokenizer:
    """256 byte values and an end-of-document token."""

    name = f"bytes ({BYTE_VOCAB} tokens)"
    digest = "bytes-1"

    def encode(self, documents: Iterable[str]) -> NDArray[np.uint32]:
        """See `Tokenizer.encode`."""
        end = np.array([BYTE_VOCAB - 1], np.uint32)
        parts: list[NDArray[np.uint32]] = [np.zeros(0, np.uint32)]
        for document in documents:
            parts += [np.frombuffer(document.encode("utf-8", "replace"), np.uint8).astype(np.uint32), end]
        return np.concatenate(parts)

    def decode(self, tokens: Sequence[int]) -> str:
        """See `Tokenizer.decode`."""
        return bytes(token for token in tokens if token < BYTE_VOCAB - 1).decode("utf-8", "replace")


class SubwordTokenizer:
    """Byte-pair encoding with byte fallback, as sentencepiece trains it.

    Args:
      model: a serialised sentencepiece model.
    """

    def __init__(self, model: bytes) -> None:
        from sentencepiece import SentencePieceProcessor

        self._pieces: Any = SentencePieceProcessor(model_proto=model)
        self.digest = hashlib.sha256(model).hexdigest()
        self.name = f"sentencepiece BPE ({self._pieces.get_piece_size()} tokens, trained on the text)"

    def encode(self, documents: Iterable[str]) -> NDArray[np.uint32]:
        """See `Tokenizer.encode`."""
        parts: list[NDArray[np.uint32]] = [np.zeros(0, np.uint32)]
        for chunk in _chunks(documents):
            encoded = self._pieces.encode([line for line, _ in chunk])
            for ids, (_, last_line) in zip(encoded, chunk, strict=True):
                parts.append(np.array([*ids, _END_OF_DOCUMENT] if last_line else ids, np.uint32))
        return np.concatenate(parts)

    def decode(self, tokens: Sequence[int]) -> str:
        """See `Tokenizer.decode`."""
        return str(self._pieces.decode([int(token) for token in tokens if token != _END_OF_DOCUMENT]))


def load_tokenizer(kind: Literal["bpe", "bytes"], vocab: int, corpus: Corpus) -> Tokenizer:
    """The tokenizer of a run; a subword one is trained on the corpus once and cached by its content.

    Args:
      kind: `bytes` or `bpe`.
      vocab: tokens of the model's vocabulary.
      corpus: the text.

    Raises:
      InputError: the text cannot fill the vocabulary, or the vocabulary cannot hold its characters.
    """
    if kind == "bytes":
        return ByteTokenizer()
    key = hashlib.sha256(f"{_TRAINER_VERSION} {vocab} {corpus.digest}".encode()).hexdigest()[:16]
    return SubwordTokenizer(cached(f"tokenizer-{key}.model", lambda: _train(vocab, corpus)))


def _train(vocab: int, corpus: Corpus) -> bytes:
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=(line for document in corpus.documents for line in document.splitlines() if line),
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
        if "Vocabulary size too high" in str(error) or "too small" in str(error).lower() or not corpus.characters:
            what = f"{corpus.characters:,} characters of text are too few for a vocabulary of {vocab:,}"
            raise InputError(
                f"--corpus {corpus.source}: {what}; write a smaller --vocab, or --tokenizer bytes"
            ) from None
        if "smaller than required_chars" in str(error):
            what = f"got {vocab}, which cannot hold 256 bytes and the characters of the text"
            raise InputError(f"--vocab: {what}; write 512 or more, or --tokenizer bytes") from None
        raise
    return model.getvalue()


def _chunks(documents: Iterable[str]) -> Iterator[list[tuple[str, bool]]]:
    """Lines with a mark on the last one of each document, some documents at a time."""
    chunk: list[tuple[str, bool]] = []
    for number, document in enumerate(documents, 1):
        lines = document.splitlines(keepends=True) or [""]
        chunk += [(line, index == len(lines) - 1) for index, line in enumerate(lines)]
        if number % _ENCODE_DOCUMENTS == 0:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
