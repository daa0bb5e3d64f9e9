"""The section `sweep` of a scenario file: what is varied, and what each point answers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ..documents.validation import Frozen

MOST_POINTS = 10_000_000
"""The most points of a sweep: some days on a hundred cores."""
Method = Literal["random", "sobol", "halton"]
Answer = Literal["run", "bandwidth", "budget", "plan"]


class Draw(Frozen):
    """Values to draw from distributions."""

    count: int = Field(gt=0, le=MOST_POINTS, examples=[1000])
    """How many draws, each of them a point (of every combination of `grid` and `zip`, if there are any)."""
    seed: int = Field(default=0, ge=0, le=2**53)
    """Of the draws: the same one gives the same points."""
    method: Method = "sobol"
    """`sobol` or `halton`: scrambled sequences that leave no gaps; `random`: independent draws."""
    of: dict[str, Any] = Field(alias="from", examples=[{"bandwidth_across": {"log-uniform": [1, 100]}}])
    """A distribution for each key: `uniform`, `log-uniform`, `normal`, `lognormal`, `choice` or `integers`."""


class Section(Frozen):
    """What is varied; where several of `grid`, `zip` and `draw` are given, all their combinations are points."""

    grid: dict[str, Any] = Field(default_factory=dict, examples=[{"sync_every": [10, 30, 100]}])
    """Values of keys, of which all combinations are points: a list, or `1:100:log:20`."""
    zip: dict[str, Any] = Field(default_factory=dict, examples=[{"params": ["1B", "10B"], "chips": [256, 1024]}])
    """Lists of equal length, whose first values are a point, their second ones the next."""
    draw: Draw | None = None
    """Values that are drawn."""
    answer: Answer | None = None
    """What each point answers; default: `run`."""
