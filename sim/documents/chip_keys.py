"""The keys of a document that say how fast chips compute: `chip` and `mfu`, or `chip_speed`.

`chip` names the kind, and its useful speed is `mfu` times its published peak. `chip_speed` is a useful speed itself: it
wins, and a `chip` beside it then stands for memory and power alone.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from ..errors import InputError, brief
from ..units.chips import chip_names, find_chip
from .nearest import nearest

_SAME = 1e-9
"""Two speeds that differ by less, relative, are the same."""


def known_name(name: str) -> str:
    """The name of a chip as the catalogue has it.

    Raises:
      InputError: there is none of that name.
    """
    found = find_chip(name)
    if found is None:
        raise InputError(f"there is none named {brief(name)}; {nearest(name, chip_names())}; or write chip_speed")
    return found.name


def _is_text(name: Any) -> Any:
    if isinstance(name, int | float):
        raise InputError(f"{brief(name)} is not the name of a chip, such as h100; did you mean 'chips', their number?")
    return name


class _Names:
    """The schema of a chip's name; the catalogue is read when somebody asks for it."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "enum": chip_names()}


ChipName = Annotated[str, BeforeValidator(_is_text), AfterValidator(known_name), _Names()]
"""The name of a chip in the catalogue."""
Utilization = Annotated[float, Field(ge=1e-6, le=1, strict=True, allow_inf_nan=False)]
"""A share of a chip's peak."""


def by_name(data: Any) -> Any:
    """A document in which the name of a chip stands as `chip`, also where it was given as a speed."""
    if not isinstance(data, dict) or not isinstance(speed := data.get("chip_speed"), str) or not find_chip(speed):
        return data
    if data.get("chip") is not None:
        raise InputError("`chip` and `chip_speed` name a chip each; keep one of them")
    return {key: value for key, value in data.items() if key != "chip_speed"} | {"chip": speed}


def named_speed(chip: str | None, mfu: float | None) -> float | None:
    """The useful speed of a chip by its name, at a share of its peak; None without a chip [flop/s].

    Raises:
      InputError: there is a share and no chip.
    """
    found = find_chip(chip) if chip is not None else None
    if found is None and mfu is not None:
        raise InputError("`mfu` is a share of a chip's peak; name the chip, such as chip: h100")
    return found.useful_flop_per_s(mfu) if found else None


def settle(document: Any) -> None:
    """Gives a document with a `chip`, and without a speed, the speed of that chip; it still counts as not given.

    Raises:
      InputError: there is a share and no chip, or a share and another speed.
    """
    own = named_speed(document.chip, document.mfu)
    if own is None:
        return
    if "chip_flop_per_s" not in document.model_fields_set:
        document.__dict__["chip_flop_per_s"] = own  # frozen for everybody else
    elif document.mfu is not None and not math.isclose(document.chip_flop_per_s, own, rel_tol=_SAME):
        raise InputError("`mfu` and `chip_speed` say the same twice, and differ; keep one of them")


def described(chip: str | None, flop_per_s: float) -> str:
    """`h100`, 395.8e12 -> `h100 at 40% of its peak`; empty if no chip is named."""
    found = find_chip(chip) if chip is not None else None
    return f"{found.name} at {100 * flop_per_s / found.peak_flop_per_s:.3g}% of its peak" if found else ""
