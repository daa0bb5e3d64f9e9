"""Bandwidth over time: schedules and outages as users write them."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, model_validator

from ..documents.validation import FileName, Frozen, read_text, requires_one_of, validate
from ..errors import InputError, brief
from ..units.quantities import BANDWIDTH, DURATION, IN_SI, BandwidthOrNone, Duration, Moment, to_text
from .random_links import RandomBandwidth, RandomOutages

_COLUMNS = ["time_s", "bandwidth_bits_per_s"]


class Point(Frozen):
    """One change of a schedule."""

    at_s: Moment = Field(alias="at", examples=["8 h"])
    """Time of the change [s]."""
    bandwidth_bits_per_s: BandwidthOrNone = Field(alias="bandwidth", examples=["4 Gbit/s"])
    """Bandwidth from then on [bit/s]; with 0 nothing moves."""


_ANY_POINTS = (Point.model_construct(at_s=0.0, bandwidth_bits_per_s=1.0),)


class Schedule(Frozen):
    """Bandwidth over time, piecewise constant: as points, from a CSV file, or drawn at random."""

    model_config = ConfigDict(json_schema_extra=lambda schema: requires_one_of(schema, "points", "file", "random"))

    points: tuple[Point, ...] = Field(min_length=1, examples=['[{at: "0 h", bandwidth: "10 Gbit/s"}]'])
    """The changes: the first at 0, the times strictly increasing."""
    file: FileName | None = None
    """Instead of points: a CSV with the columns time_s and bandwidth_bits_per_s; relative to the topology file."""
    random: RandomBandwidth | None = None
    """Instead of points: a process of which they are drawn."""
    repeat_s: Duration | None = Field(default=None, alias="repeat", examples=["24 h"])
    """Time after which the schedule begins again [s]; default: the last one stays; if drawn, after its changes."""

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: Any, info: ValidationInfo) -> Any:
        """Replaces a file or a process by its points, so that the model is complete without it."""
        if not isinstance(data, dict):
            return data
        if ("points" in data) + (data.get("file") is not None) + (data.get("random") is not None) != 1:
            raise InputError(
                'a schedule needs either `points: [{at: "0 h", bandwidth: "10 Gbit/s"}, ...]` or `file` or `random`'
            )
        rest = {key: value for key, value in data.items() if key not in ("file", "random")}
        if isinstance(data.get("file"), str):
            return rest | {"points": tuple(read_points(Path(data["file"])))}
        if data.get("random") is None:
            return data
        try:
            process = RandomBandwidth.model_validate(data["random"], context=info.context)
        except ValidationError:
            return data | {"points": _ANY_POINTS}  # so that only the mistake in the process is reported
        drawn = tuple(Point.model_construct(at_s=at_s, bandwidth_bits_per_s=value) for at_s, value in process.drawn())
        return {"repeat": to_text(process.changes * process.every_s, DURATION)} | rest | {"points": drawn}

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        times_s = [point.at_s for point in self.points]
        if times_s[0] != 0:
            raise InputError('the first point of a schedule must be at 0; begin with {at: "0 s", ...}')
        for earlier, later in itertools.pairwise(times_s):
            if later <= earlier:
                raise InputError(f"the times of a schedule must increase: {later:g} s follows {earlier:g} s; sort them")
        if self.repeat_s is not None and self.repeat_s <= times_s[-1]:
            raise InputError(
                f"repeat is {self.repeat_s:g} s and the last point is at {times_s[-1]:g} s; repeat after the last point"
            )
        return self

    @property
    def peak_bits_per_s(self) -> float:
        """The largest bandwidth of the schedule [bit/s]."""
        return max(point.bandwidth_bits_per_s for point in self.points)


class Outage(Frozen):
    """A time without any bandwidth."""

    start_s: Moment = Field(alias="start", examples=["2 h"])
    """Its begin [s]."""
    duration_s: Duration | None = Field(default=None, alias="duration", examples=["10 min"])
    """Its duration [s]; default: the link never returns."""

    @property
    def end_s(self) -> float:
        """Its end; infinite if it never ends [s]."""
        return math.inf if self.duration_s is None else self.start_s + self.duration_s


def _drawn_outages(data: Any, info: ValidationInfo) -> Any:
    """Replaces a process by the outages that are drawn of it."""
    if not isinstance(data, dict):
        return data
    process = validate(RandomOutages, data, source="outages", in_si=info.context == IN_SI)
    return tuple(Outage.model_construct(start_s=start, duration_s=duration) for start, duration in process.drawn())


Outages = Annotated[
    tuple[Outage, ...], BeforeValidator(_drawn_outages, json_schema_input_type=tuple[Outage, ...] | RandomOutages)
]
"""Times without any bandwidth, as a list or as a process of which they are drawn."""


def read_points(path: Path) -> Iterator[Point]:
    """The points of a CSV of measured bandwidth.

    Raises:
      InputError: the file is missing, has other columns, or a row without two numbers of 0 or more.
    """
    rows = csv.reader(
        line for line in read_text(path, "bandwidth").splitlines() if line.strip() and not line.startswith("#")
    )
    head = [cell.strip() for cell in next(rows, [])]
    if head != _COLUMNS:
        raise InputError(f"{path}: the columns are {','.join(head)!r}; make them {','.join(_COLUMNS)!r}")
    number = 0
    for number, row in enumerate(rows, start=1):
        try:
            at_s, bits_per_s = (float(cell) for cell in row)
        except ValueError:
            at_s = math.nan
        if not (0 <= at_s < math.inf and 0 <= bits_per_s < math.inf):
            raise InputError(f"{path}: row {number} is {brief(','.join(row))}; write two numbers, such as 3600,4e9")
        if not (DURATION.accepts(at_s, zero=True) and BANDWIDTH.accepts(bits_per_s, zero=True)):
            spans = f"{DURATION.span(zero=True)} and {BANDWIDTH.span(zero=True)}"
            raise InputError(f"{path}: row {number} is {brief(','.join(row))}; write numbers of {spans}")
        yield Point.model_construct(at_s=at_s, bandwidth_bits_per_s=bits_per_s)
    if not number:
        raise InputError(f"{path}: has no rows; write at least one, such as 0,10e9")
