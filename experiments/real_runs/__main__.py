"""Runs that others measured, as scenarios: lists and shows them, writes them as files, and predicts all of them.

Run: python -m experiments.real_runs (seconds). Writes results.csv, real_runs.png and .pdf, errors.csv, predictions.csv
and cases.csv. With `list` behind it, it prints the runs, one a line; with `show NAME` a run as a scenario, which
`simulate --scenario` takes; with `write FOLDER` it writes one such file a run, named after it.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from pathlib import Path

from sim.errors import InputError

from .figure import draw
from .judge import cases, held_out, results, table
from .predict import STAGES, all_runs, predictions
from .runs import HERE, Row
from .show import named, text

LAST = list(STAGES.values())[-1]
"""The model with all its terms."""


def write(name: str, lines: Iterable[Row]) -> list[Row]:
    """Writes one of the tables of results, and returns it."""
    made = list(lines)
    with (HERE / name).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(made[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(made)
    return made


def predict_all() -> None:
    """Predicts all runs at every stage of the model, and prints errors by source."""
    stages = {stage: predictions(all_runs(terms)) for stage, terms in STAGES.items()}
    write("results.csv", results(stages))
    write("predictions.csv", held_out(list(stages.values())[-1]))
    write("cases.csv", cases(list(stages.values())[-1]))
    for line in write("errors.csv", (line for stage, found in stages.items() for line in table(stage, found))):
        if line["kind"] == "all":
            print(*line.values(), sep="  ")
    draw(HERE / "real_runs.png")


def main(words: list[str]) -> None:
    """One of the commands above."""
    match words:
        case []:
            predict_all()
        case ["list"]:
            for run in all_runs(LAST):
                print(f"{run.id:55} {run.kind:26} {run.set}")
        case ["show", name]:
            print(text(named(name, LAST)), end="")
        case ["write", folder]:
            for run in all_runs(LAST):
                path = Path(folder) / f"{run.id}.yaml"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text(run))
        case _:
            raise InputError("nothing is known of these words; write nothing, `list`, `show NAME` or `write FOLDER`")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(f"error: {error}")
