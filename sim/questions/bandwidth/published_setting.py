"""The setting of the published tables of bandwidths, as a scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...documents.validation import validate
from ...errors import ArgumentError
from ...scenario.model import Scenario
from ...scenario.overrides import strategy_documents
from ...strategies import STRATEGIES
from ...topology.model import PUBLISHED, Topology
from ...units.quantities import LATENCY, to_text

Document = dict[str, Any]
STUDIED = ("data-parallel", "diloco", "streaming-diloco", "eager-diloco", "async-diloco")
ROUNDS = 400
"""Rounds of H steps that are replayed where a run has no steady state."""
_MOST_SITES = 64


def study(
    *,
    params: float | str,
    layers: int | None,
    step_time_s: float,
    strategies: Sequence[str] = STUDIED,
    parameters: Mapping[str, Any] | None = None,
    topology: Topology | None = None,
    datacenters: int | None = None,
) -> Scenario:
    """The setting of the published tables: every two datacenters are joined by one link, and latency is 0.

    A datacenter counts as one chip, so that nothing is exchanged inside it, and two replicas send each parameter once.
    The answer for a strategy does not depend on the other strategies. It depends on the number of datacenters, since
    Data-Parallel spans all of them.

    Args:
      params: N; a number, or as people write it (`10B`).
      layers: layers of the model; None if no exchange goes layer by layer.
      step_time_s: compute time of a step [s].
      strategies: `kind` or `kind:key=value,...`; `overlap` is `layers` (exchanges run layer by layer behind the
        backward pass) unless an entry or `parameters` says otherwise.
      parameters: keys for all strategies that have them (`sync_every`, `fragments`, ...) and whose entry has none.
      topology: other links than those of the published tables.
      datacenters: number of datacenters where no topology is given. Default: the largest number of replicas, at
        least 2.

    Raises:
      InputError: no strategy has one of the parameters, layers are needed and missing, or a value is out of range.
    """
    given = dict(parameters or {})
    documents = strategy_documents(strategies, {"overlap": "layers", **given}, asked=given)
    if layers is None and any(document.get("overlap") == "layers" for document in documents):
        raise ArgumentError("{layers}: exchanges begin layer by layer; write {layers:48}, or {overlap:none}")
    sites = _sites(documents, datacenters, topology)
    there = topology or _serial_links(sites)
    there = there.replaced(datacenters=tuple(site.replaced(chips=1) for site in there.datacenters))
    every = max(_at_least(1, document, "sync_every") for document in documents)
    workload: Document = {"params": params, "step_time": to_text(step_time_s, LATENCY)}
    workload |= {"batch_tokens": 4096 * len(there.datacenters), "steps": ROUNDS * every}
    workload |= {} if layers is None else {"layers": layers}
    document = {"name": "bandwidth", "topology": there, "workload": workload, "strategies": documents}
    return validate(Scenario, document, source="bandwidth")


def _serial_links(sites: int) -> Topology:
    """A full mesh: one link between every two sites, exchanges at the published cost."""
    names = [f"dc{number + 1}" for number in range(sites)]
    pairs = [[a, b] for i, a in enumerate(names) for b in names[i + 1 :]]
    links = [{"between": pair, "bandwidth": "1 Gbit/s", "latency": "0 s"} for pair in pairs]
    document = {"name": "one serial link", "datacenters": [{"name": name} for name in names], "links": links}
    return validate(Topology, document | {"collective": PUBLISHED}, source="bandwidth")


def _sites(documents: Sequence[Document], datacenters: int | None, topology: Topology | None) -> int:
    """The number of datacenters of a study without a topology."""
    most = max(_at_least(1, document, "replicas") for document in documents)
    if datacenters is not None and (topology or not max(2, most) <= datacenters <= _MOST_SITES):
        own = "the topology names them" if topology else f"got {datacenters}; the largest number of replicas is {most}"
        instead = "leave it out" if topology else f"write a number from {max(2, most)} to {_MOST_SITES}"
        raise ArgumentError("{datacenters}: {own}; {instead}", own=own, instead=instead)
    if most > _MOST_SITES and not topology:
        told = f"{{replicas}}: got {most}; write {_MOST_SITES} or fewer, or name a {{topology}} that has as many"
        raise ArgumentError(told)
    return datacenters or max(2, most)


def _at_least(least: int, document: Document, key: str) -> int:
    """A whole number of a strategy: as given, else its default; the least where it is invalid (refused later)."""
    field = STRATEGIES[document["kind"]].model_fields.get(key)
    value = document.get(key, field.default if field else least)
    return max(least, int(value)) if isinstance(value, int | float) and abs(value) < 1e9 else least
