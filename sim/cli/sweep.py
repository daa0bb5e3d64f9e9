"""`simulate sweep`: its options, and how they become the points of a question."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError, InputError
from ..shell.delivery import check_writable, write_atomically
from ..shell.formats import Format, FormatOption, OutputOption, chosen
from ..shell.option_groups import given
from .handing_over import hand_over
from .options import (
    FileArgument,
    ScenarioOption,
    SetOption,
    StrategiesOption,
    TopologyOption,
    TraceOption,
    Words,
    WorkloadOption,
    count,
    placed,
)
from .sweep_options import PlotOption, Points, Question, Where

if TYPE_CHECKING:
    from ..questions.sweep.asked import Asked
    from ..questions.sweep.engines.engine import Engine
    from ..questions.sweep.space import Space
    from ..report.model import Report


_KEYS = {"strategies": "strategy", "trace": "workload"}
"""Keys of a sweep that are called otherwise than the option for the same."""


def sweep(
    *,
    file: FileArgument = None,
    scenario: ScenarioOption = None,
    topology: TopologyOption = None,
    workload: WorkloadOption = None,
    trace: TraceOption = None,
    strategy: StrategiesOption = None,
    words: Words,
    set_: SetOption = None,
    points: Points,
    question: Question,
    where: Where,
    format_: FormatOption = None,
    output: OutputOption = None,
    plot: PlotOption = None,
) -> None:
    """The same question for many scenarios: wall-clock, bandwidth, budget or plan, at every point of what is varied.

    A key is a word, such as sync_every, bandwidth_across (a factor) or params; strategy, topology or workload, by name;
    or a place in the scenario, such as workload.batch_tokens. Also by a section `sweep` in FILE.
    """
    for option, path in (("--output", output), ("--plot", plot), ("--results", where.results)):
        if path:
            check_writable(path, file, scenario, topology, workload, trace, option=option)
    _check_results(where.results, output)
    shape = chosen(format_, output)
    from ..questions.sweep import parquet
    from ..questions.sweep.summary import metric_of, summarise
    from ..questions.sweep.sweep import sweep as swept_by
    from ..report.answers.sweep import report
    from ..report.render.png import check_drawable
    from ..scenario.loading import naming
    from ..shell.progress import Progress

    if where.results:
        parquet.check_installed()
    if plot:
        check_drawable(plot)
    source, replayed = placed(file, scenario, trace)
    names = {"topology": topology, "workload": workload, "trace": replayed, "strategies": strategy, "settings": set_}
    asked = _asked(source, {key: value for key, value in names.items() if value}, given(words), points, question)
    with naming(source), Progress() as watch:
        swept = swept_by(asked, _engine(where, asked), where.results, overwrite=where.overwrite, watch=watch)
        summary = summarise(swept, metric_of(swept, question.metric))
    told = report(swept, summary, rows=shape in (Format.json, Format.csv))

    def illustrated(told: Report) -> Report:
        from ..report.page.sweep import page

        return page(told, swept, summary)

    if plot:
        from ..report.render.figure import drawn

        write_atomically(plot, drawn(illustrated(told), "png"))
    hand_over(told, shape, output, illustrated)


def _check_results(results: Path | None, output: Path | None) -> None:
    if output and output.suffix == ".parquet":
        raise InputError(f"--output {output}: is for the report; write --results {output}, which keeps the rows")
    if results and results.suffix != ".parquet":
        raise InputError(f"--results {results}: holds Parquet; write a name such as {results.stem or 'rows'}.parquet")


def _engine(where: Where, asked: Asked) -> Engine:
    from ..documents.settings import read_value
    from ..questions.sweep.engines.choice import engine
    from ..questions.sweep.values import split_entry

    entries = [split_entry(entry, "on_option") for entry in where.on_option or ()]
    options = {key: read_value(value, "{on_option} {entry}", f"{key}={value}") for key, value in entries}
    return engine(where.on, where.workers, options, points=asked.space.count, results=where.results)


def _asked(
    source: Path | None, names: Mapping[str, Any], words: Mapping[str, Any], points: Points, question: Question
) -> Asked:
    """The question with its points, of a file and of options."""
    from ..questions.sweep.section import read_section, space_of
    from ..questions.sweep.values import split_entry

    section = read_section(_section_in(source), str(source))
    drawing = {key: getattr(points, key) for key in ("count", "seed", "method") if getattr(points, key) is not None}
    vary, zip_, draw = (
        [split_entry(entry, option) for entry in getattr(points, option) or ()] for option in ("vary", "zip", "draw")
    )
    space = space_of(section, vary, zip_, draw, drawing)
    _refuse_replaced(space, names, words)
    answer = question.answer.value if question.answer else section.answer or "run"
    if answer == "plan":
        return _of_plan(space, source, names, words, question)
    return _of_scenario(space, source, names, words, question, answer)


def _refuse_replaced(space: Space, names: Mapping[str, Any], words: Mapping[str, Any]) -> None:
    """Refuses options in whose place the varied keys put something else at every point."""
    from ..questions.sweep.scenarios import path_of, replaced_by

    taken = {*space.keys}.union(*map(replaced_by, space.keys))
    for key in (*names, *words):
        if _KEYS.get(key, key) in taken:
            raise ArgumentError(f"{{{key}}}: what is varied replaces it; leave it out")
    for entry in names.get("settings", ()):
        path = path_of(entry.partition("=")[0]) or [""]
        part, last = str(path[0]), path[-1]
        if _KEYS.get(part, part) in space.keys or (part in ("workload", "strategies") and last in taken):
            raise ArgumentError("{settings} {entry}: what is varied replaces it; leave it out", entry=entry)


def _section_in(source: Path | None) -> Any:
    from ..scenario.files import read_scenario

    return read_scenario(source)[0].get("sweep") if source else None


def _of_scenario(
    space: Space,
    source: Path | None,
    names: Mapping[str, Any],
    words: Mapping[str, Any],
    question: Question,
    answer: Any,
) -> Asked:
    from ..questions.sweep.asked import Asked
    from ..questions.sweep.scenarios import base_of
    from ..questions.sweep.values import STRATEGY
    from ..scenario.loading import scenario_document

    if question.days is not None:
        raise InputError("--days: goes with --answer plan; leave it out")
    options = _options(question, answer)
    of_all = {"replicas", "sync_every"} if STRATEGY in space.keys else set()
    shared = {key: words[key] for key in words if key in of_all}
    own = {key: value for key, value in words.items() if key not in of_all}

    def read(opened: frozenset[str]) -> tuple[dict[str, Any], str | None]:
        return scenario_document(source, words=own, opened=opened, sweep=True, **names)

    base = base_of(read, space, shared, str(source) if source else "scenario")
    return Asked(answer, base, space, options)


def _options(question: Question, answer: str) -> dict[str, Any]:
    """The options that go with one answer alone, as its question has them.

    Raises:
      InputError: one goes with another answer, or its value is wrong.
    """
    fitting = {"bandwidth": ("target",), "budget": ("rule", "target_loss", "unique_tokens"), "plan": ("unique_tokens",)}
    for key in ("target", "rule", "target_loss", "unique_tokens"):
        if getattr(question, key) and key not in fitting.get(answer, ()):
            with_it = " or ".join(each for each, keys in fitting.items() if key in keys)
            raise InputError(f"--{key.replace('_', '-')}: goes with --answer {with_it}; leave it out")
    options: dict[str, Any] = {}
    if question.target:
        options["targets"] = tuple(question.target)
    if question.rule:
        from ..questions.budget.comparison_rules import RULES

        options["rules"] = tuple(each for each in RULES if each in {rule.value for rule in question.rule})
    if question.target_loss:
        from ..questions.budget.budget import check_losses

        options["target_losses"] = tuple(dict.fromkeys(question.target_loss))
        check_losses(options["target_losses"])
    if question.unique_tokens is not None:
        options["unique_tokens"] = count("--unique-tokens", question.unique_tokens)
    return options


def _of_plan(
    space: Space, source: Path | None, names: Mapping[str, Any], words: Mapping[str, Any], question: Question
) -> Asked:
    from ..questions.sweep.asked import Asked
    from ..questions.sweep.asks import ask_of

    options = _options(question, "plan")
    for key in ("workload", "trace", "settings"):
        if key in names:
            raise ArgumentError(f"{{{key}}}: a plan chooses what is trained; leave it out")
    fixed = {key: value for key, value in {**names, **words}.items() if key != "strategies"}
    if source is not None:
        fixed = _place_in(source) | fixed
    if question.days is not None and "days" in space.keys:
        raise InputError("--days: what is varied replaces it; leave it out")
    for key in options.keys() & {*space.keys}:
        raise ArgumentError(f"{{{key}}}: what is varied replaces it; leave it out")
    fixed |= options | ({} if question.days is None else {"days": question.days})
    return Asked("plan", ask_of(space, fixed, names.get("strategies")), space)


def _place_in(source: Path) -> dict[str, Any]:
    """The topology of a file that asks for plans, which has nothing else beside its sweep."""
    from ..scenario.files import read_scenario

    document, _ = read_scenario(source)
    if more := document.keys() - {"name", "topology", "sweep"}:
        raise InputError(f"{source}: {', '.join(sorted(more))}: a plan chooses these; leave them out")
    return {"topology": document["topology"]} if "topology" in document else {}
