"""What all reports owe: building and rendering simulates nothing, and table, JSON and CSV hold the same numbers."""

import csv
import io
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.questions import bottleneck
from sim.questions import flows as flows_question
from sim.questions.bandwidth import bandwidth
from sim.questions.budget import budget
from sim.questions.explain import explain
from sim.report.answers import bandwidth as bandwidth_report
from sim.report.answers import budget as budget_report
from sim.report.answers import explain as explain_report
from sim.report.answers import flows as flows_report
from sim.report.answers import run as run_report
from sim.report.drawing.screen import Screen
from sim.report.model import Sentences, Table
from sim.report.render import RENDERERS
from sim.scenario.model import Scenario
from sim.simulation.run import run
from sim.units.in_words import human_bytes, human_count, human_quantity, human_ratio, human_seconds
from sim.units.quantities import BANDWIDTH, LATENCY


def document(strategies, *, collective="ring", bandwidths=("10 Gbit/s", "2 Gbit/s", "5 Gbit/s"), slow=True, **workload):
    names = ("a", "b", "c")
    pairs = zip((("a", "b"), ("b", "c"), ("a", "c")), bandwidths, strict=True)
    links = [{"between": list(pair), "bandwidth": width, "latency": "10 ms"} for pair, width in pairs]
    sites = [{"name": name} for name in names]
    sites[1] |= {"chip_speed": "150 Tflop/s"} if slow else {}
    return {
        "topology": {"name": "three", "collective": collective, "datacenters": sites, "links": links},
        "workload": {"params": 1e9, "layers": 12, "batch_tokens": 3e5, "chips": 60, "steps": 90} | workload,
        "strategies": strategies,
    }


EVERY_KIND = [
    {"kind": "data-parallel"},
    {"kind": "data-parallel", "overlap": "layers"},
    {"kind": "diloco", "replicas": 3},
    {"kind": "diloco", "replicas": 2},
    {"kind": "streaming-diloco", "replicas": 3, "overlap_steps": 5, "payload_bits": 4},
    {"kind": "eager-diloco", "replicas": 3, "compression_time": "20 ms"},
    {"kind": "async-diloco", "replicas": 3},
    {"kind": "elastic-diloco", "replicas": 3, "quorum": 2, "grace": "0.5 s"},
]


@pytest.fixture(scope="module")
def result():
    return bottleneck.answer(Scenario.model_validate(document(EVERY_KIND)))


@pytest.fixture(scope="module")
def answers(result):
    scenario = Scenario.model_validate(document(EVERY_KIND[2:3]))
    flows = flows_question.Flows.model_validate(
        {
            "topology": document(EVERY_KIND)["topology"],
            "flows": [{"from": "a", "to": "b", "size": "1 GB", "start": "0 s"}],
        }
    )
    return [
        *((run_report.report, (result,), {"detail": detail}) for detail in (None, "sites", "links")),
        (explain_report.report, (explain.answer(scenario),), {}),
        (budget_report.report, (budget.answer([scenario], target_losses=[3.0]),), {}),
        (bandwidth_report.report, (bandwidth.answer(scenario),), {"on_grid": True}),
        (flows_report.report, (flows_question.answer(flows),), {}),
    ]


def test_a_renderer_never_replays(answers, monkeypatch):
    import sim.engine.interpreter
    import sim.network.fluid.network
    import sim.simulation.replays

    def replayed(*args, **kwargs):
        raise AssertionError("a renderer simulates")

    monkeypatch.setattr(sim.simulation.replays, "replay", replayed)
    monkeypatch.setattr(sim.engine.interpreter, "replay", replayed)
    monkeypatch.setattr(sim.network.fluid.network.FluidNetwork, "__init__", replayed)
    with pytest.raises(AssertionError, match="simulates"):
        run(Scenario.model_validate(document(EVERY_KIND)))
    for build, arguments, options in answers:
        for render in RENDERERS.values():
            assert render(build(*arguments, **options), Screen())


def numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [found for each in value for found in numbers(each)]
    return [value] if isinstance(value, int | float | str) and not isinstance(value, bool) else []


def cells_of(report):
    """All numbers in the tables of a report, in base units."""
    tables = [block for block in report.blocks if isinstance(block, Table)]
    cells = [cell for table in tables for row in table.rows for cell in row.cells]
    assert tables
    return [cell for cell in cells if isinstance(cell, int | float)]


def ways_to_write(value):
    """A number of the JSON in every way that a sentence may show it."""
    if isinstance(value, str):
        return {value}
    ways = {str(value), f"{value:,}", f"{value:.3f}", f"{value:.2g}"}
    ways |= {f"{value:.1%}", f"{value - 1:+.1%}", human_seconds(value), human_bytes(value), human_count(value)}
    ways |= {human_ratio(value), human_quantity(value, BANDWIDTH), human_quantity(value, LATENCY)}
    return ways | {human_ratio(1 / value) if value else ""}


def not_in(text, known):
    """Numbers of a text that stand in none of the known texts, with the unit behind them."""
    shown = re.findall(
        r"\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]\d+)?(?:%|x|[kMBT]\b| (?:[kMGTPE]?B|[kMGT]?bit/s|yr|days|h|min|[mun]?s)\b)?",
        text,
    )
    have = " ".join(known)
    return [one for one in shown if not re.search(rf"(?<![\d.,]){re.escape(one)}(?![\d])", have)]


def check_run(report):
    """That every number of a report on runs is in its JSON: of the tables exactly, of the sentences as it is written."""
    told = numbers(json.loads(RENDERERS["json"](report, Screen())))
    assert set(cells_of(report)) - {value for value in told if not isinstance(value, str)} == set()
    known = {way for value in told for way in ways_to_write(value)}
    sentences = [text for block in report.blocks if isinstance(block, Sentences) for text in block.texts]
    assert not_in(" ".join(sentences), known) == []
    return sentences


@pytest.mark.parametrize("detail", [None, "sites", "links"])
def test_every_number_of_the_report_is_in_the_json(result, detail):
    assert result.bottlenecks
    assert len(check_run(run_report.report(result, detail=detail))) > 3


def test_every_number_of_the_other_tables_is_in_their_json():
    every, one = (Scenario.model_validate(document(kinds)) for kinds in (EVERY_KIND, EVERY_KIND[2:3]))
    asked = [
        budget_report.report(budget.answer([every], target_losses=[3.0])),
        explain_report.report(explain.answer(one)),
        bandwidth_report.report(bandwidth.answer(one)),
    ]
    for report in asked:
        told = json.loads(RENDERERS["json"](report, Screen()))
        values = [value for value in numbers(told) if not isinstance(value, str)]
        if "breakdown" in told:  # the table shows each part of the mean step as well: its seconds over the steps
            parts = [*(part["seconds"] for part in told["breakdown"]), told["wall_clock_s"]]
            values += [seconds / told["run"]["steps"] for seconds in parts] + [1.0]
        assert set(cells_of(report)) - set(values) == set()


def test_a_number_that_is_not_in_the_json_is_found():
    assert not_in("took 12.6 min, 13% of 7.5 GB", {"12.6 min", "7.5 MB", "13.0%"}) == ["13%", "7.5 GB"]


STRATEGIES = st.lists(st.sampled_from(EVERY_KIND), min_size=1, max_size=3, unique_by=str)


@settings(max_examples=20)
@given(
    STRATEGIES,
    st.sampled_from(["auto", "ring", "direct"]),
    st.permutations(["1 Gbit/s", "20 Gbit/s", "300 Mbit/s"]),
    st.booleans(),
    st.sampled_from([1e7, 7e8, 2e10]),
    st.integers(1, 70),
)
def test_table_json_and_csv_hold_the_same_numbers(strategies, collective, bandwidths, slow, params, steps):
    asked = document(strategies, collective=collective, bandwidths=bandwidths, slow=slow, params=params, steps=steps)
    report = run_report.report(bottleneck.answer(Scenario.model_validate(asked)))
    check_run(report)
    told = json.loads(RENDERERS["json"](report, Screen()))
    rows = list(csv.DictReader(io.StringIO(RENDERERS["csv"](report, Screen()))))
    for row, one in zip(rows, told["runs"], strict=True):
        assert set(one) - set(row) == {"sites", "links"}
        for key, cell in row.items():
            if key == "loss_notes":
                assert cell == "; ".join(one[key])
            elif isinstance(one[key], str) or one[key] is None:
                assert cell == (one[key] or "")
            else:
                assert float(cell) == one[key]
        assert one["compute_s"] + one["lost_s"] == pytest.approx(one["wall_clock_s"], rel=1e-9)


def test_explain_replays_its_run_once(monkeypatch):
    import sim.simulation.replays
    from sim.questions.explain.elasticity import elasticities

    asked = Scenario.model_validate(document([{"kind": "data-parallel"}], steps=6) | {"replay": "full"})
    seen = []
    replay = sim.simulation.replays.replay
    monkeypatch.setattr(
        sim.simulation.replays, "replay", lambda *args, **kwargs: seen.append(1) or replay(*args, **kwargs)
    )
    elasticities(asked)
    varied = len(seen)
    explain.answer(asked)
    assert len(seen) == 2 * varied + 1
