"""How long a model takes to answer, as a report."""

from __future__ import annotations

from ...questions.latency import Latency, OnMesh
from ...units.in_words import human_count, human_seconds
from ..model import Column, Records, Report, Row, Table, sentences
from ..quantities import BYTES, DURATION, SHARE

_RECORDED = (
    "mesh",
    "chips",
    "model_chips",
    "token_groups",
    "chip_bytes",
    "fits",
    "prefill_bound",
    "prefill_least_s",
    "prefill_assumed_s",
    "decode_bound",
    "decode_least_s",
    "decode_assumed_s",
    "answer_least_s",
    "answer_assumed_s",
)


def report(answer: Latency) -> Report:
    """A line for each mesh, and which one answers in time."""
    asked = answer.asked
    many = f"{asked.batch} prompts" if asked.batch > 1 else "a prompt"
    title = (
        f"{human_count(answer.params)} parameters on {answer.chip.name}: {many} of {asked.prompt_tokens:,} tokens"
        f", {asked.output_tokens:,} generated"
    )
    rule = (
        f"By arithmetic one chip at its peak computes 2 N T = 2 x {human_count(answer.params)} x "
        f"{asked.prompt_tokens * asked.batch:,} tokens in {human_seconds(answer.one_chip_rule_s)}."
    )
    return Report(
        title=title,
        blocks=(
            *([sentences([finding(answer)], "strong")] if asked.deadline_s else []),
            sentences([rule]),
            _table(answer),
            sentences(answer.notes, "quiet", "Assumed"),
        ),
        document=vars(answer),
        records=Records(_RECORDED, [vars(row) for row in answer.rows]),
    )


def finding(answer: Latency) -> str:
    """Which mesh answers in time."""
    within = f"within {human_seconds(answer.asked.deadline_s or 0.0)}"
    if answer.least_mesh is None:
        return f"No mesh here answers {within}, not even at the peaks."
    if answer.assumed_mesh is None:
        return f"At the peaks, which no program reaches, {answer.least_mesh} answers {within}; as assumed none does."
    if answer.assumed_mesh == answer.least_mesh:
        return f"{answer.assumed_mesh} is the smallest mesh that answers {within}, at the peaks and as assumed."
    return (
        f"{answer.assumed_mesh} is the smallest mesh that answers {within} as assumed; {answer.least_mesh} would at "
        "the peaks, which no program reaches."
    )


def _table(answer: Latency) -> Table:
    several = answer.asked.output_tokens > 1
    columns = [
        Column("Mesh"),
        Column("Layout", align="right"),
        Column("On a chip", BYTES),
        Column("Of its memory", SHARE),
        Column("First token, least", DURATION, family="first"),
        Column("Assumed", DURATION, family="first"),
        Column("Bound by"),
    ]
    if several:
        columns += [
            Column("Next, least", DURATION, family="further"),
            Column("Assumed", DURATION, family="further"),
            Column("Bound by"),
            Column("Answer, least", DURATION, family="answer"),
            Column("Assumed", DURATION, family="answer"),
        ]
    rows = [Row(_cells(answer, row, several), strong=row.mesh == answer.assumed_mesh) for row in answer.rows]
    remark = "Layout: chips that share the weights x groups that share the tokens."
    if not all(row.fits for row in answer.rows):
        remark += " What needs more than 100% of a memory does not fit."
    return Table(tuple(columns), tuple(rows), remark=remark)


def _cells(answer: Latency, row: OnMesh, several: bool) -> tuple[str | float | None, ...]:
    first = (
        row.mesh,
        f"{row.model_chips} x {row.token_groups}",
        row.chip_bytes,
        row.chip_bytes / answer.chip.memory_bytes,
        row.prefill_least_s,
        row.prefill_assumed_s,
        row.prefill_bound,
    )
    later = (row.decode_least_s, row.decode_assumed_s, row.decode_bound, row.answer_least_s, row.answer_assumed_s)
    return (*first, *later) if several else first
