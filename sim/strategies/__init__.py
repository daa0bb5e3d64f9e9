"""One file an algorithm; this union is the list of them."""

from __future__ import annotations

from typing import Annotated

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
    "data-parallel": DataParallel,
    "diloco": DiLoCo,
    "streaming-diloco": StreamingDiLoCo,
    "eager-diloco": EagerDiLoCo,
    "async-diloco": AsyncDiLoCo,
    "elastic-diloco": ElasticDiLoCo,
}

__all__ = [
    "STRATEGIES",
    "AbstractStrategy",
    "AsyncDiLoCo",
    "DataParallel",
    "DiLoCo",
    "EagerDiLoCo",
    "ElasticDiLoCo",
    "Setting",
    "Strategy",
    "StreamingDiLoCo",
]
