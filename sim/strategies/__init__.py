"""One file an algorithm; this union is the list of them."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from .async_diloco import AsyncDiLoCo
from .data_parallel import DataParallel
from .diloco import DiLoCo
from .eager_diloco import EagerDiLoCo
from .elastic_diloco import ElasticDiLoCo
from .shared.setting import Setting
from .shared.strategy import AbstractStrategy
from .streaming_diloco import StreamingDiLoCo

Strategy = Annotated[
    DataParallel | DiLoCo | StreamingDiLoCo | EagerDiLoCo | AsyncDiLoCo | ElasticDiLoCo,
    Field(discriminator="kind"),
]

STRATEGIES: dict[str, type[AbstractStrategy]] = {
    strategy.model_fields["kind"].default: strategy for strategy in get_args(get_args(Strategy)[0])
}
"""The same by kind."""

Reference = DataParallel
"""What all others are compared with."""
Default = DiLoCo
"""What is compared with it where nobody says what."""


def is_reference(strategy: AbstractStrategy) -> bool:
    """Whether a strategy is what all others are compared with, whatever its parameters."""
    return isinstance(strategy, Reference)


__all__ = [
    "STRATEGIES",
    "AbstractStrategy",
    "AsyncDiLoCo",
    "DataParallel",
    "Default",
    "DiLoCo",
    "EagerDiLoCo",
    "ElasticDiLoCo",
    "Reference",
    "Setting",
    "Strategy",
    "StreamingDiLoCo",
    "is_reference",
]
