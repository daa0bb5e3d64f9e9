"""`simulate latency`: its options, and how they become a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..shell.delivery import check_writable
from ..shell.formats import FormatOption, OutputOption, chosen
from .handing_over import hand_over
from .options import ParamsOption, count, count_if_given, duration_if_given

if TYPE_CHECKING:
    from ..report.model import Report

ChipOption = Annotated[str, typer.Option(help="Chip, by its name, such as tpu-v5e or h100.", metavar="NAME")]
ShapeOption = Annotated[
    str | None,
    typer.Option(
        help="Model by its shape: a name, such as llama-3-70b, or "
        "layers=80,width=8192,hidden=28672,heads=64,kv_heads=8,vocab=128256.",
        metavar="NAME|DIMENSIONS",
    ),
]
PromptOption = Annotated[str, typer.Option("--prompt-tokens", help="Tokens of a prompt.", metavar="COUNT")]
OutputTokensOption = Annotated[
    str, typer.Option("--output-tokens", help="Tokens generated; the first comes from the prompt.", metavar="COUNT")
]
BatchOption = Annotated[int, typer.Option("--batch", help="Prompts at once.")]
MeshOption = Annotated[int | None, typer.Option("--chips", help="Only the mesh of so many chips. [default: all]")]
DeadlineOption = Annotated[
    str | None, typer.Option("--deadline", help="When the whole answer must be there, such as '0.5 s'.")
]
MfuOption = Annotated[float | None, typer.Option("--mfu", help="Assumed share of the peak of compute. [default: 0.4]")]
MemoryShareOption = Annotated[
    float | None,
    typer.Option("--memory-share", help="Assumed share of the bandwidth of memory. [default: 0.9]"),
]
WeightOption = Annotated[float, typer.Option("--weight-bytes", help="Bytes of a parameter; 1: int8.")]
CacheOption = Annotated[
    float | None, typer.Option("--cache-bytes", help="Bytes of a number in the cache of keys and values. [default: 2]")
]
InterconnectOption = Annotated[
    str | None,
    typer.Option(
        "--interconnect",
        help="Bandwidth of a chip to all others, one way, such as '1600 Gbit/s'. [default: as published]",
        metavar="BANDWIDTH",
    ),
]


def latency(
    chip: ChipOption,
    shape: ShapeOption = None,
    params: ParamsOption = None,
    prompt_tokens: PromptOption = "8192",
    output_tokens: OutputTokensOption = "1",
    batch: BatchOption = 1,
    chips: MeshOption = None,
    deadline: DeadlineOption = None,
    mfu: MfuOption = None,
    memory_share: MemoryShareOption = None,
    weight_bytes: WeightOption = 2.0,
    cache_bytes: CacheOption = None,
    interconnect: InterconnectOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """How long a model takes to answer: prefill and decode by mesh of chips, and which mesh answers in time."""
    if output:
        check_writable(output)
    form = chosen(format_, output)
    from ..questions.latency import MEMORY_SHARE, Ask, answer
    from ..questions.shapes import read_shape
    from ..report.answers.latency import report
    from ..units.chips import UTILIZATION

    found = answer(
        Ask(
            chip=chip,
            shape=None if shape is None else read_shape(shape, "--shape"),
            params=count_if_given("--params", params),
            prompt_tokens=_whole("--prompt-tokens", prompt_tokens),
            output_tokens=_whole("--output-tokens", output_tokens),
            batch=batch,
            chips=chips,
            deadline_s=duration_if_given("--deadline", deadline),
            mfu=UTILIZATION if mfu is None else mfu,
            memory_share=MEMORY_SHARE if memory_share is None else memory_share,
            weight_bytes=weight_bytes,
            cache_bytes=cache_bytes,
            interconnect_bits_per_s=_bandwidth("--interconnect", interconnect),
        )
    )

    def illustrated(told: Report) -> Report:
        from ..report.page.latency import page

        return page(told, found)

    hand_over(report(found), form, output, illustrated)


def _whole(option: str, text: str) -> int:
    """A whole number of tokens, as people write it: `8k`.

    Raises:
      InputError: it is none.
    """
    from ..errors import InputError

    number = count(option, text)
    if number != int(number):
        raise InputError(f"{option}: got {text}; write a whole number, such as 8192")
    return int(number)


def _bandwidth(option: str, text: str | None) -> float | None:
    """A bandwidth with its unit [bit/s].

    Raises:
      InputError: it is none.
    """
    if text is None:
        return None
    from ..errors import InputError
    from ..units.quantities import BANDWIDTH, parse

    try:
        return parse(text, BANDWIDTH)
    except InputError as error:
        raise InputError(f"{option}: {error}") from None
