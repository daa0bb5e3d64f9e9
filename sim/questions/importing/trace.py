"""The trace that logs make."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import ArgumentError, InputError
from ...trace.file import UNKNOWN, Exchange, Header, RecordedDevice, RecordedModel, Step
from ...trace.imports.log import LoggedStep
from .answer import Imported, Logs, series_of
from .numbers import NEEDED, Said, chip_of


def trace_lines(logs: Logs, found: Imported, said: Said) -> Iterator[str]:
    """The lines of the trace.

    Raises:
      InputError: a number without which there is no trace is missing, or there are no steps.
    """
    if not found.replicas:
        raise ArgumentError("{out}: the logs hold no step, of which a trace could be made; give one that does")
    if found.missing:
        options = ", ".join(f"{{{name}}} ({NEEDED[name]})" for name in found.missing)
        raise ArgumentError("{out}: a trace needs " + options + "; add them")
    header = _header(logs, found, said)
    yield header.model_dump_json() + "\n"
    replicas = list(series_of(logs).values())
    tokens = max(1, round(header.batch_tokens / len(replicas)))
    for position in range(max(map(len, replicas))):
        for replica, steps in enumerate(replicas):
            if position < len(steps):
                for record in _records(steps[position], replica, tokens, warmup=position < found.warmup):
                    yield record.model_dump_json() + "\n"


def _records(step: LoggedStep, replica: int, tokens: int, *, warmup: bool) -> Iterator[Step | Exchange]:
    yield Step(
        step=step.number,
        replica=replica,
        compute_s=step.seconds - step.exchange_s,
        whole_s=step.seconds if step.exchange_s else None,
        tokens=tokens,
        loss=step.loss,
        warmup=warmup,
    )
    if step.payload_bytes and step.group > 1 and replica == 0:
        yield Exchange(
            step=step.number,
            kind="gradient",
            group_size=step.group,
            payload_bytes=step.payload_bytes,
            seconds=step.exchange_s or None,
            warmup=warmup,
        )


def _header(logs: Logs, found: Imported, said: Said) -> Header:
    values = {number.name: number.value for number in found.numbers}
    named = ", ".join(f"{path.name} ({how.partition(':')[0]})" for path, how, _ in logs)
    chip = chip_of(values)
    kind = chip.kinds[0] if chip else str(values["chip"] or UNKNOWN)
    platform = UNKNOWN if chip is None else "tpu" if chip.name.startswith("tpu") else "gpu"
    within = "exchanges that were told are taken out" if any(f.exchange_s for f in found.files) else "exchanges within"
    try:
        return Header.model_validate(
            {
                "algorithm": values["algorithm"] or UNKNOWN,
                "model": RecordedModel(
                    name="custom",
                    params=_whole("params", values["params"]),
                    active_params=_whole("active_params", said.active_params) if said.active_params else None,
                ),
                "replicas": found.replicas,
                "replicas_per_device": 1,
                "sync_every": _whole("sync_every", values["sync_every"]) if values["sync_every"] else None,
                "steps": found.steps + found.warmup,
                "batch_tokens": _whole("tokens_per_step", values["tokens_per_step"]),
                "device": RecordedDevice(
                    platform=platform,
                    kind=kind,
                    count=_whole("chips", values["chips"]),
                    peak_flop_per_s=chip.peak_flop_per_s if chip else None,
                    memory_bytes=chip.memory_bytes if chip else None,
                    source=chip.source if chip else "",
                ),
                "payload_bits": values["payload_bits"],
                "origin": named[:200],
                "timing": f"as logged, {within}; " + "; ".join(text for f in found.files for text in f.took),
            }
        )
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the trace cannot be written: {error}") from None


def _whole(name: str, value: float | str | None) -> int:
    number = float(value or 0)
    if number != int(number) or number < 1:
        raise ArgumentError(f"{{{name}}}: got {number:g}; write a whole number above 0")
    return int(number)
