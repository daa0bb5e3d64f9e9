"""How long a step of an option takes, for arrays of N and B: from its closed form, or from a few replays."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...simulation.run import outcomes, utilization
from ...topology.model import PUBLISHED
from .options import Option

Array = NDArray[np.float64]

_ROUNDS = 4
"""Synchronisations in the replay that counts bytes."""
COARSE = 1e-2
"""How far a loss from interpolated seconds may be off, relative."""
_BATCHES = 5
"""Batches at which an exchange behind compute is replayed; between them it is interpolated."""


class Pace:
    """Seconds of a step of one option in the long run.

    Compute is 6 N B over the flop/s of its chips. What an exchange adds is linear in N and does not depend on B where
    workers stand still for it, so two probes say all. Behind compute it is read from the closed form at every N and B;
    without one from replays at a few B, as everything but latencies is then proportional to N.

    Limits: without a closed form an exchange behind compute is an estimate between replays, and a link with a bucket is
    taken as full at the first exchange; `plan` replays what it chooses.
    """

    def __init__(self, option: Option, params: Array, batches: Array) -> None:
        self._option = option
        self._span = (float(params.min()), float(params.max()))
        self._batches = (float(batches.min()), float(batches.max()))

    def seconds(self, params: Array, batch_tokens: Array) -> Array:
        """Seconds of a step; arrays that broadcast [s]."""
        compute_s = 6 * params * batch_tokens / self._option.flop_per_s
        return compute_s + np.maximum(0.0, self._exposed_s(params, batch_tokens))

    @property
    def margin(self) -> float:
        """How much lower than its estimate a loss may be, relative.

        A closed form carries T/H as a real number and a replay makes whole rounds, so it is never too slow. An
        exchange that is made in another way at another size bends the line between two probes; what runs behind
        compute is interpolated.
        """
        if self.exact:
            return 1e-9
        buckets = any(link.burst_bytes for link in self._option.topology.links)
        return 1e-3 if self._option.strategy.blocking and not buckets else COARSE

    @cached_property
    def exact(self) -> bool:
        """Whether the closed form gives it."""
        option = self._option
        if len(option.sites) > 1 and option.topology.collective not in (PUBLISHED, "ideal"):
            return False
        scenario = option.scenario(self._span[0], self._batches[0], option.sync_every)
        return option.strategy.ideal_s(option.setting(scenario)) is not None

    @cached_property
    def crossing_bytes_per_param(self) -> float:
        """What a step sends between datacenters for each parameter, from a replay [byte]."""
        option = self._option
        if len(option.sites) == 1:
            return 0.0
        steps, params = _ROUNDS * option.sync_every, self._span[0]
        only = outcomes(option.scenario(params, self._batches[0], steps))[0]
        return only.timeline.crossing_bytes / steps / params

    def _exposed_s(self, params: Array, batch_tokens: Array) -> Array:
        if self._option.strategy.blocking:
            (low, one_s), (high, two_s) = self._blocking
            return one_s + (two_s - one_s) * (params - low) / (high - low)
        if self.exact:
            return np.vectorize(self._probe_s, otypes=[np.float64])(*np.broadcast_arrays(params, batch_tokens))  # type: ignore[no-any-return]
        middle, batches, exposed_s = self._behind
        return np.asarray(params / middle * np.interp(np.log(batch_tokens), batches, exposed_s))

    @cached_property
    def _blocking(self) -> tuple[tuple[float, float], ...]:
        """Two N, and what an exchange adds to a step at each."""
        low, high = self._span[0], max(self._span[1], 2 * self._span[0])
        return tuple((params, self._probe_s(params, self._batches[0])) for params in (low, high))

    @cached_property
    def _behind(self) -> tuple[float, Array, Array]:
        """An N, logarithms of some B, and what an exchange adds to a step at each."""
        middle = (self._span[0] * self._span[1]) ** 0.5
        batches = np.geomspace(*self._batches, _BATCHES)
        exposed_s = [self._probe_s(middle, float(batch)) for batch in batches]
        return middle, np.log(batches), np.asarray(exposed_s)

    def _probe_s(self, params: float, batch_tokens: float) -> float:
        """What a step takes besides its compute, at one N and B [s]."""
        option = self._option
        steps = option.sync_every
        scenario = option.scenario(float(params), float(batch_tokens), steps)
        compute_s = 6 * params * batch_tokens / option.flop_per_s
        if self.exact:
            whole_s = option.strategy.ideal_s(option.setting(scenario))
            assert whole_s is not None
            return whole_s / steps - compute_s
        if option.strategy.blocking:  # every period is like the first
            return outcomes(scenario)[0].timeline.wall_clock_s / steps - compute_s
        return compute_s / utilization(scenario) - compute_s
