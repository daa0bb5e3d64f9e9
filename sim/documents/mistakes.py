"""The mistakes that pydantic finds in a document, in words: where each is, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from ..errors import InputError, brief, shortened
from .nearest import nearest
from .reading import line_of

Loc = tuple[int | str, ...]
_MOST_MISTAKES = 20
"""The most mistakes in one message."""


def refusal(model: type[BaseModel], data: Any, error: ValidationError, source: str, text: str | None) -> InputError:
    """An error with a line for each mistake, as `validate` raises it."""
    found = error.errors(include_url=False)
    told = [one for one in found if not (_follows(one) or _is_of_another_form(one, found))]
    mistakes = _joined(_describe(model, data, one, source, text) for one in told[:_MOST_MISTAKES])
    more = [f"{source}: and {len(told) - _MOST_MISTAKES:,} more; fix these first"] if len(told) > _MOST_MISTAKES else []
    return InputError("\n".join(mistakes + more))


def _joined(told: Iterable[str]) -> list[str]:
    """Each message once; what one value must be in one form or another is one message."""
    wanted: dict[str, dict[str, None]] = {}
    for one in told:
        front, _, form = one.partition("; must be ")
        wanted.setdefault(front, {})[form] = None
    return [front + "; must be " * any(forms) + " or ".join(forms) for front, forms in wanted.items()]


def _follows(mistake: Mapping[str, Any]) -> bool:
    """Whether a list counts as too short only because its entries are wrong, which other messages say."""
    return bool(mistake["type"] == "too_short" and len(mistake["input"]) >= mistake["ctx"]["min_length"])


def _is_of_another_form(mistake: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a value counts as no word only because it has another form that is allowed, and is wrong inside."""
    field, inside = mistake["loc"][:-1], len(mistake["loc"])
    return mistake["type"] == "literal_error" and any(
        other["loc"][: len(field)] == field and len(other["loc"]) > inside for other in others
    )


def kind_in_words(value: Any) -> str:
    """What a value is, for people who write YAML."""
    names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", type(None): "nothing but comments"}
    return names.get(type(value), "a number")


_WANTED = {
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "model_type": "a mapping of `key: value`",
    "dict_type": "a mapping of `key: value`",
    "model_attributes_type": "a mapping of `key: value`",
    "tuple_type": "a list",
    "string_type": "text",
    "string_unicode": "text of whole characters that can be shown",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
}
"""The values that pydantic's type errors ask for, in words that fit YAML."""


def _describe(model: type[BaseModel], data: Any, mistake: Mapping[str, Any], source: str, text: str | None) -> str:
    kind, given, context = mistake["type"], mistake.get("input"), mistake.get("ctx", {})
    loc = _without_tags(mistake["loc"], data, missing=kind == "missing")
    line = line_of(text, loc) if text else None
    place = ": ".join(filter(None, [f"{source}:{line}" if line else source, _dotted(loc)]))
    shown = f"got {brief(given)}"
    message = str(mistake["msg"]).removeprefix("Value error, ")
    example = _example(model, mistake["loc"])
    if kind == "extra_forbidden":
        return f"{place}: unknown key; {nearest(str(loc[-1]), _known_keys(model, mistake['loc'][:-1]))}"
    if kind == "missing":
        return f"{place}: is missing; add it{example}"
    if kind == "value_error":
        return f"{place}: {message}"
    if kind == "union_tag_invalid":
        known = [tag.strip("' ") for tag in str(context["expected_tags"]).split(",")]
        return f"{place}: there is no kind {brief(context['tag'])}; {nearest(str(context['tag']), known)}"
    if kind == "union_tag_not_found":
        key = str(context["discriminator"])
        return f"{place}: {shown}; " + (f"add the key {key}" if "'" in key else "must be a name, a path or a mapping")
    if kind in {"too_short", "too_long"}:
        bound = f"at least {context['min_length']}" if kind == "too_short" else f"at most {context['max_length']}"
        return f"{place}: got {len(given or ())} entries; must have {bound}{example}"
    wanted = _WANTED.get(kind, message.removeprefix("Input should be "))
    return f"{place}: {shown}; must be {wanted}{example}"


def _without_tags(loc: Loc, data: Any, *, missing: bool) -> Loc:
    """A path without the tags of discriminated unions, which pydantic adds and documents do not have."""
    kept: list[int | str] = []
    here = data
    for depth, part in enumerate(loc):
        inside = (isinstance(here, Mapping) and part in here) or (
            isinstance(here, list | tuple) and isinstance(part, int) and part < len(here)
        )
        if inside:
            here = here[part]
        if not str(part).startswith("(") and (inside or (missing and depth == len(loc) - 1)):
            kept.append(part)
    return tuple(kept)


def _dotted(loc: Loc) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{shortened(part)}" for part in loc).lstrip(".")


def _models_at(model: type[BaseModel], loc: Loc) -> list[type[BaseModel]]:
    """The models at a path (more than one below an undiscriminated union)."""
    current: list[type[BaseModel]] = [model]
    for part in loc:
        if isinstance(part, int):
            continue
        found: list[type[BaseModel]] = []
        for candidate in current:
            field = _field(candidate, part)
            found += _inner_models(field.annotation) if field else []
        current = found or [c for c in current if _tagged(c, part)] or current
    return current


def _field(model: type[BaseModel], key: str) -> Any:
    return next((f for name, f in model.model_fields.items() if key in (f.alias, name)), None)


def _tagged(model: type[BaseModel], tag: str) -> bool:
    return any(getattr(field.annotation, "__args__", ()) == (tag,) for field in model.model_fields.values())


def _inner_models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for arg in getattr(annotation, "__args__", ()) for m in _inner_models(arg)]


def _known_keys(model: type[BaseModel], loc: Loc) -> list[str]:
    keys = [field.alias or name for m in _models_at(model, loc) for name, field in m.model_fields.items()]
    return list(dict.fromkeys(keys))


def _example(model: type[BaseModel], loc: Loc) -> str:
    for candidate in _models_at(model, loc[:-1]):
        field = _field(candidate, str(loc[-1])) if loc else None
        if field and field.examples:
            return f", such as {field.examples[0]!r}"
    return ""
