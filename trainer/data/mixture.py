"""Batches over several corpora, each with its share of the sequences.

Which corpus the n-th sequence of a run comes from depends on n and the shares alone, and its place in that corpus on
how many before it came from there; both have a closed form, so that a run resumes at any step without the state of a
reader, like one of a single corpus (`batches`).

Source: Tijdeman, "The chairman assignment problem", Discrete Mathematics 32 (1980), for the order within a period.
Limits: shares are whole ten-thousandths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError

from .batches import Batches

PERIOD = 10_000
"""Sequences after which the order of the corpora repeats; in each of these periods every share is exact."""
_SHIFTS = 1
"""Tells the seeds of the shifts within batches from those of the epochs' orders."""


def shares_of(weights: Mapping[str, float]) -> dict[str, int]:
    """The sequences of each corpus in a period, by largest remainders, so that they sum to `PERIOD`.

    Args:
      weights: by corpus, at least 0, one of them above it.

    Raises:
      InputError: a weight above 0 is too small for one sequence in a period.
    """
    total = sum(weights.values())
    exact = {name: PERIOD * weight / total for name, weight in weights.items()}
    counts = {name: int(share) for name, share in exact.items()}
    left = PERIOD - sum(counts.values())
    for name in sorted(exact, key=lambda name: (counts[name] - exact[name], name))[:left]:
        counts[name] += 1
    for name, weight in weights.items():
        if weight > 0 and counts[name] == 0:
            raise InputError(
                f"--corpus {name}: {weight:g} of {total:g} is less than a share of 1/{PERIOD:,}; write more, or 0 to "
                "evaluate on it without training"
            )
    return counts


def order_of(counts: Sequence[int]) -> NDArray[np.int64]:
    """The corpora of a period, one for each sequence, spread as evenly as they can be.

    After any number n of sequences the count of each corpus differs from its share of n by at most 1 - 1/(2 K - 2) for
    K corpora. The next one is, of those whose lag is at least 1/(2 K - 2), the one whose lag reaches its limit first.

    Args:
      counts: sequences of each corpus in a period, at least 1 each.
    """
    period, corpora = sum(counts), len(counts)
    if corpora == 1:
        return np.zeros(period, np.int64)
    scale = 2 * corpora - 2  # whole numbers: lags times the period and this
    share_K = np.array(counts, np.int64)
    taken_K = np.zeros(corpora, np.int64)
    order_N = np.empty(period, np.int64)
    for place in range(period):
        lag_K = scale * (share_K * (place + 1) - period * taken_K)
        until_K = np.where(lag_K >= period, ((scale - 1) * period - lag_K) / share_K, np.inf)
        order_N[place] = np.argmin(until_K)
        taken_K[order_N[place]] += 1
    return order_N


class MixedBatches:
    """An endless stream of batches over several corpora.

    Each corpus is read in the order of a run on it alone. After any number of steps it has given its share of all
    sequences, to within one sequence. Within a batch the sequences are shifted by a random number, so that no device
    gets one corpus again and again: a device has its share in expectation, and in a step less than four sequences more
    or fewer.

    Args:
      streams: the corpora, by themselves.
      counts: sequences of each in a period, at least 1 each.
      devices: devices G of the mesh, replica by replica.
      sequences: sequences B of a device in a step.
      seed: decides the shifts.
    """

    def __init__(
        self, streams: Sequence[Batches], counts: Sequence[int], *, devices: int, sequences: int, seed: int
    ) -> None:
        self._streams, self._counts = streams, np.array(counts, np.int64)
        self._devices, self._sequences, self._seed = devices, sequences, seed
        self._order_N = order_of(counts)
        one_hot_NxK = self._order_N[:, None] == np.arange(len(counts))
        self._before_N = (np.cumsum(one_hot_NxK, axis=0) - one_hot_NxK)[np.arange(len(self._order_N)), self._order_N]

    def __call__(self, step: int) -> NDArray[np.int32]:
        """The batch of one step: token ids, G x B x (L + 1). See `Batches`."""
        return self.rows(step, range(self._devices))

    def rows(self, step: int, devices: Sequence[int]) -> NDArray[np.int32]:
        """The rows of some devices in the batch of a step; only these are read. See `Batches.rows`."""
        corpus_GxB, place_GxB = self.places(step, devices)
        found = [stream.sequences_at(place_GxB[corpus_GxB == k]) for k, stream in enumerate(self._streams)]
        rows_GxBxL = np.empty((*corpus_GxB.shape, found[0].shape[-1]), np.int32)
        for k, rows in enumerate(found):
            rows_GxBxL[corpus_GxB == k] = rows
        return rows_GxBxL

    def places(self, step: int, devices: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the rows of some devices come from: the number of the corpus, and that in its stream, each G x B."""
        whole = self._devices * self._sequences
        shift = int(np.random.SeedSequence((self._seed, _SHIFTS, step)).generate_state(1, np.uint64)[0] % whole)
        place_GxB = np.array(devices, np.int64)[:, None] * self._sequences + np.arange(self._sequences)
        number_GxB = (step - 1) * whole + (place_GxB + shift) % whole
        period_GxB, within_GxB = np.divmod(number_GxB, len(self._order_N))
        corpus_GxB = self._order_N[within_GxB]
        return corpus_GxB, period_GxB * self._counts[corpus_GxB] + self._before_N[within_GxB]
