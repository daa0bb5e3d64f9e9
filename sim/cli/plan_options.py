"""The options of `simulate plan` that belong together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .options import ChipOption, ChipsOption, MfuOption, Prices, RepairOption


class Objective(StrEnum):
    """What the best plan has least of."""

    loss = "loss"
    cost = "cost"
    energy = "energy"


class Sharded(StrEnum):
    """What the chips of a datacenter share out of the model."""

    none = "none"
    optimizer = "optimizer"
    gradients = "gradients"
    parameters = "parameters"


@dataclass(frozen=True)
class Equipment:
    """The chips, where the topology shall not say it."""

    chips: ChipsOption = None
    chip: ChipOption = None
    mfu: MfuOption = None
    sharding: Annotated[
        Sharded, typer.Option(help="What chips of a datacenter share out, if named: a model must fit their memory.")
    ] = Sharded.parameters


@dataclass(frozen=True)
class Limits(Prices):
    """What a run costs, may cost, and shall have least of."""

    max_cost: Annotated[float | None, typer.Option(help="What the run may cost, in the unit of the prices.")] = None
    objective: Annotated[
        Objective, typer.Option(help="Least loss; or, within --loss-slack of that, least cost or energy.")
    ] = Objective.loss
    max_mw: Annotated[
        float | None, typer.Option(help="What the datacenters may draw together while all chips compute [MW].")
    ] = None
    risk: Annotated[
        bool, typer.Option("--risk", help="Compare plans by the high end of their loss: what is not known costs most.")
    ] = False


@dataclass(frozen=True)
class Failing:
    """What fails while the plan runs."""

    failures: Annotated[
        Path | None, typer.Option(help="Scenario whose section `failures` says what breaks.", metavar="FILE")
    ] = None
    mtbf: Annotated[str | None, typer.Option(help="Mean time between failures of a chip.", metavar="DURATION")] = None
    site_mtbf: Annotated[
        str | None, typer.Option(help="Mean time between failures of a whole datacenter.", metavar="DURATION")
    ] = None
    repair: RepairOption = None


@dataclass(frozen=True)
class Served:
    """What must answer in time with the model."""

    max_latency: Annotated[
        str | None,
        typer.Option(help="The model must answer within this time, such as '0.5 s'.", metavar="DURATION"),
    ] = None
    serve_chip: Annotated[
        str | None,
        typer.Option(help="Chip that answers, by its name. [default: the one that trains]", metavar="NAME"),
    ] = None
    serve_chips: Annotated[
        int | None, typer.Option(help="Chips that answer together, at most. [default: the largest mesh]")
    ] = None
    serve_batch: Annotated[int | None, typer.Option(help="Prompts answered at once. [default: 1]")] = None
    prompt_tokens: Annotated[
        str | None, typer.Option(help="Tokens of a prompt to answer. [default: 8192]", metavar="COUNT")
    ] = None
    output_tokens: Annotated[
        str | None,
        typer.Option(help="Tokens of the answer; the first comes from the prompt. [default: 1]", metavar="COUNT"),
    ] = None
    weight_bytes: Annotated[
        float | None, typer.Option(help="Bytes of a parameter of the model that answers. [default: 2]")
    ] = None
