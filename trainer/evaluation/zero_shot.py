"""Zero-shot multiple choice: the model's answer is the choice that most likely follows the context.

There are two measures. `accuracy` takes the choice with the largest log-probability: the sum over its tokens of
log p(token | all tokens before). `normalized_accuracy` divides it by the choice's length in bytes, so that short
choices have no advantage. A tie of k choices with the right one among them counts 1/k.

Source: Brown et al., arXiv 2005.14165, section 2.4 (length-normalised likelihood). Bytes rather than tokens make the
measure independent of the tokenizer; lm-evaluation-harness divides by characters, which is the same for ASCII.
Limits: no examples are shown before the question; the first token of a context is predicted from an end-of-document
token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError

from ..data.tokenizers import Tokenizer
from .question_sets import Question

LogProbs: TypeAlias = Callable[[NDArray[np.int32]], NDArray[np.floating]]
"""Token ids B x (L + 1) -> log-probability of each of the last L tokens given all before it, B x L [nat]."""
_SHORTEST = 32
BATCH_TOKENS = 4096


@dataclass(frozen=True)
class Score:
    """The result of a model on a set.

    Attributes:
      questions: number of questions.
      chance: expected share of right answers by guessing.
      accuracy: share of right answers by log-probability.
      accuracy_error: its standard error over the questions.
      normalized_accuracy: share of right answers by log-probability per byte.
      normalized_accuracy_error: its standard error.
      truncated: number of choices whose context was too long for the model's sequence and was cut on its left.
    """

    questions: int
    chance: float
    accuracy: float
    accuracy_error: float
    normalized_accuracy: float
    normalized_accuracy_error: float
    truncated: int


@dataclass(frozen=True)
class _Window:
    """Tokens of a choice with as much context as fits.

    Attributes:
      row: number of the choice, over all questions.
      tokens: token ids.
      targets: number of tokens at the end that are scored.
    """

    row: int
    tokens: NDArray[np.int32]
    targets: int


def score(
    log_probs: LogProbs,
    tokenizer: Tokenizer,
    questions: Sequence[Question],
    *,
    sequence_length: int,
    batch_tokens: int = BATCH_TOKENS,
) -> Score:
    """Answers questions and counts the right answers.

    Args:
      log_probs: the model.
      tokenizer: that of the model.
      questions: at least one.
      sequence_length: the most tokens L of a sequence; a longer context is cut on its left, and a longer choice is
        scored in pieces of L/2.
      batch_tokens: approximate tokens of a batch.

    Raises:
      InputError: the model's log-probabilities are NaN.
    """
    log_likelihoods, truncated = choice_log_likelihoods(
        log_probs, tokenizer, questions, sequence_length=sequence_length, batch_tokens=batch_tokens
    )
    raw, normalized, begin = [], [], 0
    for question in questions:
        own = log_likelihoods[begin : begin + len(question.choices)]
        begin += len(question.choices)
        raw.append(_point(own, question.answer))
        lengths = [len(choice.encode("utf-8")) for choice in question.choices]
        normalized.append(_point(own / np.array(lengths), question.answer))
    return Score(
        questions=len(questions),
        chance=float(np.mean([1 / len(question.choices) for question in questions])),
        accuracy=float(np.mean(raw)),
        accuracy_error=_standard_error(raw),
        normalized_accuracy=float(np.mean(normalized)),
        normalized_accuracy_error=_standard_error(normalized),
        truncated=truncated,
    )


def choice_log_likelihoods(
    log_probs: LogProbs,
    tokenizer: Tokenizer,
    questions: Sequence[Question],
    *,
    sequence_length: int,
    batch_tokens: int = BATCH_TOKENS,
) -> tuple[NDArray[np.float64], int]:
    """Log-probability of every choice given its context; arguments as for `score`.

    Returns:
      One number for each choice, question by question [nat], and the number of contexts that were cut.

    Raises:
      InputError: the model's log-probabilities are NaN.
    """
    windows: list[_Window] = []
    truncated = 0
    for row, (tokens, targets) in enumerate(_rows(tokenizer, questions)):
        truncated += len(tokens) > sequence_length + 1
        windows += _windows(row, tokens, targets, sequence_length)
    totals = np.zeros(sum(len(question.choices) for question in questions))
    for batch, tokens_BxL in _batches(windows, tokenizer.end_of_document, sequence_length, batch_tokens):
        log_probs_BxL = np.asarray(log_probs(tokens_BxL), np.float64)
        for window, row_L in zip(batch, log_probs_BxL, strict=False):  # rows after the last window are padding
            end = len(window.tokens) - 1
            totals[window.row] += row_L[end - window.targets : end].sum()
    if np.isnan(totals).any():
        raise InputError("the model's log-probabilities are NaN, since its training diverged; give another checkpoint")
    return totals, truncated


def _rows(tokenizer: Tokenizer, questions: Sequence[Question]) -> Iterator[tuple[NDArray[np.int32], int]]:
    """The tokens of every choice with its context, and the number of tokens that belong to the choice.

    Context and choice are tokenized together, like running text; a token across their border belongs to the choice.
    """
    contexts = tokenizer.encode(question.context for question in questions)
    wholes = tokenizer.encode(f"{question.context} {choice}" for question in questions for choice in question.choices)
    start = np.array([tokenizer.end_of_document], np.int32)
    for question, context in zip(questions, contexts, strict=True):
        for _ in question.choices:
            whole = next(wholes)
            length = min(len(context), len(whole))
            differs = np.flatnonzero(context[:length] != whole[:length])
            shared = int(differs[0]) if len(differs) else length
            yield np.concatenate([start, whole.astype(np.int32)]), len(whole) - shared


def _windows(row: int, tokens: NDArray[np.int32], targets: int, sequence_length: int) -> Iterator[_Window]:
    """A choice in one piece if it fits, else in pieces of half a sequence, each with as much context as fits."""
    piece = targets if targets <= sequence_length else max(sequence_length // 2, 1)
    for begin in range(len(tokens) - targets, len(tokens), piece):
        end = min(begin + piece, len(tokens))
        yield _Window(row, tokens[max(end - sequence_length - 1, 0) : end], end - begin)


def _batches(
    windows: Sequence[_Window], padding: int, sequence_length: int, batch_tokens: int
) -> Iterator[tuple[list[_Window], NDArray[np.int32]]]:
    """Batches of windows of similar length, padded on the right to a few shapes: lengths double, and rows halve."""
    length = min(_SHORTEST, sequence_length)
    left = sorted(windows, key=lambda window: len(window.tokens))
    while left:
        fitting = [window for window in left if len(window.tokens) <= length + 1]
        left = left[len(fitting) :]
        size = max(batch_tokens // length, 1)
        for first in range(0, len(fitting), size):
            batch = fitting[first : first + size]
            tokens_BxL = np.full((size, length + 1), padding, np.int32)
            for row, window in enumerate(batch):
                tokens_BxL[row, : len(window.tokens)] = window.tokens
            yield batch, tokens_BxL
        length = min(2 * length, sequence_length)


def _point(scores: NDArray[np.float64], answer: int) -> float:
    best = scores == scores.max()
    return float(best[answer] / best.sum())


def _standard_error(points: Sequence[float]) -> float:
    """Standard error of a mean over independent questions; 0 for a single question, which has no estimate of it."""
    return float(np.std(points, ddof=1) / np.sqrt(len(points))) if len(points) > 1 else 0.0
