"""Replicas with rounds of their own: `local_steps`, and rounds of different lengths that end at a barrier."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ...engine.ops import Worker
from ...errors import InputError
from ...own_pace import rounds_by_speed
from ...pairing import Groups
from ...units.quantities import MOST_STEPS
from .outer_steps import OuterStepStrategy
from .schedule import Schedule
from .setting import Setting

_MOST_TOLD = 8
"""People are told the steps of each replica up to so many, and beyond it the least and the most."""

Steps = Annotated[int, Field(gt=0, le=MOST_STEPS)]


class LocalStepsStrategy(OuterStepStrategy, ABC):
    """A strategy whose replicas may make different numbers of inner steps between two exchanges."""

    local_steps: Literal["even", "by-speed"] | tuple[Steps, ...] = Field(default="even", examples=[[30, 20]])
    """Inner steps of a round.

    H of every replica; or by its speed v, floor(H v / max v) but 1 at least (DyLU); or a list, a number for each
    replica in the order of their datacenters, whose largest is H.
    """

    @model_validator(mode="before")
    @classmethod
    def _longest_round(cls, document: Any) -> Any:
        """With a list H is its largest number, unless it is given."""
        rounds = document.get("local_steps") if isinstance(document, dict) else None
        if isinstance(rounds, list | tuple) and rounds and all(type(each) is int for each in rounds):
            return {"sync_every": max(rounds)} | document
        return document

    @model_validator(mode="after")
    def _rounds_of_each(self) -> Self:
        if isinstance(self.local_steps, str):
            return self
        if len(self.local_steps) != self.replicas:
            raise InputError(
                f"local_steps: got {len(self.local_steps)} numbers, and there are {self.replicas} replicas; write one "
                "for each, in the order of their datacenters"
            )
        if max(self.local_steps) != self.sync_every:
            raise InputError(
                f"sync_every: got {self.sync_every}, and the longest round of local_steps has {max(self.local_steps)} "
                "steps; leave sync_every out, or change the list"
            )
        return self

    def rounds_in_words(self) -> dict[str, str]:
        """H, or the steps of each replica, for `parameters`."""
        if not isinstance(self.local_steps, str):
            return {"H": "/".join(map(str, self.local_steps))}
        return {"H": f"{self.sync_every}"} | ({"by-speed": ""} if self.local_steps == "by-speed" else {})

    def check_fewer(self, replicas: int) -> None:
        """Refuses fewer replicas where a list says the steps of each: it does not say who is left.

        Raises:
          InputError: it is so.
        """
        if not isinstance(self.local_steps, str) and replicas != self.replicas:
            raise InputError(
                "local_steps: a list does not say which replicas are left when some are away; write by-speed or even"
            )

    def steps_of_rounds(self, setting: Setting) -> tuple[int, ...]:
        """Inner steps of each worker between two exchanges; a single replica has the same in all its datacenters."""
        if self.spans or self.local_steps == "even":
            return (self.sync_every,) * setting.workers
        if not isinstance(self.local_steps, str):
            return self.local_steps
        return rounds_by_speed(tuple(self.own_step_s(each, setting) for each in setting.everyone), self.sync_every)

    def in_words(self, setting: Setting) -> str:
        """The steps of the rounds that go by speed."""
        rounds = self.steps_of_rounds(setting)
        if self.local_steps != "by-speed" or len(set(rounds)) == 1:
            return ""
        told = ", ".join(map(str, rounds)) if len(rounds) <= _MOST_TOLD else f"{min(rounds)} to {max(rounds)}"
        return f"by their speed the replicas make {told} inner steps in a round"

    def steps_per_sync_of(self, setting: Setting) -> tuple[int, ...]:
        """Those of `steps_of_rounds`, as often as there are rounds from one exchange between all to the next."""
        times = self.steps_per_sync // self.sync_every
        return tuple(times * each for each in self.steps_of_rounds(setting))

    def own_step_s(self, worker: Worker, setting: Setting) -> float:
        """Time of an inner step of a replica, with what it waits for inside its datacenter [s]."""
        return setting.load.mean_step_s[worker] + setting.inside_exposed_s(worker)


class BarrierStrategy(LocalStepsStrategy, ABC):
    """Replicas that exchange after every round, each of as many inner steps as it has.

    All replicas together make M T inner steps, so a run has M T/S rounds, S the steps of all in a round. The last one
    may be shorter: its steps are dealt as if each replica went through its own round at one speed (`deal_rounds`).
    """

    @property
    def alike_rounds(self) -> bool:
        """Whether all make as many steps in a round; rounds by speed depend on the datacenters, and are said not to."""
        return self.spans or self.local_steps == "even" or len(set(self.local_steps)) == 1

    def plain_in(self, setting: Setting) -> Self:
        """With H for every replica where rounds by speed are as long for all of them."""
        by_speed = not self.alike_rounds and len(set(self.steps_of_rounds(setting))) == 1
        return self.replaced(local_steps="even") if by_speed else self

    @property
    def late_steps(self) -> int | None:
        """What rounds of different lengths cost in loss has not been published."""
        return 0 if self.law_is_own and self.alike_rounds else None

    def rounds_together(self, setting: Setting, groups: Callable[[int], Groups] | None = None) -> Schedule:
        """Rounds that all workers make together, each with its own number of steps.

        Args:
          setting: their setting.
          groups: who exchanges with whom after a round, by its number; None: all with each other.

        Raises:
          InputError: replicas have different shares of a batch, so that the tokens would not add up.
        """
        everyone, rounds = (setting.everyone,), self.steps_of_rounds(setting)
        groups = groups or (lambda _: everyone)
        if len(set(rounds)) == 1:
            return Schedule((setting.load.steps,) * setting.workers, rounds[0], groups, self.closing_exchange)
        if len(set(setting.load.deal.tokens_share)) > 1:
            raise InputError(
                f"workload.split: {self.label}: with by-speed the steps of all replicas take about as long, and have "
                "different numbers of tokens, so that rounds of different lengths change how many tokens there are; "
                "write split: even, or leave local_steps out"
            )
        whole, steps = deal_rounds(rounds, setting.workers * setting.load.steps)
        return Schedule(steps, max(rounds), groups, self.closing_exchange, own_every=rounds, whole=whole)

    def tokens_share(self, worker: Worker, setting: Setting) -> float:
        """Share of every batch that a worker computes with; of all tokens, where it makes its own number of steps."""
        made = self.worker_steps(worker, setting) / setting.load.steps
        return setting.load.deal.tokens_share[worker] * made

    def outer_steps_in(self, setting: Setting) -> int:
        """Rounds that end with an exchange: M T/S, rounded up with a closing exchange, else down."""
        team, rounds = setting.workers * setting.load.steps, self.steps_of_rounds(setting)
        return -(-team // sum(rounds)) if self.closing_exchange else team // sum(rounds)


def deal_rounds(rounds: tuple[int, ...], steps: int) -> tuple[int, tuple[int, ...]]:
    """Shares steps among replicas that meet after every round.

    The last round may be shorter. Step k of a replica with h steps in a round comes at k/h of it; the first ones that
    are left to make are made, those of the first replicas where several come at once. So no replica makes more than h,
    and one more step to make takes none from anybody.

    Args:
      rounds: h, inner steps of each replica in a round.
      steps: of all replicas together.

    Returns:
      The whole rounds, and the steps of each replica in all rounds, which add up to `steps`.
    """
    total = sum(rounds)
    whole, left = divmod(steps, total)
    dealt = [left * each // total for each in rounds]
    for _ in range(left - sum(dealt)):
        following = [Fraction(count + 1, each) for count, each in zip(dealt, rounds, strict=True)]
        dealt[following.index(min(following))] += 1
    return whole, tuple(whole * each + count for each, count in zip(rounds, dealt, strict=True))
