"""How the documentation site is built (`scripts/docs`): the Markdown of the repository as it is, by Sphinx.

Pages stay plain Markdown that a repository browser shows; what only a site needs stands here: the navigation, and the
two references that are made from the code at every build.
"""

import sys
from pathlib import Path
from tomllib import loads
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "site"))

from references import REFERENCES, alias_names, as_people_read, as_sphinx_reads  # noqa: E402

NAVIGATION = {
    "Begin": {
        "Start in five minutes": "docs/start",
        "A tour": "docs/tour",
        "Gallery": "docs/gallery",
        "Coming from another tool": "docs/coming-from",
    },
    "Understand": {
        "Concepts": "docs/concepts",
        "Glossary": "docs/glossary",
        "The model": "docs/model",
        "Strategies": "docs/strategies",
        "Networks of links": "docs/network",
        "Topologies": "docs/topologies",
        "Chips": "docs/chips",
        "Scaling laws": "docs/laws",
        "What each claim rests on": "docs/claims",
    },
    "Do": {
        "Budgets, bandwidths, plans": "docs/questions",
        "Thousands of scenarios": "docs/sweeps",
        "Runs that fail and recover": "docs/failures",
        "Money, power, carbon": "docs/cost",
        "A page with sliders": "docs/serve",
        "Timelines in Perfetto": "docs/timeline",
        "From Python": "docs/api",
        "Your own runs": "docs/your-runs",
        "Calibrate with your measurements": "docs/calibrate",
        "Record a training run": "docs/recording",
        "What the trainer does": "docs/training",
    },
    "Look up": {
        "Keys, options, results": "docs/reference",
        "Command line": "docs/cli",
        "Python API": "docs/python-api",
    },
    "The project": {
        "Changelog": "CHANGELOG",
        "Contributing": "CONTRIBUTING",
        "Architecture": "docs/architecture",
        "Decisions": "docs/decisions",
        "Experiments": "experiments/README",
        "A small real study": "experiments/small_scale/README",
        "Fault storms, replayed": "experiments/fault_storms/README",
        "Real runs, predicted blind": "experiments/real_runs/README",
        "Recording an accelerator": "experiments/accelerators/README",
        "Shaped links": "experiments/wan_emulation/README",
        "Speed": "benchmarks/README",
        "Speed, measured": "benchmarks/results",
    },
}
"""Sections, and in each the title of a page in the side bar: every page has a place (the build fails otherwise)."""

project = loads((HERE.parent / "pyproject.toml").read_text())["project"]["name"]
root_doc = "README"
include_patterns = ["*.md", "docs/*.md", "experiments/**.md", "benchmarks/*.md"]
extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4  # anchors as repository browsers make them, checked by the build

default_role = "code"  # what stands between single backticks in docstrings
autodoc_typehints_format = "short"
autodoc_type_aliases = alias_names()

highlight_language = "text"  # of blocks that name none
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = project
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
templates_path = ["site"]
html_additional_pages = {"index": "redirect.html"}


def add_what_the_site_needs(_app: Any, page: str, source: list[str]) -> None:
    """Adds the navigation to the first page, and what is made from the code to the pages that hold it."""
    if page == root_doc:
        for section, pages in NAVIGATION.items():
            entries = "\n".join(f"{title} <{name}>" for title, name in pages.items())
            source[0] += f"\n```{{toctree}}\n:caption: {section}\n:hidden:\n\n{entries}\n```\n"
    elif page in REFERENCES:
        source[0] += "\n" + REFERENCES[page]()


def setup(app: Any) -> None:
    """Connects the above with Sphinx."""
    app.connect("source-read", add_what_the_site_needs)
    app.connect("autodoc-process-signature", as_people_read)
    app.connect("autodoc-process-docstring", as_sphinx_reads)
