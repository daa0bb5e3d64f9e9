"""What an answer shows: in a terminal, in a notebook, as a data frame; and how runs are picked."""

import csv
import dataclasses
import io
import sys
import types
from html.parser import HTMLParser

import pytest

import crosshaul as ch
from sim.report.drawing.screen import of_file
from sim.report.model import Table
from sim.report.render import terminal
from sim.report.render.csv import render as render_csv

WORLD = ch.Topology.full_mesh(2, bandwidth="10 Gbit/s", latency="10 ms", name="<b>pair</b>", chips=8)
WORK = ch.Workload(params=1e9, steps=100, chips=16, chip="h100")
RUNS = ch.run(WORLD, WORK, [ch.DataParallel(), ch.DiLoCo(replicas=2), ch.DiLoCo(replicas=2, sync_every=10)])


def answers():
    yield RUNS
    yield ch.bandwidth(WORLD, WORK, ch.DiLoCo(), targets=[0.01, 0.999999])
    yield ch.budget(WORLD, WORK, ch.DiLoCo(), rules=["equal-chips"])
    yield ch.explain(WORLD, WORK)
    yield ch.plan(WORLD, days=1, params=1e8, chip="h100")
    yield ch.predict(1e9)
    yield ch.flows(WORLD, ch.flow("dc1", "dc2", "1 GB"))
    yield ch.validate("simgrid")


ANSWERS = {type(each).__name__: each for each in answers()}


class Cells(HTMLParser):
    """The texts of a table, row by row."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_shows_the_beginning_of_what_its_command_prints(answer):
    whole, text = terminal.render(answer.report(), of_file()), repr(answer)
    lines = whole.splitlines()
    assert text.splitlines()[0] == lines[0]
    assert set(text.splitlines()) <= set(lines)
    tables = [block for block in answer.report().blocks if isinstance(block, Table)]
    if tables:
        assert all(str(row.cells[0]).split()[0] in text for row in tables[0].rows)


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_the_same_table_in_a_notebook_and_names_are_text_there(answer):
    html = answer._repr_html_()
    rows = [[cell.split() for cell in row] for row in Cells(html).rows]
    shown = repr(answer).split()
    assert all(word in shown for row in rows[1:] for cell in row for word in cell)
    assert "<b>pair" not in html
    assert len(html) < 20_000


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_records_are_the_lines_of_the_csv(answer):
    lines = list(csv.DictReader(io.StringIO(render_csv(answer.report()))))
    records = answer.records()
    assert [set(line) for line in lines] == [set(record) for record in records]
    for line, record in zip(lines, records, strict=True):
        for name, value in record.items():
            if isinstance(value, float):
                assert float(line[name]) == value


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_frozen(answer):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(answer, dataclasses.fields(answer)[0].name, None)


def test_runs_are_picked_by_place_by_label_and_by_kind():
    assert [run.label for run in RUNS] == ["Data-Parallel", "DiLoCo M=2 H=30", "DiLoCo M=2 H=10"]
    assert RUNS["DiLoCo M=2 H=10"] is RUNS[2] is RUNS[-1]
    assert RUNS["data-parallel"] is RUNS[0]
    assert len(RUNS[1:]) == 2
    assert repr(RUNS[0]).startswith("<Run Data-Parallel on <b>pair</b>: ")


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("DiLoCo M=2", "there is no run 'DiLoCo M=2'; did you mean 'DiLoCo M=2 H=30'?"),
        ("diloco", "there are 2 runs of 'diloco'; write the label of one"),
    ],
)
def test_a_run_that_is_not_there_is_a_key_error_that_tells_the_labels(key, told):
    with pytest.raises(KeyError) as missing:
        RUNS[key]
    assert str(missing.value).startswith(told)
    assert isinstance(missing.value, ch.InputError)


def test_the_best_run_is_the_one_that_ends_first():
    assert RUNS.best is min(RUNS, key=lambda run: run.wall_clock_s)
    assert RUNS.verdict.fastest == RUNS.best.label
    assert RUNS.lowest_loss is min(RUNS, key=lambda run: run.equal_time_loss)
    assert {each.strategy for each in RUNS.bottlenecks} == {RUNS.best.label}


def test_without_pandas_only_the_data_frame_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        RUNS.to_pandas()


def test_a_data_frame_has_a_row_for_each_run_and_numbers_in_si(monkeypatch):
    found = {}
    frame = types.SimpleNamespace(from_records=lambda records: found.setdefault("records", records))
    monkeypatch.setitem(sys.modules, "pandas", types.SimpleNamespace(DataFrame=frame))
    RUNS.to_pandas()
    assert [row["label"] for row in found["records"]] == [run.label for run in RUNS]
    assert found["records"][1]["wall_clock_s"] == RUNS[1].wall_clock_s
    assert not {"sites", "links"} & set(found["records"][0])


def test_a_real_data_frame():
    pytest.importorskip("pandas")
    frame = RUNS.to_pandas()
    assert list(frame["label"]) == [run.label for run in RUNS]
    assert frame["wall_clock_s"].min() == RUNS.best.wall_clock_s
