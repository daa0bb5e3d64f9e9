"""The strategies, one file for each algorithm; the union below is the list of them."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from .async_diloco import AsyncDiLoCo
from .data_parallel import DataParallel
from .decoupled_diloco import DecoupledDiLoCo
from .demo import DeMo
from .des_loc import DesLoc
from .diloco import DiLoCo
from .eager_diloco import EagerDiLoCo
from .elastic_diloco import ElasticDiLoCo
from .gossip_diloco import GossipDiLoCo
from .halos import HALoS
from .pipeline import Pipeline
from .shared.setting import Setting
from .shared.strategy import AbstractStrategy
from .sparseloco import SparseLoCo
from .streaming_diloco import StreamingDiLoCo
from .two_level_diloco import TwoLevelDiLoCo

Strategy = Annotated[
    DataParallel
    | DiLoCo
    | StreamingDiLoCo
    | EagerDiLoCo
    | AsyncDiLoCo
    | ElasticDiLoCo
    | GossipDiLoCo
    | TwoLevelDiLoCo
    | HALoS
    | SparseLoCo
    | DeMo
    | DesLoc
    | DecoupledDiLoCo
    | Pipeline,
    Field(discriminator="kind"),
]

STRATEGIES: dict[str, type[AbstractStrategy]] = {
    strategy.model_fields["kind"].default: strategy for strategy in get_args(get_args(Strategy)[0])
}
"""The strategies by kind."""

Reference = DataParallel
"""The strategy with which all others are compared."""
Default = DiLoCo
"""The strategy that is compared with it where none is given."""


def is_reference(strategy: AbstractStrategy) -> bool:
    """Whether a strategy is of the kind with which all others are compared."""
    return isinstance(strategy, Reference)


__all__ = [
    "STRATEGIES",
    "AbstractStrategy",
    "AsyncDiLoCo",
    "DataParallel",
    "DeMo",
    "DecoupledDiLoCo",
    "Default",
    "DesLoc",
    "DiLoCo",
    "EagerDiLoCo",
    "ElasticDiLoCo",
    "GossipDiLoCo",
    "HALoS",
    "Pipeline",
    "Reference",
    "Setting",
    "SparseLoCo",
    "Strategy",
    "StreamingDiLoCo",
    "TwoLevelDiLoCo",
    "is_reference",
]
