"""Failures where a scenario names none, and those of a few options."""

from __future__ import annotations

from ...errors import ArgumentError
from ...scenario.failures import Failures, Part
from ...scenario.model import Scenario

_HOUR_S, _DAY_S = 3_600.0, 86_400.0
REPAIR_S = 4 * _HOUR_S
PATIENCE = 20.0
"""A run that takes this many times as long as without failures is given up."""
ASSUMED = Failures(parts=(Part(what="host", chips=8, mtbf=264 * _DAY_S, repair=REPAIR_S),), spares=8)
"""Failures where a scenario names none.

Llama 3 was interrupted 419 times unexpectedly in 54 days on 16,384 H100 (arXiv 2407.21783, section 3.3.4): once in 5.8
years for a chip, 264 days for a host of 8. The repair and the spares are assumed.
"""


def quick(
    scenario: Scenario,
    *,
    mtbf_s: float | None = None,
    site_mtbf_s: float | None = None,
    repair_s: float | None = None,
) -> Scenario:
    """The scenario with the parts that a few options name, and everything else of its failures as it was."""
    failures = with_parts(scenario.failures, mtbf_s=mtbf_s, site_mtbf_s=site_mtbf_s, repair_s=repair_s)
    return scenario if failures is None else scenario.replaced(failures=failures)


def with_parts(
    before: Failures | None,
    *,
    mtbf_s: float | None = None,
    site_mtbf_s: float | None = None,
    repair_s: float | None = None,
) -> Failures | None:
    """Failures with the parts that a few options name, and everything else as it was; None where nothing is said.

    Args:
      before: as they were; None: nobody said any.
      mtbf_s: mean time between failures of a chip; None: no option [s].
      site_mtbf_s: likewise of a whole site [s].
      repair_s: time until they are repaired; None: 4 h [s].

    Raises:
      InputError: a time for repairs, and nothing that they are of.
    """
    times = {"chip": mtbf_s, "site": site_mtbf_s}
    if repair_s is not None and not any(times.values()):
        raise ArgumentError("{repair}: of what? write {mtbf} or {site_mtbf}, too; or repair in the scenario's failures")
    repair = REPAIR_S if repair_s is None else repair_s
    parts = tuple(Part(what=what, mtbf=life_s, repair=repair) for what, life_s in times.items() if life_s is not None)
    if not parts:
        return before
    return before.replaced(parts=parts) if before else Failures(parts=parts, spares=8)
