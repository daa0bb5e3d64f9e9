"""The docstrings under a model's fields, for its JSON schema: read when a schema is asked for, as that takes parsing.

Pydantic's `use_attribute_docstrings` does the same for every class while it is imported, a tenth of a second in all.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

from pydantic import BaseModel


def describe_properties(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Adds to the properties of a model's schema what stands under its fields, where they have no description."""
    docstrings = _docstrings(model)
    for name, field in model.model_fields.items():
        entry = schema.get("properties", {}).get(field.alias or name)
        if entry is not None and name in docstrings:
            entry.setdefault("description", docstrings[name])


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """By the name of a field; what a class says anew replaces what its bases say."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            found |= _of_class(base)
    return found


def _of_class(model: type[BaseModel]) -> dict[str, str]:
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            docstring = getattr(text.value, "value", None)
            if isinstance(docstring, str):
                found[field.target.id] = inspect.cleandoc(docstring)
    return found
