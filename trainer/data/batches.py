"""Batches of token sequences: packed without padding, shuffled by the seed, one part for each device.

The sequences of a device in a step depend only on the seed, the step and the device's number. So a run can resume at
any step without the state of a reader, each host reads only its own rows, and Data-Parallel and DiLoCo with the same
global batch train on the same tokens in the same step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError

from .shuffle import shuffled
from .token_store import Row

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
        return self.sequences_at(first_G[:, None] + np.arange(self._sequences))

    def sequences_at(self, number_N: NDArray[np.int64]) -> NDArray[np.int32]:
        """Sequences by their numbers in the stream; only these are read.

        Args:
          number_N: numbers from 0, of any shape.

        Returns:
          Token ids, N x (L + 1).
        """
        epoch_N, place_N = np.divmod(number_N, self.sequences_in_epoch)
        index_N = np.empty_like(place_N)
        for epoch in np.unique(epoch_N):
            here = epoch_N == epoch
            index_N[here] = shuffled(place_N[here], self.sequences_in_epoch, (self._seed, int(epoch)))
        rows_NxL = np.empty((*index_N.shape, self._span), np.int32)
        for where, index in np.ndenumerate(index_N):
            rows_NxL[where] = self.tokens[int(index) * self._span : (int(index) + 1) * self._span]
        return rows_NxL

    def epochs(self, steps: int) -> float:
        """Number of epochs in so many steps."""
        return steps * self._devices * self._sequences / self.sequences_in_epoch


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
