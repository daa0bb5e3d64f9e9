"""What columns and keys of logs are usually called, as data: each guess from a name is in one of these tables."""

from __future__ import annotations

import re

SECONDS = frozenset(
    (
        "step_time",
        "steptime",
        "time_per_step",
        "time_per_iteration",
        "time_per_iter",
        "iter_time",
        "iteration_time",
        "step_duration",
        "step_seconds",
        "seconds_per_step",
        "batch_time",
        "train_step_time",
        "training_step_time",
        "elapsed_per_step",
        "elapsed_time_per_iteration",
        "seconds",
        "duration",
        "dt",
        "time_step",
        "step_latency",
        "s_it",
        "sec_per_step",
    )
)
"""The seconds of a step."""
STEPS_PER_S = frozenset(
    ("steps_per_second", "steps_per_sec", "steps_s", "it_s", "iters_per_second", "iterations_per_second")
)
TOKENS_PER_S = frozenset(
    ("tokens_per_second", "tokens_per_sec", "tokens_s", "tok_s", "tok_per_sec", "throughput_tokens")
)
"""Of all chips together; a name with one of `PER_CHIP` is of one."""
PER_CHIP = ("per_device", "per_gpu", "per_chip", "device", "gpu")
CLOCK = frozenset(
    (
        "runtime",
        "timestamp",
        "elapsed",
        "elapsed_time",
        "elapsed_seconds",
        "wall_time",
        "walltime",
        "wall_clock",
        "time_elapsed",
        "total_time",
        "datetime",
        "date",
        "created_at",
    )
)
"""A time of day, or the seconds since a begin."""
STEP = frozenset(("step", "global_step", "train_step", "trainer_step", "iteration", "iter", "it", "num_steps"))
LOSS = frozenset(("loss", "train_loss", "training_loss", "lm_loss"))
EXCHANGE = frozenset(
    (
        "exchange",
        "exchange_time",
        "comm_time",
        "communication_time",
        "sync_time",
        "allreduce_time",
        "all_reduce_time",
        "outer_step_time",
        "outer_sync_time",
    )
)
REPLICA = frozenset(("replica", "replica_id", "worker", "worker_id", "rank", "node", "site"))

PARAMS = frozenset(
    ("params", "n_params", "num_params", "parameters", "n_parameters", "num_parameters", "model_params", "total_params")
)
TOKENS_PER_STEP = frozenset(
    ("tokens_per_step", "batch_tokens", "tokens_per_batch", "global_batch_tokens", "global_batch_size_tokens")
)
CHIPS = frozenset(
    (
        "chips",
        "n_chips",
        "num_chips",
        "world_size",
        "num_gpus",
        "n_gpus",
        "gpus",
        "gpu_count",
        "num_devices",
        "n_devices",
    )
)

_UNITS = {"s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3, "us": 1e-6}
_UNITS |= {"millis": 1e-3, "milliseconds": 1e-3, "micros": 1e-6, "microseconds": 1e-6, "ns": 1e-9, "min": 60.0}
_WHOLE_NAMES = SECONDS | STEPS_PER_S | TOKENS_PER_S


def plain(name: str) -> str:
    """A name without case, groups and punctuation: `train/Step-Time (ms)` is `step_time_ms`."""
    last = re.split(r"[/.:]| - ", name.strip().lower())[-1]
    return re.sub(r"[^a-z0-9]+", "_", last).strip("_")


def with_unit(name: str) -> tuple[str, float | None]:
    """A plain name without its unit, and what one of it is [s]; None where it names none."""
    said = plain(name)
    before, _, unit = said.rpartition("_")
    if said in _WHOLE_NAMES:
        return said, 1.0 if unit in _UNITS or said in _UNITS else None
    return (before, _UNITS[unit]) if before and unit in _UNITS else (said, None)
