"""What must answer in time with the model of a plan: chips, prompts and answers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ...errors import ArgumentError
from ...units.chips import UTILIZATION
from .. import latency
from ..latency import OnMesh
from ..meshes import meshes, source_of


@dataclass(frozen=True)
class Serving:
    """When the whole answer to a prompt must be there, and what answers.

    Attributes:
      max_latency_s: for the answer, as `latency` assumes it [s].
      chip: the kind that answers, by its name; None: the kind that trains.
      chips: the most that answer together; None: as many as the largest mesh has.
      prompt_tokens, output_tokens: of a prompt, and generated, the first of which comes from the prompt [tokens].
      batch: prompts at once.
      weight_bytes: of a parameter [byte].
    """

    max_latency_s: float
    chip: str | None = None
    chips: int | None = None
    prompt_tokens: int = latency.Ask.prompt_tokens
    output_tokens: int = latency.Ask.output_tokens
    batch: int = latency.Ask.batch
    weight_bytes: float = latency.Ask.weight_bytes

    def answering(self, params: float) -> list[OnMesh]:
        """The meshes whose memory holds a model of so many parameters, the smallest first, each in its best layout."""
        asked = latency.Ask(
            chip=self.chip or "",
            params=params,
            like_llama_3=True,
            prompt_tokens=self.prompt_tokens,
            output_tokens=self.output_tokens,
            batch=self.batch,
            weight_bytes=self.weight_bytes,
        )
        most = self.chips or math.inf
        return [row for row in latency.answer(asked).rows if row.fits and row.chips <= most]

    def quickest_s(self, params: float) -> float:
        """The shortest answer of a model of so many parameters; inf where no mesh holds it [s].

        It rises with N: every layout takes longer, and fewer of them fit.
        """
        return min((row.answer_assumed_s for row in self.answering(params)), default=math.inf)


def serving(
    max_latency_s: float | None,
    *,
    serve_chip: str | None = None,
    serve_chips: int | None = None,
    serve_batch: int | None = None,
    prompt_tokens: float | None = None,
    output_tokens: float | None = None,
    weight_bytes: float | None = None,
) -> Serving | None:
    """What must answer in time, from arguments of which None leaves the default.

    Args:
      max_latency_s: None: nothing must.
      serve_chip: the kind that answers.
      serve_chips: the most that answer together.
      serve_batch: prompts at once.
      prompt_tokens: of a prompt [tokens].
      output_tokens: of its answer [tokens].
      weight_bytes: of a parameter [byte].

    Raises:
      InputError: one of them is given without a limit, or is no whole number.
    """
    numbers: dict[str, float | None] = {"serve_chips": serve_chips, "serve_batch": serve_batch}
    numbers |= {"prompt_tokens": prompt_tokens, "output_tokens": output_tokens}
    given = {"serve_chip": serve_chip, "weight_bytes": weight_bytes} | numbers
    unused = next((name for name, value in given.items() if value is not None), None)
    if max_latency_s is None and unused:
        raise ArgumentError(f"{{{unused}}}: has no effect without {{max_latency}}; write that, or leave it out")
    if max_latency_s is None:
        return None
    for name, value in numbers.items():
        if value is not None and value != math.floor(value):
            raise ArgumentError(f"{{{name}}}: got {value:g}; write a whole number")
    asked = Serving(max_latency_s, serve_chip, None if serve_chips is None else int(serve_chips))
    changes = {name.removeprefix("serve_"): int(value) for name, value in numbers.items() if value is not None}
    return replace(asked, **changes, **({} if weight_bytes is None else {"weight_bytes": weight_bytes}))  # type: ignore[arg-type]


def all_meshes(asked: Serving) -> bool:
    """Whether a largest number of chips is given, and leaves out no mesh."""
    return asked.chips is not None and asked.chips >= meshes(asked.chip or "", None)[-1].chips


def serving_note(asked: Serving) -> str:
    """What a latency of a plan assumes, for people."""
    free = "" if source_of(asked.chip or "") else ", and exchanges between chips take no time, as nobody says how fast"
    return (
        f"latency: as `simulate latency --shape` assumes it ({UTILIZATION:.0%} of the peak of compute, "
        f"{latency.MEMORY_SHARE:.0%} of the bandwidth of memory), of a model with the dimensions of Llama 3, scaled to "
        f"its size{free}"
    )
