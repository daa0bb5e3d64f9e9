"""Committed results are what the code gives now; every experiment is listed."""

import csv
import importlib.util
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "experiments"
SCRIPTS = sorted(FOLDER.glob("*.py"))


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_results_are_reproduced(path):
    with (FOLDER / "results" / f"{path.stem}.csv").open(newline="") as file:
        committed = list(csv.DictReader(file))
    rows = load(path).rows()
    assert len(rows) == len(committed)
    for ours, theirs in zip(rows, committed, strict=True):
        assert list(ours) == list(theirs)
        for key, value in ours.items():
            if isinstance(value, str):
                assert theirs[key] == value
            else:
                assert float(theirs[key]) == pytest.approx(value, rel=1e-6, abs=1e-9), key


def test_every_experiment_is_listed():
    listed = (FOLDER / "README.md").read_text()
    assert [path.name for path in SCRIPTS if path.name not in listed] == []


def test_a_ring_predicts_the_published_syncs_that_have_one_clear_link():
    rows = load(FOLDER / "published_syncs.py").rows()
    short = [row for row in rows if row["link"] == "1 Gbit/s" and int(row["sync_every"]) < 128]
    assert short
    for row in short:
        assert abs(row["bare_sync_error"]) < 0.03
        assert abs(row["bare_utilization_error"]) < 0.001
