"""The predicted loss of a run: every command gives the same run the same loss and the same notes.

The laws are in `sim.laws`; this module knows for which strategies, payloads and models they hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..laws import predict
from ..laws.communication import Communication
from ..strategies import AbstractStrategy
from ..workload.load import Load

FITTED_BITS = 16.0
_COUNTED_SHARE = 0.99
"""A payload of at least this share of 16 bits counts as 16: counted payloads leave out some small parameters."""


@dataclass(frozen=True)
class Loss:
    """A predicted loss, with notes.

    Attributes:
      value: None if nobody has published what the run costs in loss [nats per token].
      notes: what was interpolated or extrapolated, or why there is no loss; each begins with its subject. Empty if
        the published fits cover the run.
      low, high: its ends, by what is known of the price of communicating less (`sim.laws.communication`), also where
        the value is None; None where not even that is known [nats per token].
    """

    value: float | None
    notes: tuple[str, ...]
    low: float | None = None
    high: float | None = None


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

    There are only its ends for strategies that nobody has published losses of, for payloads of fewer than 4 bits and
    sparse ones, and nothing for models of which only some parameters work on a token.

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
    if active_params is not None and active_params < params:
        return Loss(None, ("no law: none is used where only some of the parameters work on a token (active_params)",))
    law, how = strategy.law, communication_of(strategy, gradient_bits, outer_bits)
    found = predict(
        params,
        tokens,
        law.algorithm,
        law.replicas,
        batch_tokens=batch_tokens,
        sync_every=law.sync_every,
        unique_tokens=unique_tokens,
        bits=how.bits,
        whole=how.whole,
        late_steps=how.late_steps,
    )
    return Loss(found.loss, found.notes, found.low, found.high)


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


def communication_of(
    strategy: AbstractStrategy, gradient_bits: float = FITTED_BITS, outer_bits: float = FITTED_BITS
) -> Communication:
    """How a strategy communicates, as the laws ask for it.

    Args:
      strategy: with its parameters.
      gradient_bits: bits per parameter in an exchange of gradients, if the strategy gives none [bit].
      outer_bits: likewise in an exchange of parameter changes [bit].
    """
    law, bits = strategy.law, strategy.fewest_bits(FITTED_BITS, outer_bits)
    gradients = gradient_bits if strategy.has_outer_steps else strategy.fewest_bits(gradient_bits, outer_bits)
    whole = gradients >= _COUNTED_SHARE * FITTED_BITS
    whole = whole and strategy.compression_ratio <= 1 and strategy.payload_factor >= 1
    return Communication(
        law.replicas,
        law.sync_every,
        FITTED_BITS if bits >= _COUNTED_SHARE * FITTED_BITS else bits,
        whole,
        law.late_steps,
    )
