"""Training cases: the trainer compiles, runs and records them; what is particular here is their text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from sim.documents.validation import validate
from sim.trace.file import Header, HeldOut
from trainer.config.run import TrainConfig
from trainer.data.batches import Batches
from trainer.data.texts import Data, load_data
from trainer.evaluation.evaluate import held_out_record
from trainer.model.initial import Params
from trainer.parallel.mesh import make_mesh
from trainer.recording.evaluations import Evaluations, never
from trainer.recording.recorder import compile_run, take
from trainer.recording.session import Listener, Recorder, Summary
from trainer.training.profiling import busiest

from .cases import Training

TEXT = "random tokens, of which the r-th most frequent comes 1/r as often as the first"
_TEXT_TOKENS = 2**21
_BUSIEST = 12
_EVALUATIONS = 8
_FUSED_STEPS, _FUSED_BLOCKS = 8, 3


def run_of(case: Training, platform: str) -> TrainConfig:
    """The configuration of a case on a platform."""
    return validate(TrainConfig, dict(case.run), source=f"case {case.name}").on(platform)


def compile_training(case: Training) -> tuple[Recorder, Data | None]:
    """Compiles a case for the devices of this machine; nothing runs yet.

    Returns:
      The compiled run, and its text; None for random tokens.
    """
    config = run_of(case, jax.devices()[0].platform)
    data = load_data(config) if "corpus" in case.run else None
    batches = data.batches if data else _random(config)
    recorder = compile_run(config, make_mesh(config.rows, 1), batches.rows, case.clock)
    recorder.trainer.compile_start()
    return recorder, data


def measure_training(case: Training, compiled: tuple[Recorder, Data | None], out: Path, command: str) -> dict[str, Any]:
    """Records a case; its trace and its profile go into folders of `out`.

    Returns:
      The figures of its row, as the page of this folder describes them.
    """
    recorder, data = compiled
    device = recorder.trainer.mesh.devices.flat[0]
    before, held, evaluated = _memory(device), [], list[HeldOut]()

    def measure(step: int, params: Params, config: TrainConfig, data: Data) -> HeldOut:
        evaluated.append(held_out_record(step, params, config, data))
        return evaluated[-1]

    evaluations = Evaluations(-(-recorder.config.steps // _EVALUATIONS), measure)
    listener = Listener(lambda name: None, lambda *step: held.append(_memory(device).get("bytes_in_use")))
    trace, profile = out / "traces" / f"{case.name}.jsonl", out / "profiles" / case.name if case.profile else None
    trace.parent.mkdir(parents=True, exist_ok=True)
    summary = take(
        recorder,
        trace,
        data=data.description if data else TEXT,
        fingerprint=data.fingerprint if data else TEXT,
        command=command,
        overwrite=True,
        listener=listener,
        profile=profile,
        fused_steps=_FUSED_STEPS,
        fused_blocks=_FUSED_BLOCKS,
        evaluate=partial(evaluations.into, config=recorder.config, data=data, note=listener.note) if data else never,
    )
    if summary is None:
        raise RuntimeError("a recording of one process has a summary")
    row = {"trace": f"traces/{trace.name}", **described(recorder.config, summary.header), **_times(summary)}
    row |= {"held_bytes": held[-1] if held else None, "peak_bytes": _raised(before, _memory(device))}
    if evaluated:
        row |= {"held_out_loss": evaluated[-1].loss, "held_out_error": evaluated[-1].loss_error}
    if profile is not None:
        row["busiest"] = [{"name": each.name, "seconds": each.seconds} for each in busiest(profile, _BUSIEST)]
    return row


def described(config: TrainConfig, header: Header) -> dict[str, Any]:
    """What was run, and what the compiler says of its memory."""
    memory = header.memory
    return {
        "params": header.model.params,
        "batch_tokens": header.batch_tokens,
        "sequence_length": header.sequence_length,
        "microbatches": config.microbatches,
        "attention": config.attention,
        "remat": config.remat,
        "unrolled": config.unrolled,
        "planned_bytes": memory.peak_bytes if memory else None,
    }


def _times(summary: Summary) -> dict[str, Any]:
    times = summary.times
    if times is None:
        return {}
    exchange, outer, header = times.outer_exchange, times.outer_compute, summary.header
    fused_s = header.fused.step.median_s if header.fused else None
    peak = header.device.peak_flop_per_s
    return {
        "compute_s": times.compute.median_s,
        "compute_p10_s": times.compute.p10_s,
        "compute_p90_s": times.compute.p90_s,
        "whole_s": times.whole.median_s if times.whole else None,
        "fused_s": fused_s,
        "fused_mfu": header.model_flop / fused_s / peak if header.model_flop and fused_s and peak else None,
        "mfu": times.model_utilization,
        "mfu_of_6n": times.rule_utilization,
        "outer_compute_s": outer.median_s if outer else None,
        "outer_exchange_s": exchange.median_s if exchange else None,
    }


def _random(config: TrainConfig) -> Batches:
    """Batches of random tokens: a step takes as long with them as with English, whose frequencies they have."""
    share = np.cumsum(1 / np.arange(1, config.model.vocab + 1))
    drawn = np.random.default_rng(config.seed).random(_TEXT_TOKENS) * share[-1]
    return Batches(
        np.searchsorted(share, drawn).astype(np.int32),
        devices=config.devices,
        sequences=config.sequences,
        sequence_length=config.sequence_length,
        seed=config.seed,
        source="random",
    )


def _memory(device: Any) -> Mapping[str, int]:
    """What the device's allocator says; nothing on a CPU."""
    return device.memory_stats() or {}


def _raised(before: Mapping[str, int], after: Mapping[str, int]) -> int | None:
    """The most memory in use, if this case used more than all before it: JAX keeps one mark for the process."""
    peak = after.get("peak_bytes_in_use")
    return peak if peak is not None and peak > before.get("peak_bytes_in_use", 0) else None
