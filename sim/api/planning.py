"""`plan` as a function: the same that the command answers, with objects in the place of files and options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypedDict, Unpack

from ..documents.chip_keys import known_name
from ..errors import InputError
from ..questions.plan import plan as plans
from ..questions.plan.options import ALL, Ask
from ..questions.plan.serving import Serving, serving
from ..scenario.failures import Failures
from ..strategies import AbstractStrategy
from ..topology.model import Topology
from ..units.quantities import CHIP_SPEED, DURATION, Quantity, from_si, parse, read_chip_speed
from ..workload.memory import Sharding
from .answers import Plan
from .given import strategy_entry, topology
from .questions import Count, Strategies, counted


class Served(TypedDict, total=False):
    """What must answer in time with the model (docs/laws.md, latency of inference)."""

    max_latency: Quantity
    serve_chip: str
    serve_chips: int
    serve_batch: int
    prompt_tokens: Count
    output_tokens: Count
    weight_bytes: float


class Limits(Served, total=False):
    """What a plan costs and draws, may cost and draw, and shall have least of (docs/cost.md), and what breaks."""

    price_chip_hour: float
    price_gb: float
    max_cost: float
    objective: Literal["loss", "cost", "energy"]
    max_mw: float
    sharding: Sharding
    failures: Failures
    risk: bool


def plan(
    where: Topology | str,
    *,
    days: float,
    chips: int | None = None,
    chip: str | None = None,
    mfu: float | None = None,
    chip_speed: Quantity | None = None,
    strategies: Strategies | Literal["all"] | None = None,
    sync_every: int | Sequence[int] | None = None,
    params: Count | tuple[Count, Count] | None = None,
    tokens_per_param: float | None = None,
    unique_tokens: Count | None = None,
    inference_tokens: Count | None = None,
    loss_slack: float = 0.01,
    payload_bits: float = 16.0,
    layers: int = 48,
    **limits: Unpack[Limits],
) -> Plan:
    """What to train on these chips in this time, how, and what loss it will reach.

    Args:
      where: a `Topology`, or its name or path.
      days: the deadline [days].
      chips: in all datacenters together; those of the topology unless given.
      chip: the kind of chip, by its name.
      mfu: useful share of its peak, and of that of chips that the topology names; 0.4 unless given.
      chip_speed: or its useful speed [flop/s].
      strategies: to choose from, Data-Parallel and DiLoCo unless given; what one leaves open (replicas, H) is searched.
        `all`: every strategy, with all that it leaves open; `lost` then says why the others lost.
      sync_every: the H to choose from; 30 unless given, with `all` several.
      params: N, or the ends of a range of it; around what fits unless given.
      tokens_per_param: tokens for each parameter; free unless given.
      unique_tokens: different tokens that there are; more of them are repeats.
      inference_tokens: that the model will process in its life: then the least compute over it is chosen.
      loss_slack: with inference tokens, the share of the best loss to give up for it.
      payload_bits: bits per exchanged parameter [bit].
      layers: of the model, for strategies that exchange layer by layer, and for its activations.
      limits: `price_chip_hour`, `price_gb`, `max_cost`, `objective` ("loss", "cost" or "energy"), `max_mw`, `sharding`,
        `failures` (what breaks; nothing unless given), `risk` (whether plans are compared by the high end of the loss);
        `max_latency` of the model's answer ("0.5 s"), on at most `serve_chips` of a `serve_chip`, to `serve_batch`
        prompts of `prompt_tokens` with `output_tokens`, its parameters in `weight_bytes`.

    Raises:
      InputError: an argument is wrong, or nothing fits.
    """
    several = [strategies] if isinstance(strategies, AbstractStrategy | str) else strategies
    entries = Ask.strategies if several is None else tuple(_entry(each) for each in several)
    ask = Ask(
        topology=where if isinstance(where, Topology) else topology(where),
        days=days,
        chips=chips,
        chip=_chip(chip),
        mfu=mfu,
        chip_flop_per_s=_speed(mfu, chip_speed),
        strategies=entries,
        sync_every=_cadences(sync_every),
        params=_range(params),
        tokens_per_param=tokens_per_param,
        **_counts({"unique_tokens": unique_tokens, "inference_tokens": inference_tokens}),
        loss_slack=loss_slack,
        payload_bits=payload_bits,
        layers=layers,
        **{key: value for key, value in limits.items() if key not in Served.__annotations__},  # type: ignore[arg-type]
        serving=_serving({key: value for key, value in limits.items() if key in Served.__annotations__}),
    )
    return Plan.of(plans.answer(ask))


def _serving(given: dict[str, Any]) -> Serving | None:
    rest = dict(given)
    limit = rest.pop("max_latency", None)
    try:
        if limit is not None:
            limit = parse(limit, DURATION) if isinstance(limit, str) else from_si(limit, DURATION)
    except InputError as error:
        raise InputError(f"max_latency: {error}") from None
    tokens: dict[str, Count | None] = {key: rest[key] for key in ("prompt_tokens", "output_tokens") if key in rest}
    return serving(limit, **rest | _counts(tokens))


def _cadences(sync_every: int | Sequence[int] | None) -> tuple[int, ...] | None:
    if sync_every is None:
        return None
    return (sync_every,) if isinstance(sync_every, int) else tuple(sync_every)


def _entry(strategy: AbstractStrategy | str) -> str:
    if isinstance(strategy, AbstractStrategy):
        return strategy_entry(strategy)
    if strategy == ALL:
        return ALL
    raise InputError(f"strategies: got {strategy!r}; write strategies, such as [DiLoCo(replicas=2)], or {ALL!r}")


def _range(params: Count | tuple[Count, Count] | None) -> tuple[float, ...] | None:
    if params is None:
        return None
    return tuple(counted("params", end) for end in (params if isinstance(params, tuple) else (params, params)))


def _counts(given: dict[str, Count | None]) -> dict[str, Any]:
    return {name: counted(name, value) for name, value in given.items() if value is not None}


def _chip(name: str | None) -> str | None:
    if name is None:
        return None
    try:
        return known_name(name)
    except InputError as error:
        raise InputError(f"chip: {error}") from None


def _speed(mfu: float | None, chip_speed: Quantity | None) -> float | None:
    if chip_speed is None:
        return None
    if mfu is not None:
        raise InputError("`mfu` and `chip_speed` say the same twice; keep one of them")
    try:
        return read_chip_speed(chip_speed) if isinstance(chip_speed, str) else from_si(chip_speed, CHIP_SPEED)
    except InputError as error:
        raise InputError(f"chip_speed: {error}") from None
