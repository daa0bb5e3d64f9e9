"""Prices of bytes that leave a site: a number, a published list by its name, or steps of the monthly volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, GetJsonSchemaHandler, Tag
from pydantic_core import CoreSchema

from ..documents.nearest import nearest
from ..documents.validation import Frozen
from ..errors import InputError, brief
from ..units.quantities import Size

MONTH_S = 31557600 / 12
"""The month of a bill: a twelfth of a Julian year [s]."""
_GB = 1e9
Money = Annotated[float, Field(ge=0, le=1e12, strict=True, allow_inf_nan=False)]
"""A price, in a currency of one's own: the same for all prices of a scenario."""


@dataclass(frozen=True)
class Tier:
    """A step of a tariff: up to so many bytes of a month (inf: no end), a byte costs so much."""

    up_to_bytes: float
    per_byte: float


@dataclass(frozen=True)
class PublishedList:
    """A published price list.

    Attributes:
      name: its name.
      tiers: its steps, in US dollars.
      what: what it is the price of.
      source: its source, and when and how it was read.
    """

    name: str
    tiers: tuple[Tier, ...]
    what: str
    source: str


@cache
def published_lists() -> dict[str, PublishedList]:
    """The price lists that ship, by name; read at the first call."""
    import csv

    text = (resources.files("sim.topology") / "egress_lists.csv").read_text(encoding="utf-8")
    found: dict[str, PublishedList] = {}
    for row in csv.DictReader(line for line in text.splitlines() if not line.startswith("#")):
        unit = float(row["unit_bytes"])
        tier = Tier(float(row["up_to"] or "inf") * unit, float(row["price"]) / unit)
        before = found[row["name"]].tiers if row["name"] in found else ()
        how = "" if row["seen"] == "provider" else ", in copies"
        source = f"{row['source']}, read on {row['read_on']}{how}"
        found[row["name"]] = PublishedList(row["name"], (*before, tier), row["what"], source)
    return found


def _known(name: str) -> str:
    lists = list(published_lists())
    if name not in lists:
        raise InputError(
            f"there is no price list {brief(name)}; {nearest(name, lists)}; or a number, the price of a GB"
        )
    return name


class _Names:
    """The schema of a list's name; the lists are read when somebody asks for it."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "enum": list(published_lists())}


class Step(Frozen):
    """A step of a tariff: the price of a GB up to a volume of a month."""

    up_to_bytes: Size | None = Field(default=None, alias="up_to", examples=["10 TB"])
    """The end of the step, counted from the beginning of the month [byte]; the last step has none."""
    price_gb: Money = Field(examples=[0.09])
    """The price of 1e9 bytes within it."""


def _rise(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    ends = [step.up_to_bytes for step in steps]
    if ends[-1] is not None or None in ends[:-1]:
        raise InputError(
            "every step but the last needs an `up_to`, and the last has none, so that any volume has a price"
        )
    if any(a is not None and b is not None and a >= b for a, b in pairwise(ends)):
        raise InputError("the steps do not rise; write them in the order of their `up_to`")
    return steps


def _kind(price: object) -> str:
    """The tag of a price; tags in brackets are left out of the paths in error messages."""
    return "(list)" if isinstance(price, str) else "(steps)" if isinstance(price, list | tuple) else "(number)"


EgressPrice = Annotated[
    Annotated[Money, Tag("(number)")]
    | Annotated[str, AfterValidator(_known), _Names(), Tag("(list)")]
    | Annotated[tuple[Step, ...], Field(min_length=1, max_length=100), AfterValidator(_rise), Tag("(steps)")],
    Discriminator(_kind),
]
"""The price of a GB (1e9 bytes), the name of a published list, or steps."""


def tiers(price: float | str | Sequence[Step]) -> tuple[Tier, ...]:
    """The steps of a price."""
    if isinstance(price, str):
        return published_lists()[price].tiers
    if isinstance(price, int | float):
        return (Tier(float("inf"), price / _GB),)
    return tuple(Tier(step.up_to_bytes or float("inf"), step.price_gb / _GB) for step in price)


def charge(price: float | str | Sequence[Step], sent_bytes: float, seconds: float) -> float:
    """What so many bytes cost, sent evenly over so long a time.

    The steps begin anew in every month. A run that is shorter than a month falls into a single one.

    Args:
      price: the price.
      sent_bytes: of the whole run [byte].
      seconds: how long the run takes [s].
    """
    months = max(1.0, seconds / MONTH_S)
    monthly_bytes, begin, found = sent_bytes / months, 0.0, 0.0
    for tier in tiers(price):
        found += max(0.0, min(monthly_bytes, tier.up_to_bytes) - begin) * tier.per_byte
        begin = tier.up_to_bytes
    return months * found


def least_per_byte(price: float | str | Sequence[Step]) -> float:
    """The lowest price of a byte that any volume has: a lower bound for all of them."""
    return min(tier.per_byte for tier in tiers(price))
