"""Results as data for other programs: JSON and CSV, the same keys in both."""

from __future__ import annotations

from dataclasses import asdict, fields

from ..questions.verdict import verdict
from ..simulation.results import Result, Run
from .plain import as_csv, as_json

SCHEMA_VERSION = 1


def to_json(result: Result) -> str:
    """The whole result with the scenario as resolved; keys are stable within a schema version."""
    document = {
        "scenario": result.scenario.model_dump(mode="json", exclude_none=True),
        "notes": list(result.notes),
        "runs": [asdict(run) for run in result.runs],
        "bottlenecks": [asdict(found) for found in result.bottlenecks],
        "verdict": asdict(verdict(result.runs)),
    }
    return as_json(SCHEMA_VERSION, document)


def to_csv(result: Result) -> str:
    """One line a run under a header line, an empty cell where a value does not apply; sites and links are left out.

    Notes are joined by `; `.
    """
    names = [field.name for field in fields(Run) if field.name not in ("sites", "links")]
    return as_csv((asdict(run) | {"loss_notes": "; ".join(run.loss_notes)} for run in result.runs), names)
