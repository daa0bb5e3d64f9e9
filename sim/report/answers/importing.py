"""What the logs of a run say, as a report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...questions.importing.answer import Imported, Taken
from ...units.in_words import human_count, human_seconds
from ..model import Block, Column, Fact, Facts, Records, Report, Table, sentences, table
from ..quantities import SECONDS

_BITS = {"payload_bits"}


def report(answer: Imported, written: str | None = None) -> Report:
    """The numbers about the run with where each comes from, and what was taken and guessed of every file.

    Args:
      answer: what the logs say.
      written: the trace that was made of them; None: none was asked for.
    """
    numbers = [vars(number) | {"option": _option(number.name)} for number in answer.numbers]
    return Report(
        title=f"{', '.join(Path(taken.file).name for taken in answer.files)}: {_sum(answer)}",
        blocks=(
            sentences(answer.warnings, "strong"),
            *_steps(answer),
            *([_numbers(answer)] if answer.replicas or any(each.value for each in answer.numbers) else []),
            *(_taken(each) for each in answer.files),
            *_inside(answer),
            sentences([*_verdict(answer, written)]),
        ),
        document={name: value for name, value in vars(answer).items() if name not in ("series", "numbers")}
        | {"numbers": numbers, "missing": answer.missing},
        records=Records(("name", "value", "origin", "missing", "option"), numbers),
    )


def _sum(answer: Imported) -> str:
    if not answer.replicas:
        return "no steps"
    who = f" of each of {answer.replicas} replicas" if answer.replicas > 1 else ""
    return f"{answer.steps} steps{who}, {human_seconds(answer.replayed_s)} of compute in all"


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _steps(answer: Imported) -> Iterator[Block]:
    spread = answer.compute
    if spread is None:
        return
    columns = [Column(name, SECONDS) for name in ("Mean", "Median", "A tenth below", "A tenth above")]
    rows = [(spread.mean_s, spread.median_s, spread.p10_s, spread.p90_s)]
    said = []
    if answer.chip_flop_per_s:
        of = f", {answer.peak_share:.1%} of its published peak" if answer.peak_share else ""
        said.append(f"A chip reached {answer.chip_flop_per_s / 1e12:.4g} Tflop/s by 6 N flops a token{of}.")
    yield table(columns, rows, title="Compute of a step", remark=" ".join(said))


def _numbers(answer: Imported) -> Table:
    columns = (Column("What a trace holds", folds=True), Column("Value"), Column("From", folds=True), Column("Option"))
    rows = [
        (number.about, _value(number.name, number.value), number.origin, _option(number.name))
        for number in answer.numbers
    ]
    return table(columns, rows)


def _value(name: str, value: float | str | None) -> str:
    if value is None or isinstance(value, str):
        return value or "-"
    return f"{value:g}" if name in _BITS else human_count(value)


def _taken(taken: Taken) -> Facts:
    whole = f"{taken.steps} steps, {human_seconds(taken.seconds)} in all" if taken.steps else "no steps"
    if taken.exchange_s:
        whole += f", of which {human_seconds(taken.exchange_s)} were waited for exchanges and are no compute"
    facts = [
        Fact("Format", (f"{taken.format} ({taken.recognised})",)),
        Fact("Took", (whole, *taken.took)),
        Fact("Guessed", taken.guessed),
        Fact("Left", taken.notes),
    ]
    return Facts(tuple(fact for fact in facts if fact.texts), title=Path(taken.file).name)


def _inside(answer: Imported) -> Iterator[Block]:
    if not answer.collectives:
        return
    texts = [
        f"{each.kind}{f' of {each.ranks} ranks' if each.ranks else ''}: "
        f"{each.bandwidth_bits_per_s / 1e9:.4g} Gbit/s a rank at {each.largest_bytes:,.0f} bytes, "
        f"{human_seconds(each.latency_s)} at {each.smallest_bytes:,.0f} bytes"
        for each in answer.collectives
    ]
    if answer.inside:
        keys = ", ".join(f'{key}: "{value}"' for key, value in answer.inside.items())
        texts.append(f"In a topology: inside: {{{keys}}}")
    yield sentences(texts, title="What a benchmark of the network measured")


def _verdict(answer: Imported, written: str | None) -> Iterator[str]:
    missing = [f"{_option(number.name)} ({number.about})" for number in answer.numbers if number.missing]
    if not answer.replicas:
        yield "There is no step here, and so nothing for a trace."
    elif missing:
        yield f"Missing for a trace: {', '.join(missing)}."
    elif written is None:
        yield "Nothing was written: --out run.jsonl writes the trace."
    else:
        yield f"The trace is {written}; simulate --trace {written} replays it."
