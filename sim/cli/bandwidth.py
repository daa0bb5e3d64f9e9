"""`simulate bandwidth`: its options, and how they become a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ..errors import InputError
from ..shell.delivery import check_writable
from ..shell.formats import FormatOption, OutputOption, chosen
from .handing_over import hand_over

if TYPE_CHECKING:
    from ..questions.bandwidth.bandwidth import BandwidthAnswer
    from ..questions.without_effect import Called
    from ..scenario.model import Scenario
    from ..simulation.without_effect.keys import Reason


class Grid(StrEnum):
    """Grids of bandwidths by name."""

    paper = "paper"


class Overlap(StrEnum):
    """When exchanges begin."""

    layers = "layers"
    none = "none"


ParamsOption = Annotated[str | None, typer.Option(help="Parameters N, such as 10e9 or 10B.", metavar="COUNT")]
LayersOption = Annotated[int | None, typer.Option(help="Layers of the model.")]
StepTimeOption = Annotated[
    str | None, typer.Option(help="Compute of a step, in seconds or with a unit.", metavar="TIME")
]
StrategyOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Strategy; repeat. `streaming-diloco:fragments=8` sets its parameters. [default: all but elastic-diloco]",
        metavar="NAME",
    ),
]
TargetOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Share of the time that the chips shall compute; repeat, or 0.5,0.9. [default: 0.5,0.8,0.9,0.95,0.99]",
        metavar="SHARE",
    ),
]
ReplicasOption = Annotated[int | None, typer.Option(help="DiLoCo replicas M. [default: 2]")]
DatacentersOption = Annotated[
    int | None,
    typer.Option(help="Datacenters, which Data-Parallel spans. [default: the most replicas, at least 2]"),
]
SyncEveryOption = Annotated[int | None, typer.Option(help="Inner steps H between outer steps. [default: 30]")]
FragmentsOption = Annotated[int | None, typer.Option(help="Fragments P. [default: three layers each; eager-diloco: 1]")]
OverlapStepsOption = Annotated[
    int | None, typer.Option(help="Inner steps that begin without a fragment's result. [default: 1]")
]
OverlapOption = Annotated[Overlap | None, typer.Option(help="When exchanges begin. [default: layers]")]
PayloadBitsOption = Annotated[float | None, typer.Option(help="Bits per exchanged parameter. [default: 16]")]
PayloadFactorOption = Annotated[
    float | None, typer.Option(help="What payloads are multiplied by; 0.8 matches published tables. [default: 1]")
]
ScenarioOption = Annotated[
    Path | None, typer.Option(help="Ask about a scenario file instead of two replicas.", metavar="FILE")
]
TopologyOption = Annotated[
    str | None, typer.Option(help="Ask on a topology: a name or a YAML file.", metavar="NAME|FILE")
]
WorkloadOption = Annotated[str | None, typer.Option(help="Workload on it: a name or a YAML file.", metavar="NAME|FILE")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change anything in that scenario; repeat.", metavar="KEY.PATH=VALUE"),
]
LinkOption = Annotated[
    str | None, typer.Option(help="Vary this link alone, such as `a -> b`. [default: all]", metavar="LINK")
]
FullOption = Annotated[bool, typer.Option("--full", help="Replay every step instead of a period that repeats.")]
GridOption = Annotated[Grid | None, typer.Option(help="Report the first point of the published grid.")]
PlotOption = Annotated[
    Path | None, typer.Option(help="Draw utilisation against bandwidth (extra `plot`).", metavar="FILE.png")
]


def bandwidth(
    params: ParamsOption = None,
    layers: LayersOption = None,
    step_time: StepTimeOption = None,
    strategy: StrategyOption = None,
    target: TargetOption = None,
    datacenters: DatacentersOption = None,
    replicas: ReplicasOption = None,
    sync_every: SyncEveryOption = None,
    fragments: FragmentsOption = None,
    overlap_steps: OverlapStepsOption = None,
    overlap: OverlapOption = None,
    payload_bits: PayloadBitsOption = None,
    payload_factor: PayloadFactorOption = None,
    scenario: ScenarioOption = None,
    topology: TopologyOption = None,
    workload: WorkloadOption = None,
    set_: SetOption = None,
    link: LinkOption = None,
    full: FullOption = False,
    grid: GridOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
    plot: PlotOption = None,
) -> None:
    """How much bandwidth between datacenters a utilisation needs, for each strategy.

    By default for two replicas on one serial link without latency, as in the published tables: layer by layer, each
    parameter sent once. With --scenario, --topology or --workload: on those, all links (or --link) made wider.
    """
    if output:
        check_writable(output, scenario, topology, workload)
    shape = chosen(format_, output)
    from ..report.bandwidth import report
    from ..report.render.png import check_drawable, draw
    from ..scenario.loading import naming

    if plot:
        check_drawable(plot)

    fields = {
        "replicas": replicas,
        "sync_every": sync_every,
        "fragments": fragments,
        "overlap_steps": overlap_steps,
        "overlap": overlap.value if overlap else None,
        "payload_bits": payload_bits,
        "payload_factor": payload_factor,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    targets = dict.fromkeys(_share(part) for text in target or () for part in text.split(","))
    if params is not None:
        if scenario or workload or set_:
            raise InputError("--params: a scenario or workload has its own; leave out --params, or all of those")
        asked = _study(params, layers, step_time, strategy or (), given, topology, datacenters)
    else:
        if datacenters is not None:
            raise InputError("--datacenters: goes with --params; a scenario's topology has its own, leave it out")
        alone = layers is not None or step_time is not None
        asked = _scenario(alone, strategy or (), given, scenario, topology, workload, set_ or ())
    with naming(scenario):
        found = _answered(asked, full, tuple(targets), link)
    told = report(found, on_grid=grid is not None)
    if plot:
        draw(told, plot)
    hand_over(told, shape, output)


class _Asked(NamedTuple):
    """A scenario made of options: its rounds, what a person calls its keys, and which options it has no use for."""

    scenario: Scenario
    rounds: int | None = None
    called: Called = str
    ignored: tuple[Reason, ...] = ()


def _answered(asked: _Asked, full: bool, targets: Sequence[float], link: str | None) -> BandwidthAnswer:
    from ..questions.bandwidth.bandwidth import TARGETS, answer

    return answer(
        _replayed(asked.scenario, full),
        targets or TARGETS,
        link=link,
        rounds=asked.rounds,
        called=asked.called,
        ignored=asked.ignored,
    )


def _share(text: str) -> float:
    percent = text.strip().endswith("%")
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        raise InputError(f"--target: got {text!r}; write a share of the time, such as 0.95 or 95%") from None
    return value / 100 if percent else value


def _study(
    params: str,
    layers: int | None,
    step_time: str | None,
    strategies: Sequence[str],
    given: dict[str, Any],
    topology: str | None,
    datacenters: int | None,
) -> _Asked:
    from ..questions.bandwidth.published_setting import ROUNDS, STUDIED, study
    from ..questions.without_effect import called_in_study, in_study
    from ..topology.model import load_topology

    if step_time is None:
        raise InputError('--step-time: how long does a step compute? write for instance --step-time "0.8 s"')
    entries, there = strategies or STUDIED, load_topology(topology) if topology else None
    asked = study(
        params=params,
        layers=layers,
        step_time_s=_seconds(step_time),
        strategies=entries,
        parameters=given,
        topology=there,
        datacenters=datacenters,
    )
    return _Asked(asked, ROUNDS, called_in_study(there), tuple(in_study(asked, there, datacenters, entries, given)))


def _seconds(text: str) -> float:
    from ..units.quantities import LATENCY, parse

    try:
        bare = float(text)
    except ValueError:
        bare = None
    try:
        return parse(text if bare is None else f"{text} s", LATENCY)
    except InputError as error:
        raise InputError(f"--step-time: {error}") from None


def _scenario(
    study_options: bool,
    strategies: Sequence[str],
    given: dict[str, Any],
    path: Path | None,
    topology: str | None,
    workload: str | None,
    settings: Sequence[str],
) -> _Asked:
    from ..documents.validation import validate
    from ..questions.bandwidth.published_setting import strategy_documents
    from ..questions.without_effect import own_keys
    from ..scenario.loading import load_scenario
    from ..scenario.model import Scenario

    if path is None and topology is None and workload is None:
        raise InputError(
            "bandwidth: for which model? write --params 10e9 --layers 48 --step-time 0.8, or a --scenario, --topology "
            "or --workload"
        )
    if study_options:
        raise InputError("--layers, --step-time: go with --params; in a scenario use --set workload.layers=48")
    loaded = load_scenario(path, topology=topology, workload=workload, strategies=strategies, settings=settings)
    if not given:
        return _Asked(loaded)
    document = loaded.model_dump(mode="json", exclude_none=True)
    entries = strategies or [each["kind"] for each in document["strategies"]]
    changed = strategy_documents(entries, given, given)
    if not strategies:
        changed = [old | new for old, new in zip(document["strategies"], changed, strict=True)]
    asked = validate(Scenario, document | {"strategies": changed}, source=str(path or "scenario"))
    return _Asked(asked, ignored=tuple(own_keys(strategies, given)) if strategies else ())


def _replayed(scenario: Scenario, full: bool) -> Scenario:
    return scenario.replaced(replay="full") if full else scenario
