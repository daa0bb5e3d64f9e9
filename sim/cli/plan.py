"""`simulate plan`: its options, and how they become a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..defaults import PAYLOAD_BITS
from ..errors import InputError
from ..shell.formats import CiteOption, FormatOption, OutputOption, chosen
from .handing_over import hand_over
from .names import strategies_from, topologies_from
from .options import UniqueTokensOption, count, count_if_given, duration_if_given
from .plan_options import Equipment, Failing, Limits, Served

if TYPE_CHECKING:
    from ..questions.plan.serving import Serving
    from ..report.model import Report
    from ..scenario.failures import Failures

TopologyOption = Annotated[
    str,
    typer.Option(
        help="Topology: a name (see `simulate list topologies`) or a YAML file.",
        metavar="NAME|FILE",
        autocompletion=topologies_from,
    ),
]
DaysOption = Annotated[float, typer.Option(help="The deadline [days].")]
StrategyOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Strategy to choose from; repeat; or all. What it leaves open is tried. [default: data-parallel, diloco]",
        metavar="NAME",
        autocompletion=strategies_from,
    ),
]
SyncEveryOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Inner steps H to choose from; repeat, or 30,100. [default: 30, as fitted; 30,100,300 with all]",
        metavar="STEPS",
    ),
]
ParamsOption = Annotated[
    str | None,
    typer.Option(
        help="Parameters N to choose from: 7B, or 1B:100B. [default: around what fits]", metavar="COUNT[:COUNT]"
    ),
]
TokensPerParamOption = Annotated[
    float | None, typer.Option(help="Tokens for each parameter, such as 20. [default: free]")
]
InferenceTokensOption = Annotated[
    str | None,
    typer.Option(
        help="Tokens that the model will process in its life: choose the least compute over it.", metavar="COUNT"
    ),
]
LossSlackOption = Annotated[
    float, typer.Option(help="With --inference-tokens or --objective: share of the best loss to give up for it.")
]
PayloadBitsOption = Annotated[float, typer.Option(help="Bits per exchanged parameter.")]
LayersOption = Annotated[int, typer.Option(help="Layers, for strategies that exchange layer by layer.")]


def plan(
    *,
    topology: TopologyOption,
    days: DaysOption,
    equipment: Equipment,
    strategy: StrategyOption = None,
    sync_every: SyncEveryOption = None,
    params: ParamsOption = None,
    tokens_per_param: TokensPerParamOption = None,
    unique_tokens: UniqueTokensOption = None,
    inference_tokens: InferenceTokensOption = None,
    loss_slack: LossSlackOption = 0.01,
    limits: Limits,
    served: Served,
    failing: Failing,
    payload_bits: PayloadBitsOption = PAYLOAD_BITS,
    layers: LayersOption = 48,
    format_: FormatOption = None,
    output: OutputOption = None,
    cite: CiteOption = False,
) -> None:
    """What to train on these chips in this time, how, and what loss it will reach.

    Chooses parameters, tokens, strategy, replicas, datacenters, H and batch by predicted loss, and replays the winners.
    """
    from ..shell.delivery import check_writable

    if output:
        check_writable(output, topology, failing.failures)
    shape = chosen(format_, output, cite=cite)
    from ..questions.plan.options import Ask
    from ..questions.plan.plan import answer
    from ..report.answers.plan import report
    from ..shell.progress import Progress
    from ..topology.model import load_topology

    ask = Ask(
        topology=load_topology(topology),
        days=days,
        **_equipped(equipment),
        strategies=tuple(strategy or Ask.strategies),
        sync_every=tuple(_cadences(sync_every)) if sync_every else None,
        params=_range(params) if params else None,
        tokens_per_param=tokens_per_param,
        unique_tokens=count_if_given("--unique-tokens", unique_tokens),
        inference_tokens=count_if_given("--inference-tokens", inference_tokens),
        loss_slack=loss_slack,
        **vars(limits) | {"objective": limits.objective.value},
        payload_bits=payload_bits,
        layers=layers,
        failures=_failures(failing),
        serving=_serving(served),
    )
    with Progress() as watch:
        found = answer(ask, watch)

    def illustrated(told: Report) -> Report:
        from ..report.page.plan import page

        return page(told, found)

    hand_over(report(found), shape, output, illustrated, cite=cite)


def _equipped(asked: Equipment) -> dict[str, Any]:
    """The chips as a plan takes them: a name, or a speed."""
    from ..units.chips import find_chip
    from ..units.quantities import read_chip_speed

    named = find_chip(asked.chip) if asked.chip is not None else None
    try:
        speed = None if asked.chip is None or named else read_chip_speed(asked.chip)
    except InputError as error:
        raise InputError(f"--chip: {error}") from None
    kind = named.name if named else None
    return {
        "chips": asked.chips,
        "chip": kind,
        "mfu": asked.mfu,
        "chip_flop_per_s": speed,
        "sharding": asked.sharding.value,
    }


def _failures(asked: Failing) -> Failures | None:
    """What breaks, by a file and by options."""
    from ..questions.goodput.assumed import with_parts
    from ..scenario.loading import load_scenario

    said = None
    if asked.failures is not None:
        said = load_scenario(asked.failures).failures
        if said is None:
            raise InputError(f"--failures: {asked.failures} has no section failures; write one, or --mtbf '5 years'")
    return with_parts(
        said,
        mtbf_s=duration_if_given("--mtbf", asked.mtbf),
        site_mtbf_s=duration_if_given("--site-mtbf", asked.site_mtbf),
        repair_s=duration_if_given("--repair", asked.repair),
    )


def _serving(asked: Served) -> Serving | None:
    """What must answer in time."""
    from ..questions.plan.serving import serving

    return serving(
        duration_if_given("--max-latency", asked.max_latency),
        serve_chip=asked.serve_chip,
        serve_chips=asked.serve_chips,
        serve_batch=asked.serve_batch,
        prompt_tokens=count_if_given("--prompt-tokens", asked.prompt_tokens),
        output_tokens=count_if_given("--output-tokens", asked.output_tokens),
        weight_bytes=asked.weight_bytes,
    )


def _range(text: str) -> tuple[float, ...]:
    ends = [count("--params", part) for part in text.split(":")]
    if len(ends) > 2 or ends != sorted(ends):
        raise InputError(
            f"--params: got {text!r}; write one number, such as 7B, or a range that rises, such as 1B:100B"
        )
    return (ends[0], ends[-1])


def _cadences(texts: list[str]) -> list[int]:
    try:
        return list(dict.fromkeys(int(part) for text in texts for part in text.split(",")))
    except ValueError:
        raise InputError(f"--sync-every: got {', '.join(texts)!r}; write whole numbers, such as 30,100") from None
