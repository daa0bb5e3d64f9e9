"""Results as data for other programs: JSON and CSV, the same keys in both."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, fields
from importlib.metadata import version

from ..result import Result, Run

SCHEMA_VERSION = 1


def to_json(result: Result) -> str:
    """The whole result with the scenario as resolved; keys are stable within a schema version."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "crosshaul_version": version("crosshaul"),
        "scenario": result.scenario.model_dump(mode="json", exclude_none=True),
        "notes": list(result.notes),
        "runs": [asdict(run) for run in result.runs],
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def to_csv(result: Result) -> str:
    """One line a run under a header line, an empty cell where a value does not apply; sites and links are left out."""
    out = io.StringIO()
    names = [field.name for field in fields(Run) if field.name not in ("sites", "links")]
    writer = csv.DictWriter(out, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(asdict(run) for run in result.runs)
    return out.getvalue()
