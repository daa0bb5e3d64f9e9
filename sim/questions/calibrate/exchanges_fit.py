"""How long exchanges take on a topology, and which overhead and bandwidth fit measured ones best."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import starmap
from typing import TYPE_CHECKING

from ...network.over_links import LinkNetwork
from ...network.placement import Placement
from ...topology.model import Topology

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    Times = Callable[[float], Floats]

NEAR = 0.02
"""Relative error beyond which one counts nearly linearly: a slow outlier bends the fit little [-]."""
WIDTH = 4.0
"""The refits know the network for shares within this factor of the best one."""
_GRID = 21


def scaled(topology: Topology, factor: float) -> Topology:
    """The topology, all of whose links have a factor more bandwidth."""
    return topology.replaced(links=tuple(link.with_bandwidth(lambda bits: bits * factor) for link in topology.links))


def idle_seconds(topology: Topology, asked: Sequence[tuple[float, int | None, int | None]]) -> list[float]:
    """How long all-reduces take on idle links, by size, members and streams [s]."""
    by_streams: dict[int | None, Topology] = {None: topology}
    for _, _, streams in asked:
        if streams not in by_streams:
            by_streams[streams] = topology.replaced(transport=topology.transport.replaced(streams=streams))

    def taken(size_bytes: float, members: int | None, streams: int | None) -> float:
        there = by_streams[streams]
        sites = tuple(site.name for site in there.datacenters[:members])
        network = LinkNetwork(Placement(there, sites, (1.0,) * len(sites)), there.collective)
        return network.trip(network.plan(tuple(range(len(sites))), size_bytes)[1]).across_s

    return list(starmap(taken, asked))


def times_near(bare: Topology, factor: float, wanted: Sequence[tuple[float, int | None, int | None]]) -> Times:
    """The times without overhead by a factor near the best one: linear in 1/factor between points of a grid.

    Without caps of a flow an exchange by one algorithm takes latency + bytes/bandwidth, for which this is exact.
    """
    import numpy as np

    inverse = np.sort(np.append(np.geomspace(1 / WIDTH, WIDTH, _GRID - 1), 1.0)) / factor
    times = np.array([idle_seconds(scaled(bare, float(1 / each)), wanted) for each in inverse])
    slopes = np.diff(times, axis=0) / np.diff(inverse)[:, None]

    def near(share: float) -> Floats:
        place = int(np.clip(np.searchsorted(inverse, 1 / share) - 1, 0, len(slopes) - 1))
        found: Floats = times[place] + slopes[place] * (1 / share - inverse[place])
        return found

    return near


def best_fit(
    seconds: Times, measured: Floats, start: tuple[float, float], overhead_s: float | None = None
) -> tuple[float, float]:
    """Overhead [s] and factor of least relative errors, those beyond `NEAR` nearly linear.

    Args:
      seconds: modelled times without overhead, by the factor, shape (rows,) [s].
      measured: times, shape (rows,) [s].
      start: where to begin.
      overhead_s: known, and not fitted; None: fitted too [s].
    """
    import numpy as np
    from scipy.optimize import least_squares

    unit = float(np.min(measured))  # no overhead is longer than the shortest exchange, by much
    known = [] if overhead_s is None else [overhead_s / unit]

    def errors(at: Floats) -> Floats:
        overhead, log_factor = (*known, *map(float, at))
        modelled = overhead * unit + seconds(float(np.exp(log_factor)))
        found: Floats = np.log(np.maximum(modelled, 1e-15) / measured)
        return found

    first = len(known)
    found = least_squares(
        errors,
        (min(max(start[0] / unit, 1e-6), 1.9), math.log(start[1]))[first:],
        bounds=([0.0, -20.0][first:], [2.0, 20.0][first:]),
        loss="soft_l1",
        f_scale=NEAR,
        xtol=1e-14,
        ftol=1e-14,
        gtol=1e-14,
        max_nfev=200,
    )
    overhead, log_factor = (*known, *map(float, found.x))
    return float(overhead) * unit, math.exp(float(log_factor))


def middle(values: Sequence[float]) -> tuple[float, float]:
    """The middle 95% of some values."""
    import numpy as np

    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)
