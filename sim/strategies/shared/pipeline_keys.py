"""What a pipeline says of itself: its keys, and what follows from them without a workload."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ...errors import InputError
from ...units.quantities import MOST_LAYERS, MOST_SITES, Bits, Layers
from .pipelining import ScheduleName
from .placements import Placements
from .stages import check_sites
from .stated import Law, Meetings
from .strategy import AbstractStrategy

_CHUNKS = 2
_Sites = Annotated[tuple[str, ...], Field(min_length=1, max_length=MOST_SITES)]


class AbstractPipeline(AbstractStrategy, ABC):
    """D pipelines of p stages, each with datacenters of its own; m microbatches pass through each in a step."""

    pipelines: int = Field(default=1, gt=0, le=MOST_SITES, examples=[2])
    """Pipelines D beside each other, each with datacenters of its own."""
    stages: int | None = Field(default=None, gt=0, le=MOST_SITES, examples=[2])
    """Datacenters p of a pipeline; default: as many as there are for each."""
    sites: Literal["auto"] | _Sites | None = Field(default=None, examples=[["dc1", "dc0"]])
    """The datacenters in the order of the stages, one pipeline after the other; `auto`: those with which the run takes
    least; default: in the order of the topology."""
    microbatches: int = Field(default=16, gt=0, le=4096, examples=[16])
    """Microbatches m of a pipeline in a step."""
    schedule_name: ScheduleName = Field(default="1f1b", alias="schedule", examples=["gpipe"])
    """`gpipe`: all forward passes first; `1f1b`: one forward, one backward; `interleaved`: likewise, with several
    chunks of the model at each site; `zero-bubble`: ZB-H1, which computes gradients of weights later."""
    chunks: int | None = Field(default=None, gt=1, le=64, examples=[2])
    """Stages v of a datacenter with `interleaved`; default: 2."""
    stage_layers: tuple[Layers, ...] | None = Field(
        default=None, min_length=1, max_length=MOST_LAYERS, examples=[[5, 3]]
    )
    """Layers of each stage of a pipeline, in order; default: as equal as can be, or with `split: by-speed` in
    proportion to the speed of the datacenters."""
    activation_bits: Bits = Field(default=16.0, examples=[8])
    """Bits of each number that crosses a border [bit]."""
    width: int | None = Field(default=None, gt=0, le=10**6, examples=[4096])
    """Numbers that pass a border for each token; default: the width of the workload's model."""
    bandwidth_sharing: Literal["fair", "temporal"] = "fair"
    """Messages that are on a link at the same time: `fair`, each has its share of it; `temporal`, they take turns, and
    each has all of it, in the order in which they are handed over."""
    weights_share: float | None = Field(default=None, gt=0, lt=1, strict=True, examples=[0.4])
    """With `zero-bubble`: share of the backward pass that computes gradients of weights; default: a half."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.chunks is not None and self.schedule_name != "interleaved":
            raise InputError(f"chunks: {self.schedule_name} has none; write schedule: interleaved, or leave chunks out")
        if self.weights_share is not None and self.schedule_name != "zero-bubble":
            raise InputError("weights_share: only zero-bubble has one; write schedule: zero-bubble, or leave it out")
        if self._sites:
            check_sites(self._sites, self.stages, self.pipelines)
        return self

    @property
    def _sites(self) -> tuple[str, ...]:
        """The datacenters, if they are named."""
        return () if self.sites is None or self.sites == "auto" else self.sites

    @property
    def _p(self) -> int | None:
        """Stages of a pipeline; None: as many as there are datacenters for it."""
        return len(self._sites) // self.pipelines if self._sites else self.stages

    @property
    def _v(self) -> int:
        return (self.chunks or _CHUNKS) if self.schedule_name == "interleaved" else 1

    @property
    def parameters(self) -> dict[str, str]:
        """D, p and their places, m, the schedule, the layers of stages if they are given, and the payloads."""
        own = {"D": f"{self.pipelines}"} if self.pipelines > 1 else {}
        own |= ({"p": f"{self.stages}"} if self.stages else {}) | {"m": f"{self.microbatches}", self.schedule_name: ""}
        own |= {"v": f"{self._v}"} if self.schedule_name == "interleaved" else {}
        own |= {"W": f"{self.weights_share:g}"} if self.weights_share else {}
        own |= {"in turn": ""} if self.bandwidth_sharing == "temporal" else {}
        own |= {"on": ",".join(self._sites) or "auto"} if self.sites else {}
        own |= {"layers": "/".join(map(str, self.stage_layers))} if self.stage_layers else {}
        own |= {"d": f"{self.width}"} if self.width else {}
        own |= {} if self.activation_bits == 16 else {"activations": f"{self.activation_bits:g}b"}
        return own | self.payload_parameters()

    @property
    def replica_count(self) -> int:
        """One, as there is one model."""
        return 1

    @property
    def steps_per_sync(self) -> int:
        """One: each step has its microbatches, and ends with an exchange of gradients."""
        return 1

    @property
    def law(self) -> Law:
        """The law of Data-Parallel, as the same is computed."""
        return Law("data-parallel", 1, None, fitted=True)

    @property
    def meetings(self) -> Meetings:
        """Neighbours meet at every border, at any time; with a single stage all workers exchange together."""
        return (
            Meetings() if self._p == 1 else Meetings(of_all=False, linger=True, at_once=True, opens=self.pipelines > 1)
        )

    @property
    def by_layer(self) -> bool:
        """Whether it needs the number of layers."""
        return self._p != 1

    def outer_steps(self, steps: int) -> int:
        """None: 0."""
        return 0

    def fewest_bits(self, gradient_bits: float, outer_bits: float) -> float:
        """Bits of a gradient, or of an activation if those are fewer."""
        own = super().fewest_bits(gradient_bits, outer_bits)
        return own if self._p == 1 else min(self.activation_bits, own)

    def workers(self, datacenters: int) -> int:
        """The datacenters of all pipelines."""
        return self.pipelines * (self._p or max(1, datacenters // self.pipelines))

    def places(self, datacenters: Sequence[str]) -> Sequence[int]:
        """The datacenters as they are named, or the first ones."""
        if not self._sites:
            return super().places(datacenters)
        if unknown := next((name for name in self._sites if name not in datacenters), None):
            raise InputError(f"sites: there is no datacenter {unknown}; write some of {', '.join(datacenters)}")
        return [datacenters.index(name) for name in self._sites]

    def placements(self, datacenters: Sequence[str]) -> Placements | None:
        """Every choice and order of the datacenters with `sites: auto`."""
        if self.sites != "auto":
            return None
        stages = self.workers(len(datacenters)) // self.pipelines
        return Placements(tuple(datacenters), self.pipelines, stages)

    def placed(self, sites: Sequence[str]) -> Self:
        """The same at given datacenters, as many for each pipeline; with fewer than pipelines, each is one."""
        pipelines = min(self.pipelines, len(sites))
        used = tuple(sites[: len(sites) // pipelines * pipelines])
        return self.replaced(pipelines=pipelines, sites=used, stages=None)
