"""What does the simulator say of a published table or figure, computed now?"""

from __future__ import annotations

from collections.abc import Callable

from ...documents.validation import nearest
from ...errors import InputError
from ...shell.progress import UNWATCHED, Watch
from . import bandwidth_tables, idealised, laws, measured
from .model import Part, Reproduction
from .names import PUBLISHED

Found = tuple[tuple[Part, ...], tuple[str, ...]]
"""Parts and notes."""


def _tables(source: str) -> Callable[[Watch], Found]:
    return lambda watch: (bandwidth_tables.parts(source, watch), bandwidth_tables.HOW)


def _wall_clocks(*overtraining: int) -> Callable[[Watch], Found]:
    return lambda watch: (idealised.parts(overtraining, watch), idealised.NOTES)


def _at_once(make: Callable[[], Found]) -> Callable[[Watch], Found]:
    return lambda _: make()


MAKERS: dict[str, Callable[[Watch], Found]] = {
    "table-3": _at_once(laws.shapes),
    "table-4": _at_once(laws.losses),
    "table-5": _at_once(laws.larger_losses),
    "table-6": _tables("SL"),
    "table-7": _at_once(laws.own_laws),
    "table-10": _at_once(laws.joint_law),
    "table-11": _at_once(laws.residuals),
    "table-13": _at_once(laws.residuals_by_form),
    "figure-6": _wall_clocks(1),
    "figure-12": _wall_clocks(4, 16),
    "streaming-table-4": _tables("ST"),
    "eager-table-5": _tables("EU"),
    "diloco-measured": _at_once(measured.shaped),
    "open-diloco": _at_once(measured.over_the_internet),
}


def answer(name: str, watch: Watch = UNWATCHED) -> Reproduction:
    """A published table or figure, computed again.

    Args:
      name: a key of `PUBLISHED`.
      watch: is told what is under way.

    Raises:
      InputError: there is none of that name.
    """
    if name not in PUBLISHED:
        raise InputError(
            f"reproduce {name!r}: no published table or figure has this name; {nearest(name, list(PUBLISHED))}"
        )
    parts, notes = MAKERS[name](watch)
    return Reproduction(name, *PUBLISHED[name], parts, notes)
