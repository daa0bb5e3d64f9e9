"""Rules of the house that no linter knows."""

import ast
import importlib
import json
import pkgutil
import re
import shlex
import tomllib
from pathlib import Path

import pytest

import sim.strategies
from sim.cli.app import app
from sim.scenario import model as scenario
from sim.trace import file as trace

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    path for package in ("crosshaul", "sim", "trainer", "topologies") for path in (ROOT / package).rglob("*.py")
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_stay_small(path):
    text = path.read_text()
    assert text.count("\n") <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 70, node.name


def test_every_strategy_file_is_in_the_union():
    files = {module.name for module in pkgutil.iter_modules(sim.strategies.__path__) if not module.ispkg}
    assert files == {kind.replace("-", "_") for kind in sim.strategies.STRATEGIES}
    for kind, strategy in sim.strategies.STRATEGIES.items():
        assert strategy.model_fields["kind"].default == kind
        assert "Source:" in strategy.__doc__


def test_every_file_of_a_package_is_shipped():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {str(path.parent.relative_to(ROOT)).replace("/", ".") for path in MODULES}
    assert found == set(packages)


@pytest.mark.parametrize("name", ["scenario", "trace"])
def test_committed_schemas_have_not_drifted(name, golden):
    schemas = {"scenario": scenario.schema, "trace": trace.schema}
    golden(f"docs/schema/{name}.json", json.dumps(schemas[name](), indent=2) + "\n")


def test_the_changelog_tells_of_this_version():
    found = re.search(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert found is not None
    assert found[1] == PROJECT["version"]


def test_every_option_and_command_is_in_the_reference():
    reference = (ROOT / "docs" / "reference.md").read_text()
    import typer

    command = typer.main.get_command(app)
    words = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
    words += [f"simulate {name}" for name in command.commands]
    words += [
        option
        for each in command.commands.values()
        for parameter in each.params
        for option in parameter.opts
        if option.startswith("--")
    ]
    assert [word for word in words if word not in reference] == []


def test_every_option_and_field_of_a_training_run_is_in_the_reference():
    import typer

    from trainer.cli.record_trace import app as recorder
    from trainer.config.run import TrainConfig

    reference = (ROOT / "docs" / "reference.md").read_text()
    parameters = typer.main.get_command(recorder).params
    words = [option for parameter in parameters for option in parameter.opts if option.startswith("--")]
    words += [f"`{field}`" for field in TrainConfig.model_fields]
    assert [word for word in words if word not in reference] == []


def test_every_key_of_a_run_is_in_the_reference():
    from dataclasses import fields

    from sim.simulation.results import Run

    reference = (ROOT / "docs" / "reference.md").read_text()
    assert [field.name for field in fields(Run) if f"`{field.name}`" not in reference] == []


def test_every_key_of_a_bandwidth_answer_is_in_the_reference():
    from dataclasses import fields

    from sim.questions.bandwidth.bandwidth import CurvePoint, Need

    reference = (ROOT / "docs" / "reference.md").read_text()
    section = reference.partition("### simulate bandwidth")[2].partition("\n## ")[0]
    names = {field.name for each in (Need, CurvePoint) for field in fields(each)}
    assert {name for name in names if f"`{name}`" not in section} == set()


def test_every_key_of_a_workload_and_of_a_strategy_is_in_the_reference():
    reference = (ROOT / "docs" / "reference.md").read_text()
    definitions = scenario.schema()["$defs"]
    of = [name for name, d in definitions.items() if name.endswith("Workload") or "kind" in d["properties"]]
    assert len(of) == 2 + len(sim.strategies.STRATEGIES)
    missing = {key for name in of for key in definitions[name]["properties"] if f"`{key}`" not in reference}
    assert missing - {"kind"} == set()


def test_no_strategy_leans_on_another():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    independent = [name for each in contracts if each["type"] == "independence" for name in each["modules"]]
    for kind in sim.strategies.STRATEGIES:
        assert f"sim.strategies.{kind.replace('-', '_')}" in independent


def test_every_public_function_is_documented():
    for path in MODULES:
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree) or path.stat().st_size == 0, path


PAGES = "".join((ROOT / page).read_text() for page in ("README.md", "docs/tour.md"))
SHOWN = re.findall(r"```console\n\$ simulate (.*?)\n(.*?)```", PAGES, re.DOTALL)


@pytest.mark.parametrize(("arguments", "shown"), SHOWN, ids=[arguments for arguments, _ in SHOWN])
def test_a_command_of_the_pages_prints_what_they_show(simulate, arguments, shown):
    assert simulate(*shlex.split(arguments))[1] == shown


def test_the_pages_show_the_main_job_a_bandwidth_and_a_plan():
    assert [arguments.split()[0] for arguments, _ in SHOWN] == ["--workload", "bandwidth", "plan"]


def test_the_plans_that_the_tour_compares_are_the_plans(simulate):
    rows = re.findall(r"^\| `(plan --topology .*?)` \| (.*?) \|$", PAGES, re.MULTILINE)
    assert len(rows) >= 3
    for command, row in rows:
        best = json.loads(simulate(*shlex.split(command), "--format", "json")[1])["best"]
        found = [best["label"], str(best["chips"]), f"{best['params'] / 1e9:.0f}B", f"{best['tokens'] / 1e12:.2f}T"]
        found += [f"{best['compute_utilization']:.0%}", f"{best['predicted_loss']:.3f}"]
        assert row.replace(",", "").split(" | ") == found, command


def test_readme_links_lead_somewhere():
    for name in ("README.md", "CONTRIBUTING.md", *(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md"))):
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", (ROOT / name).read_text()):
            if not target.startswith("http"):
                assert ((ROOT / name).parent / target).exists(), f"{name}: {target}"


def test_console_scripts_exist():
    for target in PROJECT["scripts"].values():
        module, _, function = target.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
