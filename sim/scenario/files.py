"""Which files are scenarios: YAML, the results of commands, and (by their workload) traces; and what others are."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..documents.validation import read_mapping, read_text
from ..errors import ArgumentError, InputError, shortened
from ..strategies import STRATEGIES
from .overrides import keys_of

_GZIP = b"\x1f\x8b"
_HEADER = b'{"record"'


class Elsewhere(str):
    """A name or path from the command line: relative to the working directory, not to the scenario."""

    __slots__ = ()


def is_trace(path: Path) -> bool:
    """Whether a file is a trace that record-trace wrote, by its name or by how it begins."""
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        return True
    with suppress(OSError, ValueError):
        if path.is_file():  # a pipe could be read only once
            with path.open("rb") as file:
                start = file.read(64)
            return start.startswith(_GZIP) or start.replace(b" ", b"").startswith(_HEADER)
    return False


def read_scenario(path: Path) -> tuple[dict[str, Any], str | None]:
    """A scenario as plain data, with its text for line numbers (none where it stands inside a result).

    Raises:
      InputError: the file holds something else; says what to write for it.
    """
    if path.suffix.lower() in (".csv", ".html"):
        told = "{path}: is a printed result; give a scenario, or the same result as JSON, with {output:result.json}"
        raise ArgumentError(told, path=path)
    text = read_text(path, "scenario")
    result = _result(text)
    if result is None:
        return read_mapping(path, "scenario")
    scenario = result.get("scenario", _only(result.get("scenarios")))
    if not isinstance(scenario, dict):
        raise InputError(
            f"{path}: is an answer without a `scenario` to run; give a scenario, or what simulate, plan, bandwidth or "
            f"explain wrote{_instead(result)}"
        )
    workload = scenario.get("workload")
    if isinstance(workload, dict) and isinstance(trace := workload.get("trace"), str) and Path(trace).exists():
        workload["trace"] = Elsewhere(trace)  # a result names a trace as seen from where it was made
    return scenario, None


def _result(text: str) -> dict[str, Any] | None:
    """The JSON that a command printed; None if the text is anything else."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return (
        data if isinstance(data, dict) and ("crosshaul_version" in data or {"scenario", "runs"} <= set(data)) else None
    )


def _only(values: Any) -> Any:
    return values[0] if isinstance(values, list) and len(values) == 1 else None


def _instead(result: dict[str, Any]) -> str:
    """What to write for an answer that holds no scenario, or several."""
    scenarios = result.get("scenarios")
    if scenarios and isinstance(scenarios, list):
        return f"; it has {len(scenarios)} of them: ask about one --topology"
    if "inner_learning_rate" in result:  # of predict
        words = {"params": "--params", "tokens": "--tokens", "strategy": "--strategy", "replicas": "--replicas"}
        words |= {"sync_every": "--sync-every"} if result.get("sync_every") else {}
        kind = result.get("strategy")
        if isinstance(kind, str) and kind in STRATEGIES and "replicas" not in keys_of(kind):
            del words["replicas"]
        values = {option: result.get(key) for key, option in words.items()}
        plain = [
            f"{option} {shortened(str(each))}" for option, each in values.items() if isinstance(each, str | float | int)
        ]
        return "; or write simulate " + " ".join(plain) if plain else ""
    return ""
