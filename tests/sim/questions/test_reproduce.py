"""Published tables and figures again: theirs are what the reference files have, ours what the experiments found."""

import csv
import io
import json
from pathlib import Path

import pytest

from sim.questions.reproduce import bandwidth_tables, idealised
from sim.questions.reproduce.model import Pair, Part, Reproduction
from sim.questions.reproduce.names import PUBLISHED
from sim.questions.reproduce.reproduce import MAKERS, answer
from sim.report.answers.reproduce import report
from sim.report.model import Table
from sim.shell.progress import UNWATCHED

EXPERIMENTS = Path(__file__).parents[3] / "experiments"
TARGETS = ("u50", "u80", "u90", "u95", "u99")
QUICK = [name for name in PUBLISHED if MAKERS[name].__qualname__.startswith("_at_once")]


def rows(path):
    with (EXPERIMENTS / path).open(newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def part(*pairs, kind="relative"):
    return Part(
        "t", "bit/s" if kind == "cells" else "", kind, tuple(Pair(f"p{n}", *pair) for n, pair in enumerate(pairs))
    )


def test_differences_and_their_bias_by_hand():
    found = part((2.0, 2.2), (4.0, 3.0))
    assert [found.difference_of(pair) for pair in found.pairs] == [pytest.approx(0.1), pytest.approx(-0.25)]
    assert (found.bias, found.mean_size) == (pytest.approx(-0.075), pytest.approx(0.175))
    assert (found.furthest.what, found.within(0.2)) == ("p1", 1)
    assert part((2.0, 2.2), (4.0, 3.0), kind="absolute").bias == pytest.approx(-0.4)
    point, cell = 1e9 * 10 ** (-1 + 4 * 25 / 49), 10 ** (4 / 49)
    cells = part(*((point, ours) for ours in (point, point * cell**0.5, point / cell**2.5)), kind="cells")
    assert [cells.difference_of(pair) for pair in cells.pairs] == [0, 1, -2]  # the first point that reaches ours


def test_every_name_has_a_maker_and_is_listed(simulate):
    assert list(MAKERS) == list(PUBLISHED)
    code, listed, err = simulate("reproduce")
    assert (code, err) == (0, "")
    assert listed == simulate("list", "reproductions")[1]
    names = [row["name"] for row in json.loads(simulate("reproduce", "--format", "json")[1])["reproductions"]]
    assert names == list(PUBLISHED)


def test_a_wrong_name_is_answered_with_the_right_one(simulate):
    code, out, err = simulate("reproduce", "tabel-6")
    assert (code, out) == (2, "")
    assert "did you mean 'table-6'?" in err
    assert all(name in err for name in PUBLISHED)


@pytest.fixture(scope="module")
def table_6():
    return answer("table-6")


def test_table_6_is_the_published_one_beside_what_the_experiment_found(table_6):
    (only,) = table_6.parts
    theirs = [row for row in rows("reference/compute_utilization.csv") if row["source"] == "SL"]
    printed = [1e9 * float(row[target]) for row in theirs for target in TARGETS]
    assert [pair.published for pair in only.pairs] == printed
    ours = [row for row in rows("results/compute_utilization.csv") if row["source"] == "SL"]
    assert [pair.ours / 1e9 for pair in only.pairs] == [
        pytest.approx(float(row["ours_gbit_per_s"]), rel=1e-5) for row in ours
    ]
    apart = [int(row["cells_apart"]) for row in ours]
    assert [only.difference_of(pair) for pair in only.pairs] == apart
    assert only.bias == pytest.approx(sum(apart) / 25)
    # on their grid ours is the same point wherever no cell lies between them
    for pair in only.pairs:
        if only.difference_of(pair) == 0:
            assert pair.as_printed == pytest.approx(pair.published, rel=0.09)


@pytest.mark.parametrize(("name", "source", "count"), [("streaming-table-4", "ST", 50), ("eager-table-5", "EU", 105)])
def test_the_other_tables_have_every_published_cell(name, source, count, monkeypatch):
    committed = [row for row in rows("results/compute_utilization.csv") if row["source"] == source]
    asked = []

    class Need:
        bandwidth_bits_per_s = grid_bits_per_s = 1e9

    class Answer:
        rows = (Need,) * 5

    monkeypatch.setattr(bandwidth_tables, "study", lambda **given: asked.append(given["strategies"]))
    monkeypatch.setattr(bandwidth_tables, "answer", lambda _asked, _targets: Answer)
    pairs = [pair for part in answer(name).parts for pair in part.pairs]
    assert len(pairs) == count == len(committed)
    printed = sorted(1e9 * float(row["published_gbit_per_s"]) for row in committed)
    assert sorted(pair.published for pair in pairs) == printed
    assert len(asked) == count / 5


def test_fitted_laws_stand_beside_the_printed_coefficients():
    printed = {row["algorithm"]: row for row in rows("reference/scaling_fits.csv") if row["quantity"] == "loss"}
    a, alpha = answer("table-7").parts
    for found, column, error in ((a, "A", 0.003), (alpha, "alpha", 0.0002)):
        assert {pair.what: pair.published for pair in found.pairs} == {
            name: float(row[column]) for name, row in printed.items() if name != "diloco"
        }
        assert found.within(error) == 5
    first, exponents = answer("table-10").parts
    assert [pair.published for pair in (*first.pairs, *exponents.pairs)] == [
        float(printed["diloco"][column]) for column in ("A", "alpha", "beta")
    ]


def test_losses_are_the_published_ones_and_every_one_is_there():
    table = rows("reference/eval_loss.csv")
    columns = ("data-parallel", "diloco-1", "diloco-2", "diloco-4", "diloco-8")
    small = {float(row[name]) for row in table[:7] for name in columns}
    large = {float(row[name]) for row in table[7:] for name in columns if row[name]}
    (only,) = answer("table-4").parts
    assert (len(only.pairs), {pair.published for pair in only.pairs}) == (35, small)
    assert only.within(0.01) == 35
    for found in answer("table-5").parts:
        assert (len(found.pairs), {pair.published for pair in found.pairs}) == (8, large)
    plain, floor = answer("table-5").parts
    assert plain.bias < -0.02 < -0.001 < floor.bias < 0.001
    by_hand = 18.129 * 1e10**-0.0953  # Table 7
    assert next(pair.ours for pair in plain.pairs if pair.what == "10B data-parallel") == pytest.approx(
        by_hand, rel=1e-6
    )


def test_residuals_are_those_of_the_experiment():
    printed = rows("reference/loss_residuals.csv")
    (eleven,) = answer("table-11").parts
    assert sorted(pair.published for pair in eleven.pairs) == sorted(
        float(row["residual"]) for row in printed if row["table"] == "11"
    )
    assert eleven.within(0.001) == 8
    (thirteen,) = answer("table-13").parts
    ours = {
        row["form"]: row
        for row in rows("results/loss_scaling_floor.csv")
        if (row["objective"], row["fitted_up_to"]) == ("least squares", "1.3e+09")
    }
    assert len(thirteen.pairs) == 4
    for pair in thirteen.pairs:
        assert pair.published == float(ours[pair.what]["published_mean_residual_2.4b"])
        assert pair.ours == pytest.approx(float(ours[pair.what]["mean_residual_2.4b"]), rel=1e-5)


@pytest.mark.parametrize("multiple", [1, 4])
def test_wall_clocks_are_those_of_the_experiment_and_the_formula_by_hand(multiple, monkeypatch):
    from experiments.evidence import appendix_a_s

    monkeypatch.setattr(idealised, "MODELS", ("2.4b",))
    found = {part.title: part for part in idealised.parts((multiple,), UNWATCHED)}
    for network in ("high-bw", "medium-bw", "low-bw"):
        pairs = found[f"Wall-clock on {network}, {20 * multiple} tokens per parameter"].pairs
        committed = [
            row
            for row in rows("results/idealised_wall_clock.csv")
            if (row["network"], row["model"], float(row["overtraining"])) == (network, "2.4b", multiple)
        ]
        assert len(pairs) == len(committed) == 5
        for pair, row in zip(pairs, committed, strict=True):
            assert pair.ours == pytest.approx(float(row["wall_clock_s"]), rel=1e-5)
            assert pair.published == pytest.approx(multiple * appendix_a_s(row), rel=1e-4)
            assert pair.published == pytest.approx(pair.ours, rel=1e-3)
    losses = [part for title, part in found.items() if title.startswith("Loss")]
    assert len(losses) == (multiple == 1)  # at 20 tokens per parameter alone
    if losses:
        assert [pair.published for pair in losses[0].pairs] == [2.326, 2.317, 2.323, 2.332, 2.351]


def test_runs_that_gave_the_costs_are_no_predictions():
    seconds, shares = answer("diloco-measured").parts
    runs = [row for row in rows("results/published_syncs.csv") if row["calibrates"] == "no" and "-" not in row["link"]]
    for found, column in ((seconds, "sync_s"), (shares, "utilization")):
        assert [pair.published for pair in found.pairs] == [float(row[f"measured_{column}"]) for row in runs]
        assert [pair.ours for pair in found.pairs] == [
            pytest.approx(float(row[f"corrected_{column}"]), rel=1e-5) for row in runs
        ]
    assert (len(seconds.pairs), len(answer("open-diloco").parts[0].pairs)) == (14, 1)


@pytest.mark.parametrize("name", QUICK)
def test_json_csv_and_table_have_every_number(name, simulate):
    document = json.loads(simulate("reproduce", name, "--format", "json")[1])
    assert (document["name"], document["source"]) == (name, PUBLISHED[name].source)
    pairs = [pair for part in document["parts"] for pair in part["pairs"]]
    lines = list(csv.DictReader(io.StringIO(simulate("reproduce", name, "--format", "csv")[1])))
    assert [(line["what"], float(line["published"]), float(line["ours"])) for line in lines] == [
        (pair["what"], pair["published"], pair["ours"]) for pair in pairs
    ]
    for part in document["parts"]:
        assert part["bias"] == pytest.approx(sum(pair["difference"] for pair in part["pairs"]) / len(part["pairs"]))
    tables = [block for block in report(answer(name)).blocks if isinstance(block, Table)]
    assert sum(len(table.rows) for table in tables) == len(pairs) + sum(
        len(part["pairs"]) > 1 for part in document["parts"]
    )


def test_the_bias_leads(table_6):
    summary = report(table_6).blocks[0].texts[0]
    assert "bias +0.64 cells, 9 exact, 25 within one cell" in summary
    one = Reproduction("n", "T", "s", (Part("A", "", "relative", (Pair("x", 2.0, 2.1),)),))
    assert report(one).blocks[0].texts == ("A: 1 number, difference +5.0%.",)


def test_what_is_under_way_is_told():
    told = []

    class Watch:
        def doing(self, what, done, of):
            told.append((what, done, of))

        def found(self, row):
            raise AssertionError(row)

    answer("table-6", Watch())
    assert [done for _, done, _ in told] == list(range(5))
    assert told[0] == ("replaying 10B data-parallel", 0, 5)
