"""Pages hold the answer that the other formats hold, say how they were made, and need nothing from anywhere."""

import json
import re
from html import unescape
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from sim.documents.validation import validate
from sim.questions import bottleneck
from sim.questions.illustration import FACTORS, illustrate, one_round, stops
from sim.report.answers import run as run_report
from sim.report.figures import Bars, Gantt, Map, Source
from sim.report.model import Picture, Table
from sim.report.page import run as run_page
from sim.report.page.shared import as_yaml, behind_tables, map_of, rounds
from sim.report.render import html
from sim.report.render import json as json_renderer
from sim.scenario.loading import load_scenario
from sim.scenario.model import Scenario
from sim.simulation.observation import Exchange, Observation, Slice
from sim.topology.model import Topology, load_topology, topology_names
from tests.sim.cli.test_formats import COMMANDS, FLOWS


def asked(*strategies, topology="h100-two-sites", **words):
    kinds = strategies or ("data-parallel", "diloco:replicas=2")
    return load_scenario(None, topology=topology, workload="10b", strategies=kinds, words=words)


@pytest.fixture(scope="module")
def result():
    return bottleneck.answer(asked())


@pytest.fixture(scope="module")
def more(result):
    return illustrate(result)


@pytest.fixture(scope="module")
def report(result, more):
    return run_page.page(run_report.report(result), result, more)


def of_kind(report, kind, title=""):
    return next(block for block in report.blocks if isinstance(block, kind) and title in block.title)


def test_a_page_changes_nothing_of_the_answer(result, report):
    plain = run_report.report(result)
    assert json_renderer.render(report) == json_renderer.render(plain)
    assert [block for block in report.blocks if isinstance(block, Table)] == [
        block for block in plain.blocks if isinstance(block, Table)
    ]
    assert set(plain.blocks) <= set(report.blocks)


def test_the_finding_comes_first_then_what_was_simulated_then_the_map(report):
    first, second, third = report.blocks[:3]
    assert first.tone == "strong"
    assert second.title == "What was simulated"
    assert isinstance(third, Map)


def test_bars_add_up_to_the_wall_clock(result, report):
    whole, by_site = (of_kind(report, Bars, title) for title in ("How long", "site by site"))
    assert [sum(bar.values) for bar in whole.bars] == pytest.approx([run.wall_clock_s for run in result.runs])
    assert [bar.values[0] for bar in whole.bars] == [run.compute_s for run in result.runs]
    assert [sum(bar.values) for bar in by_site.bars] == pytest.approx([1.0] * len(by_site.bars))
    assert [bar.values[0] for bar in by_site.bars] == pytest.approx(
        [site.compute_s / run.wall_clock_s for run in result.runs for site in run.sites]
    )


def test_the_curves_pass_through_the_answer(result, report):
    busy, wall = of_kind(report, Picture, "Utilisation"), of_kind(report, Picture, "Wall-clock")
    for run, share, clock in zip(result.runs, busy.curves, wall.curves, strict=True):
        assert dict(share.points)[100.0] == pytest.approx(100 * run.compute_utilization)
        assert dict(clock.points)[100.0] * 86400 == pytest.approx(run.wall_clock_s)
        clocks = [y for _, y in clock.points]
        assert clocks == sorted(clocks, reverse=True)  # more bandwidth is never slower


def test_a_curve_is_the_answer_to_the_wider_scenario(result, more):
    wider = bottleneck.answer(result.scenario.vary(bandwidth_across=FACTORS[-1]))
    for run in wider.runs:
        (pace,) = (each for each in more.paces if (each.label, each.factor) == (run.label, FACTORS[-1]))
        assert (pace.wall_clock_s, pace.utilization) == pytest.approx((run.wall_clock_s, run.compute_utilization))


def test_losses_meet_the_table_at_the_time_of_data_parallel(result):
    reference_s = result.runs[0].wall_clock_s
    for run in result.runs:
        (there,) = (s for s in stops(result) if s.label == run.label and s.wall_clock_s == pytest.approx(reference_s))
        assert (there.tokens, there.loss) == pytest.approx((run.overtraining_tokens, run.equal_time_loss))
        losses = [each.loss for each in stops(result) if each.label == run.label]
        assert losses == sorted(losses, reverse=True)


def test_without_a_law_or_links_there_is_no_curve():
    alone = bottleneck.answer(asked("data-parallel", topology="h100-one-site"))
    told = run_page.page(run_report.report(alone), alone, illustrate(alone))
    assert not any("bandwidth" in block.title for block in told.blocks if isinstance(block, Picture))
    assert told.figure
    stale = bottleneck.answer(asked("async-diloco:replicas=2", steps=60))
    assert illustrate(stale).stops == ()


def test_long_runs_that_never_repeat_are_cut_and_the_page_says_so():
    found = bottleneck.answer(asked("async-diloco:replicas=2,sync_every=2", steps=1000))
    more = illustrate(found)
    assert more.shortened == tuple(run.label for run in found.runs)
    assert sum(1 for each in more.paces if each.factor == 1) == 1
    (pace,) = (each for each in more.paces if each.factor == 1)
    assert pace.wall_clock_s == pytest.approx(found.runs[0].wall_clock_s, rel=0.02)
    picture = run_page.against_bandwidth(found, more)[0]
    assert "400 rounds" in picture.remark


def schedule(slices, exchanges=()):
    return rounds([Observation("DiLoCo", ("a", "b"), 10.0, 20.0, tuple(slices), tuple(exchanges))])[0]


def test_a_schedule_has_the_seconds_of_what_was_observed():
    steps = [Slice(0, "compute", "compute", 10 + n, 11 + n) for n in range(6)]
    steps += [Slice(0, "across", "outer exchange", 16, 18), Slice(1, "compute", "compute", 9.0, 14.0)]
    steps += [Slice(1, "waiting", "waiting for a", 14.0, 16.0), Slice(1, "across", "outer exchange", 16.0, 25.0)]
    drawn = schedule(steps, [Exchange("outer", 0, 0, (0, 1), 1e9, 16.0, 18.0)])
    assert isinstance(drawn, Gantt)
    assert drawn.end_s == 10.0
    names = [series.name for series in drawn.series]
    seconds = {}
    for span in drawn.spans:
        assert 0 <= span.start_s <= span.end_s <= 10.0
        key = (span.row, names[span.series], span.beside)
        seconds[key] = seconds.get(key, 0.0) + span.end_s - span.start_s
    under_way = "an exchange is under way (thin line)"
    assert seconds == pytest.approx(
        {
            (0, "computing", False): 6.0,
            (0, "exchange across datacenters", False): 2.0,
            (0, under_way, True): 2.0,
            (1, "computing", False): 4.0,  # from the beginning of what was observed
            (1, "waiting for slower replicas", False): 2.0,
            (1, "exchange across datacenters", False): 4.0,  # up to its end
            (1, under_way, True): 2.0,
        }
    )
    assert len([span for span in drawn.spans if span.row == 0 and not span.beside]) == 2  # six steps are one


def test_more_sites_than_can_be_read_are_told():
    many = tuple(f"s{n}" for n in range(40))
    slices = tuple(Slice(n, "compute", "compute", 0.0, 1.0) for n in range(40))
    (drawn,) = rounds([Observation("DiLoCo", many, 0.0, 1.0, slices)])
    assert len(drawn.rows) == 16
    assert "24 more" in drawn.remark


def test_why_there_is_no_round_is_told():
    (told,) = rounds([], "too much")
    assert told.texts == ("too much",)
    assert isinstance(one_round(asked(steps=60))[0], tuple)


@pytest.mark.parametrize("name", topology_names())
def test_a_topology_on_a_page_is_read_back_the_same(name):
    topology = load_topology(name)
    data = YAML(typ="safe", pure=True).load(as_yaml("t", topology, "").text)
    assert validate(Topology, data, source=name) == topology


@pytest.mark.parametrize("topology", ["open-diloco", "thin-access", "medium-bw"])
def test_a_scenario_on_a_page_is_read_back_and_answers_the_same(topology, tmp_path, simulate):
    code, page, _ = simulate("--topology", topology, "--set", "workload.steps=60", "--format", "html")
    assert code == 0
    text = unescape(re.search(r'aria-label="The scenario"><code>(.*?)</code>', page, re.DOTALL)[1])
    (tmp_path / "mine.yaml").write_text(text)
    again = json.loads(simulate(tmp_path / "mine.yaml", "--format", "json")[1])
    first = json.loads(simulate("--topology", topology, "--set", "workload.steps=60", "--format", "json")[1])
    assert again["runs"] == first["runs"]
    assert validate(Scenario, YAML(typ="safe", pure=True).load(text), source="page")


def test_a_map_knows_both_directions_of_a_link():
    topology = load_topology("open-diloco")
    drawn = map_of(topology, {"canada -> finland": 0.2, "finland -> canada": 0.7, "us-east -> us-west": 0.1})
    names = [node.name for node in drawn.nodes]
    used = {(names[wire.start], names[wire.end]): wire.used for wire in drawn.wires}
    assert used["canada", "finland"] == 0.7
    assert used["us-east", "us-west"] == 0.1
    assert used["canada", "us-west"] == 0.0
    assert drawn.located
    assert drawn.nodes[1].place == (24.94, 60.17)
    assert all(wire.used is None for wire in map_of(topology).wires)


def test_sites_of_unknown_place_stand_beside_their_router_and_apart():
    topology = load_topology("swarm-16")
    drawn = map_of(topology)
    assert drawn.located
    assert "unknown place" in drawn.remark
    assert len({node.place for node in drawn.nodes}) == len(drawn.nodes)
    assert not map_of(load_topology("cloud-regions")).located


def test_blocks_stand_behind_tables_in_turn(result):
    table = next(block for block in run_report.report(result).blocks if isinstance(block, Table))
    assert behind_tables(["a", table, "b", table], ["1"], ["2"], ["3"]) == ("a", table, "1", "b", table, "2", "3")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_of_every_command_is_small_alone_and_tells_its_command(name, simulate, scenario_file, tmp_path):
    file = scenario_file(FLOWS, "flows.yaml")
    words = [str(file) if word == "FILE" else word for word in COMMANDS[name]]
    code, _, err = simulate(*words, "--output", tmp_path / "page.html")
    assert (code, err.strip()) == (0, f"wrote {tmp_path / 'page.html'}")
    page = (tmp_path / "page.html").read_text()
    assert len(page.encode()) < 2e6
    assert re.findall(r"(?:src|href|srcset|action)\s*=|url\(|@import|<link|<iframe|<img|<object|xlink", page) == []
    assert "default-src 'none'" in page
    command = unescape(re.findall(r"<pre[^>]*><code>(simulate [^<]*)</code>", page)[-1])
    assert command.endswith("--output report.html")
    assert str(tmp_path / "page.html") not in command
    for word in words:
        assert word in command or repr(word) in command


def test_where_the_answer_goes_is_no_part_of_the_command(simulate, tmp_path):
    words = ["show", "--output", "x y.html", "topology", "--format=html", "metro-fibre"]
    import os

    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert simulate(*words)[0] == 0
        page = Path("x y.html").read_text()
    finally:
        os.chdir(before)
    assert "<code>simulate show topology metro-fibre --output report.html</code>" in page


def test_a_fragment_has_no_script_and_one_width(report):
    text = html.fragment(report)
    assert "<script" not in text
    assert 'class="narrow"' not in text
    assert len(text) < 0.75 * len(html.render(report))
    light = html.fragment(run_report.report(bottleneck.answer(asked(steps=60))))
    assert "<svg" not in light
    assert len(light) < 12_000


def test_source_is_in_the_terminal_as_it_is():
    from sim.report.drawing.screen import Screen
    from sim.report.model import Records, Report
    from sim.report.render import RENDERERS

    text = "topology:\n  name: x" + " y" * 60
    told = Report("t", (Source("The scenario", text, "yaml"),), {}, Records((), ()))
    assert text in RENDERERS["table"](told, Screen(width=60))
