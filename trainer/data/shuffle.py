"""Random orders of which single entries can be computed, without drawing the whole order first.

An epoch of a large corpus has 10^8 sequences and more; every host would have to draw their order as an array at every
start. Here each entry is computed: a Feistel network with keyed mixing permutes the numbers below a power of four, and
is applied again to a result that is not below the count ("cycle walking").

Source: Black and Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002; the mixing is the finaliser of
SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
Limits: a shuffle, not a cipher; for counts of a few dozen not every order can occur.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 8


def shuffled(places: NDArray[np.int64], count: int, seed: tuple[int, ...]) -> NDArray[np.int64]:
    """The items at some places of a random order of `count` items.

    Args:
      places: numbers from 0 to count - 1, of any shape.
      count: items in the order.
      seed: decides the order.

    Returns:
      For each place its item, from 0 to count - 1; all places together give each item once.
    """
    keys = np.asarray(np.random.SeedSequence(seed).generate_state(_ROUNDS, np.uint64), np.uint64)
    half_bits = max(1, ((count - 1).bit_length() + 1) // 2)
    items = _network(places.astype(np.uint64), half_bits, keys)
    while True:
        outside = items >= np.uint64(count)
        if not outside.any():
            return items.astype(np.int64)
        items[outside] = _network(items[outside], half_bits, keys)


def _network(values: NDArray[np.uint64], half_bits: int, keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    bits, mask = np.uint64(half_bits), np.uint64((1 << half_bits) - 1)
    left, right = values >> bits, values & mask
    for key in keys:
        left, right = right, left ^ (_mixed(right ^ key) & mask)
    return (left << bits) | right


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A hash in which every bit depends on every bit of the value; products are taken modulo 2^64."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
