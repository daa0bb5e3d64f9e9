"""The documentation site: every page has a place, what is made from the code is whole, and a broken link stops a build."""

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import crosshaul

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
INCLUDED = ("*.md", "docs/*.md", "experiments/**/*.md", "benchmarks/*.md")


def _navigation() -> dict[str, dict[str, str]]:
    for node in ast.parse((DOCS / "conf.py").read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "NAVIGATION":
            return ast.literal_eval(node.value)
    raise AssertionError("docs/conf.py has no NAVIGATION")


@pytest.fixture(scope="module")
def references():
    spec = importlib.util.spec_from_file_location("references", DOCS / "site" / "references.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_has_one_place_in_the_navigation():
    pages = [name for section in _navigation().values() for name in section.values()]
    there = {str(path.relative_to(ROOT).with_suffix("")) for pattern in INCLUDED for path in ROOT.glob(pattern)}
    assert sorted([*pages, "README"]) == sorted(there)
    titles = [title for section in _navigation().values() for title in section]
    assert len(set(titles)) == len(titles)


def _commands(app, words=()):
    """Every command of an app with what its --help prints: the words of each come from the help of the one above it."""
    told = CliRunner().invoke(app, [*words, "--help"], prog_name="x").output
    yield words, told
    for name in re.findall(r"^  (\S+)", told.partition("\nCommands:\n")[2], re.MULTILINE):
        yield from _commands(app, (*words, name))


def test_the_command_line_page_has_every_command_and_option(references):
    page = references.command_line()
    found = 0
    for program, app in references.PROGRAMS.items():
        for words, told in _commands(app):
            name = " ".join([program, *words])
            section = re.search(rf"^#+ {name}\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL)
            assert section is not None, name
            options = re.findall(r"^  (?:-\w, )?(--[\w-]+)", told, re.MULTILINE)
            assert [option for option in options if option not in section[1]] == [], name
            found += 1
    assert found >= 13  # simulate and its ten commands, and the two of the trainer
    assert "`--weight-decay <float>`" in page  # what only --help-all shows
    assert "--" not in re.sub(r"`[^`]*`", "", re.sub(r"```(text)?", "", page))  # a dash on the site


def test_the_python_page_has_every_public_name_once(references):
    page = references.python_api()
    for name in crosshaul.__all__:
        directive = len(re.findall(rf"^\.\. auto(?:class|function):: crosshaul\.{name}$", page, re.MULTILINE))
        row = page.count(f"| `{name}` |")
        assert directive + row == 1, name
    assert "crosshaul.DiLoCo.sync_every" in page
    assert "crosshaul.Topology.full_mesh" in page


def test_a_field_says_how_it_is_written_and_what_it_is_unless_given(references):
    lines = ["Capacity."]
    references.as_sphinx_reads(None, "attribute", "crosshaul.Link.bandwidth_bits_per_s", None, None, lines)
    assert "Written `bandwidth`." in " ".join(lines)
    lines = ["Inner steps H between outer steps: many."]
    references.as_sphinx_reads(None, "attribute", "crosshaul.DiLoCo.sync_every", None, None, lines)
    assert " ".join(lines).startswith("Inner steps H between outer steps: many.")
    assert "Unless given: 30." in " ".join(lines)


MISTAKES = {
    "[page](none.md)": "'none.md'",
    "[anchor](model.md#nowhere)": "'nowhere'",
    "[own anchor](#here)": "'here'",
    "![picture](none.svg)": "none.svg",
    "[source](../sim/none.py)": "'../sim/none.py'",
    "[outside](../README.md#nothing)": "'nothing'",
}


@pytest.mark.slow
def test_a_build_stops_at_each_mistake(tmp_path):
    pytest.importorskip("furo", reason="the extra `docs` is not installed")
    pytest.importorskip("myst_parser", reason="the extra `docs` is not installed")
    for name in ("docs", "experiments", "benchmarks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    page = tmp_path / "docs" / "start.md"
    page.write_text(page.read_text() + "\n" + "\n".join(MISTAKES) + "\n")
    (tmp_path / "docs" / "lost.md").write_text("# A page without a place\n")
    flags = ["--quiet", "--fail-on-warning", "--keep-going", "-b", "dummy", "-c", "docs"]
    build = subprocess.run(
        [sys.executable, "-m", "sphinx", *flags, ".", "out"], cwd=tmp_path, capture_output=True, text=True
    )
    told = build.stderr
    assert build.returncode != 0
    assert [mistake for mistake, words in MISTAKES.items() if words not in told] == []
    assert "docs/lost.md: WARNING: document isn't included in any toctree" in told
    # what is not in the copy, sources that pages link to, is missed too; nothing else is
    unexpected = [
        line
        for line in told.splitlines()
        if "WARNING" in line
        and "start.md" not in line
        and "lost.md" not in line
        and not re.search(r"\.\./(sim|trainer)/", line)
    ]
    assert unexpected == []
