"""The evidence that ships is what committed results give; the table of docs/claims.md is the evidence."""

import csv
import re
from pathlib import Path

import pytest

from sim.questions.validate.claims import cells_apart, committed

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "experiments"


@pytest.fixture(scope="module")
def evidence():
    from experiments import evidence

    return evidence


def shipped(name):
    with (ROOT / "sim" / "questions" / "validate" / "evidence" / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_evidence_has_not_drifted_from_the_results(evidence):
    for name, ours in zip(("claims.csv", "cases.csv"), evidence.gather(), strict=True):
        theirs = shipped(name)
        assert len(ours) == len(theirs), "run python -m experiments.evidence"
        for new, old in zip(ours, theirs, strict=True):
            assert list(new) == list(old)
            for key, value in new.items():
                if key in ("theirs", "ours") and value:
                    assert float(old[key]) == pytest.approx(float(value), rel=1e-7, abs=1e-12), new
                else:
                    assert old[key] == value


def test_published_facts_are_copied_as_they_are(evidence):
    for name in evidence.COPIED:
        assert (ROOT / "sim" / "questions" / "validate" / "evidence" / name).read_text() == (
            FOLDER / "reference" / name
        ).read_text()
    assert {path.name for path in (ROOT / "sim" / "questions" / "validate" / "evidence").glob("*.csv")} == {
        "claims.csv",
        "cases.csv",
        *evidence.COPIED,
    }


def test_the_table_of_claims_is_the_evidence(evidence):
    text = (ROOT / "docs" / "claims.md").read_text()
    assert evidence.document(text) == text, "run python -m experiments.evidence"


def test_every_claim_has_numbers_or_waits_for_them():
    with (FOLDER / "claims.csv").open(newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    waiting = {row["id"] for row in rows} - {claim.id for claim in committed()}
    assert {id.partition("-")[0] for id in waiting} <= {"wan", "study"}
    for row in rows:
        path = ROOT / row["made_by"]
        assert path.exists() or row["id"] in waiting, row["made_by"]


def test_every_experiment_has_a_claim_or_a_reason_why_not():
    text = (ROOT / "docs" / "claims.md").read_text()
    scripts = {path.stem for path in FOLDER.glob("*.py")} - {"evidence", "tables", "style", "redraw", "__init__"}
    assert [name for name in scripts if f"experiments/{name}" not in text] == []
    folders = [path.name for path in FOLDER.iterdir() if path.is_dir() and any(path.glob("*.py"))]
    assert [name for name in folders if f"experiments/{name}" not in text] == []


def test_commands_that_the_claims_name_find_something():
    text = (ROOT / "docs" / "claims.md").read_text()
    words = set(re.findall(r"--only ([\w-]+)", text))
    assert len(words) >= 6
    claims = committed()
    for word in words - {"misses"}:  # a verdict
        assert any(word in f"{claim.id} {claim.topic}" for claim in claims), word


def test_cells_are_those_of_the_experiment():
    with (FOLDER / "results" / "compute_utilization.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        found = cells_apart(float(row["published_gbit_per_s"]), float(row["ours_gbit_per_s"]))
        assert found == int(row["cells_apart"]), row


def test_runs_over_shaped_links_become_two_claims_and_two_of_those_over_a_distance(evidence, tmp_path):
    none = {claim: {} for claim in ("wan-median", "wan-worst", "wan-far-median", "wan-far-worst")}
    assert evidence.wan(tmp_path) == none
    head = "case,algorithm,sites,sync_every,links,predicted_s,measured_s\n"
    (tmp_path / "results.csv").write_text(head + "a,diloco,2,5,100 Mbit/s,9.5,10\nb,data-parallel,3,0,even,8,10\n")
    pairs = {"a: diloco, 2 sites, H = 5, 100 Mbit/s": (10.0, 9.5), "b: data-parallel, 3 sites, even": (10.0, 8.0)}
    assert evidence.wan(tmp_path) == {**none, "wan-median": pairs, "wan-worst": pairs}
    (tmp_path / "delay.csv").write_text(head + "c,diloco,2,5,far,9,10\n")
    assert evidence.wan(tmp_path)["wan-far-worst"] == {"c: diloco, 2 sites, H = 5, far": (10.0, 9.0)}


def test_appendix_a_by_hand(evidence):
    # 48e9 tokens of a batch of 2e5 are 240,000 steps; 48 chips
    row = {"network": "low-bw", "chips": "48", "batch_tokens": "200000", "strategy": "Data-Parallel"}
    compute_s = 6 * 2.4e9 * 48e9 / (48 * 300e12)
    assert evidence.appendix_a_s(row) == pytest.approx(compute_s + 240_000 * (7.68 * 47 / 48 + 0.01), rel=1e-12)
    two = row | {"strategy": "DiLoCo M=2 H=30"}
    inner_s = 240_000 * (0.192 * 46 / 48 + 1e-4)
    assert evidence.appendix_a_s(two) == pytest.approx(compute_s + inner_s + 8_000 * (7.68 * 47 / 48 + 0.01), rel=1e-12)
