"""The drawings of docs/concepts.md: what their script makes now, with lengths that formulas give, for every reader."""

import importlib
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

import crosshaul as ch

FOLDER = Path(__file__).parents[2] / "docs" / "drawings"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def draw():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield importlib.import_module("draw")


def test_every_file_is_what_the_script_makes(draw, golden):
    assert {path.name for path in FOLDER.glob("*.svg")} == set(draw.DRAWINGS)
    for name, make in draw.DRAWINGS.items():
        golden(f"docs/drawings/{name}", make())


def test_every_drawing_is_on_the_page_with_words_for_those_who_do_not_see_it(draw):
    page = (FOLDER.parent / "concepts.md").read_text()
    shown = dict(re.findall(r"!\[(.*?)\]\(drawings/(.*?)\)", page))
    assert sorted(shown.values()) == sorted(draw.DRAWINGS)
    for name in draw.DRAWINGS:
        root = ElementTree.parse(FOLDER / name).getroot()
        assert root.get("role") == "img"
        named = {child.get("id"): child.text for child in root if child.tag in (f"{SVG}title", f"{SVG}desc")}
        assert set(root.get("aria-labelledby").split()) == set(named)
        assert all(named.values())


def test_the_runs_that_are_drawn_take_what_the_formulas_say(draw):
    """Steps of 1 s, exchanges of N b / W = 1e9 x 16 / 8e9 = 2 s."""
    eight = {"steps": 8, "bandwidth": "8 Gbit/s"}
    every, every_s = draw.rows(ch.DataParallel(), **eight)
    assert every_s == pytest.approx(8 * (1 + 2))
    assert draw.rows(ch.DiLoCo(replicas=2, sync_every=4), **eight)[1] == pytest.approx(8 + 2 * 2)
    for row in every:
        assert sum(bar.end_s - bar.start_s for bar in row.bars) == pytest.approx(every_s)
        assert sum(bar.end_s - bar.start_s for bar in row.bars if bar.kind == "compute") == pytest.approx(8)
    # all but the last outer step, of 2 s each, hides behind the next round
    made, eager_s = draw.rows(ch.EagerDiLoCo(replicas=2, sync_every=4), steps=12, bandwidth="8 Gbit/s")
    assert eager_s == pytest.approx(12 + 2)
    hidden = [bar for row in made if row.low for bar in row.bars]
    assert sum(bar.end_s - bar.start_s for bar in hidden) == pytest.approx(2 * 2 * 2)


def test_nothing_reaches_beyond_the_edge(draw):
    for name in draw.DRAWINGS:
        root = ElementTree.parse(FOLDER / name).getroot()
        _, _, width, height = (float(each) for each in root.get("viewBox").split())
        for part in root.iter(f"{SVG}rect"):
            assert float(part.get("x", 0)) + float(part.get("width")) <= width
            assert float(part.get("y", 0)) + float(part.get("height")) <= height
        for part in root.iter(f"{SVG}text"):
            anchored = {"start": 1.0, "middle": 0.5}[part.get("text-anchor")]
            assert float(part.get("x")) + anchored * 7.2 * len(part.text) <= width, (name, part.text)
            assert float(part.get("y")) <= height


def _luminance(colour):
    digits = colour if len(colour) == 6 else "".join(2 * each for each in colour)
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(draw, scheme):
    colours = dict(re.findall(r"--(\w+):#(\w+)", importlib.import_module("paint").STYLE.split("@media")[scheme]))
    pairs = [("ink", "page"), *(("on", kind) for kind in ("compute", "across", "inside"))]
    pairs += [("under", kind) for kind in ("hidden", "wait")]
    for words, behind in pairs:
        one, two = sorted([_luminance(colours[words]), _luminance(colours[behind])])
        assert (two + 0.05) / (one + 0.05) >= 4.5, (words, behind)
