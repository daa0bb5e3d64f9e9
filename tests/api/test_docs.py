"""What the page about the API shows is what happens, block by block; and its notebook runs from top to bottom."""

import contextlib
import io
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n^```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
PAGE = DOCS / "api.md"


def test_the_page_prints_what_it_shows(tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    text = PAGE.read_text()
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == text.count("```python") >= 8
    for block in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block[1], str(PAGE), "exec"), names)
        shown = block[2] or ""
        if request.config.getoption("--update-golden"):
            text = text.replace(block[0], block[0].replace(f"```text\n{shown}", f"```text\n{printed.getvalue()}"))
            continue
        assert printed.getvalue() == shown
    if request.config.getoption("--update-golden"):
        PAGE.write_text(text)


def test_every_question_is_on_the_page():
    import crosshaul as ch
    from sim.strategies import STRATEGIES

    text = PAGE.read_text()
    assert "runs.vary(bandwidth_across=2)" in text
    questions = (
        "run",
        "bandwidth",
        "budget",
        "explain",
        "plan",
        "predict",
        "flows",
        "validate",
        "reproduce",
        "load",
        "topology",
        "sweep",
    )
    assert [name for name in questions if f"ch.{name}(" not in text] == []
    assert [each.__name__ for each in STRATEGIES.values() if f"`{each.__name__}`" not in text] == []
    assert [name for name in re.findall(r"\bch\.(\w+)", text) if name not in ch.__all__] == []


@pytest.mark.parametrize("path", sorted(DOCS.glob("notebooks/*.ipynb")), ids=lambda path: path.name)
def test_a_notebook_runs_from_top_to_bottom(path, tmp_path, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    monkeypatch.chdir(tmp_path)
    notebook = json.loads(path.read_text())
    assert (notebook["nbformat"], set(notebook["metadata"])) == (4, {"kernelspec", "language_info"})
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] for cell in notebook["cells"] if cell["cell_type"] == "code")
    names: dict = {"__name__": "__main__"}
    try:
        for cell in cells:
            exec(compile(cell, str(path), "exec"), names)
        (axes,) = pyplot.gcf().axes
        lines = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
        assert len(lines) >= 2
        for utilization in lines.values():  # wider links never keep chips less busy
            assert all(0 < low <= high <= 1 for low, high in pairwise(utilization))
    finally:
        pyplot.close("all")
