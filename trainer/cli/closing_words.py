"""The summary that `record-trace` prints when a trace is written."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from sim.units.in_words import human_bytes, human_count, human_seconds

if TYPE_CHECKING:
    from sim.trace.file import Distribution, Header, RunSummary

    from ..config.run import TrainConfig
    from ..programs.roofline import Roofline
    from ..recording.inventory import Payload
    from ..recording.recorder import Summary

RESERVED_SHARE = 0.75
"""Share of a GPU's memory that JAX reserves by default."""


def closing(config: TrainConfig, summary: Summary, output: Path) -> str:
    """The summary of a recording, or of a run that was only compiled."""
    header = summary.header
    replicas = (
        f"{config.replicas} replica{'s' if config.replicas > 1 else ''} of {config.devices_per_replica} device(s)"
    )
    if config.replicas_per_device > 1:
        replicas += f", {config.replicas_per_device} of them on each"
    lines = [f"{config.algorithm}, {replicas}, {human_count(header.model.params)} parameters"]
    lines += _measured(summary.times, summary) if summary.times else _estimated(summary)
    if header.step_flop and header.rule_flop:
        ratio = header.step_flop / header.rule_flop
        lines.append(f"  flops            {_flop(header.step_flop)} a device and step, {ratio:.2f} times 6 N a token")
    if header.memory:
        there = header.device.memory_bytes
        of = f" of {human_bytes(there)}" if there else ""
        of += ", more than it has" if there and header.memory.peak_bytes > there else ""
        lines.append(f"  memory           {human_bytes(header.memory.peak_bytes)} a device{of}, by the compiler")
        if there and header.device.platform == "gpu" and header.memory.peak_bytes > RESERVED_SHARE * there:
            lines.append("                   (run with XLA_PYTHON_CLIENT_MEM_FRACTION=0.95: JAX takes 75% by itself)")
    lines.append(f"  gradient payload {_payload(summary.gradient)}")
    lines.append(f"  outer payload    {_outer_payload(summary.outer)}")
    across = sum(
        each.payload_bytes for program in header.programs for each in program.collectives if each.between_slices
    )
    if header.device.slices > 1:
        lines.append(f"  between slices   {human_bytes(across)} a device for one call of each program")
    if summary.first_loss is not None and summary.last_loss is not None:
        lines.append(f"  loss             {summary.first_loss:.3f} -> {summary.last_loss:.3f} nats per token")
    lines += [
        f"wrote {output}; replay it with",
        f"  {shlex.join(['simulate', '--topology', 'low-bw', '--trace', str(output)])}",
    ]
    return "\n".join(lines)


def _measured(times: RunSummary, summary: Summary) -> list[str]:
    lines = [f"  compute          {_spread(times.compute)} a step of a replica ({summary.steps} steps)"]
    if times.whole:
        lines.append(f"  whole step       {_spread(times.whole)}, with its exchange")
    if fused := summary.header.fused:
        share = fused.step.median_s / (times.whole or times.compute).median_s
        lines.append(
            f"  fused step       {_spread(fused.step)}, one program and no waiting: {share:.2f} of the whole step"
        )
    if times.outer_compute:
        lines.append(f"  outer steps      {summary.outer_steps}, {_spread(times.outer_compute)} of arithmetic each")
    if times.flop_per_s:
        used = f"{times.utilization:.1%} of the device's peak" if times.utilization else "of an unknown peak"
        used += f" (MFU {times.model_utilization:.1%})" if times.model_utilization else ""
        lines.append(f"  speed            {_flop(times.flop_per_s)}/s, {used}")
    return lines


def _estimated(summary: Summary) -> list[str]:
    header = summary.header
    peak, utilization = header.device.peak_flop_per_s or 1.0, header.utilization or 1.0
    step_s = human_seconds((header.step_flop or 0.0) / (peak * utilization))
    return [
        f"  compiled for     {header.device.count} x {header.device.kind}, and never run",
        f"  compute          {step_s} a step, estimated at {utilization:.0%} of {_flop(peak)}/s",
        *(_bound(summary.roofline, header) if summary.roofline else []),
    ]


def _bound(roofline: Roofline, header: Header) -> list[str]:
    """The roofline of the compiled step, and what it assumes."""
    from ..parallel.chip_rates import assumptions, find_rates

    rates = find_rates(header.device.kind)
    peak = header.device.peak_flop_per_s
    reached = header.model_flop / roofline.seconds / peak if header.model_flop and peak else None
    products = ", ".join(f"{_flop(flop)} {kind}" for kind, flop in sorted(roofline.flop.items()))
    lines = [
        f"  roofline         {human_seconds(roofline.seconds)} a step at best"
        + (f", an MFU of {reached:.0%}" if reached else "")
        + f": {human_bytes(roofline.bytes_moved)} of memory traffic, {roofline.kernels:,} kernels, {products}",
    ]
    if rates:
        lines.append(f"                   (assumes {assumptions(rates)})")
    if roofline.unknown_loops:
        lines.append(f"                   ({roofline.unknown_loops} loops of unknown length are counted once)")
    return lines


def _flop(value: float) -> str:
    power = min(5, int(math.log10(value) / 3)) if value >= 1 else 0
    return f"{value / 1000**power:.3g} {' kMGTP'[power].strip()}flop"


def _spread(times: Distribution) -> str:
    return f"{human_seconds(times.median_s)} (p10 {human_seconds(times.p10_s)}, p90 {human_seconds(times.p90_s)})"


def _payload(payload: Payload | None) -> str:
    if payload is None:
        return "none (a single member)"
    said = f"{human_bytes(payload.payload_bytes)} a device among {payload.group_size}, in {payload.dtype}"
    widened = payload.asked_dtype and payload.asked_dtype != payload.dtype
    return said + (f" ({payload.asked_dtype} was asked for)" if widened else "")


def _outer_payload(payloads: list[Payload]) -> str:
    if len(payloads) < 2:
        return _payload(payloads[0] if payloads else None)
    total = human_bytes(sum(payload.payload_bytes for payload in payloads))
    largest = human_bytes(max(payload.payload_bytes for payload in payloads))
    return f"{total} a device in {len(payloads)} fragments (the largest {largest}), in {payloads[0].dtype}"
