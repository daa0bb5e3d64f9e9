import csv
from pathlib import Path

import pytest

from sim.laws import best_batch_tokens, default_batch_tokens, law_applies, loss
from sim.models import FAMILY

REFERENCE = Path(__file__).parents[2] / "experiments" / "reference"


def _rows(name):
    with (REFERENCE / name).open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@pytest.mark.parametrize(
    "row", [r for r in _rows("eval_loss.csv") if r["model"] not in {"4b", "10b"}], ids=lambda r: r["model"]
)
def test_fits_come_within_one_percent_of_the_published_losses(row):
    for column, (algorithm, replicas) in {
        "data-parallel": ("data-parallel", 1),
        "diloco-1": ("diloco", 1),
        "diloco-2": ("diloco", 2),
        "diloco-4": ("diloco", 4),
        "diloco-8": ("diloco", 8),
    }.items():
        assert loss(FAMILY[row["model"]].params, algorithm, replicas) == pytest.approx(float(row[column]), rel=0.01)


def test_constants_are_the_published_ones():
    fits = {(r["quantity"], r["algorithm"]): r for r in _rows("scaling_fits.csv")}
    for (quantity, algorithm), row in fits.items():
        if quantity != "loss":
            continue
        A, alpha = float(row["A"]), float(row["alpha"])
        if row["beta"]:
            assert loss(1e9, "diloco", 3, form="joint") == pytest.approx(
                A * 1e9**alpha * 3 ** float(row["beta"]), rel=1e-12
            )
        else:
            kind, _, replicas = algorithm.partition("-") if algorithm != "data-parallel" else (algorithm, "", "1")
            assert loss(1e9, kind, int(replicas)) == pytest.approx(A * 1e9**alpha, rel=1e-12)


def test_joint_fit_serves_replica_counts_without_a_fit_of_their_own():
    assert loss(1e9, "diloco", 2) < loss(1e9, "diloco", 3) < loss(1e9, "diloco", 8)


def test_best_batch_is_in_tokens_not_sequences():
    assert best_batch_tokens(2.4e9) == pytest.approx(2.0e5, rel=0.01)
    assert default_batch_tokens(2.4e9) == 2**18


@pytest.mark.parametrize(
    ("params", "tokens", "sync_every", "applies"),
    [
        (1e9, 20e9, None, True),
        (1e9, 20e9, 30, True),
        (1e9, 20.9e9, 30, True),
        (1e9, 40e9, 30, False),
        (1e9, 20e9, 100, False),
        (10e9, 200e9, 30, False),
        (1e6, 20e6, None, False),
    ],
)
def test_the_law_speaks_only_where_it_was_fitted(params, tokens, sync_every, applies):
    assert law_applies(params, tokens, sync_every) is applies
