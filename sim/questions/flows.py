"""The question: when do single flows finish, and what do the links carry? The network alone, without training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import simpy
from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from ..documents.validation import Frozen, nearest, read_mapping, validate
from ..errors import InputError
from ..network.fluid.network import FluidNetwork
from ..network.paths import NetworkPath, Paths
from ..simulation.without_effect.keys import without_effect_on_flows
from ..topology.model import Topology, load_topology
from ..units.quantities import Moment, Size, Streams


class FlowSpec(Frozen):
    """Bytes from one node to another."""

    source: str = Field(alias="from", examples=["a"])
    target: str = Field(alias="to", examples=["b"])
    size_bytes: Size = Field(alias="size", examples=["100 MB"])
    """Number of bytes to send [byte]."""
    start_s: Moment = Field(default=0.0, alias="start", examples=["1.5 s"])
    """Time at which the first bit may be sent [s]."""
    streams: Streams | None = Field(default=None, examples=[4])
    """Parallel streams: the weight in the fair share. Default: those of the topology's transport."""

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        if self.source == self.target:
            raise InputError(f"a flow from {self.source!r} to itself; name two different nodes")
        return self


class Flows(Frozen):
    """A topology, and the flows over it. In a file `topology` may also be a name or a path."""

    topology: Topology
    flows: tuple[FlowSpec, ...] = Field(min_length=1, examples=['[{from: a, to: b, size: "100 MB"}]'])

    @model_validator(mode="after")
    def _nodes_are_known(self) -> Self:
        known = self.topology.nodes
        unknown = [
            InitErrorDetails(
                type=PydanticCustomError(
                    "value_error",
                    "{reason}",
                    {"reason": f"there is no datacenter or router {node!r}; {nearest(node, known)}"},
                ),
                loc=("flows", position, key),
                input=node,
            )
            for position, flow in enumerate(self.flows)
            for key, node in (("from", flow.source), ("to", flow.target))
            if node not in known
        ]
        if unknown:  # each with its place in the document
            raise ValidationError.from_exception_data("Flows", unknown)
        for flow in self.flows:
            self.topology.path(flow.source, flow.target)
        return self


@dataclass(frozen=True)
class FlowRow:
    """The result of one flow.

    Attributes:
      source, target: its nodes.
      start_s: when its first bit could be sent [s].
      finish_s: when its last bit had arrived: the latency of the route counts once [s].
      bytes: its size [byte].
      mean_rate_bits_per_s: size over the duration; None if a token bucket sent it in no time [bit/s].
      route: the nodes of its route, ends included.
    """

    source: str
    target: str
    start_s: float
    finish_s: float
    bytes: float
    mean_rate_bits_per_s: float | None
    route: tuple[str, ...]


@dataclass(frozen=True)
class LinkRow:
    """The traffic of one link.

    Attributes:
      link: its name; `a -> b` is one direction, `a <-> b` a half-duplex link.
      bandwidth_bits_per_s: its nominal capacity [bit/s].
      bytes: total payload [byte].
      busy_share: share of the time until the last finish in which it carried anything [-].
      full_share: share of that time in which it was saturated [-].
      peak_utilization: the largest share of its capacity at any moment that was in use [-].
    """

    link: str
    bandwidth_bits_per_s: float
    bytes: float
    busy_share: float
    full_share: float
    peak_utilization: float


@dataclass(frozen=True)
class FlowsAnswer:
    """All rows: the flows in the order of the document, the links in the order of the topology; keys without effect."""

    topology: str
    flows: tuple[FlowRow, ...]
    links: tuple[LinkRow, ...]
    notes: tuple[str, ...] = ()


def load_flows(path: Path) -> Flows:
    """Reads a flows document; a topology that it names by a path is relative to the file.

    Raises:
      InputError: anything in the file (or in the topology that it names) is wrong.
    """
    data, text = read_mapping(path, "flows")
    topology: Any = data.get("topology")
    if isinstance(topology, str):
        try:
            data["topology"] = load_topology(topology, folder=path.parent)
        except InputError as error:
            raise error.within(path) from None
    return validate(Flows, data, source=str(path), text=text)


def answer(document: Flows) -> FlowsAnswer:
    """Sends every flow at its start over its route, and follows them until the last bit has arrived.

    Returns:
      A row for every flow and every link.

    Raises:
      InputError: a flow waits for ever on a link that never returns.

    Limits: those of the flow model (docs/network.md): no slow start, no queues, no packets. `exchange_overhead` is for
      exchanges, and does not count here.
    """
    paths = Paths(document.topology)
    env = simpy.Environment()
    network = FluidNetwork(env, paths.wires)
    finish_s = [math.nan] * len(document.flows)
    took_s = [math.nan] * len(document.flows)

    def flow(position: int, spec: FlowSpec, way: NetworkPath) -> simpy.events.ProcessGenerator:
        yield env.timeout(spec.start_s)
        streams = float(spec.streams or way.streams)
        cap_bits_per_s = way.cap_bits_per_s / way.streams * streams
        sent = network.send(way.wires, spec.size_bytes, streams=streams, cap_bits_per_s=cap_bits_per_s)
        took_s[position] = (yield sent) + way.latency_s
        yield env.timeout(way.latency_s)
        finish_s[position] = env.now

    routes = [paths.way(spec.source, spec.target) for spec in document.flows]
    for position, (spec, way) in enumerate(zip(document.flows, routes, strict=True)):
        env.process(flow(position, spec, way))
    env.run()
    _refuse_endless(document, paths, routes, finish_s, set(network.stalled()))
    last_s = max(finish_s) or math.inf  # 0: token buckets sent all flows at once, so no link was busy for any time
    return FlowsAnswer(
        topology=document.topology.name,
        flows=tuple(_flow_row(document, *row) for row in zip(document.flows, finish_s, took_s, strict=True)),
        links=tuple(
            LinkRow(wire.name, bits_per_s, use.bits / 8, use.busy_s / last_s, use.full_s / last_s, use.peak)
            for wire, bits_per_s, use in zip(paths.wires, paths.capacity_bits_per_s, network.use(), strict=True)
        ),
        notes=tuple(without_effect_on_flows(document.topology, [spec.streams for spec in document.flows])),
    )


def _refuse_endless(
    document: Flows, paths: Paths, routes: list[NetworkPath], finish_s: list[float], stalled: set[str]
) -> None:
    """Raises an error that names the first flow that never finished, and the link for which it waits."""
    for position, (spec, way, end_s) in enumerate(zip(document.flows, routes, finish_s, strict=True)):
        if math.isnan(end_s):
            wires = [paths.wires[wire] for wire in way.wires]
            who = f"flows[{position}]: {spec.source!r} to {spec.target!r}"
            if links := ", ".join(wire.name for wire in wires if wire.name in stalled and wire.profile.ends_cut):
                raise InputError(
                    f"{who} waits for ever on the link {links}, which never returns; give its outage a duration, or "
                    "its schedule a bandwidth to end with"
                )
            links = ", ".join(wire.name for wire in wires if not wire.profile.constant)
            raise InputError(
                f"{who} waits for ever: the links {links} never have bandwidth at the same time; move one of their "
                "schedules"
            )


def _flow_row(document: Flows, spec: FlowSpec, finish_s: float, took_s: float) -> FlowRow:
    hops = document.topology.path(spec.source, spec.target)
    return FlowRow(
        source=spec.source,
        target=spec.target,
        start_s=spec.start_s,
        finish_s=finish_s,
        bytes=spec.size_bytes,
        mean_rate_bits_per_s=8 * spec.size_bytes / took_s if took_s > 0 else None,
        route=(spec.source, *(end for _, end in hops)),
    )
