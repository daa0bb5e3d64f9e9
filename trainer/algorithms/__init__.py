"""Training algorithms, one file each, under the names of `sim/strategies`."""

from __future__ import annotations

from typing import TypeAlias

from ..config.run import TrainConfig
from .data_parallel import DataParallel
from .diloco import DiLoCo
from .eager_diloco import EagerDiLoCo
from .gossip_diloco import GossipDiLoCo
from .sparseloco import SparseLoCo
from .streaming_diloco import StreamingDiLoCo
from .two_level_diloco import TwoLevelDiLoCo

Algorithm: TypeAlias = (
    DataParallel | DiLoCo | StreamingDiLoCo | EagerDiLoCo | SparseLoCo | GossipDiLoCo | TwoLevelDiLoCo
)


def make_algorithm(config: TrainConfig) -> Algorithm:
    """The algorithm of a configuration."""
    match config.algorithm:
        case "data-parallel":
            return DataParallel(config)
        case "diloco":
            return DiLoCo(config)
        case "streaming-diloco":
            return StreamingDiLoCo(config)
        case "eager-diloco":
            return EagerDiLoCo(config)
        case "sparseloco":
            return SparseLoCo(config)
        case "gossip-diloco":
            return GossipDiLoCo(config)
        case "two-level-diloco":
            return TwoLevelDiLoCo(config)
