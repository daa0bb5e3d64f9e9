"""The time of a step of an option, for arrays of N and B: from its closed form, or from a few replays."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...simulation.long_run import utilization
from ...simulation.run import outcomes
from ...topology.model import PUBLISHED
from .options import Option

Array = NDArray[np.float64]

_ROUNDS = 4
"""Synchronisations in the replay that counts bytes."""
COARSE = 1e-2
"""The largest relative error of a loss from an interpolated time of a step."""
_BATCHES = 5
"""Number of batches at which an exchange behind compute is replayed; between them its time is interpolated."""


class Pace:
    """The time of a step of one option in the steady state.

    Compute takes 6 N B over the flop/s of the chips. If workers stand still for an exchange, the time that it adds is
    linear in N and does not depend on B, so two evaluations determine it. If exchanges run behind compute, the closed
    form is evaluated at every N and B; without one, replays at a few B are interpolated and scaled with N, since all
    terms but latencies are then proportional to N.

    Limits: without a closed form the time of an exchange behind compute is interpolated, and a token bucket counts as
      full at the first exchange. `plan` replays the combinations that may be best.
    """

    def __init__(self, option: Option, params: Array, batches: Array) -> None:
        self._option = option
        self._span = (float(params.min()), float(params.max()))
        self._batches = (float(batches.min()), float(batches.max()))

    def seconds(self, params: Array, batch_tokens: Array) -> Array:
        """The time of a step; the arrays are broadcast [s]."""
        compute_s = 6 * params * batch_tokens / self._option.flop_per_s
        return compute_s + np.maximum(0.0, self._exposed_s(params, batch_tokens))

    @property
    def margin(self) -> float:
        """By how much a loss may be lower than its estimate, relative.

        A closed form takes T/H as a real number and a replay makes whole rounds, so a closed form never overestimates
        the time. An exchange whose algorithm changes with its size is not linear in N; and the time of exchanges
        behind compute is interpolated.
        """
        if self.exact:
            return 1e-9
        buckets = any(link.burst_bytes for link in self._option.topology.links)
        return 1e-3 if self._option.strategy.blocking and not buckets else COARSE

    @cached_property
    def exact(self) -> bool:
        """Whether the time of a step comes from a closed form."""
        option = self._option
        if len(option.sites) > 1 and option.topology.collective not in (PUBLISHED, "ideal"):
            return False
        scenario = option.scenario(self._span[0], self._batches[0], option.sync_every)
        return option.strategy.ideal_s(option.setting(scenario)) is not None

    @cached_property
    def crossing_bytes_per_param(self) -> float:
        """Bytes that a step sends between datacenters for each parameter, from a replay [byte]."""
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
        """Two values of N, each with the time that exchanges add to a step [s]."""
        low, high = self._span[0], max(self._span[1], 2 * self._span[0])
        return tuple((params, self._probe_s(params, self._batches[0])) for params in (low, high))

    @cached_property
    def _behind(self) -> tuple[float, Array, Array]:
        """An N, logarithms of some B, and the time that exchanges add to a step at each [s]."""
        middle = (self._span[0] * self._span[1]) ** 0.5
        batches = np.geomspace(*self._batches, _BATCHES)
        exposed_s = [self._probe_s(middle, float(batch)) for batch in batches]
        return middle, np.log(batches), np.asarray(exposed_s)

    def _probe_s(self, params: float, batch_tokens: float) -> float:
        """The time of a step beyond its compute, at one N and B [s]."""
        option = self._option
        steps = option.sync_every
        scenario = option.scenario(float(params), float(batch_tokens), steps)
        compute_s = 6 * params * batch_tokens / option.flop_per_s
        if self.exact:
            whole_s = option.strategy.ideal_s(option.setting(scenario))
            assert whole_s is not None
            return whole_s / steps - compute_s
        if option.strategy.blocking:  # every period takes as long as the first
            return outcomes(scenario)[0].timeline.wall_clock_s / steps - compute_s
        return compute_s / utilization(scenario) - compute_s
