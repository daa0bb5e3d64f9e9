"""The points of a section `sweep` of a scenario file, and of what was given beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...documents.validation import validate
from ...errors import InputError
from ...scenario.sweep import Draw, Section
from .draws import drawn
from .space import Group, Space
from .values import grid, paired

__all__ = ["Draw", "Section", "read_section", "space_of"]

Entries = Sequence[tuple[str, Any]]


def read_section(data: Any, source: str) -> Section:
    """The section of a file; an empty one where there is none.

    Raises:
      InputError: a key of it is wrong.
    """
    return Section() if data is None else validate(Section, data, source=f"{source}: sweep")


def space_of(
    section: Section,
    vary: Entries = (),
    zip_: Entries = (),
    draw: Entries = (),
    drawing: Mapping[str, Any] | None = None,
) -> Space:
    """The points of a section, and of what was given beside it.

    Args:
      section: of a file.
      vary: further keys of the grid.
      zip_: further keys whose values go together.
      draw: further keys that are drawn.
      drawing: `count`, `seed` and `method` of the draws, in place of those of the section.

    Raises:
      InputError: something of it is wrong.
    """
    own = section.draw
    how = {"count": None, "seed": 0, "method": "sobol"}
    how |= {"count": own.count, "seed": own.seed, "method": own.method} if own else {}
    how |= {key: value for key, value in (drawing or {}).items() if value is not None}
    entries = [*(own.of.items() if own else ()), *draw]
    if drawing and not entries:
        raise InputError(f"{next(iter(drawing))}: nothing is drawn; write a distribution for a key, or leave it out")
    groups: list[Group] = [
        *grid([*section.grid.items(), *vary]),
        *paired([*section.zip.items(), *zip_]),
        *drawn(entries, how["count"], how["seed"] or 0, str(how["method"])),  # type: ignore[arg-type]
    ]
    return Space(tuple(groups))
