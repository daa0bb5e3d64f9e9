"""`--strategy all`: every strategy with what it leaves open, on every choice of datacenters."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import ArgumentError
from ...laws.communication import LEAST_BITS
from ...topology.model import Datacenter, Topology
from .open_keys import with_open_keys
from .options import Ask, Document, Option, option_on, told_apart_options
from .parts import choices, part_of

MOST_CHOICES = 31
"""Up to so many choices of datacenters all are searched (five that differ); else the first 1, 2, 3, ... by flop/s."""
_FRAGMENTS: tuple[int | None, ...] = (None, 4)
_DELAYS = (1, 5)
_PIPELINES = ((16, "1f1b"), (16, "zero-bubble"), (64, "zero-bubble"))
_ACROSS_EVERY = (2, 4)


def check_all(ask: Ask) -> None:
    """Refuses other entries beside `all`.

    Raises:
      InputError: there are some.
    """
    if len(ask.strategies) > 1:
        raise ArgumentError("{strategies} all: has every strategy in it; leave out the others")


def everything(ask: Ask, topology: Topology) -> list[Option]:
    """Every strategy with every P, tau, H, bits, levels and stages on every choice of datacenters.

    Args:
      ask: what is asked.
      topology: from `equipped`.
    """
    found: dict[str, Option] = {}
    for part in (part_of(topology, chosen) for chosen in choices(topology, ask.failures, MOST_CHOICES)):
        for document in _documents(part, ask):
            for each in with_open_keys(document, len(part.datacenters), ask.cadences):
                if _valid(each):
                    option = option_on(ask, each, part)
                    found.setdefault(option.name, option)
    return told_apart_options(list(found.values()))


def entry_of(option: Option) -> str:
    """The entry that searches an option's strategy again; M and H are open where it does not depend on them."""
    kept = {key: value for key, value in option.document.items() if key not in ("kind", "sync_every")}
    if not {"regions", "quorum"} & set(kept) and kept.get("replicas") != 1:
        kept.pop("replicas", None)
    pairs = ",".join(f"{key}={value}" for key, value in kept.items())
    return f"{option.strategy.kind}:{pairs}" if pairs else option.strategy.kind


def _flop_per_s(site: Datacenter) -> float:
    return -(site.chips or 0) * (site.chip_flop_per_s or 0.0)


def _valid(document: Document) -> bool:
    every = document.get("sync_every")
    return every is None or int(document.get("overlap_steps", 0)) < int(every)


def _documents(part: Topology, ask: Ask) -> Iterator[Document]:
    """Every strategy for these datacenters; H is open, M is a replica in each (or one over all)."""
    sites = len(part.datacenters)
    yield {"kind": "data-parallel"}
    yield {"kind": "diloco", "replicas": 1}
    if sites == 1:
        return
    yield {"kind": "data-parallel", "overlap": "layers"}
    for narrow in ({}, {"payload_bits": LEAST_BITS}) if ask.payload_bits > LEAST_BITS else ({},):
        for document in _with_outer_steps(part, sites):
            yield document | {"replicas": sites} | narrow
    for through in ("sites", "store") if part.store else ("sites",):
        for kind in ("sparseloco", "demo"):
            yield {"kind": kind, "replicas": sites} | ({} if through == "sites" else {"through": through})
    if sites <= ask.layers:
        for count, schedule in _PIPELINES:
            yield {"kind": "pipeline", "microbatches": count, "schedule": schedule}


def _with_outer_steps(part: Topology, sites: int) -> Iterator[Document]:
    """Those whose payload is a change of all parameters, in any number of bits."""
    yield {"kind": "diloco"}
    for fragments in _FRAGMENTS:
        for delay in _DELAYS:
            own = {} if fragments is None else {"fragments": fragments}
            yield {"kind": "streaming-diloco", "overlap_steps": delay} | own
    for count in (1, 8):
        yield {"kind": "eager-diloco"} | ({} if count == 1 else {"fragments": count})
    yield {"kind": "async-diloco"}
    if len({_flop_per_s(site) for site in part.datacenters}) > 1:
        yield {"kind": "async-diloco", "local_steps": "by-speed"}
    yield {"kind": "elastic-diloco", "quorum": sites - 1}
    yield {"kind": "gossip-diloco"}
    for regions in range(2, sites):
        if sites % regions == 0:
            levels = [{"regions": regions, "across_every": k} for k in _ACROSS_EVERY]
            yield from ({"kind": kind} | each for kind in ("two-level-diloco", "halos") for each in levels)
    yield {"kind": "des-loc"}
    yield {"kind": "decoupled-diloco", "quorum": 1}
    if sites > 2:
        yield {"kind": "decoupled-diloco", "quorum": sites - 1}
