"""Evaluation of a trained model: its loss on held-out text, and its answers to multiple-choice questions.

The parameters are one copy of the model, such as the global model of DiLoCo. Sharded arrays stay sharded, and the
programs are compiled for them.

Limits: devices of one process; the sequences of a batch are not distributed over devices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from numpy.typing import NDArray

from sim.errors import InputError
from sim.trace.file import HeldOut

from ..config.run import TrainConfig
from ..data.batches import Data, load_data, windows
from ..data.corpus import load_corpus
from ..data.held_out import EVERYTHING
from ..data.token_store import Row, Share, tokenize
from ..model.initial import Params
from ..model.transformer import logits
from .question_sets import Kind, read_questions
from .zero_shot import BATCH_TOKENS, LogProbs, Score, score

_COUNTED_TOKENS = 50_000_000


@dataclass(frozen=True)
class HeldOutLoss:
    """Loss on held-out text.

    Attributes:
      loss: mean cross-entropy [nats per token].
      loss_error: its standard error over the sequences.
      tokens: tokens that were predicted.
      bits_per_byte: the same loss over the text's bytes instead of its tokens, which compares across tokenizers.
    """

    loss: float
    loss_error: float
    tokens: int
    bits_per_byte: float


@dataclass(frozen=True)
class Evaluation:
    """All numbers of a model.

    Attributes:
      held_out: loss on held-out text.
      unigram_loss: loss there of the unigram model, which knows only the frequency of each token [nats per token].
      zero_shot: scores by the set's name.
      elsewhere: for each other text its loss, and that of the unigram model of the run's own text.
    """

    held_out: HeldOutLoss
    unigram_loss: float
    zero_shot: dict[str, Score]
    elsewhere: dict[str, tuple[HeldOutLoss, float]] = field(default_factory=dict)


def evaluate(
    params: Params,
    config: TrainConfig,
    sets: Mapping[Kind, Path],
    *,
    data: Data | None = None,
    batch_tokens: int = BATCH_TOKENS,
    texts: Sequence[str] = (),
) -> Evaluation:
    """Evaluates a model on the held-out text of its run and on sets of questions.

    Args:
      params: one copy of the model's parameters.
      config: the run of the model: its text, tokenizer and sequence length.
      sets: files of questions by kind; may be empty.
      data: the run's text, if it was loaded before.
      batch_tokens: approximate tokens of a batch; logits take 4 bytes for each of them times the vocabulary.
      texts: other texts, named as a corpus is; every document of them counts.

    Raises:
      InputError: a file is wrong, or too little text is held out.
    """
    questions = {kind: read_questions(path, kind) for kind, path in sets.items()}
    data = data or load_data(config)
    model = log_probs_of(params)
    loss = held_out_loss(model, config, data, batch_tokens=batch_tokens)
    unigram = unigram_loss(data.batches.tokens, data.held_out.tokens, data.tokenizer.size)
    scores: dict[str, Score] = {
        kind: score(model, data.tokenizer, asked, sequence_length=config.sequence_length, batch_tokens=batch_tokens)
        for kind, asked in questions.items()
    }
    return Evaluation(
        loss, unigram, scores, {text: _elsewhere(model, config, data, text, batch_tokens) for text in texts}
    )


def held_out_record(step: int, params: Params, config: TrainConfig, data: Data) -> HeldOut:
    """The loss of a model on the held-out text of its run, as a record of a trace."""
    found = held_out_loss(log_probs_of(params), config, data)
    return HeldOut(step=step, loss=found.loss, loss_error=found.loss_error, tokens=found.tokens)


def _elsewhere(
    model: LogProbs, config: TrainConfig, data: Data, text: str, batch_tokens: int
) -> tuple[HeldOutLoss, float]:
    """The loss on all documents of another text, and that of the unigram model of the run's own text."""
    share = tokenize(load_corpus(text), data.tokenizer, EVERYTHING).held_out
    loss = loss_on(model, share, config.sequence_length, batch_tokens=batch_tokens)
    if loss is None:
        raise InputError(
            f"--corpus {text}: {len(share.tokens):,} tokens are too few for a sequence of {config.sequence_length:,}; "
            "give more text"
        )
    return loss, unigram_loss(data.batches.tokens, share.tokens, data.tokenizer.size)


@jax.jit
def _log_probs(params: Params, tokens_BxL: jax.Array) -> jax.Array:
    logits_BxLxV = logits(params, tokens_BxL[:, :-1]).astype(jnp.float32)
    target_BxL = jnp.take_along_axis(logits_BxLxV, tokens_BxL[:, 1:, None], axis=-1)[..., 0]
    log_probs_BxL: jax.Array = target_BxL - logsumexp(logits_BxLxV, axis=-1)
    return log_probs_BxL


def log_probs_of(params: Params) -> LogProbs:
    """A function that gives a model's log-probabilities of tokens; compiled once for each shape."""

    def log_probs(tokens_BxL: NDArray[np.int32]) -> NDArray[np.floating]:
        return np.asarray(_log_probs(params, tokens_BxL))

    return log_probs


def held_out_loss(
    log_probs: LogProbs,
    config: TrainConfig,
    data: Data,
    *,
    max_tokens: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> HeldOutLoss:
    """Mean cross-entropy on the held-out text, cut into sequences without overlap.

    Args:
      log_probs: the model.
      config: gives the sequence length L.
      data: the run's text.
      max_tokens: only so many of the first held-out tokens; None: all.
      batch_tokens: approximate tokens of a batch.

    Raises:
      InputError: the held-out text is shorter than a sequence.
    """
    loss = loss_on(log_probs, data.held_out, config.sequence_length, max_tokens=max_tokens, batch_tokens=batch_tokens)
    if loss is None:
        raise InputError(
            f"--corpus {config.corpus}: {len(data.held_out.tokens):,} tokens are held out, too few for a sequence of "
            f"{config.sequence_length:,}; hold out more, or give text of more documents"
        )
    return loss


def loss_on(
    log_probs: LogProbs, text: Share, length: int, *, max_tokens: int | None = None, batch_tokens: int = BATCH_TOKENS
) -> HeldOutLoss | None:
    """Mean cross-entropy on a text, cut into sequences without overlap; None if it is shorter than a sequence.

    Args:
      log_probs: the model.
      text: its tokens.
      length: tokens L that are predicted in a sequence.
      max_tokens: only so many of the first tokens; None: all.
      batch_tokens: approximate tokens of a batch.
    """
    row: Row = text.tokens
    if max_tokens is not None:
        row = row[0 : max_tokens + 1]
    size = max(batch_tokens // length, 1)
    losses: list[NDArray[Any]] = []
    for tokens_BxL in windows(row, length, size):
        # the last batch is filled with copies of its first row, so that all batches have one shape
        full_BxL = np.concatenate([tokens_BxL, np.repeat(tokens_BxL[:1], size - len(tokens_BxL), axis=0)])
        log_probs_BxL = np.asarray(log_probs(full_BxL), np.float64)[: len(tokens_BxL)]
        losses.append(-log_probs_BxL.mean(axis=1))
    if not losses:
        return None
    losses_N = np.concatenate(losses)
    loss = float(losses_N.mean())
    error = float(np.std(losses_N, ddof=1) / np.sqrt(len(losses_N))) if len(losses_N) > 1 else 0.0
    return HeldOutLoss(
        loss=loss,
        loss_error=error,
        tokens=len(losses_N) * length,
        bits_per_byte=loss * len(text.tokens) / text.text_bytes / log(2),
    )


def unigram_loss(train: Row, held_out: Row, size: int) -> float:
    """Cross-entropy of held-out tokens under their frequencies in training, with 1 added to each count.

    Args:
      train: training tokens, of which the first 50 million are counted.
      held_out: tokens to predict.
      size: tokens in the vocabulary.

    Returns:
      The loss [nats per token].
    """
    counts_V = np.bincount(train[0:_COUNTED_TOKENS], minlength=size) + 1
    return float(-np.log(counts_V / counts_V.sum())[held_out[0 : len(held_out)]].mean())
