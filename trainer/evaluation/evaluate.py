"""Evaluation of a trained model: its loss on held-out text, and its answers to multiple-choice questions.

The parameters are one copy of the model, such as the global model of DiLoCo. Sharded arrays stay sharded, and the
programs are compiled for them.

Limits: devices of one process; the sequences of a batch are not distributed over devices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import hypot, log
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from numpy.typing import NDArray

from sim.errors import InputError
from sim.trace.file import HeldOut, HeldOutCorpus

from ..config.run import TrainConfig
from ..data.batches import windows
from ..data.corpus import load_corpus
from ..data.held_out import EVERYTHING
from ..data.texts import Data, load_data
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
      held_out: loss on held-out text; of several corpora the mean by their shares.
      unigram_loss: loss there of the unigram model, which knows only the frequency of each token [nats per token].
      zero_shot: scores by the set's name.
      elsewhere: for each other text its loss, and that of the unigram model of the run's own text.
      by_corpus: likewise for the held-out text of each corpus, where there are several.
    """

    held_out: HeldOutLoss
    unigram_loss: float
    zero_shot: dict[str, Score]
    elsewhere: dict[str, tuple[HeldOutLoss, float]] = field(default_factory=dict)
    by_corpus: dict[str, tuple[HeldOutLoss, float]] = field(default_factory=dict)


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
    losses = held_out_losses(model, config, data, batch_tokens=batch_tokens)
    by_corpus = {part.name: (losses[part.name], unigram_loss(data, part.held_out.tokens)) for part in data.parts}
    unigram = sum(part.share * by_corpus[part.name][1] for part in data.parts)
    scores: dict[str, Score] = {
        kind: score(model, data.tokenizer, asked, sequence_length=config.sequence_length, batch_tokens=batch_tokens)
        for kind, asked in questions.items()
    }
    elsewhere = {text: _elsewhere(model, config, data, text, batch_tokens) for text in texts}
    return Evaluation(mean_loss(losses, data), unigram, scores, elsewhere, by_corpus if len(data.parts) > 1 else {})


def held_out_record(step: int, params: Params, config: TrainConfig, data: Data) -> HeldOut:
    """The loss of a model on the held-out text of its run, as a record of a trace."""
    losses = held_out_losses(log_probs_of(params), config, data)
    mean = mean_loss(losses, data)
    by_corpus = tuple(
        HeldOutCorpus(name=name, loss=own.loss, loss_error=own.loss_error, tokens=own.tokens)
        for name, own in losses.items()
    )
    return HeldOut(
        step=step,
        loss=mean.loss,
        loss_error=mean.loss_error,
        tokens=mean.tokens,
        corpora=by_corpus if len(losses) > 1 else (),
    )


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
    return loss, unigram_loss(data, share.tokens)


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


def held_out_losses(
    log_probs: LogProbs, config: TrainConfig, data: Data, *, batch_tokens: int = BATCH_TOKENS
) -> dict[str, HeldOutLoss]:
    """Mean cross-entropy on the held-out text of each corpus, cut into sequences without overlap.

    Args:
      log_probs: the model.
      config: gives the sequence length L.
      data: the run's text.
      batch_tokens: approximate tokens of a batch.

    Returns:
      The losses by the names of the corpora.

    Raises:
      InputError: the held-out text of a corpus is shorter than a sequence.
    """
    losses = {}
    for part in data.parts:
        loss = loss_on(log_probs, part.held_out, config.sequence_length, batch_tokens=batch_tokens)
        if loss is None:
            raise InputError(
                f"--corpus {part.name}: {len(part.held_out.tokens):,} tokens are held out, too few for a sequence of "
                f"{config.sequence_length:,}; hold out more, or give text of more documents"
            )
        losses[part.name] = loss
    return losses


def mean_loss(losses: Mapping[str, HeldOutLoss], data: Data) -> HeldOutLoss:
    """The mean of the losses of several corpora by their shares of training: sum_k r_k L_k; of one its own.

    Its standard error is that of independent errors; its bits per byte are the mean loss of a token over the mean bytes
    of a token; its tokens are those of all corpora together.

    Args:
      losses: by the names of the corpora.
      data: the run's text, which knows the shares.
    """
    if len(data.parts) == 1:
        return losses[data.parts[0].name]
    shares = [(part.share, losses[part.name]) for part in data.parts]
    loss = sum(share * own.loss for share, own in shares)
    bytes_per_token = sum(part.share * part.held_out.text_bytes / len(part.held_out.tokens) for part in data.parts)
    return HeldOutLoss(
        loss=loss,
        loss_error=hypot(*(share * own.loss_error for share, own in shares)),
        tokens=sum(own.tokens for _, own in shares),
        bits_per_byte=loss / bytes_per_token / log(2),
    )


def held_out_loss(log_probs: LogProbs, config: TrainConfig, data: Data) -> HeldOutLoss:
    """The loss on the held-out text of a run; of several corpora the mean by their shares.

    Args:
      log_probs: the model.
      config: gives the sequence length L.
      data: the run's text.

    Raises:
      InputError: the held-out text of a corpus is shorter than a sequence.
    """
    return mean_loss(held_out_losses(log_probs, config, data), data)


def loss_on(log_probs: LogProbs, text: Share, length: int, *, batch_tokens: int = BATCH_TOKENS) -> HeldOutLoss | None:
    """Mean cross-entropy on a text, cut into sequences without overlap; None if it is shorter than a sequence.

    Args:
      log_probs: the model.
      text: its tokens.
      length: tokens L that are predicted in a sequence.
      batch_tokens: approximate tokens of a batch.
    """
    size = max(batch_tokens // length, 1)
    losses: list[NDArray[Any]] = []
    for tokens_BxL in windows(text.tokens, length, size):
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


def unigram_loss(data: Data, held_out: Row) -> float:
    """Cross-entropy of tokens under their frequencies in training, with 1 added to each count.

    Args:
      data: the run's text: the first 50 million training tokens of each corpus are counted, by its share.
      held_out: tokens to predict.

    Returns:
      The loss [nats per token].
    """
    counted = [(part.share, np.asarray(part.train.tokens[0:_COUNTED_TOKENS])) for part in data.parts if part.share > 0]
    total = sum(len(tokens) for _, tokens in counted)
    counts_V = np.ones(data.tokenizer.size)
    for share, tokens in counted:
        counts_V += share * total / len(tokens) * np.bincount(tokens, minlength=data.tokenizer.size)
    return float(-np.log(counts_V / counts_V.sum())[held_out[0 : len(held_out)]].mean())
