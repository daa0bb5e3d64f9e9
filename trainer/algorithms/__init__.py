"""Training algorithms, one file each, under the names of `sim/strategies`."""

from __future__ import annotations

from typing import TypeAlias

from ..config import TrainConfig
from .data_parallel import DataParallel
from .diloco import DiLoCo

Algorithm: TypeAlias = DataParallel | DiLoCo


def make_algorithm(config: TrainConfig) -> Algorithm:
    """The algorithm that a configuration names."""
    match config.algorithm:
        case "data-parallel":
            return DataParallel(config)
        case "diloco":
            return DiLoCo(config)
