"""`simulate explain`: its options, and how they become a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from ..shell.delivery import check_writable
from ..shell.formats import CiteOption, Format, FormatOption, OutputOption, chosen
from ..shell.option_groups import given
from .handing_over import hand_over
from .names import strategies_from
from .options import (
    FileArgument,
    ScenarioOption,
    SetOption,
    TopologyOption,
    TraceOption,
    Words,
    WorkloadOption,
    placed,
)

if TYPE_CHECKING:
    from ..laws.shapes import TransformerShape
    from ..questions.explain.explain import Explanation
    from ..report.model import Report
    from ..scenario.model import Scenario

EXPLAINED = "diloco"
StrategyOption = Annotated[
    str | None,
    typer.Option(
        help=f"Strategy to explain. [default: the scenario's, else {EXPLAINED}]",
        metavar="NAME",
        autocompletion=strategies_from,
    ),
]


def _shapes(incomplete: str) -> list[str]:
    from ..laws.shapes import SHAPES

    return [name for name in SHAPES if name.startswith(incomplete)]


@dataclass(frozen=True)
class Flops:
    """What a step computes."""

    flops: Annotated[
        bool, typer.Option("--flops", help="Count the flops of a step block by block, beside the rule of 6 N D.")
    ] = False
    shape: Annotated[
        str | None,
        typer.Option(
            help="Model by its shape: a name, such as llama-3-70b, or "
            "layers=80,width=8192,hidden=28672,heads=64,kv_heads=8,vocab=128256 (and head_width, gated, tied).",
            metavar="NAME|DIMENSIONS",
            autocompletion=_shapes,
        ),
    ] = None
    sequence_tokens: Annotated[
        int | None,
        typer.Option(help="Tokens of a sequence; the run then counts attention. [default: not counted]", min=1),
    ] = None


def explain(
    *,
    file: FileArgument = None,
    scenario: ScenarioOption = None,
    topology: TopologyOption = None,
    workload: WorkloadOption = None,
    trace: TraceOption = None,
    strategy: StrategyOption = None,
    words: Words,
    flops: Flops,
    set_: SetOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
    cite: CiteOption = False,
) -> None:
    """Where every second of one run goes, the formula with the numbers in it, and what it is sensitive to."""
    if output:
        check_writable(output, file, scenario, topology, workload, trace)
    shape = chosen(format_, output, cite=cite)
    if flops.flops and shape is Format.csv:
        raise InputError("--flops: CSV has the parts of the wall-clock alone; write --format json, which has both")
    model = _model(flops, words, file, scenario, workload, trace)
    from ..questions.explain.explain import answer
    from ..report.answers.explain import report
    from ..scenario.loading import naming
    from ..shell.progress import Progress

    source, replayed = placed(file, scenario, trace)
    asked = strategy or (None if source else EXPLAINED)
    asking = {
        "topology": topology,
        "workload": workload,
        "trace": replayed,
        "strategies": [asked] if asked else (),
        "words": given(words) | ({"params": str(model.params)} if model else {}),
    }
    loaded = _loaded(source, asking, _settings(flops, model), set_ or ())
    with naming(source), Progress() as watch:
        found = _counted(answer(loaded, watch), loaded, model) if flops.flops else answer(loaded, watch)

    def illustrated(told: Report) -> Report:
        from ..questions.illustration import one_round
        from ..report.page.explain import page

        return page(told, found, *one_round(loaded))

    hand_over(report(found), shape, output, illustrated, cite=cite)


def _model(
    flops: Flops, words: Words, file: Path | None, scenario: Path | None, workload: str | None, trace: str | None
) -> TransformerShape | None:
    """The shape that was given; it is the model of the run.

    Raises:
      InputError: there is another model.
    """
    if flops.shape is None:
        return None
    others = {"FILE": file, "--scenario": scenario, "--workload": workload, "--trace": trace, "--params": words.params}
    if there := [name for name, value in others.items() if value is not None]:
        raise InputError(f"--shape: is a model of its own; leave out {' and '.join(there)}, or --shape")
    from ..questions.shapes import read_shape

    return read_shape(flops.shape, "--shape")


def _loaded(source: Path | None, asking: dict[str, Any], own: list[str], settings: Sequence[str]) -> Scenario:
    """The scenario with what the shape and the sequence change in it.

    Raises:
      InputError: anything is wrong, or its workload is a recording, which takes no other sequence.
    """
    from ..scenario.loading import load_scenario
    from ..workload.documents import TraceWorkload

    try:
        return load_scenario(source, **asking, settings=(*own, *settings))
    except InputError:
        if own and isinstance(load_scenario(source, **asking, settings=settings).workload, TraceWorkload):
            told = "--sequence-tokens: a recording has its own sequences; leave it out, or name a model: --workload 10b"
            raise InputError(told) from None
        raise


def _settings(flops: Flops, model: TransformerShape | None) -> list[str]:
    """What the shape and the sequence change in the workload."""
    settings = [f"workload.layers={model.layers}"] if model else []
    if flops.sequence_tokens is not None:
        settings.append(f"workload.attention.sequence_tokens={flops.sequence_tokens}")
        settings += [f"workload.attention.width={model.heads_width}"] if model else []
    return settings


def _counted(found: Explanation, loaded: Scenario, model: TransformerShape | None) -> Explanation:
    from ..questions.explain.flops import count

    return replace(found, flops=count(loaded, found.run, model))
