"""Batches of token sequences: packed without padding, shuffled by the seed, one part for each device.

The sequences of a device in a step depend only on the seed, the step and the device's number. So a run can resume at
any step without the state of a reader, each host reads only its own rows, and Data-Parallel and DiLoCo with the same
global batch train on the same tokens in the same step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.units.in_words import human_count

from ..config.run import TrainConfig
from .corpus import load_corpus
from .held_out import split_of
from .shuffle import shuffled
from .token_store import Row, Share, tokenize
from .tokenizers import Tokenizer, load_tokenizer

Rows: TypeAlias = Callable[[int, Sequence[int]], NDArray[np.int32]]
"""(step from 1, numbers of devices) -> the rows of those devices in the step's batch, devices x B x (L + 1)."""


class Batches:
    """An endless stream of batches over a row of tokens.

    The row is cut into N sequences of L + 1 tokens. The stream consists of epochs, each in its own random order; step s
    takes the G x B sequences of the stream that begin with number (s - 1) G B, B for each device.

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
        self, tokens: Row, *, devices: int, sequences: int, sequence_length: int, seed: int, source: str
    ) -> None:
        self.tokens = tokens
        self._span = sequence_length + 1
        self._devices, self._sequences, self._seed = devices, sequences, seed
        self.sequences_in_epoch = len(tokens) // self._span
        wanted = devices * sequences
        if self.sequences_in_epoch < wanted:
            raise InputError(
                f"--corpus {source}: {len(tokens):,} tokens are too few for a batch of {wanted} sequences of "
                f"{self._span:,}; give more text, or smaller --sequences or --sequence-length"
            )

    def __call__(self, step: int) -> NDArray[np.int32]:
        """The batch of one step.

        Args:
          step: inner step, from 1.

        Returns:
          Token ids, G x B x (L + 1).
        """
        return self.rows(step, range(self._devices))

    def rows(self, step: int, devices: Sequence[int]) -> NDArray[np.int32]:
        """The rows of some devices in the batch of a step; only these are read.

        Args:
          step: inner step, from 1.
          devices: numbers of devices, from 0, replica by replica.

        Returns:
          Token ids, devices x B x (L + 1).
        """
        first_G = ((step - 1) * self._devices + np.array(devices, np.int64)) * self._sequences
        number_GxB = first_G[:, None] + np.arange(self._sequences)
        epoch_GxB, place_GxB = np.divmod(number_GxB, self.sequences_in_epoch)
        index_GxB = np.empty_like(place_GxB)
        for epoch in np.unique(epoch_GxB):
            here = epoch_GxB == epoch
            index_GxB[here] = shuffled(place_GxB[here], self.sequences_in_epoch, (self._seed, int(epoch)))
        rows_GxBxL = np.empty((*index_GxB.shape, self._span), np.int32)
        for where, index in np.ndenumerate(index_GxB):
            rows_GxBxL[where] = self.tokens[int(index) * self._span : (int(index) + 1) * self._span]
        return rows_GxBxL

    def epochs(self, steps: int) -> float:
        """Number of epochs in so many steps."""
        return steps * self._devices * self._sequences / self.sequences_in_epoch


@dataclass(frozen=True)
class Data:
    """The text of a run, ready to train on and to evaluate with.

    Attributes:
      batches: the training batches.
      held_out: documents that are kept out of training.
      tokenizer: the tokenizer of both.
      description: source, sizes and tokenizer, in one line.
      fingerprint: hash of the text, the split and the tokenizer, hexadecimal. Hosts with different fingerprints, or a
        run that resumes with another one, would train on other batches.
    """

    batches: Batches
    held_out: Share
    tokenizer: Tokenizer
    description: str
    fingerprint: str


def load_data(config: TrainConfig) -> Data:
    """Finds the text of a run, splits and tokenizes it (cached by content) and cuts it into batches.

    Args:
      config: corpus, tokenizer, vocabulary, batch, seed and held-out fraction.

    Raises:
      InputError: the text is missing, wrong, or too small.
    """
    corpus = load_corpus(config.corpus)
    split = split_of(corpus, config.held_out)
    tokenizer = load_tokenizer(config.tokenizer, config.model.vocab, corpus, split)
    text = tokenize(corpus, tokenizer, split)
    batches = Batches(
        text.train.tokens,
        devices=config.devices,
        sequences=config.sequences,
        sequence_length=config.sequence_length,
        seed=config.seed,
        source=corpus.source,
    )
    parts = [
        f"{corpus.source}: {_share(text.train)}, {batches.epochs(config.steps):.3g} epochs",
        f"held out: {_share(text.held_out)}",
        tokenizer.name,
        f"sha256 {corpus.digest[:12]}",
    ]
    made_of = f"{corpus.digest} {split.fraction!r} {tokenizer.digest}"
    fingerprint = hashlib.sha256(made_of.encode()).hexdigest()
    return Data(batches, text.held_out, tokenizer, "; ".join(parts), fingerprint)


def rows_of(batch: Callable[[int], NDArray[np.int32]]) -> Rows:
    """Rows from a function that makes the whole batch of a step."""
    return lambda step, devices: batch(step)[list(devices)]


def windows(tokens: Row, sequence_length: int, batch: int) -> Iterator[NDArray[np.int32]]:
    """Cuts a row into sequences in which every token but the first is predicted once, in order.

    Args:
      tokens: the row; a rest at its end that is shorter than a sequence is not used.
      sequence_length: tokens L that are predicted in a sequence.
      batch: sequences B at a time.

    Yields:
      Token ids, B x (L + 1); the last batch may have fewer sequences.
    """
    count = max(len(tokens) - 1, 0) // sequence_length
    starts = np.arange(count) * sequence_length
    for first in range(0, count, batch):
        yield np.stack([tokens[start : start + sequence_length + 1] for start in starts[first : first + batch]]).astype(
            np.int32
        )


def _share(share: Share) -> str:
    return (
        f"{human_count(share.documents)} documents, {human_count(share.text_bytes)} bytes, "
        f"{human_count(len(share.tokens))} tokens"
    )
