"""Batches of token sequences: packed without padding, shuffled by the seed, a part for each device.

The batch of a step depends on nothing but the seed, the step and the global batch size, so Data-Parallel and DiLoCo
at the same global batch see the same tokens in the same step, and a run can start again at any step.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.units import human_count

from .cache import cached
from .config import TrainConfig
from .corpus import Corpus, load_corpus
from .tokenizer import ByteTokenizer, Tokenizer, load_tokenizer


class Batches:
    """An endless stream of batches over a row of tokens.

    The row is cut into sequences of L + 1 tokens. Every epoch has an order of its own; what is left at its end and is
    smaller than a batch is not used in it.

    Args:
      tokens: token ids, end-of-document tokens among them.
      devices: devices G of the mesh, replica by replica.
      sequences: sequences B of a device in a step.
      sequence_length: tokens L that are predicted in a sequence.
      seed: decides the order.
      source: the text's name, for messages.

    Raises:
      InputError: the text is too small for one batch.
    """

    def __init__(
        self, tokens: NDArray[np.uint32], *, devices: int, sequences: int, sequence_length: int, seed: int, source: str
    ) -> None:
        span = sequence_length + 1
        count = len(tokens) // span
        wanted = devices * sequences
        if count < wanted:
            raise InputError(
                f"--corpus {source}: {len(tokens):,} tokens are too few for a batch of {wanted} sequences of {span:,}; "
                "give more text, or smaller --sequences or --sequence-length"
            )
        self._sequences_NxL = tokens[: count * span].reshape(count, span)
        self._shape = (devices, sequences, span)
        self._seed = seed
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.zeros(0, np.int64))

    def __call__(self, step: int) -> NDArray[np.int32]:
        """The batch of one step.

        Args:
          step: inner step, from 1.

        Returns:
          Token ids, G x B x (L + 1).
        """
        devices, sequences, _ = self._shape
        size = devices * sequences
        epoch, position = divmod(step - 1, len(self._sequences_NxL) // size)
        if self._order[0] != epoch:
            order = np.random.default_rng([self._seed, epoch]).permutation(len(self._sequences_NxL))
            self._order = (epoch, order)
        rows = self._order[1][position * size : (position + 1) * size]
        return self._sequences_NxL[rows].reshape(self._shape).astype(np.int32)


def load_batches(config: TrainConfig) -> tuple[Batches, str]:
    """Reads the text of a run, tokenizes it (cached by content) and cuts it into batches.

    Args:
      config: corpus, tokenizer, vocabulary, batch and seed.

    Returns:
      The batches, and a line that says what they are made of.
    """
    corpus = load_corpus(config.corpus)
    tokenizer = load_tokenizer(config.tokenizer, config.model.vocab, corpus)
    tokens = _tokens(tokenizer, corpus)
    batches = Batches(
        tokens,
        devices=config.devices,
        sequences=config.sequences,
        sequence_length=config.sequence_length,
        seed=config.seed,
        source=corpus.source,
    )
    size = f"{human_count(corpus.characters)} characters, {human_count(len(tokens))} tokens"
    return batches, f"{corpus.source}: {size}, {tokenizer.name}, sha256 {corpus.digest[:12]}"


def _tokens(tokenizer: Tokenizer, corpus: Corpus) -> NDArray[np.uint32]:
    if isinstance(tokenizer, ByteTokenizer):  # quicker made than read
        return tokenizer.encode(corpus.documents)
    key = hashlib.sha256(f"{tokenizer.digest} {corpus.digest}".encode()).hexdigest()[:16]
    return np.frombuffer(cached(f"tokens-{key}.u32", lambda: tokenizer.encode(corpus.documents).tobytes()), np.uint32)
