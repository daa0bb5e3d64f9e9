"""The costs of inner and outer steps in seconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from ..parallel.mesh import REPLICA_AXIS, ready
from ..parallel.processes import gathered


@dataclass(frozen=True)
class InnerCost:
    """The cost of an inner step, as measured by one process or by all (`seen_by_all`).

    Attributes:
      compute_s: gradients and update of each replica [s]; 0 if this process has no part of the replica.
      exchange_s: the exchange of gradients of the slowest lane [s]; None without an exchange.
      losses: cross-entropy of each replica before the step [nats per token]; NaN if this process has no part of it.
      whole_s: the whole step of each replica on one clock, with its exchange [s]; None if nothing ran.
      seen: number of data-parallel devices of each replica over which its loss is the mean, 0 for one that took no
        step; empty if all of all replicas are there.
    """

    compute_s: list[float]
    exchange_s: float | None
    losses: list[float]
    whole_s: Sequence[float | None]
    seen: Sequence[int] = ()

    @property
    def here(self) -> list[int]:
        """The replicas of which there is something."""
        return [replica for replica in range(len(self.losses)) if not self.seen or self.seen[replica]]

    @property
    def loss(self) -> float:
        """Mean loss of these [nats per token]."""
        return statistics.fmean(self.losses[replica] for replica in self.here)


def seen_by_all(costs: Sequence[InnerCost]) -> list[InnerCost]:
    """The costs of some steps over all processes: the longest time of any process, and the mean loss.

    All processes wait for each other here, so it is called only where they do so anyway. Else the recording would make
    replicas that train by themselves wait at every step.

    Args:
      costs: of the same steps in every process.
    """
    if jax.process_count() == 1 or not costs:
        return list(costs)
    tables = [(cost.compute_s, cost.whole_s, np.nan_to_num(cost.losses) * cost.seen, cost.seen) for cost in costs]
    exchange_s_S = np.array([cost.exchange_s or 0.0 for cost in costs])
    every_PxSx4xM = gathered(np.array(tables, np.float64))
    slowest_Sx4xM, sums_Sx4xM = every_PxSx4xM.max(axis=0), every_PxSx4xM.sum(axis=0)
    slowest_exchange_S = gathered(exchange_s_S).max(axis=0)
    return [
        InnerCost(
            compute_s=slowest_Sx4xM[step, 0].tolist(),
            exchange_s=None if cost.exchange_s is None else float(slowest_exchange_S[step]),
            losses=(sums_Sx4xM[step, 2] / sums_Sx4xM[step, 3]).tolist(),
            whole_s=slowest_Sx4xM[step, 1].tolist(),
        )
        for step, cost in enumerate(costs)
    ]


@dataclass(frozen=True)
class OuterCost:
    """The cost of a fragment's outer step, or of one half of it: the exchange, or the use of its result.

    Attributes:
      fragment: its number.
      sent: whether the exchange belongs to it.
      compute_s: arithmetic of the change and the update [s].
      exchange_s: the exchange between replicas [s]; None without one.
      whole_s: all of it on one clock [s].
      group_size: replicas that exchanged with each other, where these are not all; else None.
      joined: replicas whose changes a merge was made of; None if it is no merge by a syncer.
    """

    fragment: int
    sent: bool
    compute_s: float
    exchange_s: float | None
    whole_s: float
    group_size: int | None = None
    joined: int | None = None


def paired(costs: list[OuterCost]) -> list[OuterCost]:
    """Joins a fragment's exchange and the use of its result if they follow each other directly."""
    joined: list[OuterCost] = []
    for cost in costs:
        before = joined[-1] if joined else None
        if before and before.sent and not cost.sent and before.fragment == cost.fragment:
            joined[-1] = replace(
                before, compute_s=before.compute_s + cost.compute_s, whole_s=before.whole_s + cost.whole_s
            )
        else:
            joined.append(cost)
    return joined


def seconds_to_ready(mesh: Mesh, results: Any, begin: float) -> dict[int, float]:
    """Waits for one replica after the other; the time from `begin` until the results of each are ready [s]."""
    if mesh.shape[REPLICA_AXIS] == 1:
        ready(results)
        return {0: time.perf_counter() - begin}
    shards = [{shard.device: shard.data for shard in leaf.addressable_shards} for leaf in jax.tree.leaves(results)]
    seconds = {}
    for row, devices in enumerate(mesh.devices):
        here = [leaf[device] for leaf in shards for device in devices.flat if device in leaf]
        if here:
            ready(here)
            seconds[row] = time.perf_counter() - begin
    return seconds
