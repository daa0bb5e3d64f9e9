"""One file an algorithm; this union is the list of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .base import AbstractStrategy, Setting
from .data_parallel import DataParallel
from .diloco import DiLoCo

Strategy = Annotated[
    DataParallel | DiLoCo,
    Field(discriminator="kind"),
]

STRATEGIES: dict[str, type[AbstractStrategy]] = {
    "data-parallel": DataParallel,
    "diloco": DiLoCo,
}

__all__ = ["STRATEGIES", "AbstractStrategy", "DataParallel", "DiLoCo", "Setting", "Strategy"]
