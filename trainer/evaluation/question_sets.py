"""Multiple-choice questions from the published files of HellaSwag, PIQA and ARC.

Every question becomes a context and its choices, each of which follows the context after one space. Contexts of
HellaSwag are used as they are; those of PIQA and ARC are `Question: ...`, a line break, `Answer:`.

Source: arXiv 1905.07830 (HellaSwag), 1911.11641 (PIQA), 1803.05457 (ARC); prompts as in EleutherAI's
lm-evaluation-harness.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias, get_args

from sim.errors import InputError

from ..data.files import bounded_lines, damages, opened

Kind: TypeAlias = Literal["hellaswag", "piqa", "arc-easy"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_HELLASWAG_LINES = 6
_MAX_CHARACTERS = 256_000_000
"""The largest file of a set, which is held in memory as a whole; the largest published one has a fifth of it."""
_ANSWER = "Answer:"
_LAYOUTS = {
    "hellaswag": 'six lines for each question, or {"ctx", "endings", "label"} on each line',
    "piqa": '{"goal", "sol1", "sol2", "label"} on each line',
    "arc-easy": '{"question", "choices", "answerKey"} on each line',
}


@dataclass(frozen=True)
class Question:
    """A context and its choices.

    Attributes:
      context: the text before the choices.
      choices: the texts that may follow, after a space.
      answer: number of the right choice, from 0.
    """

    context: str
    choices: tuple[str, ...]
    answer: int


def read_questions(path: Path, kind: Kind) -> list[Question]:
    """Reads a file of questions, compressed or not.

    Args:
      path: JSON lines in the published layout of its kind, or with `query`, `choices`, `gold`; HellaSwag also as text
        of six lines a question (context, number of the right ending, four endings).
      kind: the set.

    Returns:
      The questions, in order.

    Raises:
      InputError: the file cannot be read, or does not have that layout.
    """
    lines = _lines(path)
    begin = next((line for line in lines if line.strip()), "")
    if kind == "hellaswag" and not begin.lstrip().startswith("{"):
        questions = list(_six_lines(path, lines))
    else:
        questions = [
            _checked(_from_json(path, number, line, kind), path, number)
            for number, line in enumerate(lines, 1)
            if line.strip()
        ]
    if not questions:
        raise InputError(f"{path}: holds no questions; {_wanted(kind)}")
    return questions


def _wanted(kind: Kind) -> str:
    return f'write {_LAYOUTS[kind]}, or {{"query", "choices", "gold"}} on each line'


def _lines(path: Path) -> list[str]:
    try:
        with opened(path) as binary, io.TextIOWrapper(binary, encoding="utf-8") as file:
            return list(_held(path, file))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}); fetch it again") from None
    except damages() as error:
        raise InputError(f"{path}: damaged or cut short ({error}); fetch it again") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); give the file of the set") from None


def _held(path: Path, file: IO[str]) -> Iterator[str]:
    """The lines of a file, up to the size of the largest set."""
    held = 0
    for line in bounded_lines(path, file):
        held += len(line) + 64
        if held > _MAX_CHARACTERS:
            raise InputError(f"{path}: larger than any set of questions; give the file of the set")
        yield line.rstrip("\n")


def _six_lines(path: Path, lines: list[str]) -> Iterator[Question]:
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    for first in range(0, len(lines), _HELLASWAG_LINES):
        item = lines[first : first + _HELLASWAG_LINES]
        if len(item) < _HELLASWAG_LINES or not item[1].strip().isdecimal():
            raise InputError(
                f"{path}:{first + 1}: not six lines of a context, the number of the right ending and four endings; "
                f"{_wanted('hellaswag')}"
            )
        yield _checked(Question(item[0].strip(), tuple(map(str.strip, item[2:])), int(item[1])), path, first + 1)


def _from_json(path: Path, number: int, line: str, kind: Kind) -> Question:
    try:
        record = json.loads(line)
        return (_common if "query" in record else _READERS[kind])(record, kind)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else "not a question"
        raise InputError(f"{path}:{number}: {what}; {_wanted(kind)}") from None


def _common(record: dict[str, Any], kind: Kind) -> Question:
    """A question from `query`, `choices` and `gold`; a query of PIQA or ARC may already end with `Answer:`."""
    query = str(record["query"]).strip()
    if kind != "hellaswag" and not query.endswith(_ANSWER):
        query = f"{query}\n{_ANSWER}"
    return Question(query, tuple(record["choices"]), int(record["gold"]))


def _hellaswag(record: dict[str, Any], kind: Kind) -> Question:
    topic = f"{record['activity_label']}: " if record.get("activity_label") else ""
    return Question(_unmarked(topic + record["ctx"]), tuple(map(_unmarked, record["endings"])), int(record["label"]))


def _unmarked(text: str) -> str:
    """Text without the marks (`[header]`, `[step]`) of the wikiHow part of HellaSwag."""
    return re.sub(
        r" {2,}", " ", re.sub(r"\[(?:header|title|step|substeps)\]", "", text.replace(" [title]", ". "))
    ).strip()


def _piqa(record: dict[str, Any], kind: Kind) -> Question:
    return Question(_asked(record["goal"]), (record["sol1"], record["sol2"]), int(record["label"]))


def _arc(record: dict[str, Any], kind: Kind) -> Question:
    """A question of ARC: in the original layout (a question with stem and choices) or that of the hub (columns)."""
    question, choices = record["question"], record.get("choices")
    if choices is None:
        question, choices = question["stem"], question["choices"]
        choices = {key: [choice[key] for choice in choices] for key in ("text", "label")}
    return Question(_asked(question), tuple(choices["text"]), choices["label"].index(record["answerKey"]))


def _asked(question: str) -> str:
    return f"Question: {question.strip()}\n{_ANSWER}"


_READERS: dict[Kind, Callable[[dict[str, Any], Kind], Question]] = {
    "hellaswag": _hellaswag,
    "piqa": _piqa,
    "arc-easy": _arc,
}


def _checked(question: Question, path: Path, number: int) -> Question:
    choices = question.choices
    if not question.context.strip() or not all(isinstance(text, str) and text.strip() for text in choices):
        raise InputError(f"{path}:{number}: the context or a choice is empty; correct or delete the question")
    if len(choices) < 2 or not 0 <= question.answer < len(choices):
        raise InputError(
            f"{path}:{number}: answer {question.answer} of {len(choices)} choices, counted from 0; "
            "write two choices or more and the number of the right one"
        )
    return question
