"""A store: a mailbox in which sites leave payloads for each other."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import Field

from ..documents.validation import Frozen, Name, nearest
from ..errors import InputError
from ..units.quantities import Latency


class Store(Frozen):
    """An object store (a mailbox), which payloads are put into once and read out of by everybody who wants them.

    It stands at a router. The links of the sites to it are what each can send and fetch; a store whose service as a
    whole is limited stands behind a router of its own, and the link between the two has its throughput.
    """

    at: Name = Field(examples=["ix"])
    """The router where it stands."""
    request_s: Latency = Field(default=0.0, alias="request", examples=["50 ms"])
    """Time before the first byte of what is put in or read, beside the latency of the links [s]."""


def request_s(store: Store | None, *ends: str) -> float:
    """What a transfer between some nodes waits for before its first byte, if the store is one of them [s]."""
    return store.request_s if store is not None and store.at in ends else 0.0


def check_store(store: Store | None, routers: Collection[str]) -> None:
    """Demands that a store stands at a router.

    Raises:
      InputError: names the routers that there are.
    """
    if store is not None and store.at not in routers:
        known = nearest(store.at, sorted(routers)) if routers else "add it to routers, with links to it"
        raise InputError(f"store.at: there is no router {store.at!r}; {known}")
