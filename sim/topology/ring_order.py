"""The order of a ring that a topology may give."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..documents.nearest import nearest
from ..errors import InputError


def check_ring(ring: Sequence[str], sites: Sequence[str]) -> None:
    """Demands that a ring visits each datacenter once; an empty one is not given.

    Raises:
      InputError: names the datacenter that is unknown, missing or repeated.
    """
    if not ring:
        return
    for name in ring:
        if name not in sites:
            raise InputError(f"ring: there is no datacenter {name!r}; {nearest(name, sorted(sites))}")
        if list(ring).count(name) > 1:
            raise InputError(f"ring: {name} is there twice; a ring visits each datacenter once")
    missing = [name for name in sites if name not in ring]
    if missing:
        raise InputError(f"ring: {', '.join(missing[:5])} missing; write every datacenter, each once")


def ring_among(ring: Sequence[str], sites: Collection[str]) -> tuple[str, ...]:
    """The given order of those that are in an exchange; the others are passed over."""
    return tuple(name for name in ring if name in sites)
