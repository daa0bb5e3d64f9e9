"""Descendants of DiLoCo at the smallest size of the study: loss at equal tokens.

Run: python -m experiments.small_scale.descendants (again, until it says that nothing is missing). Every finished run is
a line of descendants.csv, appended at once. Each algorithm is trained at both inner rates, and at the better one with a
second seed; `--table` writes the table of README.md alone. DiLoCo with other outer optimizers is there because those of
the descendants differ from DiLoCo's, and here that matters as much as what is sent (README.md, on one replica).
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax

from sim.shell.delivery import write_atomically
from trainer.config.run import ModelConfig, TrainConfig
from trainer.evaluation.evaluate import held_out_loss, log_probs_of
from trainer.model.initial import count_params
from trainer.parallel.mesh import make_mesh
from trainer.training.loop import Trainer

from .cases import SIZES, SMALLEST, Row
from .figure import filled
from .study import LENGTH, VOCAB, Clock, text_of

RUNS = Path(__file__).parent / "descendants.csv"
REPLICAS, SYNC_EVERY, SEQUENCES = 4, 30, 8
RATES = (4e-3, 8e-3)
"""Peak inner rates that are tried: 4e-3 is the best one of DiLoCo with four replicas."""
DECOUPLED: dict[str, Any] = {
    "algorithm": "decoupled-diloco",
    "fragments": 2,
    "overlap_steps": 2,
    "outer_learning_rate": 0.7,
    "outer_momentum": 0.5,
}
KINDS: dict[str, dict[str, Any]] = {
    "DiLoCo": {"algorithm": "diloco", "outer_learning_rate": 0.6, "outer_momentum": 0.9},
    "DiLoCo, outer SGD": {"algorithm": "diloco", "outer_learning_rate": 1.0, "outer_momentum": 0.0},
    "DiLoCo, less momentum": {"algorithm": "diloco", "outer_learning_rate": 0.7, "outer_momentum": 0.5},
    "SparseLoCo": {"algorithm": "sparseloco"},
    "SparseLoCo, 1 of 8 values": {"algorithm": "sparseloco", "top": 512},
    "Gossip DiLoCo": {"algorithm": "gossip-diloco", "outer_learning_rate": 0.7, "outer_momentum": 0.5},
    "Two-level DiLoCo": {"algorithm": "two-level-diloco", "outer_learning_rate": 0.6, "outer_momentum": 0.9},
    "Two-level DiLoCo, less momentum": {
        "algorithm": "two-level-diloco",
        "outer_learning_rate": 0.7,
        "outer_momentum": 0.5,
    },
    "Decoupled DiLoCo": {**DECOUPLED, "quorum": 4},
    "Decoupled DiLoCo, one learner at half pace": {**DECOUPLED, "quorum": 3, "paces": (1.0, 1.0, 1.0, 0.5)},
}
"""What is trained, by its name on the page."""
FIELDS = ("name", "learning_rate", "seed", "params", "steps", "tokens", "held_out_loss", "held_out_error", "seconds")


def config_of(name: str, learning_rate: float, seed: int, steps: int | None = None) -> TrainConfig:
    """One of them as a training run of so many steps, else of 20 tokens a parameter: all else as in the study."""
    layers, width = SIZES[SMALLEST]
    model = ModelConfig(layers=layers, width=width, heads=2, hidden=4 * width, vocab=VOCAB)
    return TrainConfig.model_validate(
        {
            "model": model.model_dump(),
            "replicas": REPLICAS,
            "replicas_per_device": REPLICAS,
            "sync_every": SYNC_EVERY,
            "steps": steps or max(1, round(20 * count_params(model) / (SEQUENCES * LENGTH))),
            "sequence_length": LENGTH,
            "sequences": SEQUENCES // REPLICAS,
            "microbatches": 1,
            "learning_rate": learning_rate,
            "seed": seed,
            "corpus": "packages",
            **KINDS[name],
        }
    )


def wanted(done: Sequence[Row]) -> Iterator[tuple[str, float, int]]:
    """Name, inner rate and seed of each run: first all rates, then a second seed at the better one."""
    yield from ((name, rate, 0) for name in KINDS for rate in RATES)
    yield from ((name, rate, 1) for name in KINDS if (rate := best_rate(done, name)) is not None)


def best_rate(done: Sequence[Row], name: str) -> float | None:
    """The inner rate of the least loss of the first seed; None while one of them is missing."""
    tried = {
        float(row["learning_rate"]): float(row["held_out_loss"])
        for row in done
        if (row["name"], row["seed"]) == (name, "0")
    }
    return min(tried, key=lambda rate: tried[rate]) if set(RATES) <= set(tried) else None


def run(name: str, learning_rate: float, seed: int, steps: int | None = None) -> Row:
    """Trains one of them to its end and measures its global model on held-out text."""
    config, clock = config_of(name, learning_rate, seed, steps), Clock()
    data = text_of(config)
    begin = clock()
    trainer = Trainer(config, data.batches.rows, make_mesh(config.rows, 1), alone=False)
    state = trainer.start()
    for step in range(1, trainer.steps + 1):
        state, _ = trainer.inner_step(state, step)
        if trainer.follows(step):
            state, _ = trainer.outer_step(state, step)
    params = jax.tree.map(jax.device_get, trainer.global_params(state))
    found = held_out_loss(log_probs_of(params), config, data)
    values = (
        *(name, learning_rate, seed, count_params(config.model), config.steps, config.steps * config.batch_tokens),
        *(f"{found.loss:.4f}", f"{found.loss_error:.4f}", f"{clock() - begin:.1f}"),
    )
    return {field: str(value) for field, value in zip(FIELDS, values, strict=True)}


def read(path: Path = RUNS) -> list[Row]:
    """The finished runs."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def append(row: Row, path: Path = RUNS) -> None:
    """One more line, written at once."""
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        if fresh:
            writer.writeheader()
        writer.writerow(row)
        file.flush()
        os.fsync(file.fileno())


def table(done: Sequence[Row]) -> Iterator[str]:
    """Held-out losses as lines of Markdown; the second seed stands behind the first."""
    yield "| trained | " + " | ".join(f"inner rate {rate:g}" for rate in RATES) + " |"
    yield "|---" * (len(RATES) + 1) + "|"
    for name in KINDS:
        losses = [
            " / ".join(
                f"{float(row['held_out_loss']):.3f}"
                for row in done
                if (row["name"], float(row["learning_rate"])) == (name, rate)
            )
            for rate in RATES
        ]
        yield f"| {name} | {' | '.join(loss or 'not run' for loss in losses)} |"


def write_table() -> None:
    """Puts the table into the page."""
    page = RUNS.with_name("README.md")
    write_atomically(page, filled(page.read_text(), "descendants", table, read()))


def main() -> None:
    """Makes what is missing, in the order of `wanted`, and writes the table."""
    parser = argparse.ArgumentParser(description="Make the runs of the descendants that are missing.")
    parser.add_argument("--table", action="store_true", help="only write the table of README.md")
    if parser.parse_args().table:
        write_table()
        return
    while True:
        there = {(row["name"], float(row["learning_rate"]), int(row["seed"])) for row in read()}
        missing = [case for case in wanted(read()) if case not in there]
        if not missing:
            write_table()
            print(f"{len(there)} runs are there, nothing is missing")
            return
        print(f"{len(missing)} missing; now {missing[0]}", flush=True)
        append(run(*missing[0]))


if __name__ == "__main__":
    main()
