"""Exchanges along trees: a broadcast in shards, and an all-reduce over two binary trees as NCCL makes it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .collectives import Phase, Transfer


def double_tree(payload_bytes: float, order: Sequence[int]) -> list[Phase]:
    """A double binary tree: each of two trees sums half of the payload up to its root, and spreads it down again.

    The second tree mirrors the first one (or is shifted by one site, if their number is odd), so that a site inside one
    of them is a leaf of the other. Pieces follow each other without a gap, upwards and downwards at once, so that each
    edge is one transfer each way; the latency is paid for every edge from the deepest leaf to the root and back.

    Args:
      payload_bytes: S [byte].
      order: the members; the first is the root of the first tree.

    Source: Sanders, Speck and Traeff, Parallel Computing 35 (2009); the trees are those of NCCL (`src/graph/trees.cc`).
    Limits: the time in which the first piece fills the trees is their latency alone.
    """
    sites = len(order)
    edges = [(child, _parent(child, sites)) for child in range(1, sites)]
    if sites % 2:
        edges += [((child + 1) % sites, (parent + 1) % sites) for child, parent in edges]
    else:
        edges += [(sites - 1 - child, sites - 1 - parent) for child, parent in edges]
    both_ways = [way for child, parent in edges for way in ((child, parent), (parent, child))]
    transfers = tuple(Transfer(order[a], order[b], payload_bytes / 2) for a, b in both_ways)
    return [Phase(transfers, rounds=2 * _depth(sites))]


def double_tree_s(payload_bytes: float, sites: int, bandwidth_bits_per_s: float, latency_s: float) -> float:
    """S/W + 2 ceil(log2 M) e: some pair is in both trees, a link for each pair [s]."""
    return 8 * payload_bytes / bandwidth_bits_per_s + 2 * _depth(sites) * latency_s if sites > 1 else 0.0


def _parent(site: int, sites: int) -> int:
    """The parent in a binary tree whose leaves are the odd numbers, and whose root is 0."""
    bit = site & -site
    up = (site ^ bit) | (bit << 1)
    return up if up < sites else site ^ bit


def _depth(sites: int) -> int:
    return math.ceil(math.log2(sites))


def broadcast(payload_bytes: float, order: Sequence[int], shards: int, fan_out: int = 2) -> list[Phase]:
    """A broadcast along a tree, in shards: a site passes a shard on while it receives the next one.

    Args:
      payload_bytes: S [byte].
      order: the members: the first has the payload, and member n has the members n F + 1 to n F + F below it.
      shards: K, parts of equal size.
      fan_out: F, sites to which each passes a shard on.

    Limits: a shard is passed on when all of it is there, and all sites go on to the next one together.
    """
    below = [(order[(child - 1) // fan_out], order[child], _level(child, fan_out)) for child in range(1, len(order))]
    deepest = max((level for _, _, level in below), default=0)
    return [
        Phase(tuple(Transfer(a, b, payload_bytes / shards) for a, b, level in below if 0 <= turn - level + 1 < shards))
        for turn in range(shards + deepest - 1)
    ]


def broadcast_s(
    payload_bytes: float, sites: int, shards: int, bandwidth_bits_per_s: float, latency_s: float, fan_out: int = 2
) -> float:
    """(K + D - 1)(S/(K W) + e), D levels below the first site, a link for each pair [s]."""
    deepest = _level(sites - 1, fan_out)
    return (shards + deepest - 1) * (8 * payload_bytes / shards / bandwidth_bits_per_s + latency_s) if deepest else 0.0


def _level(member: int, fan_out: int) -> int:
    """How many edges a member is from the first one."""
    return 1 + _level((member - 1) // fan_out, fan_out) if member else 0
