"""Documents as YAML that reads back as the same."""

from __future__ import annotations

from io import StringIO

from pydantic import BaseModel


def as_yaml(document: BaseModel) -> str:
    """A document with all its values, those of defaults included, so that it means the same in later versions."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = StringIO()
    yaml.dump(document.model_dump(mode="json", exclude_none=True), text)
    return text.getvalue()
