"""The report on a sweep, its curves, heat maps and bars: every number in them against the rows."""

import re
from itertools import pairwise

import pytest

from sim.documents.validation import validate
from sim.questions.sweep.asked import Asked
from sim.questions.sweep.engines.here import Here
from sim.questions.sweep.scenarios import base_of
from sim.questions.sweep.section import Section, space_of
from sim.questions.sweep.summary import metric_of, summarise
from sim.questions.sweep.sweep import sweep
from sim.report import quantities
from sim.report.answers.sweep import report
from sim.report.drawing import heat
from sim.report.drawing.parts import NARROW, WIDE
from sim.report.drawing.style import HEAT
from sim.report.figures import Bars, Heat
from sim.report.model import Picture
from sim.report.page.sweep import page, pictures
from sim.report.render import html
from sim.scenario.model import Scenario

DOCUMENT = {
    "topology": {
        "name": "t",
        "datacenters": [{"name": "a"}, {"name": "b"}],
        "links": [{"between": ["a", "b"], "bandwidth": "10 Gbit/s", "latency": "10 ms"}],
    },
    "workload": {"params": 1e9, "chips": 8, "batch_tokens": 65536, "steps": 60},
    "strategies": [{"kind": "data-parallel"}, {"kind": "diloco", "replicas": 2, "sync_every": 10}],
}


def swept(section=None, metric=None, **vary):
    space = space_of(section or Section(), list(vary.items()))
    asked = Asked("run", base_of(lambda _: (dict(DOCUMENT), None), space, {}, "test"), space)
    found = sweep(asked, Here())
    return found, summarise(found, metric_of(found, metric))


def field(values, **more):
    rows = tuple(tuple(row) for row in values)
    names = tuple(f"c<{n}>" for n in range(len(rows[0]))), tuple(f"r{n}" for n in range(len(rows)))
    return Heat("T & <b>", "x", "y", *names, rows, "time", quantities.SECONDS, **more)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_heat_map_has_a_box_of_the_right_colour_and_place_for_each_cell(width):
    drawn = heat.svg(field([[1.0, 2.0, 3.0], [4.0, None, 11.0]]), width)
    boxes = re.findall(r'<rect class="(\w+)" x="([\d.]+)" y="([\d.]+)"', drawn)
    kinds = {(float(x), float(y)): kind for kind, x, y in boxes}
    xs, ys = sorted({x for x, _ in kinds}), sorted({y for _, y in kinds}, reverse=True)  # the first row is lowest
    found = [[kinds[x, y] for x in xs] for y in ys]
    last = len(HEAT) - 1
    assert found[0] == ["heat0", "heat1", "heat2"]
    assert found[1] == ["heat3", "cold", f"heat{last}"]
    assert "<b>" not in drawn
    assert "c&lt;1&gt;, r1: no answer" in drawn


def test_equal_ratios_are_equal_steps_of_colour_where_asked_for():
    ratios = [100.0**power for power in range(len(HEAT))]
    levels = [heat.level(field([ratios], log=True), value) for value in ratios]
    assert levels[0] == 0
    assert levels[-1] == len(HEAT) - 1
    assert max(b - a for a, b in pairwise(levels)) <= 2
    assert [heat.level(field([ratios]), value) for value in ratios].count(0) == len(HEAT) - 1


def test_a_field_of_one_value_or_none_is_drawn_or_left_out():
    assert heat.level(field([[2.0, 2.0]]), 2.0) == 0
    assert heat.svg(field([[None]]), WIDE) == ""
    with pytest.raises(ValueError, match="1 rows of 2 cells"):
        Heat("t", "x", "y", ("a", "b"), ("r",), ((1.0,),), "w", quantities.SECONDS)


def test_two_keys_of_numbers_are_a_heat_map_of_each_strategy():
    found, summary = swept(sync_every="5,10,20", bandwidth_across="1:10:log:4")
    maps = pictures(found, summary)
    assert [each.title for each in maps] == ["Wall-clock: Data-Parallel", "Wall-clock: DiLoCo M=2"]
    assert maps[1].columns == ("5", "10", "20")
    assert (maps[1].rows[0], maps[1].rows[-1]) == ("1x", "10x")
    by_place = {
        (row["vary_bandwidth_across_factor"], row["vary_sync_every"]): row["wall_clock_s"]
        for row in found.rows.records()
        if row["strategy"] == "diloco"
    }
    factors = sorted({factor for factor, _ in by_place})
    assert maps[1].values == tuple(tuple(by_place[factor, every] for every in (5, 10, 20)) for factor in factors)


def test_a_third_key_is_hidden_by_the_best_of_its_values_and_named():
    found, summary = swept(sync_every="5,10", bandwidth_across="1,2", compute="1,2")
    (one, *_) = pictures(found, summary)
    assert one.remark == "The least over all values of compute."
    rows = [row for row in found.rows.records() if row["strategy"] == "data-parallel"]
    best = min(row["wall_clock_s"] for row in rows if row["vary_bandwidth_across_factor"] == 1)
    assert one.values[0][0] == best


def test_one_key_of_numbers_is_curves_and_none_is_bars():
    found, summary = swept(sync_every="5,10,20", collective="ring,direct")
    (picture,) = pictures(found, summary)
    assert isinstance(picture, Picture)
    assert len(picture.curves) == 4
    assert "DiLoCo M=2, collective ring" in [curve.label for curve in picture.curves]
    found, summary = swept(strategy="data-parallel,diloco")
    (bars,) = pictures(found, summary)
    assert isinstance(bars, Bars)
    assert [bar.values[0] for bar in bars.bars] == found.rows.column("wall_clock_s")


def test_drawn_keys_are_medians_in_ranges():
    section = Section(draw={"count": 64, "from": {"compute": "uniform:1:2"}})
    found, summary = swept(section, "compute_s", strategy="data-parallel")
    (picture,) = pictures(found, summary)
    labels = [curve.label for curve in picture.curves]
    assert labels == ["nine of ten below", "median", "one of ten below"]
    median = picture.curves[1].points
    first_x, first_y = median[0]
    for x, y in median:  # compute takes as long as chips are slow
        assert x * y == pytest.approx(first_x * first_y, rel=0.01)


def test_the_page_and_the_report_hold_failures_and_what_has_no_effect():
    found, summary = swept(replicas="2,3", **{"workload.forward_share": [0.2, 0.4]})
    told = page(report(found, summary), found, summary)
    text = html.render(told)
    assert "2 points failed, the first of them 2" in text
    assert "workload.forward_share (no answer changes with it)" in text
    assert [row["error"] is None for row in told.records.rows] == [True] * 4 + [False] * 2


def test_nothing_but_failures_is_told_and_not_drawn():
    found, summary = swept(replicas="3,4")
    told = page(report(found, summary), found, summary)
    assert told.figure == ()
    assert "No point has an answer for wall_clock_s: strategies[1]: DiLoCo M=3" in html.render(told)


def test_the_command_draws_a_figure(simulate, tmp_path, scenario_file):
    pytest.importorskip("matplotlib")
    file = scenario_file(DOCUMENT | {"sweep": {"grid": {"sync_every": [5, 10], "bandwidth_across": "1:10:log:3"}}})
    for name in ("x.svg", "x.png", "x.pdf"):
        code, _, err = simulate("sweep", file, "--workers", "1", "--output", tmp_path / name)
        assert (code, err) == (0, f"wrote {tmp_path / name}\n")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert simulate("sweep", file, "--workers", "1", "--plot", tmp_path / "y.png")[0] == 0
    assert (tmp_path / "y.png").read_bytes() == (tmp_path / "x.png").read_bytes()
    code, _, err = simulate(file)
    assert code == 2
    assert "write simulate sweep" in err


def test_a_scenario_of_the_report_is_one():
    found, summary = swept(sync_every="5,10")
    scenario = report(found, summary).document["scenario"]
    assert validate(Scenario, scenario.model_dump(mode="json", exclude_none=True), source="x") == scenario
