"""What the laws say of a model: as text for people, as data for programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from ..questions.predict import LawAnswer
from ..units.in_words import human_count
from .plain import as_csv, as_json

SCHEMA_VERSION = 1


def predict_json(answer: LawAnswer) -> str:
    """The whole answer; keys are stable within a schema version."""
    return as_json(SCHEMA_VERSION, asdict(answer))


def predict_csv(answer: LawAnswer) -> str:
    """One line under a header line; notes are joined by `; `."""
    row = asdict(answer) | {"notes": "; ".join(answer.notes)}
    return as_csv([row], list(row))


def predict_text(answer: LawAnswer) -> str:
    """A line for each number."""
    synced = "" if answer.sync_every is None else f" M={answer.replicas} H={answer.sync_every}"
    rate = (
        "none: there is no outer optimizer"
        if answer.outer_learning_rate is None
        else f"{answer.outer_learning_rate:.3g}"
    )
    lines = {
        "Run": f"{answer.strategy}{synced}, {human_count(answer.params)} parameters",
        "Tokens": human_count(answer.tokens),
        "Predicted loss": f"{answer.predicted_loss:.3f} nats per token",
        "Best batch": f"{answer.batch_tokens:,.0f} tokens",
        "Inner learning rate": f"{answer.inner_learning_rate:.3g}",
        "Outer learning rate": rate,
    }
    shown = [f"{name:<21}{text}" for name, text in lines.items()]
    return "\n".join([*shown, *(f"{'Note':<21}{note}" for note in answer.notes)]) + "\n"


PREDICT_RENDERERS: dict[str, Callable[[LawAnswer], str]] = {
    "table": predict_text,
    "json": predict_json,
    "csv": predict_csv,
}
"""By the name of a format."""
