"""`simulate bandwidth`: its options, and how they become a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ..errors import InputError
from ..shell.formats import CiteOption, FormatOption, OutputOption, chosen
from ..shell.option_groups import given
from .handing_over import hand_over
from .names import strategies_from
from .options import (
    FileArgument,
    ParamsOption,
    ReplicasOption,
    Run,
    ScenarioOption,
    SetOption,
    SyncEveryOption,
    TopologyOption,
    TraceOption,
    WorkloadOption,
    placed,
)

if TYPE_CHECKING:
    from ..questions.bandwidth.bandwidth import BandwidthAnswer
    from ..questions.without_effect import Called
    from ..report.model import Report
    from ..scenario.model import Scenario
    from ..simulation.without_effect.keys import Reason


class Grid(StrEnum):
    """Grids of bandwidths by name."""

    paper = "paper"


class Overlap(StrEnum):
    """When exchanges begin."""

    layers = "layers"
    none = "none"


StepTimeOption = Annotated[
    str | None,
    typer.Option(help="Compute of a step, in seconds or with a unit; with it, the published setting.", metavar="TIME"),
]
StrategyOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Strategy; repeat. `streaming-diloco:fragments=8` sets its parameters. [default: the scenario's; with "
        "--step-time all but elastic-diloco]",
        metavar="NAME",
        autocompletion=strategies_from,
    ),
]
TargetOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Share of the time that the chips shall compute; repeat, or 0.5,0.9. [default: 0.5,0.8,0.9,0.95,0.99]",
        metavar="SHARE",
    ),
]
LinkOption = Annotated[
    str | None, typer.Option(help="Vary this link alone, such as `a -> b`. [default: all]", metavar="LINK")
]
FullOption = Annotated[bool, typer.Option("--full", help="Replay every step instead of a period that repeats.")]
GridOption = Annotated[Grid | None, typer.Option(help="Report the first point of the published grid.")]
PlotOption = Annotated[
    Path | None, typer.Option(help="Draw utilisation against bandwidth (extra `plot`).", metavar="FILE.png")
]


@dataclass(frozen=True)
class Exchanges:
    """How every strategy exchanges that has such a key and says nothing itself."""

    replicas: ReplicasOption = None
    sync_every: SyncEveryOption = None
    fragments: Annotated[
        int | None, typer.Option(help="Fragments P. [default: three layers each; eager-diloco: 1]")
    ] = None
    overlap_steps: Annotated[
        int | None, typer.Option(help="Inner steps that begin without a fragment's result. [default: 1]")
    ] = None
    overlap: Annotated[Overlap | None, typer.Option(help="When exchanges begin. [default: layers]")] = None
    payload_bits: Annotated[float | None, typer.Option(help="Bits per exchanged parameter. [default: 16]")] = None
    payload_factor: Annotated[
        float | None,
        typer.Option(help="What payloads are multiplied by; 0.8 matches published tables. [default: 1]"),
    ] = None


@dataclass(frozen=True)
class Published:
    """The setting of the published tables: a model, the compute of its step, and as many datacenters as are needed."""

    params: ParamsOption = None
    layers: Annotated[int | None, typer.Option(help="Layers of the model.")] = None
    step_time: StepTimeOption = None
    datacenters: Annotated[
        int | None,
        typer.Option(help="Datacenters, which Data-Parallel spans. [default: the most replicas, at least 2]"),
    ] = None


@dataclass(frozen=True)
class Place:
    """The scenario to ask about in place of the published setting."""

    file: FileArgument = None
    scenario: ScenarioOption = None
    topology: TopologyOption = None
    workload: WorkloadOption = None
    trace: TraceOption = None
    set_: SetOption = None


def bandwidth(
    *,
    place: Place,
    strategy: StrategyOption = None,
    published: Published,
    run: Run,
    exchanges: Exchanges,
    target: TargetOption = None,
    link: LinkOption = None,
    full: FullOption = False,
    grid: GridOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
    cite: CiteOption = False,
    plot: PlotOption = None,
) -> None:
    """How much bandwidth between datacenters a utilisation needs, for each strategy.

    With --params and --step-time: for two replicas on one serial link without latency, as in the published tables:
    layer by layer, each parameter sent once. Else: for a scenario, all links (or --link) made wider.
    """
    from ..shell.delivery import check_writable, write_atomically

    if output:
        check_writable(output, place.file, place.scenario, place.topology, place.workload, place.trace)
    shape = chosen(format_, output, cite=cite)
    from ..report.answers.bandwidth import report
    from ..report.render.png import check_drawable
    from ..scenario.loading import naming

    if plot:
        check_drawable(plot)
    source, trace = placed(place.file, place.scenario, place.trace)
    place = replace(place, file=None, scenario=source, trace=trace)
    shared = given(exchanges) | ({"overlap": exchanges.overlap.value} if exchanges.overlap else {})
    targets = dict.fromkeys(_share(part) for text in target or () for part in text.split(","))
    if published.params is None or (given(run) and published.step_time is None):
        asked = _scenario(published, strategy or (), shared, place, given(run))
    else:
        asked = _study(published, strategy or (), shared, place, given(run))
    with naming(source):
        found = _answered(asked, full, tuple(targets), link)
    told = report(found, on_grid=grid is not None)

    def illustrated(told: Report) -> Report:
        from ..report.page.bandwidth import page

        return page(told, found)

    if plot:
        from ..report.render.figure import drawn

        write_atomically(plot, drawn(illustrated(told), "png"))
    hand_over(told, shape, output, illustrated, cite=cite)


class _Asked(NamedTuple):
    """A scenario made of options: its rounds, what a person calls its keys, and which options it has no use for."""

    scenario: Scenario
    rounds: int | None = None
    called: Called = str
    ignored: tuple[Reason, ...] = ()


def _answered(asked: _Asked, full: bool, targets: Sequence[float], link: str | None) -> BandwidthAnswer:
    from ..questions.bandwidth.bandwidth import TARGETS, answer
    from ..shell.progress import Progress

    with Progress() as watch:
        return answer(
            asked.scenario.replaced(replay="full") if full else asked.scenario,
            targets or TARGETS,
            link=link,
            rounds=asked.rounds,
            called=asked.called,
            ignored=asked.ignored,
            watch=watch,
        )


def _share(text: str) -> float:
    percent = text.strip().endswith("%")
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        raise InputError(f"--target: got {text!r}; write a share of the time, such as 0.95 or 95%") from None
    return value / 100 if percent else value


def _study(
    published: Published, strategies: Sequence[str], shared: dict[str, Any], place: Place, run: dict[str, Any]
) -> _Asked:
    from ..questions.bandwidth.published_setting import ROUNDS, STUDIED, study
    from ..questions.without_effect import called_in_study, in_study
    from ..topology.model import load_topology

    if place.scenario or place.workload or place.trace or place.set_:
        raise InputError("--params: a scenario or workload has its own; leave out --params, or all of those")
    if published.step_time is None:
        raise InputError(
            '--step-time: how long does a step compute? write for instance --step-time "0.8 s", or --chips 512 '
            "--chip '395 Tflop/s' --topology low-bw"
        )
    if run:
        raise InputError(f"--{next(iter(run))}: --step-time says what a step takes on any chips; leave out one of them")
    there = load_topology(place.topology) if place.topology else None
    entries = strategies or STUDIED
    asked = study(
        params=str(published.params),
        layers=published.layers,
        step_time_s=_seconds(published.step_time),
        strategies=entries,
        parameters=shared,
        topology=there,
        datacenters=published.datacenters,
    )
    ignored = in_study(asked, there, published.datacenters, entries, shared)
    return _Asked(asked, ROUNDS, called_in_study(there), tuple(ignored))


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
    published: Published, strategies: Sequence[str], shared: dict[str, Any], place: Place, run: dict[str, Any]
) -> _Asked:
    from ..documents.validation import validate
    from ..questions.without_effect import own_keys
    from ..scenario.loading import load_scenario
    from ..scenario.model import Scenario
    from ..scenario.overrides import strategy_documents

    if published.datacenters is not None:
        raise InputError("--datacenters: goes with --params; a scenario's topology has its own, leave it out")
    if not (place.scenario or place.topology or place.workload or place.trace or run):
        raise InputError(
            "bandwidth: for which model? write --params 10e9 --layers 48 --step-time 0.8, or a --scenario, --topology "
            "or --workload"
        )
    if published.layers is not None or published.step_time is not None:
        raise InputError("--layers, --step-time: go with --params; in a scenario use --set workload.layers=48")
    words = run | ({"params": published.params} if published.params else {})
    loaded = load_scenario(
        place.scenario,
        topology=place.topology,
        workload=place.workload,
        trace=place.trace,
        strategies=strategies,
        words=words,
        settings=place.set_ or (),
    )
    if not shared:
        return _Asked(loaded)
    document = loaded.model_dump(mode="json", exclude_none=True)
    entries = strategies or [each["kind"] for each in document["strategies"]]
    changed = strategy_documents(entries, shared, shared)
    if not strategies:
        changed = [old | new for old, new in zip(document["strategies"], changed, strict=True)]
    asked = validate(Scenario, document | {"strategies": changed}, source=str(place.scenario or "scenario"))
    return _Asked(asked, ignored=tuple(own_keys(strategies, shared)) if strategies else ())
