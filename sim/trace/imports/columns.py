"""Rows of a table as steps: which column holds the seconds, by what the user says or by what it is called."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...documents.nearest import nearest
from ...errors import InputError
from .log import Asked, Found, Log
from .names import (
    CHIPS,
    CLOCK,
    EXCHANGE,
    LOSS,
    PARAMS,
    PER_CHIP,
    REPLICA,
    SECONDS,
    STEP,
    STEPS_PER_S,
    TOKENS_PER_S,
    TOKENS_PER_STEP,
    plain,
    with_unit,
)
from .rows import Row, Rows, Time


def steps_of(path: Path, rows: Sequence[Row], asked: Asked, extra: str = "") -> Log:
    """The steps of a table.

    Args:
      path: stands in messages.
      rows: of the log.
      asked: what the user says of the columns.
      extra: how else a column can be picked, for messages.

    Raises:
      InputError: no column or more than one may hold the seconds, or a value is no time.
    """
    columns = list(dict.fromkeys(name for _, row in rows for name in row))
    for option in ("seconds", "clock", "step", "loss", "exchange", "replica"):
        name = getattr(asked, option)
        if name is not None and name not in columns:
            raise InputError(f"{path}: --{option}-column {name}: there is no such column; {nearest(name, columns)}")
    time = _time(path, columns, asked, extra)
    step, loss = (_only(columns, names, own) for names, own in ((STEP, asked.step), (LOSS, asked.loss)))
    guessed = list(time.guessed)
    if step and not asked.step:
        guessed.append(f"{step} numbers the steps; --step-column says otherwise")
    if loss and not asked.loss:
        guessed.append(f"{loss} is the training loss (kept, and not replayed); --loss-column says otherwise")
    given = {"steps": asked.step, "loss": asked.loss, "exchanges": asked.exchange, "replicas": asked.replica}
    took = (time.took, *(f"{what}: {name}" for what, name in given.items() if name))
    made = Rows(path, time, asked, step, loss)
    steps = made.by_clock(rows) if time.how == "clock" else made.by_row(rows)
    if not steps:
        raise InputError(f"{path}: no row has a value of {time.column}; --seconds-column names another column")
    return Log(steps, took=took, guessed=tuple(guessed), notes=(*made.notes, *_hints(columns, asked, step)))


def facts_of(values: Mapping[str, object], where: str) -> dict[str, Found]:
    """Numbers about a run, by what the keys of its configuration are called."""
    found: dict[str, Found] = {}
    for name, value in values.items():
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
        if number is None or not math.isfinite(number) or number <= 0:
            continue
        for fact, names in (("params", PARAMS), ("tokens_per_step", TOKENS_PER_STEP), ("chips", CHIPS)):
            if plain(name) in names and fact not in found:
                found[fact] = Found(float(number), f"{name} in {where}", sure=False)
    return found


def _time(path: Path, columns: Sequence[str], asked: Asked, extra: str) -> Time:
    if asked.seconds and asked.clock:
        raise InputError(f"{path}: --seconds-column and --clock-column both tell the time; keep one of them")
    if name := asked.seconds or asked.clock:
        how = "seconds" if asked.seconds else "clock"
        said = asked.unit_s or with_unit(name)[1]
        guess = () if said or how == "clock" else (f"{name} is in seconds; --unit ms or us says otherwise",)
        took = f"seconds of a step: {name}" if asked.seconds else f"seconds of a step: between the rows, by {name}"
        return Time(name, how, said or 1.0, took, guess)
    for names, make in ((SECONDS, _seconds), (STEPS_PER_S, _steps_rate), (TOKENS_PER_S, _tokens_rate), (CLOCK, _clock)):
        fitting = [name for name in columns if _stem(name) in names]
        if len(fitting) > 1 and names is CLOCK:  # `_runtime` counts from the begin, and says the same as `_timestamp`
            fitting = [name for name in fitting if "runtime" in plain(name) or "elapsed" in plain(name)][:1] or fitting
        if len(fitting) > 1:
            raise InputError(
                f"{path}: {' and '.join(fitting)} may both tell the seconds of a step; write --seconds-column "
                f"{_quoted(fitting[0])}{extra}"
            )
        if fitting:
            return make(path, fitting[0], asked)
    shown = ", ".join(columns[:12]) + (", ..." if len(columns) > 12 else "")
    raise InputError(
        f"{path}: no column is known to tell the seconds of a step (there are {shown or 'none'}); write "
        "--seconds-column or --clock-column with the name of one"
    )


def _stem(name: str) -> str:
    said, _ = with_unit(name)
    for part in PER_CHIP:
        if said.endswith(f"_{part}") and (short := said.removesuffix(f"_{part}")) in TOKENS_PER_S:
            return short
    return said


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name


def _seconds(path: Path, name: str, asked: Asked) -> Time:
    unit_s = asked.unit_s or with_unit(name)[1]
    guessed = [f"{name} is the time of a step, exchanges within; --seconds-column names another column"]
    if unit_s is None:
        guessed.append(f"{name} is in seconds; --unit ms or us says otherwise")
    return Time(name, "seconds", unit_s or 1.0, f"seconds of a step: {name}", tuple(guessed))


def _steps_rate(path: Path, name: str, asked: Asked) -> Time:
    guess = f"{name} is a rate of steps; --seconds-column names another column"
    return Time(name, "rate", 1.0, f"seconds of a step: 1 over {name}", (guess,))


def _tokens_rate(path: Path, name: str, asked: Asked) -> Time:
    each = any(part in plain(name) for part in PER_CHIP)
    if not asked.tokens_per_step or (each and not asked.chips):
        needs = "--tokens-per-step" + (" and --chips" if each else "")
        raise InputError(
            f"{path}: {name} is a rate of tokens, from which seconds follow with {needs}; write {needs}, or "
            "--seconds-column or --clock-column"
        )
    tokens = asked.tokens_per_step / (asked.chips or 1.0 if each else 1.0)
    guess = (
        f"{name} is a rate of tokens of {'one chip' if each else 'all chips'}; --seconds-column names another column"
    )
    return Time(name, "rate", tokens, f"seconds of a step: {tokens:,.0f} tokens over {name}", (guess,))


def _clock(path: Path, name: str, asked: Asked) -> Time:
    guess = (
        f"{name} is a clock, and what lies between two rows (data loading, evaluations, checkpoints) counts as steps; "
        "--seconds-column names a column with the time of the step itself"
    )
    return Time(
        name, "clock", asked.unit_s or with_unit(name)[1] or 1.0, f"seconds between the rows, by {name}", (guess,)
    )


def _only(columns: Sequence[str], names: frozenset[str], own: str | None) -> str | None:
    fitting = [name for name in columns if plain(name) in names]
    return own or (fitting[0] if len(fitting) == 1 else None)


def _hints(columns: Sequence[str], asked: Asked, step: str | None) -> list[str]:
    """What may be in the log, and was not taken since a wrong guess would change the answer."""
    said = []
    for name in columns:
        if with_unit(name)[0] in EXCHANGE and not asked.exchange:
            said.append(
                f"{name} may be waited for exchanges: it stays in the seconds; --exchange-column {name} takes it out"
            )
        if plain(name) in REPLICA and not asked.replica and name != step:
            said.append(
                f"{name} may say whose step it is: all rows count as one replica's; --replica-column {name} splits"
            )
    return said
