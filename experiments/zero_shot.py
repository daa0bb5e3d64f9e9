"""A small model's loss on held-out text, and its answers to HellaSwag, PIQA and ARC-Easy beside chance.

Claim: the evaluation works on the whole sets. A model of this size learns its text (its held-out loss is far below what
token frequencies alone give) and answers near chance, as is to be expected of a third of a million parameters.
Run: python -m experiments.zero_shot --hellaswag FILE --piqa FILE --arc-easy FILE (22 minutes on one core of a busy
machine; the sets are not part of this project). Writes results/zero_shot.csv. --steps 1 tries it out without writing.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from trainer.cli.evaluate_checkpoint import Row, rendered, rows_of
from trainer.config.run import ModelConfig, TrainConfig
from trainer.data.texts import load_data
from trainer.evaluation.evaluate import Evaluation, evaluate
from trainer.evaluation.question_sets import KINDS, Kind
from trainer.model.initial import count_params
from trainer.parallel.mesh import make_mesh
from trainer.training.loop import Trainer

HERE = Path(__file__).parent
STEPS = 3500


def config_of(steps: int) -> TrainConfig:
    """0.36M parameters and, in all steps, 20 tokens for each."""
    return TrainConfig(
        model=ModelConfig(layers=2, width=64, heads=2, hidden=256, vocab=4096),
        algorithm="data-parallel",
        steps=steps,
        schedule_steps=STEPS,
        sequence_length=256,
        sequences=8,
        learning_rate=4e-3,
        seed=0,
        corpus="packages",
    )


def trained(config: TrainConfig, data: Any) -> Any:
    """One copy of the parameters after all steps."""
    trainer = Trainer(config, data.batches.rows, make_mesh(1, 1), alone=True)
    state = trainer.start()
    begin = time.perf_counter()
    for step in range(1, config.steps + 1):
        state, cost = trainer.inner_step(state, step)
        if step % 500 == 0 or step == config.steps:
            print(f"step {step}: loss {cost.losses[0]:.3f}, {time.perf_counter() - begin:.0f} s", flush=True)
    return jax.tree.map(lambda leaf: leaf[0], trainer.params(state))


def rows(config: TrainConfig, found: Evaluation) -> list[Row]:
    """A row a measure: value, standard error and baseline, and the run that was measured."""
    setting: Row = {
        "params": count_params(config.model, config.positions),
        "tokens": config.steps * config.batch_tokens,
        "sequence_length": config.sequence_length,
        "vocab": config.model.vocab,
        "seed": config.seed,
    }
    return [{**row, **setting} for row in rows_of(found)]


def write(table: list[Row], path: Path) -> None:
    """The rows as CSV, to four digits: the errors do not allow more."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        for row in table:
            writer.writerow({key: round(cell, 4) if isinstance(cell, float) else cell for key, cell in row.items()})


def main() -> None:
    """Trains, evaluates, prints and writes."""
    parser = argparse.ArgumentParser(description="Evaluate a small model on whole sets.")
    for kind in KINDS:
        parser.add_argument(f"--{kind}", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = vars(parser.parse_args())
    sets: Mapping[Kind, Path] = {kind: options[kind.replace("-", "_")] for kind in KINDS}
    config = config_of(options["steps"])
    data = load_data(config)
    print(data.description)
    params = trained(config, data)
    begin = time.perf_counter()
    found = evaluate(params, config, sets, data=data)
    print(f"evaluated in {time.perf_counter() - begin:.0f} s: {found}")
    print(rendered(rows_of(found), "table"), end="")
    if config.steps == STEPS:
        write(rows(config, found), HERE / "results" / "zero_shot.csv")


if __name__ == "__main__":
    main()
