"""Validation of documents into frozen models; every mistake is named by file, line and field.

Scenarios, topologies and (in the trainer) training configurations are all validated here, so that a wrong unit or a
misspelt key gives the same message everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema

from ..errors import InputError, brief, is_plain
from ..units.quantities import IN_SI
from .attribute_docstrings import describe_properties
from .kinds import refuse_other_kind
from .mistakes import kind_in_words, refusal
from .nearest import nearest
from .reading import MOST_YAML_BYTES, parse_yaml, read_text

__all__ = [
    "FileName",
    "Frozen",
    "Name",
    "Words",
    "nearest",
    "parse_yaml",
    "read_mapping",
    "read_text",
    "requires_one_of",
    "validate",
]


class Frozen(BaseModel):
    """Base of all document models: immutable, without unknown keys, read and written by public keys.

    A program makes one from its class, `DiLoCo(replicas=4)`, and may give numbers in SI base units, where a document
    must write the unit.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_by_alias=True,
        validate_by_name=False,
        serialize_by_alias=True,
        allow_inf_nan=False,
        defer_build=True,
    )

    def __init__(self, /, **data: Any) -> None:
        """Validates the arguments of a program like a document, with the same error messages."""
        try:
            self.__pydantic_validator__.validate_python(data, self_instance=self, context=IN_SI)
        except ValidationError as error:
            raise refusal(type(self), data, error, type(self).__name__, None) from None

    # tells pydantic that documents can skip this __init__, which is only for programs
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Each field with the docstring under it."""
        schema = handler.resolve_ref_schema(handler(core))
        describe_properties(schema, cls)
        return schema

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """The values that differ from their defaults, by their public keys."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if field.is_required() or value != field.get_default(call_default_factory=True):
                yield field.alias or name, value

    def __str__(self) -> str:
        return repr(self)

    def replaced(self, **changes: Any) -> Self:
        """A copy with some public keys changed, validated as a whole; all other parts stay the same.

        Keys that were not given are not given in the copy. (Pydantic's own `model_copy` does not validate, and keeps
        cached properties of the original.)

        Args:
          changes: new values: models, plain data, quantities as text or as bare numbers in their SI base unit; None
            removes a key.

        Raises:
          InputError: a key is unknown, or a value out of range.
        """
        return validate_copy(self, changes, source=type(self).__name__.lower())

    @classmethod
    def public_keys(cls) -> set[str]:
        """The keys of its document."""
        return {field.alias or name for name, field in cls.model_fields.items()}


Model = TypeVar("Model", bound=BaseModel)
MOST_WORDS = 10_000
"""The most characters of a description."""


def _can_be_shown(text: str, allowed: str = "") -> str:
    """Checks that a terminal can show a text: without control characters, half characters or changes of direction.

    Raises:
      InputError: it has one of these.
    """
    wrong = next((each for each in text if not is_plain(each) and each not in allowed), None)
    if wrong is not None:
        raise InputError(f"{brief(text)} has a character that cannot be shown ({wrong!r}); leave it out")
    return text


def requires_one_of(schema: dict[str, Any], *keys: str) -> None:
    """Changes a JSON schema to require one of some keys; the schema of the model would require all of them."""
    schema["required"] = [key for key in schema.get("required", []) if key not in keys]
    schema["anyOf"] = [{"required": [key]} for key in keys]


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_can_be_shown)]
"""A name, which is printed in tables as it is."""
FileName = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_can_be_shown)]
"""A path, or a name that ships."""
Words = Annotated[str, Field(max_length=MOST_WORDS), AfterValidator(lambda text: _can_be_shown(text, "\n\t"))]
"""A description, which is printed as running text."""


def read_mapping(path: Path, what: str) -> tuple[dict[str, Any], str]:
    """Reads a YAML file that must hold a mapping; returns it with its text (for line numbers)."""
    text = read_text(path, what, MOST_YAML_BYTES)
    data = parse_yaml(text, str(path))
    if not isinstance(data, dict):
        raise InputError(f"{path}: holds {kind_in_words(data)}, not a mapping; write a {what} as `key: value` lines")
    refuse_other_kind(data, what, path)
    return data, text


def validate(model: type[Model], data: Any, *, source: str, text: str | None = None, in_si: bool = False) -> Model:
    """Builds a model from plain data.

    Args:
      model: the pydantic model to build.
      data: plain data from YAML, JSON or a program.
      source: the file (or option) of the data, for messages.
      text: the YAML text, for line numbers.
      in_si: whether a bare number is a quantity in its SI base unit; else it is refused, as its unit is missing.

    Raises:
      InputError: there are mistakes: one line for each with source, line, path of the field, the value, and what to
        write instead.
    """
    try:
        return model.model_validate(data, context=IN_SI if in_si else None)
    except ValidationError as error:
        raise refusal(model, data, error, source, text) from None


Copied = TypeVar("Copied", bound=Frozen)


def validate_copy(model: Copied, changes: Mapping[str, Any], *, source: str) -> Copied:
    """The copy of `Frozen.replaced`, with a given source of the changes in error messages."""
    fields = type(model).model_fields
    given = {
        field.alias or name: getattr(model, name) for name, field in fields.items() if name in model.model_fields_set
    }
    kept = {key: value for key, value in {**given, **changes}.items() if value is not None}
    return validate(type(model), kept, source=source, in_si=True)
