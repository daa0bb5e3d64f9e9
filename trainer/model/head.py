"""The loss of the output head, a chunk of tokens at a time, so that the logits never exist as a whole.

With h the last hidden state, E the tied embedding, log Z = logsumexp(h E^T) and n tokens:

    loss = sum(log Z - logit of the target) / n  +  z_loss * sum((log Z)^2) / n

The gradient of the logits is known as soon as they are, d = [softmax (1 + 2 z_loss log Z) - onehot(target)] / n, so the
forward pass computes dh = d E and dE = d^T h chunk by chunk and keeps them: three products a token, none twice.

Letters of shapes: C tokens of a chunk, D width, V vocabulary.
Source: arXiv 2410.10989, section 3.2 (chunked head with its gradient in the forward pass).
Limits: differentiates once. Evaluation without a gradient computes none (`custom_vjp` runs the plain form).
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp

CHUNK_LOGITS = 2**27
"""The most logits of a chunk: 537 MB in float32, 4,096 tokens of a vocabulary of 32,768."""
_NO_TARGET = -1


class Sums(NamedTuple):
    """The two parts of the loss, as means over the tokens."""

    cross_entropy: jax.Array
    squared_log_z: jax.Array


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def head_loss(
    z_loss: float, chunk_logits: int, hidden_TxD: jax.Array, embedding_VxD: jax.Array, target_T: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The loss to differentiate, and the cross-entropy alone [nats per token].

    Args:
      z_loss: weight of the squared log-partition function.
      chunk_logits: the most logits at a time.
      hidden_TxD: the last hidden state of every token.
      embedding_VxD: the tied embedding, in the same type.
      target_T: the token that follows each.
    """
    sums, _ = _chunked(z_loss, chunk_logits, hidden_TxD, embedding_VxD, target_T, gradients=False)
    return sums.cross_entropy + z_loss * sums.squared_log_z, sums.cross_entropy


def _forward(
    z_loss: float, chunk_logits: int, hidden_TxD: jax.Array, embedding_VxD: jax.Array, target_T: jax.Array
) -> tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
    sums, gradients = _chunked(z_loss, chunk_logits, hidden_TxD, embedding_VxD, target_T, gradients=True)
    return (sums.cross_entropy + z_loss * sums.squared_log_z, sums.cross_entropy), gradients


def _backward(
    z_loss: float,
    chunk_logits: int,
    gradients: tuple[jax.Array, jax.Array],
    cotangents: tuple[jax.Array, jax.Array],
) -> tuple[jax.Array, jax.Array, None]:
    by_loss, _ = cotangents  # the cross-entropy is reported, not differentiated
    of_hidden, of_embedding = ((by_loss * each.astype(jnp.float32)).astype(each.dtype) for each in gradients)
    return of_hidden, of_embedding, None


head_loss.defvjp(_forward, _backward)


def _chunked(
    z_loss: float,
    chunk_logits: int,
    hidden_TxD: jax.Array,
    embedding_VxD: jax.Array,
    target_T: jax.Array,
    *,
    gradients: bool,
) -> tuple[Sums, tuple[jax.Array, jax.Array]]:
    """The sums, and the gradients of hidden states and embedding in their type (arrays of nothing if not wanted)."""
    tokens, width = hidden_TxD.shape
    chunks = -(-tokens // max(1, chunk_logits // embedding_VxD.shape[0]))
    one = partial(_chunk, z_loss / tokens, 1 / tokens, embedding_VxD, gradients)
    if chunks == 1:
        sums, of_hidden_TxD, of_embedding_VxD = one(hidden_TxD, target_T)
        return sums, (of_hidden_TxD, of_embedding_VxD.astype(embedding_VxD.dtype))
    missing = -tokens % chunks
    hidden_NxCxD = jnp.pad(hidden_TxD, ((0, missing), (0, 0))).reshape(chunks, -1, width)
    target_NxC = jnp.pad(target_T, (0, missing), constant_values=_NO_TARGET).reshape(chunks, -1)

    def add(
        carry: tuple[Sums, jax.Array], part: tuple[jax.Array, jax.Array]
    ) -> tuple[tuple[Sums, jax.Array], jax.Array]:
        sums, of_hidden_CxD, of_embedding_VxD = one(*part)
        total: tuple[Sums, jax.Array] = jax.tree.map(jnp.add, carry, (sums, of_embedding_VxD))
        return total, of_hidden_CxD

    # products with zero instead of zeros: they vary over the devices of a mesh as what is added to them does
    nothing = jax.tree.map(lambda x: 0.0 * hidden_TxD[0, 0].astype(jnp.float32), Sums(jnp.zeros(()), jnp.zeros(())))
    empty_VxD = 0.0 * embedding_VxD.astype(jnp.float32) if gradients else 0.0 * embedding_VxD[:0].astype(jnp.float32)
    (sums, of_embedding_VxD), of_hidden_NxCxD = jax.lax.scan(add, (nothing, empty_VxD), (hidden_NxCxD, target_NxC))
    of_hidden_TxD = of_hidden_NxCxD.reshape(-1, width)[:tokens]
    return sums, (of_hidden_TxD, of_embedding_VxD.astype(embedding_VxD.dtype))


def _chunk(
    z_weight: float,
    weight: float,
    embedding_VxD: jax.Array,
    gradients: bool,
    hidden_CxD: jax.Array,
    target_C: jax.Array,
) -> tuple[Sums, jax.Array, jax.Array]:
    """The share of a chunk in the two means, and its gradients of hidden states and (in float32) of the embedding."""
    dtype = hidden_CxD.dtype
    logits_CxV = jnp.einsum("cd,vd->cv", hidden_CxD, embedding_VxD, preferred_element_type=jnp.float32)
    log_z_C = logsumexp(logits_CxV, axis=-1)
    there_C = target_C != _NO_TARGET
    logit_C = jnp.take_along_axis(logits_CxV, jnp.maximum(target_C, 0)[:, None], axis=-1)[:, 0]
    missed_C = jnp.where(there_C, log_z_C - logit_C, 0.0)
    sums = Sums(weight * jnp.sum(missed_C), weight * jnp.sum(jnp.where(there_C, log_z_C, 0.0) ** 2))
    if not gradients:
        return sums, hidden_CxD[:0], (0.0 * embedding_VxD[:0]).astype(jnp.float32)
    factor_C = jnp.where(there_C, weight + 2 * z_weight * log_z_C, 0.0)
    hit_CxV = target_C[:, None] == jnp.arange(logits_CxV.shape[-1])
    softmax_CxV = jnp.exp(logits_CxV - log_z_C[:, None])
    slope_CxV = (factor_C[:, None] * softmax_CxV - jnp.where(hit_CxV, weight, 0.0)).astype(dtype)
    of_hidden_CxD = jnp.einsum("cv,vd->cd", slope_CxV, embedding_VxD)
    of_embedding_VxD = jnp.einsum("cv,cd->vd", slope_CxV, hidden_CxD, preferred_element_type=jnp.float32)
    return sums, of_hidden_CxD, of_embedding_VxD
