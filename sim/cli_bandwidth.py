"""`simulate bandwidth`: its options, and how they become a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .errors import InputError
from .output import Format, deliver

if TYPE_CHECKING:
    from .scenario import Scenario


class Grid(StrEnum):
    """Grids of bandwidths by name."""

    paper = "paper"


class Overlap(StrEnum):
    """When exchanges begin."""

    layers = "layers"
    none = "none"


def bandwidth(
    params: Annotated[float | None, typer.Option(help="Parameters N, such as 10e9.")] = None,
    layers: Annotated[int | None, typer.Option(help="Layers of the model.")] = None,
    step_time: Annotated[
        str | None, typer.Option(help="Compute of a step, in seconds or with a unit.", metavar="TIME")
    ] = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            help="Strategy; repeat. `streaming-diloco:fragments=8` sets its parameters. "
            "[default: all but elastic-diloco]",
            metavar="NAME",
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="Share of the time that the chips shall compute; repeat, or 0.5,0.9. [default: 0.5,0.8,0.9,0.95,0.99]",
            metavar="SHARE",
        ),
    ] = None,
    replicas: Annotated[int | None, typer.Option(help="DiLoCo replicas M. [default: 2]")] = None,
    sync_every: Annotated[int | None, typer.Option(help="Inner steps H between outer steps. [default: 30]")] = None,
    fragments: Annotated[
        int | None, typer.Option(help="Fragments P. [default: three layers each; eager-diloco: 1]")
    ] = None,
    overlap_steps: Annotated[
        int | None, typer.Option(help="Inner steps that begin without a fragment's result. [default: 1]")
    ] = None,
    overlap: Annotated[Overlap | None, typer.Option(help="When exchanges begin. [default: layers]")] = None,
    payload_bits: Annotated[float | None, typer.Option(help="Bits per exchanged parameter. [default: 16]")] = None,
    payload_factor: Annotated[
        float | None, typer.Option(help="What payloads are multiplied by; 0.8 matches published tables. [default: 1]")
    ] = None,
    scenario: Annotated[
        Path | None, typer.Option(help="Ask about a scenario file instead of two replicas.", metavar="FILE")
    ] = None,
    topology: Annotated[
        str | None, typer.Option(help="Ask on a topology: a name or a YAML file.", metavar="NAME|FILE")
    ] = None,
    workload: Annotated[
        str | None, typer.Option(help="Workload on it: a name or a YAML file.", metavar="NAME|FILE")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change anything in that scenario; repeat.", metavar="KEY.PATH=VALUE"),
    ] = None,
    link: Annotated[
        str | None, typer.Option(help="Vary this link alone, such as `a -> b`. [default: all]", metavar="LINK")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Replay every step instead of a period that repeats.")] = False,
    grid: Annotated[Grid | None, typer.Option(help="Report the first point of the published grid.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to print the result.")] = Format.table,
    output: Annotated[Path | None, typer.Option(help="Write the result to a file instead.", metavar="FILE")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw utilisation against bandwidth (extra `plot`).", metavar="FILE.png")
    ] = None,
) -> None:
    """How much bandwidth between datacenters a utilisation needs, for each strategy.

    By default for two replicas on one serial link without latency, as in the published tables: layer by layer, each
    parameter sent once. With --scenario, --topology or --workload: on those, all links (or --link) made wider.
    """
    from .output import check_writable

    for path in filter(None, (output, plot)):
        check_writable(path)
    from .questions.bandwidth import TARGETS, answer
    from .report.bandwidth import BANDWIDTH_RENDERERS, draw_curve
    from .scenario import naming

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
    targets = [_share(part) for text in target or () for part in text.split(",") if part.strip()]
    with naming(scenario):
        if params is not None:
            asked = _study(params, layers, step_time, strategy, given, topology, scenario or workload or set_)
        else:
            asked = _scenario(layers or step_time, strategy, given, scenario, topology, workload, set_ or ())
        found = answer(_replayed(asked, full), targets or TARGETS, link=link)
    if plot:
        draw_curve(found, plot)
    deliver(BANDWIDTH_RENDERERS[format_](found, grid is not None), output)


def _share(text: str) -> float:
    percent = text.strip().endswith("%")
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        raise InputError(f"--target: got {text!r}; write a share of the time, such as 0.95 or 95%") from None
    return value / 100 if percent else value


def _study(
    params: float,
    layers: int | None,
    step_time: str | None,
    strategies: Sequence[str] | None,
    given: dict[str, Any],
    topology: str | None,
    elsewhere: object,
) -> Scenario:
    from .questions.bandwidth import STUDIED, study
    from .topology import load_topology
    from .units import LATENCY, parse

    if elsewhere:
        raise InputError("--params: a scenario or workload has its own; leave out either it or --params")
    if step_time is None:
        raise InputError('--step-time: how long does a step compute? write for instance --step-time "0.8 s"')
    try:
        step_time_s = float(step_time)
    except ValueError:
        step_time_s = parse(step_time, LATENCY)
    if not 0 < step_time_s < float("inf") or not 0 < params < float("inf"):
        raise InputError(f"--params {params:g} --step-time {step_time}: write numbers above 0")
    there = load_topology(topology).model_dump(mode="json", exclude_none=True) if topology else None
    chosen = strategies or STUDIED
    return study(
        params=params, layers=layers, step_time_s=step_time_s, strategies=chosen, parameters=given, topology=there
    )


def _scenario(
    study_options: object,
    strategies: Sequence[str] | None,
    given: dict[str, Any],
    path: Path | None,
    topology: str | None,
    workload: str | None,
    settings: Sequence[str],
) -> Scenario:
    from .document import validate
    from .questions.bandwidth import strategy_documents
    from .scenario import Scenario, load_scenario

    if path is None and topology is None and workload is None:
        raise InputError(
            "bandwidth: for which model? write --params 10e9 --layers 48 --step-time 0.8, or a --scenario, --topology "
            "or --workload"
        )
    if study_options:
        raise InputError("--layers, --step-time: go with --params; in a scenario use --set workload.layers=48")
    loaded = load_scenario(path, topology=topology, workload=workload, strategies=strategies or (), settings=settings)
    if not given:
        return loaded
    document = loaded.model_dump(mode="json", exclude_none=True)
    entries = strategies or [each["kind"] for each in document["strategies"]]
    changed = strategy_documents(entries, given, given)
    if not strategies:
        changed = [old | new for old, new in zip(document["strategies"], changed, strict=True)]
    return validate(Scenario, document | {"strategies": changed}, source=str(path or "scenario"))


def _replayed(scenario: Scenario, full: bool) -> Scenario:
    from .document import validate

    if not full:
        return scenario
    document = scenario.model_dump(mode="json", exclude_none=True) | {"replay": "full"}
    return validate(type(scenario), document, source="scenario")
