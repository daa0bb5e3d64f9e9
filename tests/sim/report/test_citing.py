"""What an answer rests on, as BibTeX: all that it used, and nothing else."""

import re
from pathlib import Path

import pytest

from sim.laws.catalogue import laws
from sim.report.citing import entries
from sim.strategies import STRATEGIES

ROOT = Path(__file__).parents[3]
SHORT = ["--topology", "low-bw", "--workload", "10b", "--steps", "60"]
PAPERS = {
    "charles2025scaling": "2503.09799",
    "douillard2023diloco": "2311.08105",
    "douillard2025streaming": "2501.18512",
    "kale2025eager": "2502.12996",
    "decoupled2026": "2604.21428",
    "li2020pytorch": "2006.15704",
    "besiroglu2024chinchilla": "2404.10102",
    "kaplan2020scaling": "2001.08361",
    "jaghouar2024opendiloco": "2407.07852",
}


@pytest.fixture
def cited(simulate):
    """The keys of what a command cites."""

    def ask(*words):
        code, out, err = simulate(*words, "--cite")
        assert code == 0, err
        assert out.count("{") == out.count("}")
        return set(re.findall(r"^@\w+\{([^,]+),$", out, re.MULTILINE))

    return ask


@pytest.mark.parametrize("kind", STRATEGIES)
def test_every_strategy_has_entries_of_its_own(kind):
    cites = vars(STRATEGIES[kind])["cites"]
    assert cites
    assert [key for key in cites if key not in entries()] == []
    assert {key for key in cites if key[0].isdigit()} <= set(re.findall(r"\d{4}\.\d{5}", STRATEGIES[kind].__doc__))


@pytest.mark.parametrize("law", laws(), ids=lambda law: law.name)
def test_every_law_has_an_entry(law):
    named = re.findall(r"\d{4}\.\d{5}", law.source)
    assert named
    assert [number for number in named if number not in entries()] == []


def test_all_that_code_and_topologies_name_has_an_entry():
    files = [*(ROOT / "sim").rglob("*.py"), *(ROOT / "topologies").glob("*.yaml")]
    named = {number for file in files for number in re.findall(r"arXiv (\d{4}\.\d{5})", file.read_text())}
    assert len(named) > 20
    assert named - set(entries()) == set()


def test_entries_are_whole_and_stand_once():
    text = (ROOT / "sim" / "report" / "references.bib").read_text()
    keys = re.findall(r"^@\w+\{([^,]+),", text, re.MULTILINE)
    numbers = re.findall(r"eprint = \{([^}]+)\}", text)
    assert len(keys) == len(set(keys)) > 20
    assert len(numbers) == len(set(numbers))
    for key in keys:
        assert {"title", "author"} <= set(re.findall(r"(\w+) = \{", entries()[key])), key
    for key, number in PAPERS.items():
        assert entries()[key] is entries()[number]


def test_a_run_cites_its_algorithm_and_no_other(cited):
    diloco = cited(*SHORT, "--strategy", "diloco")
    assert {"crosshaul", "douillard2023diloco", "charles2025scaling"} <= diloco
    assert not diloco & {"douillard2025streaming", "kale2025eager", "decoupled2026", "li2020pytorch"}
    eager = cited(*SHORT, "--strategy", "eager-diloco")
    assert "kale2025eager" in eager
    assert "douillard2023diloco" not in eager
    assert "douillard2025streaming" in cited(*SHORT, "--strategy", "streaming-diloco")


def test_a_loss_cites_its_law_and_what_converted_it(cited):
    assert cited("predict", "--params", "1e9") == {"crosshaul", "charles2025scaling", "li2020pytorch"}
    far = cited("predict", "--params", "1e9", "--tokens", "1e12")
    assert "besiroglu2024chinchilla" in far
    kaplan = cited("predict", "--law", "kaplan", "--params", "1e9", "--tokens", "20e9")
    assert kaplan == {"crosshaul", "kaplan2020scaling"}


def test_a_topology_cites_where_its_numbers_are_from(cited):
    words = ["--topology", "open-diloco", "--strategy", "diloco", "--workload", "10b", "--steps", "60"]
    assert {"jaghouar2024opendiloco", "bozkurt2018dissecting"} <= cited(*words)
    assert "jaghouar2024opendiloco" not in cited(*SHORT, "--strategy", "diloco")


@pytest.mark.parametrize(
    "words",
    [
        [
            "bandwidth",
            "--params",
            "1e9",
            "--layers",
            "4",
            "--step-time",
            "1",
            "--strategy",
            "diloco",
            "--target",
            "0.5",
        ],
        ["budget", *SHORT, "--strategy", "diloco"],
        ["explain", *SHORT, "--strategy", "diloco"],
        ["goodput", *SHORT[:4], "--strategy", "diloco", "--for", "6 h", "--site-mtbf", "2 h", "--histories", "2"],
        ["plan", "--topology", "low-bw", "--chips", "8", "--days", "0.1", "--params", "1e7", "--strategy", "diloco"],
    ],
    ids=lambda words: words[0],
)
def test_every_command_with_strategies_cites_them(words, cited):
    assert {"crosshaul", "douillard2023diloco"} <= cited(*words)


def test_the_entries_go_into_a_file_and_into_nothing_else(simulate, tmp_path):
    file = tmp_path / "sources.bib"
    assert simulate("predict", "--params", "1e9", "--cite", "--output", file)[0] == 0
    assert file.read_text().startswith("% computed by\n@software{crosshaul,")
    code, _, error = simulate("predict", "--params", "1e9", "--cite", "--output", tmp_path / "x.csv")
    assert (code, "write a .bib" in error) == (2, True)
    code, _, error = simulate("predict", "--params", "1e9", "--cite", "--format", "csv")
    assert (code, "leave out --format" in error) == (2, True)
