"""Seconds of steps that somebody measured, written out where else the file of a trace would be named."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from ..defaults import PAYLOAD_BITS
from ..documents.validation import Frozen
from ..units.quantities import MOST_CHIPS, read_count
from .file import Header
from .records import RecordedDevice, RecordedModel, Seconds, Size
from .series import Recording, Series, cumulative


def _of_replicas(value: Any) -> Any:
    """One replica's seconds may stand without a list around them."""
    flat = isinstance(value, list | tuple) and not any(isinstance(each, list | tuple) for each in value)
    return [value] if flat and value else value


def _whole(value: Any) -> Any:
    """`7e9` and `7B` are whole numbers as people write them."""
    number = read_count(value) if isinstance(value, str | float) else None
    return int(number) if number is not None and number.is_integer() else value


Replicas = Annotated[tuple[Annotated[tuple[Seconds, ...], Field(min_length=1)], ...], BeforeValidator(_of_replicas)]
Whole = Annotated[Size, BeforeValidator(_whole)]


class GivenSeconds(Frozen):
    """The measured seconds of some steps, and what was trained in them."""

    seconds: Replicas = Field(min_length=1, max_length=1024, examples=[[[0.81, 0.79, 0.80]]])
    """Of each replica, the compute of every step [s]; of one replica, its numbers alone will do."""
    params: Whole = Field(examples=[7_000_000_000])
    """Parameters N of the model."""
    active_params: Whole | None = Field(default=None, examples=[2_000_000_000])
    """Parameters that work on a token (mixture-of-experts); all of them unless given."""
    batch_tokens: Whole = Field(examples=[1_048_576])
    """Global batch of a step, over all replicas [tokens]."""
    chips: int = Field(default=1, gt=0, le=MOST_CHIPS, examples=[256])
    """Chips that the steps were measured on, all replicas together."""


@lru_cache(maxsize=4)
def as_recording(given: GivenSeconds) -> Recording:
    """The same as a recording: replicas are cut to the steps that all of them have; nothing was exchanged."""
    steps = min(map(len, given.seconds))
    # what nobody gave is 1: no question asks these of a recording
    shape = RecordedModel(
        name="custom",
        params=given.params,
        active_params=given.active_params,
        layers=1,
        heads=1,
        width=1,
        hidden=1,
        vocab=1,
    )
    header = Header(
        algorithm="given",
        model=shape,
        replicas=len(given.seconds),
        steps=steps,
        batch_tokens=given.batch_tokens,
        sequence_length=1,
        device=RecordedDevice(platform="gpu", kind="chip", count=given.chips),
    )
    payload_bytes = given.params * PAYLOAD_BITS / 8
    replicas = tuple(Series(cumulative(seconds, steps)) for seconds in given.seconds)
    return Recording(header, replicas, payload_bytes, payload_bytes, counted=False, given=True)
