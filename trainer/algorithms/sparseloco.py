"""SparseLoCo: replicas gather each other's largest changes; what a replica does not send it adds to its next change.

At the end of a round replica m, with the part e_m that it has not sent,

    e_m <- beta e_m + (theta - theta_m);  sent_m = the largest values of each chunk of e_m, in few bits
    e_m <- e_m - sent_m;  theta <- SGD(theta, mean_m sent_m)

so that e_m takes the place of the outer momentum, and the outer optimizer is plain SGD of rate 1 unless told otherwise.
With all values in 32 bits and beta = 0 it is DiLoCo with that optimizer.

Source: arXiv 2508.15706, algorithm 1 (beta 0.95, rate 1).
Limits: what e_m holds after the last exchange is lost. Every replica takes part in every exchange.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from sim.defaults import PAYLOAD_BITS, SPARSE_CHUNK, SPARSE_TOP

from ..config.run import TrainConfig
from ..model.initial import Params
from .outer.largest import decode, encode
from .outer.step import Coding, OuterState, OuterStep, mean_step
from .outer.whole import AmongAll


@dataclass(frozen=True)
class SparseLoCo(AmongAll):
    """SparseLoCo with M replicas."""

    def outer_step(self) -> OuterStep:
        """See `sparse_step`."""
        return sparse_step(self.config)


def sparse_step(config: TrainConfig) -> OuterStep:
    """DiLoCo's outer step on the largest values of the changes, with decayed error feedback."""
    coding = largest_values(config)
    plain = mean_step(config, coding)
    decay = config.feedback_decay or 0.0

    def start(theta: Params) -> OuterState:
        return plain.start(theta)._replace(error=jax.tree.map(jnp.zeros_like, theta))

    def with_error(change: Any, error: Any, theta: Params) -> tuple[Any, Any]:
        wanted = jax.tree.map(lambda e, x: decay * e + x, error, change)
        sent = coding.encode(wanted)
        return jax.tree.map(jnp.subtract, wanted, coding.decode(sent, wanted)), sent

    return replace(plain, start=start, encode=with_error)


def largest_values(config: TrainConfig) -> Coding:
    """The payload of a run: `top` values of every chunk, in the run's bits."""
    kept = {"chunk": config.chunk or SPARSE_CHUNK, "top": config.top or SPARSE_TOP, "bits": config.exchange_bits}
    dense_bits = PAYLOAD_BITS if config.precision == "bfloat16" else 32
    return Coding(partial(encode, **kept), partial(decode, **kept), gathers=True, dense_bits=dense_bits)
