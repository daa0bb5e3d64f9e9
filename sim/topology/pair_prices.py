"""Prices between two datacenters, and what the prices of a topology must have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import Field, model_validator

from ..documents.nearest import nearest
from ..documents.validation import Frozen
from ..errors import InputError
from .egress import EgressPrice
from .links import check_ends
from .sites import Datacenter


class PairPrice(Frozen):
    """The price of bytes from one datacenter to another, in place of that of the datacenter they leave."""

    between: tuple[str, str] | None = Field(default=None, examples=[["a", "b"]])
    """Both directions, each with a volume of its own."""
    source: str | None = Field(default=None, alias="from", examples=["a"])
    target: str | None = Field(default=None, alias="to", examples=["b"])
    price: EgressPrice = Field(examples=[0.02])
    """The price of a GB, the name of a published list, or steps of the monthly volume."""

    @model_validator(mode="after")
    def _has_two_ends(self) -> Self:
        check_ends(self.between, self.source, self.target, "price")
        return self

    def ways(self) -> list[tuple[str, str]]:
        """The directed pairs that it is for."""
        start, end = self.between or (self.source or "", self.target or "")
        return [(start, end), (end, start)] if self.between else [(start, end)]


def check_prices(sites: Sequence[Datacenter], pairs: Sequence[PairPrice]) -> None:
    """Demands a price of the chips of every datacenter or of none, and datacenters for prices between them.

    Raises:
      InputError: a price is missing beside others, which would make a sum too low; or a pair is unknown or there twice.
    """
    without = [position for position, site in enumerate(sites) if site.price_chip_hour is None]
    if without and len(without) < len(sites):
        raise InputError(
            f"datacenters[{without[0]}]: has no price_chip_hour, and others have; write one (0 where chips cost "
            "nothing), or take it out of all of them"
        )
    names, seen = [site.name for site in sites], set[tuple[str, str]]()
    for position, pair in enumerate(pairs):
        for way in pair.ways():
            unknown = next((name for name in way if name not in names), None)
            if unknown is not None:
                raise InputError(f"egress[{position}]: there is no datacenter {unknown!r}; {nearest(unknown, names)}")
            if way in seen:
                raise InputError(f"egress[{position}]: from {way[0]} to {way[1]} has a price already; keep one")
            seen.add(way)
