"""`simulate budget`, `simulate explain` and `simulate predict`: their options, and how they become a scenario."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from ..shell.delivery import check_writable
from ..shell.formats import FormatOption, OutputOption, chosen
from .handing_over import hand_over

ARCHETYPES = ("high-bw", "medium-bw", "low-bw")
EXPLAINED = "diloco:replicas=2,sync_every=30"


class RuleName(StrEnum):
    """What is held equal when budgets are compared."""

    equal_chips = "equal-chips"
    best_batch = "best-batch"


ScenarioOption = Annotated[
    Path | None, typer.Option(help="Scenario YAML. [default: the one that ships]", metavar="FILE")
]
TopologyOption = Annotated[str | None, typer.Option(help="Topology: a name or a YAML file.", metavar="NAME|FILE")]
TopologiesOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Topology: a name or a YAML file; repeat. [default: the scenario's, else high-bw, medium-bw, low-bw]",
        metavar="NAME|FILE",
    ),
]
WorkloadOption = Annotated[str | None, typer.Option(help="Workload: a name or a YAML file.", metavar="NAME|FILE")]
TraceOption = Annotated[str | None, typer.Option(help="A trace that record-trace wrote.", metavar="FILE")]
StrategiesOption = Annotated[
    list[str] | None, typer.Option(help="Strategy to compare; repeat. [default: the scenario's]", metavar="NAME")
]
StrategyOption = Annotated[
    str | None,
    typer.Option(help=f"Strategy to explain. [default: the scenario's, else {EXPLAINED}]", metavar="NAME"),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change anything in the scenario; repeat.", metavar="KEY.PATH=VALUE"),
]
RuleOption = Annotated[list[RuleName] | None, typer.Option(help="Compare by this rule; repeat. [default: both]")]
LossOption = Annotated[
    list[float] | None,
    typer.Option(help="Also say when each strategy reaches this loss [nats per token]; repeat.", metavar="LOSS"),
]
UniqueOption = Annotated[
    str | None, typer.Option(help="Tokens of data before they repeat. [default: enough]", metavar="COUNT")
]


def budget(
    scenario: ScenarioOption = None,
    topology: TopologiesOption = None,
    workload: WorkloadOption = None,
    trace: TraceOption = None,
    strategy: StrategiesOption = None,
    set_: SetOption = None,
    rule: RuleOption = None,
    target_loss: LossOption = None,
    unique_tokens: UniqueOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """How many tokens each strategy can afford in the time that Data-Parallel needs, and the loss they buy.

    For every topology, by two rules: all at one batch on equal chips, and each at its own best batch with chips in
    proportion. With --target-loss also the converse: when each strategy reaches a loss.
    """
    if output:
        check_writable(output, scenario, *(topology or ()), workload, trace)
    shape = chosen(format_, output)
    from ..questions.budget.budget import answer
    from ..questions.budget.comparison_rules import RULES
    from ..report.budget import report
    from ..scenario.loading import load_scenario, naming

    named: tuple[str | None, ...] = tuple(topology or ()) or ((None,) if scenario else ARCHETYPES)
    loaded = [
        load_scenario(
            scenario, topology=name, workload=workload, trace=trace, strategies=strategy or (), settings=set_ or ()
        )
        for name in dict.fromkeys(named)
    ]
    targets, unique = tuple(dict.fromkeys(target_loss or ())), _given("--unique-tokens", unique_tokens)
    rules = tuple(each for each in RULES if not rule or each in {one.value for one in rule})
    with naming(scenario):
        found = answer(loaded, rules=rules, target_losses=targets, unique_tokens=unique)
    hand_over(report(found), shape, output)


def explain(
    scenario: ScenarioOption = None,
    topology: TopologyOption = None,
    workload: WorkloadOption = None,
    trace: TraceOption = None,
    strategy: StrategyOption = None,
    set_: SetOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Where every second of one run goes, the formula with the numbers in it, and what it is sensitive to."""
    if output:
        check_writable(output, scenario, topology, workload, trace)
    shape = chosen(format_, output)
    from ..questions.explain.explain import answer
    from ..report.explain import report
    from ..scenario.loading import load_scenario, naming

    asked = strategy or (None if scenario else EXPLAINED)
    loaded = load_scenario(
        scenario,
        topology=topology,
        workload=workload,
        trace=trace,
        strategies=[asked] if asked else (),
        settings=set_ or (),
    )
    with naming(scenario):
        found = answer(loaded)
    hand_over(report(found), shape, output)


def predict(
    params: Annotated[str, typer.Option(help="Parameters N, such as 2.4e9 or 2.4B.", metavar="COUNT")],
    strategy: Annotated[str, typer.Option(help="data-parallel or diloco.", metavar="NAME")] = "data-parallel",
    replicas: Annotated[int | None, typer.Option(help="DiLoCo replicas M. [default: 2]")] = None,
    tokens: Annotated[str | None, typer.Option(help="Tokens D. [default: 20 N]", metavar="COUNT")] = None,
    sync_every: Annotated[int | None, typer.Option(help="Inner steps H between outer steps. [default: 30]")] = None,
    batch_tokens: Annotated[
        str | None, typer.Option(help="Batch to predict the loss at. [default: the best one]", metavar="COUNT")
    ] = None,
    unique_tokens: UniqueOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Loss, best batch and best learning rates of a model, from the scaling laws; nothing is replayed."""
    if output:
        check_writable(output)
    shape = chosen(format_, output)
    from ..questions.predict import answer
    from ..report.predict import report

    found = answer(
        _count("--params", params),
        strategy,
        replicas=replicas,
        tokens=_given("--tokens", tokens),
        sync_every=sync_every,
        batch_tokens=_given("--batch-tokens", batch_tokens),
        unique_tokens=_given("--unique-tokens", unique_tokens),
    )
    hand_over(report(found), shape, output)


def _given(option: str, text: str | None) -> float | None:
    return None if text is None else _count(option, text)


def _count(option: str, text: str) -> float:
    from ..units.quantities import read_count

    try:
        return read_count(text)
    except InputError as error:
        raise InputError(f"{option}: {error}") from None
