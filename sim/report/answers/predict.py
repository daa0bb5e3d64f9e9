"""What the laws say of a model, as a report."""

from __future__ import annotations

from ...questions.predict import LawAnswer
from ...units.in_words import human_count
from ..model import Report, of_facts


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
        "Predicted loss": f"{_between(answer)} nats per token",
        "Best batch": f"{answer.batch_tokens:,.0f} tokens",
        "Inner learning rate": f"{answer.inner_learning_rate:.3g}",
        "Outer learning rate": rate,
    }
    return of_facts(f"{answer.strategy}{synced}, {human_count(answer.params)} parameters", texts, vars(answer))


def _between(answer: LawAnswer) -> str:
    """The predicted loss, with its ends where they differ from it."""
    middle, low, high = answer.predicted_loss, answer.predicted_loss_low, answer.predicted_loss_high
    ends = f"{low:.3f} to {high:.3f}"
    if middle is None:
        return ends
    return f"{middle:.3f}" if low == high else f"{middle:.3f} ({ends})"
