"""The keys of every workload: how much is trained, and on how many chips."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from ..documents.chip_keys import ChipName, Utilization, by_name, described
from ..documents.validation import Frozen
from ..errors import InputError
from ..topology.model import Datacenter
from ..units.chips import Chip
from ..units.quantities import Chips, Count, Factor, Layers, LayerSizes, Steps
from .load import Deal, Load, rounded_up
from .memory import Memory

CHIP_FLOP_PER_S = 300e12
TOKENS_PER_CHIP = 4_096.0


class AbstractWorkload(Frozen):
    """The common keys of all workloads: how much is trained, and on how many chips."""

    tokens: Count | None = Field(default=None, examples=[200e9])
    """Tokens to train on, D [tokens]."""
    overtraining: Factor | None = Field(default=None, examples=[1])
    """Instead of tokens: the multiple of 20 N (default: 1; for a named model its published budget)."""
    steps: Steps | None = Field(default=None, examples=[1000])
    """Instead of tokens: inner steps T."""
    batch_tokens: Count | None = Field(default=None, examples=[1048576])
    """Global batch B over all replicas [tokens]."""
    chips: Chips | None = Field(default=None, examples=[256])
    """Chips of all sites together, R."""
    tokens_per_chip: Count | None = Field(default=None, examples=[4096])
    """Instead of chips: tokens of a batch on one chip [tokens]."""
    chip: ChipName | None = Field(default=None, examples=["h100"])
    """The kind of chip, by its name, where the topology names none."""
    mfu: Utilization | None = Field(default=None, examples=[0.4])
    """Useful share of the chip's published bfloat16 peak; default: by the law of the chip for a model of the family on
    a GPU that it covers, else 0.4 [-]."""
    split: Literal["even", "by-speed"] = "even"
    """Shares of the batch: equal for all workers, or in proportion to their total chip speed."""

    layers: Layers | None = Field(default=None, examples=[48])
    """Number of layers, for strategies that exchange layer by layer; default: that of a named or recorded model."""
    layer_params: LayerSizes | None = Field(default=None, examples=[[2e8, 1e8, 1e8]])
    """Instead of layers: the size of each layer, in order (only the shares matter); default: equal layers."""
    forward_share: float = Field(default=1 / 3, ge=1e-6, le=1 - 1e-6, examples=[0.333])
    """Share of the forward pass in the compute of a step."""
    memory: Memory | None = Field(default=None, examples=["{sharding: none}"])
    """How the model is held in the memory of the chips; null: not told, and fully sharded where a plan asks."""

    @abstractmethod
    def load(self, sites: Sequence[Datacenter], split: int) -> Load:
        """The load of the sites.

        Args:
          sites: the datacenter of each worker.
          split: a default number of chips is rounded up to a multiple of this.

        Raises:
          InputError: the numbers contradict each other.
        """

    @abstractmethod
    def describe(self) -> str:
        """The workload in a few words."""

    @model_validator(mode="before")
    @classmethod
    def _chip_by_name(cls, data: Any) -> Any:
        return by_name(data)

    @model_validator(mode="after")
    def _is_said_once(self) -> Self:
        for choices in (("tokens", "overtraining", "steps"), ("chips", "tokens_per_chip"), ("layers", "layer_params")):
            given = [name for name in choices if getattr(self, name) is not None]
            if len(given) > 1:
                raise InputError(f"{' and '.join(f'`{name}`' for name in given)} say the same twice; keep one of them")
        return self

    def _layers(self, known: int | None) -> tuple[float, ...]:
        """Share of the parameters in each layer."""
        count = self.layers or known or 0
        sizes = self.layer_params or (1.0,) * count
        whole = sum(sizes)
        return tuple(size / whole for size in sizes)

    def _width(self, known: int | None, params: float, *, dense: bool) -> float | None:
        """Width of the model: as given for its memory, or known, or that of 12 d^2 parameters a layer; None: unknown.

        Args:
          known: of a named or recorded model.
          params: N.
          dense: whether all parameters are active for a token; else their number tells no width.
        """
        if self.memory is not None and self.memory.width is not None:
            return float(self.memory.width)
        count = len(self.layer_params or ()) or self.layers or 0
        if known is not None or not count or not dense:
            return None if known is None else float(known)
        return math.sqrt(params / (12 * count))

    def _deal(self, sites: Sequence[Datacenter], chips: float, split: int, chip_flop_per_s: float) -> Deal:
        """Chips and tokens of each worker; `chips` and `chip_flop_per_s` are defaults for all sites together."""
        said = self.chips is not None or self.tokens_per_chip is not None
        own = None if said else tuple(float(site.chips) for site in sites if site.chips)
        total = self.chips or rounded_up(chips, split)
        worker_chips = own if own and len(own) == len(sites) else (total / len(sites),) * len(sites)
        speeds = tuple(site.chip_flop_per_s or chip_flop_per_s for site in sites)
        return Deal(worker_chips, speeds, by_speed=self.split == "by-speed")

    def chip_at(self, site: Datacenter) -> str | None:
        """The name of the kind of chip of a site; None where nobody names it: a site with a speed alone has its own."""
        return site.chip or (self.chip if site.chip_flop_per_s is None else None)

    def kinds(self, sites: Sequence[Datacenter], speeds: Sequence[float]) -> str:
        """The named chips of some sites, each with its useful share of its peak, in brackets behind a blank."""
        pairs = zip(sites, speeds, strict=True)
        known = dict.fromkeys(described(self.chip_at(site), speed) for site, speed in pairs)
        return f" ({', '.join(filter(None, known))})" if any(known) else ""

    def by_law(self, sites: Sequence[Datacenter]) -> tuple[Chip | None, ...]:
        """The chip of each site whose speed the law of the chip says, since nothing else does; None elsewhere."""
        return (None,) * len(sites)

    def _total_steps(self, params: float, batch_tokens: float, budget: float) -> int:
        """T = D / B in whole steps (rounded up)."""
        if self.steps:
            return self.steps
        tokens = self.tokens or budget * (self.overtraining or 1.0)
        return max(1, math.ceil(tokens / batch_tokens * (1 - 1e-12)))


def speed_range(speeds: Sequence[float]) -> str:
    """The slowest and the quickest of some chips [Tflop/s], as text."""
    low, high = min(speeds) / 1e12, max(speeds) / 1e12
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
