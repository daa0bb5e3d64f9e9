"""What a site draws: its chips, what stands beside them, cooling, and the carbon of its electricity."""

from __future__ import annotations

from pydantic import Field

from ..documents.validation import Frozen
from ..units.quantities import CarbonIntensity, PowerDraw, PowerOrNone

WAITING = 0.4
"""Assumed share of its power that a chip draws while it waits.

Nobody publishes this for training over several sites. Idle chips were measured at 10% (H100: 72 W of 700 W, arXiv
2605.23918, Table 2) to 47% (TPU v4: 90 W of 192 W, arXiv 2304.01433, Table 4; both second-hand); one that spins in an
exchange is not idle.
"""


class Power(Frozen):
    """The power of a datacenter: PUE x (chips + hosts)."""

    chip_watts: PowerDraw | None = Field(default=None, alias="chip", examples=["700 W"])
    """Power of a chip that computes [W]; default: the published thermal design power of the named chip."""
    waiting: float = Field(default=WAITING, ge=0, le=1, strict=True, examples=[0.4])
    """Share of that power while the chip waits for exchanges or for others [-]."""
    host_watts: PowerOrNone = Field(default=0.0, alias="host", examples=["300 W"])
    """Power of everything else, a chip: processors, memory, network, fans; drawn all the time [W]."""
    pue: float = Field(default=1.0, ge=1, le=10, strict=True, examples=[1.2])
    """Power usage effectiveness: what the whole site draws over what its machines draw [-]."""
    carbon_g_per_kwh: CarbonIntensity | None = Field(default=None, alias="carbon", examples=["400 g/kWh"])
    """Carbon dioxide (or its equivalent) of the electricity [g/kWh]."""
