"""What the laws say of a model, as a report."""

from __future__ import annotations

from ..questions.predict import LawAnswer
from ..units.in_words import human_count
from .model import Report, of_facts


def report(answer: LawAnswer) -> Report:
    """A line for each number; notes are joined by `; ` in a record."""
    synced = "" if answer.sync_every is None else f" M={answer.replicas} H={answer.sync_every}"
    rate = (
        "none: there is no outer optimizer"
        if answer.outer_learning_rate is None
        else f"{answer.outer_learning_rate:.3g}"
    )
    texts = {
        "Tokens": human_count(answer.tokens),
        "Predicted loss": f"{answer.predicted_loss:.3f} nats per token",
        "Best batch": f"{answer.batch_tokens:,.0f} tokens",
        "Inner learning rate": f"{answer.inner_learning_rate:.3g}",
        "Outer learning rate": rate,
    }
    return of_facts(f"{answer.strategy}{synced}, {human_count(answer.params)} parameters", texts, vars(answer))
