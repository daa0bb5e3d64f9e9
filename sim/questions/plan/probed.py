"""The time of a step of an option from a single short replay."""

from __future__ import annotations

from functools import cached_property

from ...simulation.results import Outcome
from ...simulation.run import outcomes
from .options import Option
from .step_time import COARSE, Array


class Probed:
    """The time of a step by one replay: what is not compute is in proportion to N, and the same for every B."""

    exact, margin = False, COARSE

    def __init__(self, option: Option, params: float, batch_tokens: float, rounds: int) -> None:
        steps = rounds * option.sync_every
        self._params, self._steps, self._option = params, steps, option
        self.outcome: Outcome = outcomes(option.scenario(params, batch_tokens, steps))[0]
        self.compute_s = 6 * params * batch_tokens / option.flop_per_s
        self.step_s = self.outcome.timeline.wall_clock_s / steps

    def seconds(self, params: Array, batch_tokens: Array) -> Array:
        """The time of a step [s]."""
        waits_s = max(0.0, self.step_s - self.compute_s)
        return 6 * params * batch_tokens / self._option.flop_per_s + waits_s * params / self._params

    @cached_property
    def crossing_bytes_per_param(self) -> float:
        """Bytes that a step sends between datacenters for each parameter [byte]."""
        return self.outcome.timeline.crossing_bytes / self._steps / self._params
