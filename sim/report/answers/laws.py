"""The laws, as a report."""

from __future__ import annotations

from ...laws.catalogue import KnownLaw
from ...questions.laws import MORE, Laws
from ..model import Column, Fact, Facts, Records, Report, Table, table
from ..quantities import NUMBER, RATIO

_KEPT = 6
"""Constants that a line of text shows; JSON and CSV have all."""


def report(answer: Laws) -> Report:
    """A paragraph for each law, and a table of the division of compute."""
    return Report(
        title="Laws, their constants, and where they were fitted",
        blocks=(Facts(tuple(Fact(each.name, _texts(each)) for each in answer.laws)), _divisions(answer)),
        document={"laws": answer.laws, "compute": answer.compute},
        records=Records(
            ("name", "gives", "form", "constants", "fitted", "source"),
            [vars(each) | {"constants": "; ".join(_constants(each))} for each in answer.laws],
        ),
    )


def _texts(law: KnownLaw) -> tuple[str, ...]:
    told = _constants(law)
    more = f" and {len(told) - _KEPT} more (--format json)" if len(told) > _KEPT else ""
    return (
        f"{law.gives}: {law.form}",
        f"{', '.join(told[:_KEPT])}{more}",
        f"fitted: {law.fitted}; {law.source}",
    )


def _constants(law: KnownLaw) -> list[str]:
    return [f"{name} = {value:g}" for name, value in law.constants.items()]


def _divisions(answer: Laws) -> Table:
    columns = (
        Column("Law"),
        Column("N ~ C^", NUMBER, digits=3),
        Column("D ~ C^", NUMBER, digits=3),
        Column("N", RATIO),
        Column("D", RATIO),
        Column("Exponents", folds=True),
        Column("Source", folds=True),
    )
    rows = [
        (
            each.law,
            each.params_exponent,
            each.tokens_exponent,
            each.params_factor,
            each.tokens_factor,
            each.how,
            each.source,
        )
        for each in answer.compute
    ]
    remark = f"N and D: how many times as many parameters and tokens {MORE:g} times the compute is best spent on."
    return table(columns, rows, title="The best parameters N and tokens D for compute C", remark=remark)
