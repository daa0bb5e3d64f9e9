"""The section `failures` of a scenario file: what breaks, how long it takes to mend, and what a run does about it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, Self

from pydantic import Field, model_validator

from ..documents.validation import Frozen, Name
from ..errors import InputError
from ..units.quantities import MOST_CHIPS, Chips, Duration, Latency, Moment

Policy = Literal["restart", "elastic", "leave-out", "own-pace"]


class Part(Frozen):
    """A kind of part that fails at random, each by itself, in every site or in one."""

    what: Literal["chip", "host", "site", "reach"] = Field(examples=["host"])
    """`chip`, `host`: their chips stand still; `site`: all of a site do; `reach`: nobody reaches the site, but its
    chips go on."""
    site: Name | None = None
    """The only site in which there are such parts; null: every one."""
    chips: Chips | None = Field(default=None, examples=[8])
    """Chips of one such part: of a host; of a chip 1 unless more stop with it (a slice)."""
    mtbf_s: Duration = Field(alias="mtbf", examples=["5 years"])
    """Mean time between failures of one such part, while it works [s]."""
    shape: float = Field(default=1.0, ge=0.1, le=20, strict=True, examples=[0.7])
    """Shape of the Weibull distribution of that time; 1: exponential; less: new ones fail more; more: they wear out."""
    repair_s: Duration = Field(alias="repair", examples=["4 h"])
    """Mean time until it works again [s]."""
    repair_spread: Literal["fixed", "exponential"] = "fixed"
    """Whether every repair takes that time, or it is drawn."""
    speed: float = Field(default=0.0, ge=0, lt=1, strict=True, examples=[0.6])
    """What is left of the speed of its chips meanwhile; 0: they stand still [-]."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.what == "host" and self.chips is None:
            raise InputError("a host needs its chips; write chips: 8")
        if self.what in ("site", "reach") and self.chips is not None:
            raise InputError(f"chips: {self.what} is about all chips of a site; leave it out")
        if self.what in ("site", "reach") and self.speed:
            raise InputError(f"speed: is of chips and hosts, not of {self.what}; leave it out")
        return self


class Away(Frozen):
    """A time in which a site is away, once or again and again."""

    site: Name
    """Which one."""
    at_s: Moment = Field(alias="at", examples=["3 days"])
    """When it begins [s]."""
    for_s: Duration = Field(alias="for", examples=["24 h"])
    """How long it lasts [s]."""
    every_s: Duration | None = Field(default=None, alias="every", examples=["7 days"])
    """After how long it comes again; null: never [s]."""
    how: Literal["down", "planned", "frozen", "cut"] = "down"
    """`down`: what it holds is lost; `planned`: it saves that in time; `frozen`: it stands still and goes on where it
    was; `cut`: nobody reaches it, and its chips go on."""

    @model_validator(mode="after")
    def _ends_before_it_comes_again(self) -> Self:
        if self.every_s is not None and self.every_s <= self.for_s:
            raise InputError("every: comes again before it is over; write a time longer than for")
        return self


class Checkpoint(Frozen):
    """When the state is saved, and what that costs."""

    every_s: Duration | None = Field(default=None, alias="every", examples=["30 min"])
    """Training between two checkpoints [s]; null: as long as Daly's formula says for these failures."""
    write_s: Latency = Field(default=30.0, alias="write", examples=["30 s"])
    """How long training stops for one [s]."""


class Failures(Frozen):
    """What breaks, and what a run does about it; only `simulate goodput` looks at it."""

    parts: tuple[Part, ...] = ()
    """What fails at random."""
    away: tuple[Away, ...] = ()
    """Times in which whole sites are away: recorded, or planned."""
    ageing: Literal["always", "running"] = "always"
    """Whether chips fail while they stand still, too."""
    spares: int = Field(default=0, ge=0, le=MOST_CHIPS, examples=[16])
    """Chips of each site beside those that train, which take the place of broken ones at a restart."""
    detect_s: Latency = Field(default=60.0, alias="detect", examples=["1 min"])
    """Time until a failure is noticed [s]."""
    restart_s: Latency = Field(default=600.0, alias="restart", examples=["10 min"])
    """Time from then until training goes on with the state of a checkpoint, or of another replica [s]."""
    reconfigure_s: Latency = Field(default=120.0, alias="reconfigure", examples=["2 min"])
    """Time from then until training goes on with fewer chips, and with more again [s]."""
    shrink: bool = False
    """Whether a replica goes on with the chips that are left of its site, rather than waiting for all of them."""
    checkpoint: Checkpoint = Checkpoint()
    """Of runs that restart, and of elastic ones for the case that nothing is left."""
    policies: tuple[Policy, ...] = ()
    """What to compare; none: all that a strategy can do."""
    seed: int = Field(default=0, ge=0, le=2**53)
    """Of all draws: the same one gives the same histories."""

    @model_validator(mode="after")
    def _something_happens(self) -> Self:
        if not self.parts and not self.away:
            raise InputError('nothing fails; write parts: [{what: chip, mtbf: "5 years", repair: "4 h"}], or away')
        return self

    def among(self, sites: Collection[str]) -> Failures | None:
        """What of it is in some datacenters; None if nothing."""
        parts = tuple(each for each in self.parts if each.site is None or each.site in sites)
        away = tuple(each for each in self.away if each.site in sites)
        return self.replaced(parts=parts, away=away) if parts or away else None
