"""A question has one builder, which knows no other one; a format has one renderer."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from sim.report import answers
from sim.report.render import RENDERERS
from sim.shell import formats

BUILDERS = sorted(path for path in Path(answers.__file__).parent.glob("*.py") if path.stem != "__init__")


def imported(path):
    """The names of modules beside this one that it imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found |= {node.module} if node.module else {alias.name for alias in node.names}
    return found


def test_every_builder_builds_a_report_and_knows_no_other_one():
    assert len(BUILDERS) == 23
    names = {path.stem for path in BUILDERS}
    for path in BUILDERS:
        functions = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
        assert "report" in functions, path
        assert imported(path) & names == set(), path


def test_every_format_has_a_renderer_of_its_own_and_an_ending():
    assert set(RENDERERS) | {each.value for each in formats.FIGURES} == {each.value for each in formats.Format}
    files = [render.args[0] for render in RENDERERS.values()]
    assert files == ["terminal", "json", "csv", "html"]
    assert all(import_module(f"sim.report.render.{file}").render for file in files)
    assert set(formats._SUFFIXES.values()) == set(formats.Format)


def test_data_is_written_without_what_draws_text():
    code = """
import sys
from sim.report.drawing.screen import Screen
from sim.report.model import Records, Report
from sim.report import answers
from sim.report.render import RENDERERS

report = Report("t", (), {}, Records((), ()))
for shape in ("json", "csv", "html"):
    RENDERERS[shape](report, Screen())
assert "rich.console" not in sys.modules, "without use"
RENDERERS["table"](report, Screen())
assert "rich.console" in sys.modules, "nothing was asked"
"""
    subprocess.run([sys.executable, "-c", code], check=True)
