"""The network inside a datacenter: its speed for the exchange of gradients, and whether the backward pass hides it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from ..documents.validation import Frozen, nearest
from ..errors import InputError, brief
from ..units.quantities import Bandwidth, Latency


@dataclass(frozen=True)
class Preset:
    """Published numbers of a kind of machine, under a name that a topology can give instead of numbers.

    Attributes:
      bandwidth: of a chip to chips of other nodes, one way.
      node_chips: chips of a node, which a faster network joins; 1: no nodes.
      node_bandwidth: of a chip to the others of its node, one way; None: no nodes.
      source: the source of the numbers.
    """

    bandwidth: str
    node_chips: int
    node_bandwidth: str | None
    source: str


PRESETS = {
    "port-400g": Preset("400 Gbit/s", 1, None, "one 400 Gbit/s port a chip; arXiv 2503.09799, appendix A"),
    "dgx-a100": Preset(
        "200 Gbit/s", 8, "2400 Gbit/s", "NVIDIA DGX A100: eight GPUs, NVLink 600 GB/s both ways, a 200 Gbit/s port each"
    ),
    "dgx-h100": Preset(
        "400 Gbit/s", 8, "3600 Gbit/s", "NVIDIA DGX H100: eight GPUs, NVLink 900 GB/s both ways, a 400 Gbit/s port each"
    ),
    "gb200-nvl72": Preset(
        "400 Gbit/s",
        72,
        "7200 Gbit/s",
        "NVIDIA GB200 NVL72: 72 GPUs, NVLink 1.8 TB/s both ways, a 400 Gbit/s port each",
    ),
    "tpu-v5e": Preset("1600 Gbit/s", 1, None, "Google Cloud TPU v5e: interchip interconnect 1,600 Gbit/s a chip"),
    "tpu-v5p": Preset("4800 Gbit/s", 1, None, "Google Cloud TPU v5p: interchip interconnect 4,800 Gbit/s a chip"),
}
"""Limits: peak numbers of the manufacturers; no topology of a fabric, no contention between jobs."""


class Inside(Frozen):
    """The network inside a datacenter: numbers, the name of a preset, or `preset` with numbers that override it.

    Source of the defaults: arXiv 2503.09799, appendix A.
    """

    bandwidth_bits_per_s: Bandwidth = Field(default=400e9, alias="bandwidth", examples=["400 Gbit/s"])
    """Bandwidth of a chip in an all-reduce with chips of other nodes, one way [bit/s]."""
    latency_s: Latency = Field(default=1e-4, alias="latency", examples=["0.1 ms"])
    """Latency of an exchange inside the datacenter [s]."""
    node_chips: int = Field(default=1, gt=0, le=1_000_000, strict=True, examples=[8])
    """Chips of a node, which a faster network joins; 1: no nodes."""
    node_bandwidth_bits_per_s: Bandwidth | None = Field(default=None, alias="node_bandwidth", examples=["3600 Gbit/s"])
    """Bandwidth of a chip to the others of its node, one way [bit/s]."""
    overlap: Literal["backward", "none"] | None = Field(default=None, examples=["backward"])
    """`backward`: gradients are exchanged behind the backward pass, as trainers do; `none`: after it. Default:
    `backward`, but `none` if exchanges are `published`."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The schema of numbers, of the name of a preset, or of both."""
        schema = super().__get_pydantic_json_schema__(core, handler)
        preset = {"type": "string", "enum": list(PRESETS), "description": "Published numbers of a kind of machine."}
        schema["properties"]["preset"] = preset
        return schema | {"type": ["object", "string"]}

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, data: Any) -> Any:
        if isinstance(data, str):
            data = {"preset": data}
        if not isinstance(data, dict) or "preset" not in data:
            return data
        given = {key: value for key, value in data.items() if key != "preset"}
        name = data["preset"]
        if not isinstance(name, str) or name not in PRESETS:
            known = nearest(str(name), list(PRESETS))
            raise InputError(f"preset: there is none named {brief(name)}; {known}, or numbers")
        preset = PRESETS[name]
        numbers: dict[str, Any] = {"bandwidth": preset.bandwidth, "node_chips": preset.node_chips}
        if preset.node_bandwidth:
            numbers["node_bandwidth"] = preset.node_bandwidth
        return numbers | given

    @model_validator(mode="after")
    def _nodes_are_whole(self) -> Self:
        if (self.node_chips > 1) != (self.node_bandwidth_bits_per_s is not None):
            raise InputError("node_chips and node_bandwidth belong together; write both, or a preset such as dgx-h100")
        return self
