"""The answers to the other questions, which show themselves: what the command prints, as objects."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

from ..questions.bandwidth.bandwidth import BandwidthAnswer
from ..questions.budget.budget import BudgetAnswer
from ..questions.explain.explain import Explanation as Explained
from ..questions.flows import FlowsAnswer
from ..questions.goodput.goodput import GoodputAnswer
from ..questions.plan.plan import Plan as Planned
from ..questions.plan.replay import Entry
from ..questions.predict import LawAnswer
from ..questions.reproduce.model import Reproduction as Reproduced
from ..questions.validate.claims import Validation as Validated
from ..report.answers import bandwidth, budget, explain, flows, goodput, plan, predict, reproduce, validate
from ..report.model import Report
from .shown import Shown


class _From(Shown):
    """An answer that is made of what a question found."""

    @classmethod
    def of(cls, found: Any) -> Self:
        """The same, able to show itself."""
        return cls(**{each.name: getattr(found, each.name) for each in fields(found)})


@dataclass(frozen=True, repr=False)
class Bandwidth(_From, BandwidthAnswer):
    """The answer of `bandwidth`: what each strategy needs for each target, and how utilisation grows with bandwidth."""

    def report(self) -> Report:
        """As `simulate bandwidth` reports it."""
        return bandwidth.report(self)


@dataclass(frozen=True, repr=False)
class Budget(_From, BudgetAnswer):
    """The answer of `budget`: the tokens that each strategy affords in Data-Parallel's time, and the loss they buy."""

    def report(self) -> Report:
        """As `simulate budget` reports it."""
        return budget.report(self)


@dataclass(frozen=True, repr=False)
class Explanation(_From, Explained):
    """The answer of `explain`: one run taken apart."""

    def report(self) -> Report:
        """As `simulate explain` reports it."""
        return explain.report(self)


@dataclass(frozen=True, repr=False)
class Plan(_From, Planned):
    """The answer of `plan`: what to train, how, and what else was close."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The best plan, then the runner-up, then the rest of the front by time."""
        named = [self.best, *([self.runner_up] if self.runner_up else [])]
        return (*named, *(each for each in self.front if each not in named))

    def report(self) -> Report:
        """As `simulate plan` reports it."""
        return plan.report(self)


@dataclass(frozen=True, repr=False)
class Prediction(_From, LawAnswer):
    """The answer of `predict`: what the scaling laws say of a model."""

    def report(self) -> Report:
        """As `simulate predict` reports it."""
        return predict.report(self)


@dataclass(frozen=True, repr=False)
class FlowTimes(_From, FlowsAnswer):
    """The answer of `flows`: when each has arrived, and what the links carried."""

    def report(self) -> Report:
        """As `simulate flows` reports it."""
        return flows.report(self)


@dataclass(frozen=True, repr=False)
class Goodput(_From, GoodputAnswer):
    """The answer of `goodput`: what is left of each strategy where hardware fails, as bands over many histories."""

    def report(self) -> Report:
        """As `simulate goodput` reports it."""
        return goodput.report(self)


@dataclass(frozen=True, repr=False)
class Validation(_From, Validated):
    """The answer of `validate`: what others measured or published, beside what we say."""

    def report(self) -> Report:
        """As `simulate validate` reports it."""
        return validate.report(self)


@dataclass(frozen=True, repr=False)
class Reproduction(_From, Reproduced):
    """The answer of `reproduce`: a published table or figure beside what we say, number by number."""

    def report(self) -> Report:
        """As `simulate reproduce` reports it."""
        return reproduce.report(self)
