"""The predicted loss of a run: every command gives the same run the same loss and the same notes.

The laws are in `sim.laws`; this module knows for which strategies, payloads and models they hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..laws import predict
from ..strategies import AbstractStrategy
from ..workload.load import Load

FITTED_BITS = 16.0
_COUNTED_SHARE = 0.99
"""A payload of at least this share of 16 bits counts as 16: counted payloads leave out some small parameters."""


@dataclass(frozen=True)
class Loss:
    """A predicted loss, with notes.

    Attributes:
      value: None if no law is published for the run [nats per token].
      notes: what was interpolated or extrapolated, or why there is no loss; each begins with its subject. Empty if
        the published fits cover the run.
    """

    value: float | None
    notes: tuple[str, ...]


def loss_of(
    strategy: AbstractStrategy,
    params: float,
    tokens: float,
    batch_tokens: float | None = None,
    *,
    unique_tokens: float | None = None,
    gradient_bits: float = FITTED_BITS,
    outer_bits: float = FITTED_BITS,
    active_params: float | None = None,
) -> Loss:
    """Loss of a strategy after some tokens.

    There is none for overlapped, asynchronous and elastic descendants of DiLoCo, for payloads of fewer than 16 bits or
    sparse ones, and for models of which only some parameters work on a token.

    Args:
      strategy: with its parameters.
      params: N.
      tokens: D [tokens].
      batch_tokens: global batch B; the best one unless given [tokens].
      unique_tokens: of the tokens, how many are not repeats; all unless given [tokens].
      gradient_bits: bits per parameter in an exchange of gradients, if the strategy gives none [bit].
      outer_bits: likewise in an exchange of parameter changes [bit].
      active_params: parameters that work on a token; all unless given.

    Raises:
      InputError: a size that is not positive.
    Source: `sim.laws.combined`.
    """
    missing = _without_law(strategy, params, gradient_bits, outer_bits, active_params)
    if missing:
        return Loss(None, (f"no law: {missing}",))
    law = strategy.law
    found = predict(
        params,
        tokens,
        law.algorithm,
        law.replicas,
        batch_tokens=batch_tokens,
        sync_every=law.sync_every,
        unique_tokens=unique_tokens,
    )
    return Loss(found.loss, found.notes)


def loss_after(
    strategy: AbstractStrategy, load: Load, tokens: float | None = None, unique_tokens: float | None = None
) -> Loss:
    """Loss of a strategy on a workload: after its T B tokens, or after another number of tokens at the same batch.

    Args:
      strategy: with its parameters.
      load: the workload.
      tokens: instead of T B [tokens].
      unique_tokens: of the tokens, how many are not repeats; all unless given [tokens].

    Raises:
      InputError: a size that is not positive.
    """
    return loss_of(
        strategy,
        load.params,
        load.steps * load.batch_tokens if tokens is None else tokens,
        load.batch_tokens,
        unique_tokens=unique_tokens,
        gradient_bits=8 * load.gradient_bytes / load.params,
        outer_bits=8 * load.outer_bytes / load.params,
        active_params=load.active_params,
    )


def _without_law(
    strategy: AbstractStrategy, params: float, gradient_bits: float, outer_bits: float, active_params: float | None
) -> str | None:
    """What the laws do not know, in words; None where they know all."""
    if not strategy.law.fitted:
        return f"none is published for {strategy.kind}"
    if active_params is not None and active_params < params:
        return "none is used where only some of the parameters work on a token (active_params)"
    bits = strategy.fewest_bits(gradient_bits, outer_bits)
    if bits < _COUNTED_SHARE * FITTED_BITS:
        return f"none is published for {bits:.3g} bits per exchanged parameter"
    if strategy.compression_ratio > 1 or strategy.payload_factor < 1:
        return "none is published for payloads that leave something out (compression_ratio, payload_factor)"
    return None
