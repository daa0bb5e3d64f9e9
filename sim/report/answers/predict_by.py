"""The loss of a model by one law, as a report."""

from __future__ import annotations

from ...questions.predict_by import LawLoss
from ...units.in_words import human_count
from ..model import Report, of_facts


def report(answer: LawLoss) -> Report:
    """A line for each number; notes are joined by `; ` in a record."""
    texts = {"Law": answer.form, "Tokens": human_count(answer.tokens)}
    if answer.steps is not None and answer.batch_tokens is not None:
        texts["Steps"] = f"{answer.steps:,.0f} of {human_count(answer.batch_tokens)} tokens"
    low, high = answer.predicted_loss_low, answer.predicted_loss_high
    band = "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"
    texts["Predicted loss"] = f"{answer.predicted_loss:.3f}{band} nats per token"
    if answer.critical_batch_tokens is not None:
        texts["Critical batch"] = f"{human_count(answer.critical_batch_tokens)} tokens at that loss"
    return of_facts(f"{answer.law}, {human_count(answer.params)} parameters", texts, vars(answer))
