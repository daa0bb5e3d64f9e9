"""The small study: which runs it wants, that all of them are there, and that the page shows them."""

import csv
import importlib
from dataclasses import replace
from pathlib import Path

import pytest

from sim.errors import InputError
from sim.questions.fit.mixture import answer

FOLDER = Path(__file__).parents[2] / "experiments" / "small_scale"


@pytest.fixture
def study(monkeypatch):
    """The study's modules by name."""
    for name in ("XLA_FLAGS", "JAX_PLATFORMS"):  # what the study sets is gone behind the test
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return lambda name: importlib.import_module(f"experiments.small_scale.{name}")


def made(cases, case, loss):
    return {**cases.cells(case), "held_out_loss": f"{loss}"}


def base(cases, text=None):
    case = cases.Case(
        "57k", "diloco", 2, 30, 0.0, outer_learning_rate=cases.OUTER_RATE, outer_momentum=cases.OUTER_MOMENTUM
    )
    return replace(case, text=text or cases.TEXT)


def of_base(cases, wanted):
    """The wanted runs of that size and algorithm, as rate and seed."""
    own = base(cases)
    return [(c.learning_rate, c.seed) for c in wanted if replace(c, learning_rate=0.0, seed=0) == own]


def test_at_first_only_the_grid_of_rates_is_wanted(study):
    cases = study("cases")
    wanted = list(cases.wanted([]))
    assert len(wanted) == len(cases.SIZES) * len(cases.REPLICAS) * len(cases.RATES)
    assert {case.algorithm for case in wanted} == {"data-parallel", "diloco"}
    assert of_base(cases, wanted) == [(2e-3, 0), (4e-3, 0), (8e-3, 0)]


@pytest.mark.parametrize("on_earlier_text", [False, True])
@pytest.mark.parametrize(
    ("losses", "beyond", "best"),
    [((5, 4, 4.5), None, 4e-3), ((5, 4, 3), 16e-3, 8e-3), ((3, 4, 5), 1e-3, 2e-3)],
)
def test_a_best_rate_at_an_end_is_followed_by_one_beyond_and_the_best_gets_two_seeds(
    study, losses, beyond, best, on_earlier_text
):
    cases = study("cases")
    text = cases.EARLIER if on_earlier_text else cases.TEXT
    done = [
        made(cases, replace(base(cases, text), learning_rate=rate), loss)
        for rate, loss in zip(cases.RATES, losses, strict=True)
    ]
    if beyond is not None:
        assert cases.best_case(done, "57k", 2) is None
        if not on_earlier_text:
            assert of_base(cases, cases.wanted(done))[-1] == (beyond, 0)
        done.append(made(cases, replace(base(cases, text), learning_rate=beyond), 6))
    assert cases.best_case(done, "57k", 2) == replace(base(cases), learning_rate=best)
    tail = of_base(cases, cases.wanted(done))
    # the grid of an earlier text is not made again; what it found is, on the text of the study
    assert tail[-2:] == [(best, 0), (best, 1)]
    assert (len(tail) == 2) == on_earlier_text


def test_other_settings_are_tried_at_the_best_rate_of_one_size(study):
    cases = study("cases")
    own = replace(base(cases), size=cases.ABLATED)
    done = [made(cases, replace(own, learning_rate=rate), abs(rate - 4e-3)) for rate in cases.RATES]
    varied = [case for case in cases.wanted(done) if replace(case, learning_rate=0.0) != own and case.replicas == 2]
    varied = [case for case in varied if case.size == cases.ABLATED and case.seed == 0]
    assert {case.sync_every for case in varied} == {5, 15, 30, 100, 300}
    assert {case.overtraining for case in varied} == {1, 2, 4}
    assert {case.payload_bits for case in varied} == {32, 8, 4}
    assert {case.sequences: case.learning_rate for case in varied} == {8: 4e-3, 16: 5.66e-3, 32: 8e-3, 64: 11.3e-3}
    assert {case.outer_learning_rate for case in varied} == {0.1, 0.2, 0.4, 0.6, 0.8}


def rows():
    with (FOLDER / "runs.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_no_run_is_missing_and_none_is_there_twice(study):
    cases = study("cases")
    there = [cases.key(row) for row in rows()]
    assert len(set(there)) == len(there)
    assert [case for case in dict.fromkeys(cases.wanted(rows())) if cases.key(case) not in set(there)] == []


def test_every_run_trained_what_its_columns_say(study):
    cases = study("cases")
    for row in rows():
        layers, width = cases.SIZES[row["size"]]
        # embedding and last norm; norms, query and key norms of two heads, attention and feed-forward matrices
        params = 1024 * width + width + layers * (2 * width + width + 12 * width**2)
        assert int(row["params"]) == params
        assert int(row["tokens"]) == int(row["steps"]) * int(row["sequences"]) * 128
        assert int(row["tokens"]) == pytest.approx(20 * params * int(row["overtraining"]), rel=0.02)
        assert 2 < float(row["held_out_loss"]) < 6.93  # better than guessing among 1,024 pieces evenly


def test_the_page_shows_the_committed_runs(study):
    figure = study("figure")
    page = (FOLDER / "README.md").read_text()
    for name, lines in figure.TABLES.items():
        assert figure.filled(page, name, lines, figure.read()) == page, f"{name}: run figure.py"


def test_a_run_cut_short_does_not_count_and_the_next_is_appended_behind_it(study, tmp_path, monkeypatch):
    driver = study("study")
    monkeypatch.setattr(driver, "RUNS", tmp_path / "runs.csv")
    assert driver.done() == []
    cases = study("cases")
    row = {**cases.cells(base(cases)), "held_out_loss": "4.5", "seconds": "30.0"}
    driver.append(row)
    with (tmp_path / "runs.csv").open("a") as file:
        file.write("57k,diloco,2,30,0.0,1,")
    assert driver.done() == [row]
    driver.append(row)
    assert driver.done() == [row, row]


def test_another_text_is_refused(study, monkeypatch):
    driver, cases = study("study"), study("cases")
    found = type("Found", (), {"fingerprint": "0" * 64, "description": "another text"})
    monkeypatch.setattr(driver, "load_data", lambda config: found)
    with pytest.raises(InputError, match=r"another text.*requirements\.txt"):
        driver.run(replace(base(cases), learning_rate=1e-3))


def test_the_page_shows_the_descendants_that_were_trained(study):
    descendants = study("descendants")
    done = descendants.read()
    page = (FOLDER / "README.md").read_text()
    assert "\n".join(descendants.table(done)) in page
    kinds = {(row["name"], float(row["learning_rate"]), int(row["seed"])) for row in done}
    assert len(kinds) == len(done)
    # what is shown was trained in full, at equal tokens
    assert {(row["params"], row["tokens"]) for row in done} == {("57568", str(1124 * 1024))}


def test_a_descendant_gets_its_second_seed_at_the_better_rate(study):
    descendants = study("descendants")
    row = {"name": "SparseLoCo", "seed": "0"}
    done = [row | {"learning_rate": f"{rate}", "held_out_loss": f"{loss}"} for rate, loss in ((4e-3, 5), (8e-3, 4))]
    assert descendants.best_rate(done, "SparseLoCo") == 8e-3
    assert descendants.best_rate(done[:1], "SparseLoCo") is None


def test_the_page_shows_the_mixtures_that_were_trained(study):
    mixtures = study("mixtures")
    done = mixtures.read()
    page = (FOLDER / "README.md").read_text()
    assert "\n".join(mixtures.table(done)) in page
    assert {(float(row["share_wiki"]), int(row["seed"])) for row in done} == set(mixtures.wanted())
    # all on the same text, split and tokenizer, and of equal tokens
    assert {(row["text"], row["tokens"]) for row in done} == {(done[0]["text"], str(1124 * 1024))}
    found = answer([mixtures.RUNS])
    for law, left_out, worst, mean in zip(found.losses, (2.24, 1.26), (7.9, 2.6), (11.7, 10.8), strict=True):
        assert 100 * law.left_out_error == pytest.approx(left_out, abs=0.005)
        assert 100 * law.worst_left_out == pytest.approx(worst, abs=0.05)
        assert 100 * law.spread == pytest.approx(mean, abs=0.06)
    assert 100 * found.best[1].share == pytest.approx(53, abs=0.5)
    assert found.best_measured - found.best_loss == pytest.approx(0.023, abs=0.001)


def test_the_page_shows_the_runs_at_equal_time(study):
    equal_time = study("equal_time")
    assert "\n".join(equal_time.table(equal_time.runs())) in (FOLDER / "README.md").read_text()
    # each has as many steps as fit into the time, and nothing else was run
    asked = {(timed.name, equal_time.steps_within(timed, equal_time.budget_s())) for timed in equal_time.TIMED}
    assert {(row["name"], int(row["steps"])) for row in equal_time.read(equal_time.RUNS)} <= asked


def test_as_many_steps_are_trained_as_fit_into_the_time_of_the_replay(study):
    equal_time = study("equal_time")
    budget = equal_time.budget_s()
    assert budget == equal_time.seconds(equal_time.Timed(equal_time.BUDGET), 1124)
    for timed in (equal_time.Timed("DiLoCo, less momentum"), equal_time.Timed("DiLoCo, less momentum", slow=True)):
        steps = equal_time.steps_within(timed, budget)
        assert equal_time.seconds(timed, steps) <= budget < equal_time.seconds(timed, steps + 1)
    # with a site at half speed every step of DiLoCo takes twice the compute, and its exchanges what they took
    plain, slow = (equal_time.seconds(equal_time.Timed("DiLoCo, less momentum", slow=slow), 300) for slow in (0, 1))
    assert slow - plain == pytest.approx(300 * 0.0146, rel=0.05)


def test_what_is_timed_is_the_strategy_of_what_is_trained(study):
    equal_time, descendants = study("equal_time"), study("descendants")
    for timed in equal_time.TIMED:
        config, own = descendants.config_of(timed.name, 8e-3, 0, 500), equal_time.strategy_of(timed.name)
        assert (config.algorithm, config.replicas, config.sync_every) == (
            own["kind"],
            own["replicas"],
            own["sync_every"],
        )
        shared = ("top", "fragments", "overlap_steps", "quorum")
        given = {key: value for key in shared if (value := getattr(config, key)) not in (None, 0)}
        assert {key: own.get(key, 64 if key == "top" else None) for key in given} == given
        assert config.steps == 500
