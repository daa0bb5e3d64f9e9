"""The answers to the other questions, which show themselves: what the command prints, as objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from ..questions.bandwidth.bandwidth import BandwidthAnswer
from ..questions.budget.budget import BudgetAnswer
from ..questions.explain.explain import Explanation as Explained
from ..questions.flows import FlowsAnswer
from ..questions.plan.plan import Plan as Planned
from ..questions.plan.replay import Entry
from ..questions.predict import LawAnswer
from ..questions.validate.claims import Validation as Validated
from ..report import bandwidth, budget, explain, flows, plan, predict, validate
from ..report.render.json import render
from ..units.in_words import human_bytes, human_count, human_quantity, human_ratio, human_seconds
from ..units.quantities import BANDWIDTH
from .shown import Shown, Table, as_record


class _From(Shown):
    """An answer that is made of what a question found."""

    @classmethod
    def of(cls, found: Any) -> Self:
        """The same, able to show itself."""
        return cls(**{each.name: getattr(found, each.name) for each in fields(found)})


@dataclass(frozen=True, repr=False)
class Bandwidth(_From, BandwidthAnswer):
    """The answer of `bandwidth`: what each strategy needs for each target, and how utilisation grows with bandwidth."""

    def table(self) -> Table:
        """A line for each strategy and target."""
        rows = tuple((row.label, f"{row.target:.1%}", _bandwidth(row.bandwidth_bits_per_s)) for row in self.rows)
        return Table(f"Bandwidth needed: {self.what}", ("Strategy", "Utilization", "Bandwidth"), rows)

    def records(self) -> Sequence[Mapping[str, Any]]:
        """A strategy and target each."""
        return [as_record(row) for row in self.rows]

    def to_json(self) -> str:
        """As `simulate bandwidth --format json`."""
        return render(bandwidth.report(self))


@dataclass(frozen=True, repr=False)
class Budget(_From, BudgetAnswer):
    """The answer of `budget`: the tokens that each strategy affords in Data-Parallel's time, and the loss they buy."""

    def table(self) -> Table:
        """A line for each topology, rule and strategy."""
        rows = tuple(
            (
                row.label,
                row.topology,
                row.rule,
                human_count(row.tokens),
                human_ratio(row.overtraining_multiple),
                human_seconds(row.equal_tokens_s),
                _loss(row.predicted_loss),
            )
            for row in self.rows
        )
        columns = ("Strategy", "Topology", "Rule", "Tokens", "Overtraining", "Equal tokens", "Loss")
        return Table("Tokens in the time that Data-Parallel needs", columns, rows)

    def records(self) -> Sequence[Mapping[str, Any]]:
        """A topology, rule and strategy each."""
        return [as_record(row) for row in self.rows]

    def to_json(self) -> str:
        """As `simulate budget --format json`."""
        return render(budget.report(self))


@dataclass(frozen=True, repr=False)
class Explanation(_From, Explained):
    """The answer of `explain`: one run taken apart."""

    def table(self) -> Table:
        """Where the time goes."""
        rows = tuple((part.what, human_seconds(part.seconds), f"{part.share:.1%}") for part in self.parts)
        title = f"{self.run.label} on {self.run.topology}: {human_seconds(self.run.wall_clock_s)}"
        return Table(title, ("Part", "Time", "Share"), rows, (self.remark,))

    def records(self) -> Sequence[Mapping[str, Any]]:
        """A part of the wall-clock each."""
        return [as_record(part) for part in self.parts]

    def to_json(self) -> str:
        """As `simulate explain --format json`."""
        return render(explain.report(self))


@dataclass(frozen=True, repr=False)
class Plan(_From, Planned):
    """The answer of `plan`: what to train, how, and what else was close."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The best plan, then the runner-up, then the rest of the front by time."""
        named = [self.best, *([self.runner_up] if self.runner_up else [])]
        return (*named, *(each for each in self.front if each not in named))

    def table(self) -> Table:
        """The best plan first."""
        rows = tuple(
            (
                each.label,
                human_count(each.params),
                human_count(each.tokens),
                f"{each.chips:,}",
                human_seconds(each.wall_clock_s),
                f"{each.compute_utilization:.1%}",
                _loss(each.predicted_loss),
            )
            for each in self.entries
        )
        columns = ("Plan", "Params", "Tokens", "Chips", "Wall-clock", "Utilization", "Loss")
        return Table(self.what, columns, rows, self.best.notes)

    def records(self) -> Sequence[Mapping[str, Any]]:
        """A plan each, the best first."""
        return [as_record(each) for each in self.entries]

    def to_json(self) -> str:
        """As `simulate plan --format json`."""
        return render(plan.report(self))


@dataclass(frozen=True, repr=False)
class Prediction(_From, LawAnswer):
    """The answer of `predict`: what the scaling laws say of a model."""

    def table(self) -> Table:
        """One line."""
        outer = "-" if self.outer_learning_rate is None else f"{self.outer_learning_rate:.3g}"
        cells = (
            f"{self.strategy} M={self.replicas}",
            human_count(self.tokens),
            _loss(self.predicted_loss),
            human_count(self.batch_tokens),
            f"{self.inner_learning_rate:.3g}",
            outer,
        )
        columns = ("Strategy", "Tokens", "Loss", "Best batch", "Inner rate", "Outer rate")
        return Table(f"{human_count(self.params)} parameters, by the laws", columns, (cells,), self.notes)

    def records(self) -> Sequence[Mapping[str, Any]]:
        """The one answer."""
        return [as_record(self)]

    def to_json(self) -> str:
        """As `simulate predict --format json`."""
        return render(predict.report(self))


@dataclass(frozen=True, repr=False)
class FlowTimes(_From, FlowsAnswer):
    """The answer of `flows`: when each has arrived, and what the links carried."""

    def table(self) -> Table:
        """A line for each flow."""
        rows = tuple(
            (
                f"{flow.source} -> {flow.target}",
                human_bytes(flow.bytes),
                human_seconds(flow.finish_s),
                _bandwidth(flow.mean_rate_bits_per_s),
            )
            for flow in self.flows
        )
        return Table(f"Flows over {self.topology}", ("Flow", "Size", "Finish", "Mean rate"), rows, self.notes)

    def records(self) -> Sequence[Mapping[str, Any]]:
        """A flow each."""
        return [as_record(flow) for flow in self.flows]

    def to_json(self) -> str:
        """As `simulate flows --format json`."""
        return render(flows.report(self))


@dataclass(frozen=True, repr=False)
class Validation(_From, Validated):
    """The answer of `validate`: what others measured or published, beside what we say."""

    def table(self) -> Table:
        """A line for each claim."""
        rows = tuple((claim.id, claim.claim, claim.verdict) for claim in self.claims)
        return Table(f"{len(rows)} claims", ("Claim", "What", "Verdict"), rows, self.faults)

    def records(self) -> Sequence[Mapping[str, Any]]:
        """A claim each."""
        return [as_record(claim) | {"error": claim.error, "verdict": claim.verdict} for claim in self.claims]

    def to_json(self) -> str:
        """As `simulate validate --format json`."""
        return render(validate.report(self))


def _bandwidth(bits_per_s: float | None) -> str:
    return "none is enough" if bits_per_s is None else human_quantity(float(f"{bits_per_s:.3g}"), BANDWIDTH)


def _loss(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
