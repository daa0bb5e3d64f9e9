"""The records of a trace, made from the costs of steps; and the costs, read back from a trace."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from sim.trace.file import Distribution, Exchange, Header, HeldOut, OuterStep, Record, RunSummary, Step, read_records

from ..config.run import TrainConfig
from ..training.costs import InnerCost, OuterCost
from .inventory import Payload


def inner_records(
    config: TrainConfig, step: int, cost: InnerCost, payload: Payload | None, *, warmup: bool = False
) -> Iterator[Record]:
    """The records of one inner step: one for each replica that took it, and one for the exchange of gradients."""
    tokens = config.batch_tokens // config.replicas
    rows = zip(cost.compute_s, cost.whole_s, cost.losses, strict=True)
    here = cost.here
    for replica, (compute_s, whole_s, loss) in enumerate(rows):
        if replica not in here:
            continue
        yield Step(
            step=step,
            replica=replica,
            compute_s=compute_s,
            whole_s=whole_s,
            tokens=tokens,
            loss=loss if math.isfinite(loss) else None,
            warmup=warmup,
        )
    yield from exchange_records(step, "gradient", payload, cost.exchange_s, warmup=warmup)


def outer_records(
    step: int, costs: Sequence[OuterCost], payloads: Sequence[Payload], fragments: int, *, warmup: bool = False
) -> Iterator[Record]:
    """The records of the outer steps after an inner step: for each the compute and the exchange.

    Args:
      step: the inner step.
      costs: the costs of the outer steps, in order.
      payloads: the payload of each fragment's exchange; empty with a single replica.
      fragments: the number of fragments.
      warmup: whether they belong to the warm-up.
    """
    for cost in costs:
        fragment = cost.fragment if fragments > 1 else None
        if cost.compute_s > 0:  # 0 in a warm-up for the result of an exchange that never began
            whole_s = cost.whole_s
            yield OuterStep(step=step, fragment=fragment, compute_s=cost.compute_s, whole_s=whole_s, warmup=warmup)
        payload = among(payloads[cost.fragment], cost.group_size) if payloads and cost.sent else None
        yield from exchange_records(
            step, "outer", payload, cost.exchange_s, warmup=warmup, fragment=fragment, joined=cost.joined
        )


def among(payload: Payload, group_size: int | None) -> Payload:
    """The payload of an exchange within groups of replicas, or of all of them (None)."""
    return payload if group_size is None else replace(payload, group_size=group_size)


def exchange_records(
    step: int,
    kind: Literal["gradient", "outer"],
    payload: Payload | None,
    seconds: float | None,
    *,
    warmup: bool = False,
    fragment: int | None = None,
    joined: int | None = None,
) -> Iterator[Record]:
    """The record of one exchange; none if there is no exchange."""
    if payload is not None:
        yield Exchange(
            step=step,
            fragment=fragment,
            kind=kind,
            group_size=payload.group_size,
            joined=joined,
            payload_bytes=payload.payload_bytes,
            seconds=seconds,
            dtype=payload.dtype,
            asked_bytes=payload.asked_bytes,
            asked_dtype=payload.asked_dtype,
            dense_bytes=payload.dense_bytes,
            warmup=warmup,
        )


def summarize(header: Header, inner: list[InnerCost], outer: list[OuterCost]) -> RunSummary:
    """The distribution of the times of a run, and the utilisation of its devices.

    Args:
      header: the first line of its trace: flops of a step and the device's peak.
      inner: its inner steps, at least one.
      outer: its outer steps; with overlap the start of an exchange and the use of its result are separate.
    """
    compute = Distribution.of([cost.compute_s[replica] for cost in inner for replica in cost.here])
    if compute is None:
        raise ValueError("a run has at least one step")
    peak = header.device.peak_flop_per_s
    achieved = header.step_flop / compute.median_s if header.step_flop else None
    by_rule, by_model = (each / compute.median_s if each else None for each in (header.rule_flop, header.model_flop))
    return RunSummary(
        compute=compute,
        whole=Distribution.of(
            [seconds for cost in inner for r in cost.here if (seconds := cost.whole_s[r]) is not None]
        ),
        gradient_exchange=Distribution.of([cost.exchange_s for cost in inner if cost.exchange_s is not None]),
        outer_compute=Distribution.of([cost.compute_s for cost in outer]),
        outer_exchange=Distribution.of([cost.exchange_s for cost in outer if cost.exchange_s is not None]),
        flop_per_s=achieved,
        utilization=achieved / peak if achieved and peak else None,
        rule_utilization=by_rule / peak if by_rule and peak else None,
        model_utilization=by_model / peak if by_model and peak else None,
    )


def recorded(trace: Path) -> tuple[list[InnerCost], list[OuterCost]]:
    """The costs of the steps in a trace, without its warm-up."""
    steps: dict[int, list[Step]] = {}
    exchange_s: dict[int, float] = {}
    outer: list[OuterCost] = []
    for record in read_records(trace):
        if isinstance(record, RunSummary | HeldOut) or record.warmup:
            continue
        if isinstance(record, Step):
            steps.setdefault(record.step, []).append(record)
        elif isinstance(record, OuterStep):
            whole_s = record.compute_s if record.whole_s is None else record.whole_s
            outer.append(OuterCost(record.fragment or 0, False, record.compute_s, None, whole_s))
        elif record.kind == "gradient" and record.seconds is not None:
            exchange_s[record.step] = record.seconds
        elif record.kind == "outer" and outer:  # the exchange of the outer step before it
            part = outer[-1]
            outer[-1] = OuterCost(part.fragment, True, part.compute_s, record.seconds, part.whole_s)
    inner = [
        InnerCost(
            compute_s=[record.compute_s for record in records],
            exchange_s=exchange_s.get(step),
            losses=[math.nan if record.loss is None else record.loss for record in records],
            whole_s=[record.whole_s for record in records],
        )
        for step, records in sorted(steps.items())
    ]
    return inner, outer
