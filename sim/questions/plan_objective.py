"""What plans are compared by, and what to say about it.

Limits: strategies without a law of their own are taken for DiLoCo's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import laws

if TYPE_CHECKING:
    from .plan_options import Option

Array = NDArray[np.float64]


def best_batch_tokens(params: Array, algorithm: str, replicas: int) -> Array:
    """The law's best batch of an algorithm [tokens]."""
    return np.asarray(laws.batch_tokens(params, algorithm, replicas))


def remarks(option: Option, params: float, tokens: float, batch_tokens: float, best_tokens: float) -> tuple[str, ...]:
    """Where a plan leaves what the laws were fitted on, a sentence each."""
    cadence = option.sync_every if option.algorithm == "diloco" else None
    notes = list(laws.coverage(params, tokens, option.algorithm, option.replicas, cadence))
    kind = option.document["kind"]
    if kind not in laws.FITTED_ALGORITHMS:
        notes.append(f"{kind}: no loss law is fitted for it; DiLoCo's is taken, delays and staleness cost nothing here")
    if any(key in option.document for key in ("payload_bits", "compression_ratio")):
        notes.append("payload: fewer bits are taken to cost no loss; the laws were fitted without compression")
    if batch_tokens > 1.05 * best_tokens:
        notes.append(f"batch: {batch_tokens / best_tokens:.2g} times the law's best; its price is our assumption")
    unique = option.ask.unique_tokens
    if unique is not None and tokens > unique:
        notes.append(f"data: {tokens / unique:.3g} epochs over {unique:.3g} unique tokens (arXiv 2305.16264)")
    if len({site.chips for site in option.topology.datacenters}) > 1 and option.replicas > 1:
        notes.append("replicas: their batches differ with the size of their sites; the laws were fitted on equal ones")
    return tuple(notes)
