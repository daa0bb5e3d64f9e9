"""The page's numbers are the command's, to every printed digit."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from html import unescape
from html.parser import HTMLParser

import pytest

from sim.serve.answer import Task, parts
from sim.serve.asked import ask
from sim.serve.state import State, read

from .conftest import anything


class Cells(HTMLParser):
    """The texts of the cells of a page's tables."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = False

    def handle_starttag(self, tag, attrs):
        if tag in ("td", "th"):
            self.found.append("")
            self._inside = True

    def handle_endtag(self, tag):
        self._inside = self._inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self._inside:
            self.found[-1] += data


def cells(html: str) -> list[str]:
    parser = Cells()
    parser.feed(html)
    return parser.found


def typed(command: str) -> list[str]:
    """The words of a command as a shell reads them: a backslash joins two lines."""
    return shlex.split(command.replace("\\\n", " "))


def numbers(text: str) -> list[str]:
    return re.findall(r"[0-9][0-9.,]*(?:e[+-]?[0-9]+)?", text)


@pytest.mark.parametrize("seed", range(100))
def test_tables_and_verdict_are_those_of_the_equivalent_command(seed, simulate):
    made = {}
    for part in parts(Task(read(anything(seed)), limit_s=0.0)):  # no time for curves
        made |= part
    words = typed(made["command-text"])
    assert words[0] == "simulate"
    code, page, errors = simulate(*words[1:], "--format", "html")
    assert (code, errors) == (0, "")
    assert cells(made["tables"]) == cells(page)
    assert any(numbers(cell) for cell in cells(page))
    verdict = [unescape(text) for text in re.findall(r"<p>(.*?)</p>", made["verdict"])]
    assert verdict == [unescape(text) for text in re.findall(r'<p class="strong">(.*?)</p>', page)]
    remarks = re.findall(r'<p class="(?:plain|quiet)">.*?</p>|<dd>.*?</dd>', page)
    assert set(re.findall(r'<p class="(?:plain|quiet)">.*?</p>|<dd>.*?</dd>', made["notes"])) <= set(remarks)
    of_tiles = re.findall(r"<dd>(.*?)</dd>", made["tiles"])[1:]
    assert {number for text in of_tiles for number in numbers(text)} <= set(numbers(" ".join(cells(page))))


def test_the_table_in_a_terminal_has_the_same_numbers(simulate, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    made = {}
    for part in parts(Task(read([("topology", "thin-access"), ("bandwidth", "x3")]), limit_s=0.0)):
        made |= part
    _, text, _ = simulate(*typed(made["command-text"])[1:])
    for cell in cells(made["tables"]):
        assert cell in text or " " in cell


@pytest.mark.parametrize("seed", range(1, 100, 25))
def test_downloads_are_what_the_command_writes(seed, simulate, tmp_path, monkeypatch):
    state = read(anything(seed))
    arguments = ask(state).arguments()
    for shape in ("json", "html"):
        monkeypatch.setattr("sys.argv", ["simulate", *arguments])
        (part,) = parts(Task(state, shape))
        assert part["text"] == simulate(*arguments, "--format", shape)[1]
    (part,) = parts(Task(state, "yaml"))
    file = tmp_path / "scenario.yaml"
    file.write_text(part["text"])
    assert (
        json.loads(simulate(file, "--format", "json")[1])["runs"]
        == json.loads(simulate(*arguments, "--format", "json")[1])["runs"]
    )


@pytest.mark.parametrize("seed", range(1, 100, 10))
def test_the_python_shown_gives_the_same_runs(seed, simulate):
    found = next(parts(Task(read(anything(seed)))))
    names: dict = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(found["python-text"], names)
    expected = json.loads(simulate(*typed(found["command-text"])[1:], "--format", "json")[1])["runs"]
    for one, other in zip(json.loads(names["runs"].to_json())["runs"], expected, strict=True):
        assert one == other


def test_what_is_without_effect_is_not_in_the_command():
    command = ask(read([("strategy", "data-parallel"), ("replicas", "2"), ("sync-every", "9"), ("payload-bits", "4")]))
    assert command.words == ()
    assert command.strategies == ("data-parallel",)


def test_a_curve_goes_through_what_is_chosen():
    from sim.serve.curves import curves
    from sim.simulation.run import run

    for pairs in ([("bandwidth", "33 Gbit/s")], [("topology", "open-diloco"), ("bandwidth", "x3.3")]):
        state = read(pairs)
        result = run(ask(state).scenario())
        found = curves(state, result, 0.0, 60.0)
        assert found.missing == ()
        for line, each in zip(found.lines, result.runs, strict=True):
            assert dict(line.places)[found.now].wall_clock_s == each.wall_clock_s
            utilizations = [place.utilization for _, place in line.places]
            assert utilizations == sorted(utilizations)  # wider links never cost time
            for bandwidth, place in line.places:  # each point is the answer to its own question
                if bandwidth == line.places[2][0]:
                    text = f"x{bandwidth!r}" if found.factors else f"{bandwidth!r} bit/s"
                    own = run(ask(read([*pairs[:-1], ("bandwidth", text)])).scenario())
                    match = next(one for one in own.runs if one.label == line.label)
                    assert place.wall_clock_s == pytest.approx(match.wall_clock_s, rel=1e-12)


def test_a_strategy_without_time_for_its_curve_is_named():
    from sim.serve.curves import curves
    from sim.simulation.run import run

    result = run(ask(State()).scenario())
    found = curves(State(), result, 100.0, 1.0)
    assert found.lines == ()
    assert len(found.missing) == 2
