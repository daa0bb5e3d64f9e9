"""The outer step of an algorithm in three parts, which `programs.py` compiles: encode, combine, move.

    encode    a replica's change, theta - theta_m, becomes the payload that it sends
    (exchange: every replica gets the mean of the payloads, or all of them (`Coding.gathers`), or its group's mean)
    combine   what came becomes the change by which the replica's theta moves
    move      theta moves, and the replica's own parameters follow it

`mean_step` is algorithm 1 of DiLoCo. An algorithm that differs in a part replaces that part, in its own file.

Source: arXiv 2311.08105, algorithm 1; arXiv 2501.18512, algorithm 2 (the local share); arXiv 1901.09847 (feedback).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import optax

from ...config.run import TrainConfig
from ...model.initial import Params
from ...model.optimizers import outer_optimizer
from .rounding import decode, encode


class OuterState(NamedTuple):
    """The state of a fragment in one replica that outer steps change.

    Attributes:
      params: global parameters theta.
      optimizer: the outer optimizer's state.
      error: the part of the changes that no payload has held yet; empty without error feedback.
      missing: the part that the last estimate lacked, which the next one adds; empty without eager updates.
    """

    params: Params
    optimizer: Any
    error: Any
    missing: Any


@dataclass(frozen=True)
class Coding:
    """How a change becomes a payload, and payloads become the mean change.

    Attributes:
      encode: change -> payload.
      decode: (payload, arrays of the change's shapes) -> change.
      gathers: whether each replica gets the payloads of all, on a leading axis; else it gets their mean.
      dense_bits: bits in which another algorithm would send each parameter, where a payload is no number for each of
        them; else None [bit].
    """

    encode: Callable[[Any], Any]
    decode: Callable[[Any, Any], Any]
    gathers: bool
    dense_bits: int | None = None

    def mean(self, came: Any, like: Any) -> Any:
        """The mean change of the replicas, in float32.

        Args:
          came: the result of the exchange.
          like: arrays of the change's shapes.
        """
        if not self.gathers:
            return came
        each = jax.vmap(lambda sent: self.decode(sent, like))(came)
        return jax.tree.map(lambda x: jnp.mean(x, axis=0), each)


def rounded(bits: int) -> Coding:
    """Payloads of 32, 16, 8 or 4 bits a parameter (`rounding.py`)."""
    return Coding(partial(encode, bits=bits), partial(decode, bits=bits), gathers=bits < 32)


Combine: TypeAlias = Callable[[OuterState, Any, Any], tuple[Any, Any]]
"""(outer state, result of the exchange, own payload) -> (change to move by, missing)."""


@dataclass(frozen=True)
class OuterStep:
    """The outer step of one fragment in one replica.

    Attributes:
      coding: what is sent, and whether it is averaged on the way.
      start: theta -> outer state before the first exchange.
      encode: (change, error, theta) -> (error, payload).
      combine: what came -> the change to move by, and the part of the mean that it lacks.
      move: (outer state, change) -> (theta, state of the outer optimizer).
      local_share: the share of its own parameters that a replica keeps when a result comes, from 0 to 1.
      combine_last: `combine` of the exchange after the last step, if it is another one.
      keeps: whether `combine` needs the own payload; it is empty otherwise.
      grouped: whether exchanges are within groups of replicas (`groups.py`): what comes is the mean over a group.
      merged: whether exchanges are merges by a syncer (`own_paces.py`): what comes is the weighted mean over those who
        are in one, and theta moves, and no replica's own parameters.
      theta_waits: whether an exchange that is not a `finish` leaves theta as it is, and moves own parameters alone.
    """

    coding: Coding
    start: Callable[[Params], OuterState]
    encode: Callable[[Any, Any, Params], tuple[Any, Any]]
    combine: Combine
    move: Callable[[OuterState, Any], tuple[Params, Any]]
    local_share: float = 0.0
    combine_last: Combine | None = None
    keeps: bool = False
    grouped: bool = False
    merged: bool = False
    theta_waits: bool = False


def mean_step(config: TrainConfig, coding: Coding | None = None) -> OuterStep:
    """Outer SGD with Nesterov momentum on the mean change of the replicas.

        theta <- SGD(theta, mean_m (theta - theta_m));  theta_m <- a theta_m + (1 - a) theta

    Args:
      config: the run.
      coding: what is sent; None: the run's bits, or everything if there is one replica.
    """
    optimizer = outer_optimizer(config)
    bits = 32 if config.replicas == 1 else config.exchange_bits
    feedback = config.error_feedback and bits < 32
    sends = coding or rounded(bits)

    def start(theta: Params) -> OuterState:
        return OuterState(theta, optimizer.init(theta), jax.tree.map(jnp.zeros_like, theta) if feedback else (), ())

    def with_error(change: Any, error: Any, theta: Params) -> tuple[Any, Any]:
        if not jax.tree.leaves(error):
            return error, sends.encode(change)
        wanted = jax.tree.map(jnp.add, change, error)
        sent = sends.encode(wanted)
        return jax.tree.map(jnp.subtract, wanted, sends.decode(sent, wanted)), sent

    def combine(outer: OuterState, came: Any, kept: Any) -> tuple[Any, Any]:
        return sends.mean(came, outer.params), outer.missing

    def move(outer: OuterState, change: Any) -> tuple[Params, Any]:
        updates, state = optimizer.update(change, outer.optimizer, outer.params)
        theta: Params = optax.apply_updates(outer.params, updates)
        return theta, state

    return OuterStep(sends, start, with_error, combine, move, config.local_share)
