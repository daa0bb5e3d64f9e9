"""Measured times of steps, written into a document instead of the name of a trace."""

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
    """Accepts the times of a single replica without a list around them."""
    flat = isinstance(value, list | tuple) and not any(isinstance(each, list | tuple) for each in value)
    return [value] if flat and value else value


def _whole(value: Any) -> Any:
    """Accepts `7e9` and `7B` as whole numbers."""
    number = read_count(value) if isinstance(value, str | float) else None
    return int(number) if number is not None and number.is_integer() else value


Replicas = Annotated[tuple[Annotated[tuple[Seconds, ...], Field(min_length=1)], ...], BeforeValidator(_of_replicas)]
Whole = Annotated[Size, BeforeValidator(_whole)]


class GivenSeconds(Frozen):
    """The measured times of some steps, and the model that was trained."""

    seconds: Replicas = Field(min_length=1, max_length=1024, examples=[[[0.81, 0.79, 0.80]]])
    """The compute time of every step, for each replica [s]; a flat list for a single replica."""
    params: Whole = Field(examples=[7_000_000_000])
    """Parameters N of the model."""
    active_params: Whole | None = Field(default=None, examples=[2_000_000_000])
    """Parameters that are active for a token (mixture-of-experts); default: all."""
    batch_tokens: Whole = Field(examples=[1_048_576])
    """Global batch of a step, over all replicas [tokens]."""
    chips: int = Field(default=1, gt=0, le=MOST_CHIPS, examples=[256])
    """Chips on which the steps were measured, of all replicas together."""


@lru_cache(maxsize=4)
def as_recording(given: GivenSeconds) -> Recording:
    """The measured times as a recording without exchanges, cut to the steps that all replicas have."""
    steps = min(map(len, given.seconds))
    shape = RecordedModel(name="custom", params=given.params, active_params=given.active_params)
    header = Header(
        algorithm="given",
        model=shape,
        replicas=len(given.seconds),
        replicas_per_device=1,
        steps=steps,
        batch_tokens=given.batch_tokens,
        device=RecordedDevice(platform="gpu", kind="chip", count=given.chips),
    )
    payload_bytes = given.params * PAYLOAD_BITS / 8
    replicas = tuple(Series(cumulative(seconds, steps)) for seconds in given.seconds)
    return Recording(header, replicas, payload_bytes, payload_bytes, counted=False, given=True)
