"""What a student, a mixture of experts, or a model on tasks comes to, as a report."""

from __future__ import annotations

from dataclasses import replace

from ...questions.beyond.distilled import DistilledLoss
from ...questions.beyond.experts import ExpertsLoss
from ...questions.beyond.on_tasks import TaskError
from ...units.in_words import human_count
from ..model import Column, Records, Report, Table, of_facts, table
from ..quantities import NUMBER

Beyond = DistilledLoss | ExpertsLoss | TaskError


def report(answer: Beyond) -> Report:
    """A line for each number; notes are joined by `; ` in a record."""
    title = f"{answer.law}, {human_count(answer.params)} parameters"
    if isinstance(answer, ExpertsLoss):
        return of_facts(title, _experts(answer), vars(answer))
    if isinstance(answer, TaskError):
        return of_facts(title, _tasks(answer), vars(answer))
    told = of_facts(title, _student(answer), vars(answer))
    facts, notes = told.blocks
    (row,) = told.records.rows
    shared = {name: value for name, value in row.items() if name != "scenarios"}
    rows = [
        shared
        | {"counted": each.counted, "flop": each.flop, "trained_instead": each.supervised_loss, "better": each.better}
        for each in answer.scenarios
    ]
    return replace(
        told,
        blocks=(facts, _scenarios(answer), notes),
        records=Records(list(rows[0]), rows),
    )


def _student(answer: DistilledLoss) -> dict[str, str]:
    size = ""
    if answer.teacher_params is not None:
        on = f" on {human_count(answer.teacher_tokens)} tokens" if answer.teacher_tokens is not None else ""
        size = f", {human_count(answer.teacher_params)} parameters{on}"
    ahead = answer.ahead_until_tokens
    if ahead is None:
        until = "for any number of tokens to 1e16"
    else:
        until = f"up to {human_count(ahead)} tokens" if ahead else "nowhere: training on as many tokens is better"
    return {
        "Tokens": human_count(answer.tokens),
        "Teacher": f"loss {answer.teacher_loss:.3f}{size}",
        "Student": f"{answer.predicted_loss:.3f} nats per token",
        "Without it": f"{answer.supervised_loss:.3f}, trained on as many tokens",
        "Best teacher": f"loss {answer.best_teacher_loss:.3f}, for a student of {answer.best_loss:.3f}",
        "Ahead": until,
    }


def _scenarios(answer: DistilledLoss) -> Table:
    columns = (
        Column("Paid for, beside the student"),
        Column("Flop", NUMBER),
        Column("Trained instead", NUMBER, digits=3),
        Column("Better"),
    )
    rows = [(each.counted, each.flop, each.supervised_loss, each.better) for each in answer.scenarios]
    remark = (
        f"Trained instead: the loss of the same model without a teacher, on the tokens that as many flop pay for; the "
        f"student reaches {answer.predicted_loss:.3f}."
    )
    if answer.teacher_params is None:
        remark += " With the teacher's parameters its inference and training are counted, too."
    return table(columns, rows, title="Distil or train", remark=remark)


def _experts(answer: ExpertsLoss) -> dict[str, str]:
    fine = f", granularity {answer.granularity:g}" if answer.law == "granular-experts" else ""
    dense = "none" if answer.dense_params is None else f"{human_count(answer.dense_params)} parameters"
    texts = {
        "Experts": f"{answer.experts:g}{fine}",
        "Active": f"{human_count(answer.active_params)} parameters work on a token",
        "Tokens": human_count(answer.tokens),
        "Training": f"{answer.flop:.3g} flop",
        "Predicted loss": f"{answer.predicted_loss:.3f} nats per token",
        "Dense": f"{answer.dense_loss:.3f} with the active parameters; as good: {dense}",
    }
    if answer.best_active_params is not None and answer.best_tokens is not None:
        best = f"{human_count(answer.best_active_params)} active on {human_count(answer.best_tokens)} tokens"
        texts["Best for as many flop"] = best
    return texts


def _tasks(answer: TaskError) -> dict[str, str]:
    ends = f"{answer.mean_error_low:.1%} to {answer.mean_error_high:.1%}"
    return {
        "Trained on": answer.data,
        "Tokens": f"{human_count(answer.tokens)}, {answer.tokens / answer.params:.3g} a parameter",
        "Predicted loss": f"{answer.predicted_loss:.3f} nats per token of C4",
        "Mean top-1 error": f"{answer.mean_error:.1%} ({ends}) over 17 tasks",
    }
