"""The questions as functions: the same that the commands answer, with objects in the place of files and options."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Literal

from ..documents.validation import nearest
from ..errors import InputError, brief
from ..questions.bandwidth import bandwidth as bandwidths
from ..questions.budget import budget as budgets
from ..questions.budget.comparison_rules import RULES, Rule
from ..questions.explain import explain as explanations
from ..questions.flows import Flows, FlowSpec
from ..questions.flows import answer as flows_answer
from ..questions.goodput.goodput import answer as goodput_answer
from ..questions.predict import answer as predict_answer
from ..questions.reproduce.reproduce import answer as reproduce_answer
from ..questions.validate.claims import answer as validate_answer
from ..scenario.failures import Failures
from ..simulation import run as simulation
from ..strategies import AbstractStrategy, Default, Reference
from ..topology.model import CollectiveName, Topology
from ..units.quantities import DURATION, Quantity, parse, read_count
from ..workload.extent import AbstractWorkload
from .answers import Bandwidth, Budget, Explanation, FlowTimes, Goodput, Prediction, Reproduction, Validation
from .given import Where, scenario, topology
from .runs import Runs

Strategies = Sequence[AbstractStrategy] | AbstractStrategy
Count = float | str
"""A number, or as people write it: `7e9`, `"7B"`."""


def run(
    where: Where,
    workload: AbstractWorkload | None = None,
    strategies: Strategies | None = None,
    *,
    collective: CollectiveName | None = None,
    jobs: Literal["alone", "together"] | None = None,
    replay: Literal["steady", "full"] | None = None,
) -> Runs:
    """How long each strategy takes, and how busy it keeps the chips.

    Args:
      where: a `Topology`, the name or path of one, or a whole `Scenario`.
      workload: what is trained.
      strategies: what to compare; Data-Parallel and DiLoCo unless given.
      collective: how an all-reduce between datacenters is done; the topology's way unless given.
      jobs: `alone`, each strategy has the network to itself; `together`, all run at once and compete for the links.
      replay: `steady`, until the run repeats itself; `full`, every step.

    Returns:
      A run for each strategy, in their order.

    Raises:
      InputError: an argument is wrong, or the topology cannot carry a strategy.
    """
    return Runs(simulation.run(scenario(where, workload, strategies, collective=collective, jobs=jobs, replay=replay)))


def bandwidth(
    where: Where,
    workload: AbstractWorkload | None = None,
    strategies: Strategies | None = None,
    *,
    targets: Sequence[float] | float = bandwidths.TARGETS,
    link: str | None = None,
) -> Bandwidth:
    """How much bandwidth between datacenters a utilisation needs, for each strategy.

    Args:
      where: as of `run`, like the next two.
      workload: what is trained.
      strategies: whose need is asked for.
      targets: shares of the time that the chips shall compute, between 0 and 1.
      link: vary this link alone, as `"a -> b"`; all of them unless given.

    Raises:
      InputError: an argument is wrong, or nothing can be varied.
    """
    wanted = (targets,) if isinstance(targets, int | float) else tuple(targets)
    if any(not isinstance(each, Real) for each in wanted):
        raise InputError(
            f"targets: got {brief(targets)}; write shares of the time between 0 and 1, such as (0.5, 0.95)"
        )
    return Bandwidth.of(bandwidths.answer(scenario(where, workload, strategies), wanted, link=link))


def budget(
    where: Where | list[Where] | tuple[Where, ...],
    workload: AbstractWorkload | None = None,
    strategies: Strategies | None = None,
    *,
    rules: Sequence[Rule] = RULES,
    target_losses: Sequence[float] = (),
    unique_tokens: Count | None = None,
) -> Budget:
    """How many tokens each strategy can afford in the time that Data-Parallel needs, and the loss they buy.

    Args:
      where: as of `run`, like the next two; or a list of them, each asked by itself.
      workload: what is trained.
      strategies: what to compare.
      rules: `equal-chips`, all at one batch; `best-batch`, each at its own, on chips in proportion to it.
      target_losses: also ask when each strategy reaches these [nats per token].
      unique_tokens: tokens of data before they repeat; enough unless given.

    Raises:
      InputError: an argument is wrong, or the chips cannot be shared.
    """
    unknown = next((rule for rule in rules if rule not in RULES), None)
    if unknown is not None:
        raise InputError(f"rules: there is none named {unknown!r}; {nearest(str(unknown), RULES)}")
    places = where if isinstance(where, list | tuple) else [where]
    asked = [scenario(place, workload, strategies) for place in places]
    unique = None if unique_tokens is None else counted("unique_tokens", unique_tokens)
    return Budget.of(budgets.answer(asked, rules=rules, target_losses=target_losses, unique_tokens=unique))


def explain(
    where: Where, workload: AbstractWorkload | None = None, strategy: AbstractStrategy | None = None
) -> Explanation:
    """Where every second of one run goes, the formula with the numbers in it, and what it is sensitive to.

    Args:
      where: as of `run`, like the next.
      workload: what is trained.
      strategy: the one to explain; DiLoCo unless given, or the scenario's own.

    Raises:
      InputError: an argument is wrong, or a scenario has more than one strategy.
    """
    asked = strategy if strategy is not None or workload is None else Default()
    return Explanation.of(explanations.answer(scenario(where, workload, asked)))


def predict(
    params: Count,
    strategy: AbstractStrategy | None = None,
    *,
    tokens: Count | None = None,
    batch_tokens: Count | None = None,
    unique_tokens: Count | None = None,
) -> Prediction:
    """Loss, best batch and best learning rates of a model, from the scaling laws; nothing is replayed.

    Args:
      params: parameters N.
      strategy: `DataParallel()` (unless given) or `DiLoCo(...)`, for which there are laws.
      tokens: tokens D; 20 N unless given.
      batch_tokens: global batch to predict the loss at; the best one unless given.
      unique_tokens: of the tokens, how many are not repeats; all unless given.

    Raises:
      InputError: there is no law for the strategy, or a number is out of range.
    """
    chosen = strategy or Reference()
    given = {"tokens": tokens, "batch_tokens": batch_tokens, "unique_tokens": unique_tokens}
    counts = {name: counted(name, value) for name, value in given.items() if value is not None}
    found = predict_answer(
        counted("params", params),
        chosen.kind,
        replicas=chosen.replica_count,
        sync_every=chosen.steps_per_sync if chosen.has_outer_steps else None,
        **counts,
    )
    return Prediction.of(found)


def flows(where: Topology | str, sent: Sequence[FlowSpec] | FlowSpec) -> FlowTimes:
    """The network alone: when given flows over a topology finish, and what the links carry.

    Args:
      where: a `Topology`, or the name or path of one.
      sent: what is sent, each made by `flow`.

    Raises:
      InputError: a flow begins or ends nowhere, or waits for ever.
    """
    place = where if isinstance(where, Topology) else topology(where)
    several = (sent,) if isinstance(sent, FlowSpec) else tuple(sent)
    return FlowTimes.of(flows_answer(Flows(topology=place, flows=several)))


def goodput(
    where: Where,
    workload: AbstractWorkload | None = None,
    strategies: Strategies | None = None,
    *,
    failures: Failures | None = None,
    time: Quantity | None = None,
    histories: int | None = None,
) -> Goodput:
    """What is left of each strategy where chips, sites and links fail, with each thing that it can do about that.

    Args:
      where: as of `run`, like the next two.
      workload: what is trained.
      strategies: what to compare.
      failures: what breaks; those of the scenario unless given, else published ones.
      time: how long to train, in seconds or as `"7 days"`; until the tokens of the workload are done unless given.
      histories: how many of each; 100 to 1,000 unless given, until the median of the goodput is known to 0.1 points.

    Raises:
      InputError: an argument is wrong, or no strategy can do what is asked of it.
    """
    asked = scenario(where, workload, strategies)
    if failures is not None:
        asked = asked.replaced(failures=failures)
    within_s = parse(time, DURATION) if isinstance(time, str) else time
    return Goodput.of(goodput_answer(asked, for_s=within_s, histories=histories))


def validate(only: str | None = None, *, live: bool = False) -> Validation:
    """What others measured, printed or simulated beside what we say: error, tolerance, verdict.

    Args:
      only: `misses`, or text that a claim's id, topic, words or source must contain; all claims unless given.
      live: compute what takes seconds again.

    Raises:
      InputError: no claim contains the text.
    """
    return Validation.of(validate_answer(only, live=live))


def reproduce(name: str) -> Reproduction:
    """A published table or figure, computed again: every number beside ours, the differences, and their bias.

    Args:
      name: such as `table-6` or `figure-6`; `simulate reproduce` lists them.

    Raises:
      InputError: there is none of that name.
    """
    return Reproduction.of(reproduce_answer(name))


def counted(name: str, value: Count) -> float:
    """A number, or one as people write it; a mistake is named by its argument."""
    try:
        return read_count(value)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
