"""A scenario as YAML that `simulate FILE` reads."""

from __future__ import annotations

from io import StringIO

from ruamel.yaml import YAML

from ..scenario.model import Scenario


def as_yaml(scenario: Scenario) -> str:
    """The whole scenario, with the numbers of its links as they are used."""
    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = StringIO()
    yaml.dump(scenario.model_dump(mode="json", exclude_none=True), text)
    return text.getvalue()
