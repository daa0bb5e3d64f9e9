"""Figures by matplotlib: of every question that has one, in every form, the same bytes for the same answer."""

import pytest

from sim.report import quantities
from sim.report.figures import Bar, Bars, Gantt, Map, Node, Series, Span, Wire
from sim.report.model import Axis, Curve, Mark, Picture, Records, Report
from tests.sim.cli.test_formats import COMMANDS, FLOWS

BEGINS = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
SERIES = (Series("computing", "compute"), Series("exchange", "across"))
PICTURES = {
    "curves": (
        Picture("t", Axis("x $5", log=True), Axis("y"), (Curve("c $1$", ((1, 2), (3, 4))),), (Mark(2, "here"),)),
    ),
    "pair": (Picture("a", Axis("x"), Axis("y"), (Curve("c", ((1, 2), (3, 4))),)),) * 2,
    "bars": (Bars("t", "time", quantities.DURATION, SERIES, (Bar("a", (3.0, 4.0), "note", "group"),)),),
    "gantt": (Gantt("t", ("a", "b"), SERIES, (Span(0, 0, "c", 0, 1), Span(1, 1, "d", 0, 2, beside=True)), 2.0),),
    "map": (Map("t", (Node("a", True, (8, 47)), Node("b", False, (-120, 37))), (Wire(0, 1, 1e9, 0.4),)),),
    "graph": (Map("t", (Node("a"), Node("b"), Node("c")), (Wire(0, 1, 1e9), Wire(1, 2, 1e10))),),
}


def drawn(figure, form):
    pytest.importorskip("matplotlib", reason="figures need the extra `plot`")
    from sim.report.render.figure import drawn

    return drawn(Report("t", (), {}, Records((), ()), figure), form)


@pytest.mark.parametrize("form", BEGINS)
@pytest.mark.parametrize("name", PICTURES)
def test_every_kind_is_drawn_in_every_form(name, form):
    found = drawn(PICTURES[name], form)
    assert found.startswith(BEGINS[form])
    assert drawn(PICTURES[name], form) == found


def test_several_panels_stand_below_each_other():
    import struct

    one, two = (drawn(PICTURES["bars"] * count, "png") for count in (1, 2))
    (width, height), (same, more) = (struct.unpack(">II", each[16:24]) for each in (one, two))
    assert width == same
    assert more == pytest.approx(2 * height, rel=0.02)


@pytest.mark.parametrize(
    ("name", "form"),
    [*((name, "svg") for name in COMMANDS if name != "list"), ("main", "pdf"), ("show", "png")],
)
def test_every_question_has_its_figure(name, form, simulate, scenario_file, tmp_path):
    pytest.importorskip("matplotlib", reason="figures need the extra `plot`")
    file = scenario_file(FLOWS, "flows.yaml")
    words = [file if word == "FILE" else word for word in COMMANDS[name]]
    output = tmp_path / f"figure.{form}"
    assert simulate(*words, "--output", output)[0] == 0
    assert output.read_bytes().startswith(BEGINS[form])


@pytest.mark.parametrize("words", [("list", "topologies"), ("reproduce",)])
def test_what_has_no_figure_says_so(words, simulate, tmp_path):
    pytest.importorskip("matplotlib", reason="figures need the extra `plot`")
    code, _, err = simulate(*words, "--output", tmp_path / "x.png")
    assert code == 2
    assert "write a .html" in err
    assert not (tmp_path / "x.png").exists()


def test_a_figure_needs_a_file_and_matplotlib(simulate, tmp_path, monkeypatch):
    code, _, err = simulate("show", "topology", "metro-fibre", "--format", "pdf")
    assert code == 2
    assert "write --output figure.pdf" in err
    monkeypatch.setattr("sim.shell.formats.find_spec", lambda name: None)
    code, _, err = simulate("show", "topology", "metro-fibre", "--output", tmp_path / "x.svg")
    assert code == 2
    assert "pip install 'crosshaul[plot]'" in err
