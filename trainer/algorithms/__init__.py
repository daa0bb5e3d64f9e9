"""Training algorithms, one file each, under the names of `sim/strategies`."""

from __future__ import annotations

from typing import TypeAlias

from ..config.run import TrainConfig
from .data_parallel import DataParallel
from .decoupled_diloco import DecoupledDiLoCo
from .diloco import DiLoCo
from .eager_diloco import EagerDiLoCo
from .gossip_diloco import GossipDiLoCo
from .outer.groups import GroupSchedule
from .outer.own_paces import MergeSchedule
from .outer.programs import Schedule
from .sparseloco import SparseLoCo
from .streaming_diloco import StreamingDiLoCo
from .two_level_diloco import TwoLevelDiLoCo

Algorithm: TypeAlias = (
    DataParallel | DiLoCo | StreamingDiLoCo | EagerDiLoCo | SparseLoCo | GossipDiLoCo | TwoLevelDiLoCo | DecoupledDiLoCo
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
        case "decoupled-diloco":
            return DecoupledDiLoCo(config)


AnySchedule: TypeAlias = Schedule | GroupSchedule | MergeSchedule
"""When exchanges are, and of whom."""


def loop_steps(config: TrainConfig) -> int:
    """Steps of the training loop: T, but where learners have their own paces, so that not all of them take each."""
    schedule = make_algorithm(config).schedule
    return schedule.steps if schedule else config.steps


def turns(schedule: AnySchedule | None, step: int, replicas: int) -> tuple[tuple[int, int], ...]:
    """The replicas that take a step of the loop, each with the number of its own step, from 1."""
    if isinstance(schedule, MergeSchedule):
        return schedule.turns(step)
    return tuple((replica, step) for replica in range(replicas))


def planned_by(config: TrainConfig, schedule: AnySchedule | None, replica: int) -> TrainConfig:
    """The run as a replica sees it: one with its own pace has its learning-rate schedule over its own steps."""
    if not isinstance(schedule, MergeSchedule) or config.schedule_steps or not config.paces:
        return config
    return config.replaced(schedule_steps=max(1, schedule.own_steps[replica]))
