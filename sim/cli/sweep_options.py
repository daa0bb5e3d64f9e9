"""The options of `simulate sweep` that no other command has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .options import RuleName


class Answer(StrEnum):
    """What a point answers."""

    run = "run"
    bandwidth = "bandwidth"
    budget = "budget"
    plan = "plan"


class MethodName(StrEnum):
    """How values are drawn."""

    random = "random"
    sobol = "sobol"
    halton = "halton"


@dataclass(frozen=True)
class Points:
    """What is varied."""

    vary: Annotated[
        list[str] | None,
        typer.Option(
            help="Vary a key: sync_every=10,30,100, or bandwidth_across=1:100:log:20; all combinations of several.",
            metavar="KEY=VALUES",
        ),
    ] = None
    zip: Annotated[
        list[str] | None,
        typer.Option(help="The same for keys whose values go together: first with first.", metavar="KEY=VALUES"),
    ] = None
    draw: Annotated[
        list[str] | None,
        typer.Option(
            help="Draw a key from a distribution: bandwidth_across=log-uniform:1:100.", metavar="KEY=DISTRIBUTION"
        ),
    ] = None
    count: Annotated[int | None, typer.Option(help="With --draw: how many draws.")] = None
    seed: Annotated[int | None, typer.Option(help="With --draw: its seed. [default: 0]")] = None
    method: Annotated[MethodName | None, typer.Option(help="With --draw: how. [default: sobol]")] = None


@dataclass(frozen=True)
class Question:
    """What each point answers."""

    answer: Annotated[Answer | None, typer.Option(help="What each point answers. [default: run]")] = None
    target: Annotated[
        list[float] | None, typer.Option(help="With --answer bandwidth: share of the time to compute; repeat.")
    ] = None
    rule: Annotated[
        list[RuleName] | None, typer.Option(help="With --answer budget: compare by this rule; repeat. [default: both]")
    ] = None
    target_loss: Annotated[
        list[float] | None,
        typer.Option(
            help="With --answer budget: when does each strategy reach this loss [nats per token]? Repeat.",
            metavar="LOSS",
        ),
    ] = None
    unique_tokens: Annotated[
        str | None,
        typer.Option(
            help="With --answer budget or plan: tokens of data before they repeat. [default: enough]", metavar="COUNT"
        ),
    ] = None
    days: Annotated[float | None, typer.Option(help="With --answer plan: the deadline [days].")] = None
    metric: Annotated[
        str | None,
        typer.Option(
            help="The column to look at. [default: wall_clock_s, or the first thing that the answer is about]",
            metavar="COLUMN",
        ),
    ] = None


@dataclass(frozen=True)
class Where:
    """Where the rows go, and who computes them."""

    results: Annotated[
        Path | None,
        typer.Option(
            help="Parquet file of all rows (extra `sweep`); an interrupted sweep goes on with it.",
            metavar="FILE.parquet",
        ),
    ] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a --results of another sweep.")] = False
    workers: Annotated[
        int | None, typer.Option(help="How many compute at once. [default: a process on every core]")
    ] = None
    on: Annotated[
        str | None,
        typer.Option(
            help="Who computes: processes, ray, ray://host:10001 or slurm (extras `ray`, `slurm`). "
            "[default: processes]",
            metavar="ENGINE",
        ),
    ] = None
    on_option: Annotated[
        list[str] | None,
        typer.Option(help="An option of it, such as partition=batch or num_cpus=2; repeat.", metavar="KEY=VALUE"),
    ] = None


PlotOption = Annotated[Path | None, typer.Option(help="Draw curves or a heat map (extra `plot`).", metavar="FILE.png")]
