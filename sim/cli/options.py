"""Options that several commands have, declared once: the same words and the same help everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import InputError
from .names import recordings_from, strategies_from, topologies_from, workloads_from

FileArgument = Annotated[
    Path | None, typer.Argument(help="Scenario YAML, a result in JSON, or a trace.", metavar="FILE")
]
ScenarioOption = Annotated[
    Path | None,
    typer.Option(help="Scenario YAML, or a result in JSON; as FILE. [default: the one that ships]", metavar="FILE"),
]
_PLACE: dict[str, Any] = {"metavar": "NAME|FILE", "autocompletion": topologies_from}
TopologyOption = Annotated[
    str | None, typer.Option(help="Topology: a name (see `simulate list topologies`) or a YAML file.", **_PLACE)
]
TopologiesOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Topology: a name or a YAML file; repeat. [default: the scenario's, else high-bw, medium-bw, low-bw]",
        **_PLACE,
    ),
]
WorkloadOption = Annotated[
    str | None,
    typer.Option(
        help="Workload: a name (see `simulate list workloads`) or a YAML file.",
        metavar="NAME|FILE",
        autocompletion=workloads_from,
    ),
]
TraceOption = Annotated[
    str | None,
    typer.Option(help="Replay a trace that record-trace wrote.", metavar="FILE", autocompletion=recordings_from),
]
_KIND: dict[str, Any] = {"metavar": "NAME", "autocompletion": strategies_from}
StrategiesOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Strategy to compare; repeat. `diloco:replicas=4,sync_every=100` sets its parameters; a list stands in "
        "brackets, `async-diloco:local_steps=[30,20]`.",
        **_KIND,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Change anything in the scenario, such as workload.batch_tokens=1e6; repeat.",
        metavar="KEY.PATH=VALUE",
    ),
]
ParamsOption = Annotated[str | None, typer.Option(help="Parameters N of the model, such as 30B.", metavar="COUNT")]
TokensOption = Annotated[str | None, typer.Option(help="Tokens D to train on. [default: 20 N]", metavar="COUNT")]
StepsOption = Annotated[int | None, typer.Option(help="Inner steps T to train, instead of tokens.")]
ChipsOption = Annotated[
    int | None, typer.Option(help="Chips in all datacenters together. [default: the topology's, else from the batch]")
]
ChipOption = Annotated[
    str | None,
    typer.Option(
        "--chip",
        "--chip-speed",
        help="Chip everywhere: its useful speed, such as '395 Tflop/s', or its name, such as h100. "
        "[default: the topology's, else 300 Tflop/s]",
        metavar="NAME|SPEED",
    ),
]
MfuOption = Annotated[
    float | None,
    typer.Option(
        "--mfu",
        help="Useful share of the published peak of named chips. [default: by the law of the chip, or 0.4]",
    ),
]
ReplicasOption = Annotated[int | None, typer.Option(help="DiLoCo replicas M. [default: 2]")]
SyncEveryOption = Annotated[int | None, typer.Option(help="Inner steps H between outer steps. [default: 30]")]


class RuleName(StrEnum):
    """What is held equal when budgets are compared."""

    equal_chips = "equal-chips"
    best_batch = "best-batch"


RuleOption = Annotated[list[RuleName] | None, typer.Option(help="Compare by this rule; repeat. [default: both]")]
LossOption = Annotated[
    list[float] | None,
    typer.Option(help="Also say when each strategy reaches this loss [nats per token]; repeat.", metavar="LOSS"),
]
UniqueTokensOption = Annotated[
    str | None, typer.Option(help="Tokens of data before they repeat. [default: enough]", metavar="COUNT")
]


@dataclass(frozen=True)
class Prices:
    """Prices in a currency of one's own, the same in every datacenter."""

    price_chip_hour: Annotated[
        float | None, typer.Option(help="Price of a chip for an hour, everywhere. [default: the topology's]")
    ] = None
    price_gb: Annotated[
        float | None, typer.Option(help="Price of a GB sent between datacenters. [default: the topology's]")
    ] = None


@dataclass(frozen=True)
class Model:
    """The model, by its size."""

    params: ParamsOption = None


@dataclass(frozen=True)
class Run:
    """What of a run has a word of its own in each command; everything else is a key for `--set`."""

    tokens: TokensOption = None
    steps: StepsOption = None
    chips: ChipsOption = None
    chip: ChipOption = None
    mfu: MfuOption = None


@dataclass(frozen=True)
class Words(Run, Model):
    """The same, and the model and the replicas of all strategies; the help lists the model first."""

    replicas: ReplicasOption = None
    sync_every: SyncEveryOption = None


RepairOption = Annotated[
    str | None, typer.Option(help="Time until what failed works again. [default: 4 h]", metavar="DURATION")
]


def placed(file: Path | None, scenario: Path | None, trace: str | None = None) -> tuple[Path | None, str | None]:
    """Where FILE belongs: it is the scenario, or the trace that the scenario's workload is replaced by.

    Returns:
      The scenario, and the trace.

    Raises:
      InputError: there are two scenarios, or two traces.
    """
    from ..scenario.files import is_trace

    if file is not None and scenario is not None:
        raise InputError(f"{file}: --scenario {scenario} is given too; keep one of them")
    source = file or scenario
    if source is None or not is_trace(source):
        return source, trace
    if trace is not None:
        raise InputError(f"{source}: is a trace, and --trace {trace} is given too; keep one of them")
    return None, str(source)


def count(option: str, text: str) -> float:
    """A number as people write it: `2e12`, `2T`.

    Raises:
      InputError: it is none, named by its option.
    """
    from ..units.quantities import read_count

    try:
        return read_count(text)
    except InputError as error:
        raise InputError(f"{option}: {error}") from None


def count_if_given(option: str, text: str | None) -> float | None:
    """The same for an option that may be left out."""
    return None if text is None else count(option, text)


def duration_if_given(option: str, text: str | None) -> float | None:
    """A duration with its unit, `"7 days"`, of an option that may be left out [s].

    Raises:
      InputError: it is none, named by its option.
    """
    if text is None:
        return None
    from ..units.quantities import DURATION, parse

    try:
        return parse(text, DURATION)
    except InputError as error:
        raise InputError(f"{option}: {error}") from None
