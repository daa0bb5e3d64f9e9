"""`simulate budget`: its options, and how they become a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..shell.delivery import check_writable
from ..shell.formats import CiteOption, FormatOption, OutputOption, chosen
from ..shell.option_groups import given
from .handing_over import hand_over
from .options import (
    FileArgument,
    LossOption,
    RuleOption,
    ScenarioOption,
    SetOption,
    StrategiesOption,
    TopologiesOption,
    TraceOption,
    UniqueTokensOption,
    Words,
    WorkloadOption,
    count_if_given,
    placed,
)

if TYPE_CHECKING:
    from ..report.model import Report

ARCHETYPES = ("high-bw", "medium-bw", "low-bw")


def budget(
    *,
    file: FileArgument = None,
    scenario: ScenarioOption = None,
    topology: TopologiesOption = None,
    workload: WorkloadOption = None,
    trace: TraceOption = None,
    strategy: StrategiesOption = None,
    words: Words,
    set_: SetOption = None,
    rule: RuleOption = None,
    target_loss: LossOption = None,
    unique_tokens: UniqueTokensOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
    cite: CiteOption = False,
) -> None:
    """How many tokens each strategy can afford in the time that Data-Parallel needs, and the loss they buy.

    For every topology, by two rules: all at one batch on equal chips, and each at its own best batch with chips in
    proportion. With --target-loss also the converse: when each strategy reaches a loss.
    """
    if output:
        check_writable(output, file, scenario, *(topology or ()), workload, trace)
    shape = chosen(format_, output, cite=cite)
    from ..questions.budget.budget import answer
    from ..questions.budget.comparison_rules import RULES
    from ..report.answers.budget import report
    from ..scenario.loading import load_scenario, naming
    from ..shell.progress import Progress

    source, replayed = placed(file, scenario, trace)
    named: tuple[str | None, ...] = tuple(topology or ()) or ((None,) if source else ARCHETYPES)
    loaded = [
        load_scenario(
            source,
            topology=name,
            workload=workload,
            trace=replayed,
            strategies=strategy or (),
            words=given(words),
            settings=set_ or (),
        )
        for name in dict.fromkeys(named)
    ]
    targets, unique = tuple(dict.fromkeys(target_loss or ())), count_if_given("--unique-tokens", unique_tokens)
    rules = tuple(each for each in RULES if not rule or each in {one.value for one in rule})
    with naming(source), Progress() as watch:
        found = answer(loaded, rules=rules, target_losses=targets, unique_tokens=unique, watch=watch)

    def illustrated(told: Report) -> Report:
        from ..report.page.budget import page

        return page(told, found)

    hand_over(report(found), shape, output, illustrated, cite=cite)
