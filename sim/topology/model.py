"""Topologies: datacenters, routers and links, and the routes between them.

A topology is a document of its own; the folder `topologies/` holds those that ship. Internally links are directed:
`between: [a, b]` is full duplex, and means one link in each direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from ..documents.reading import exists
from ..documents.validation import Name, Words, nearest, read_mapping, requires_one_of, validate
from ..errors import InputError
from ..units.quantities import MOST_SITES
from .algorithms import PUBLISHED, CollectiveName
from .geography import FIBRE_STRETCH, listed, with_latency
from .hosts import Host, Place, check_hosts
from .inside import Inside
from .links import Link, RouteOverride, Transport
from .pair_prices import PairPrice, check_prices
from .regular import RegularTopology
from .ring_order import check_ring
from .routes import Route, Routing
from .shapes import SHAPES, generated
from .sites import Datacenter, Router, RouterOrName, check_names
from .store import Store, check_store, request_s

if TYPE_CHECKING:
    import networkx

__all__ = [
    "PUBLISHED",
    "CollectiveName",
    "Datacenter",
    "Inside",
    "Link",
    "Route",
    "Router",
    "Topology",
    "load_topology",
    "read_topology",
    "topology_names",
    "topology_path",
]


class Topology(RegularTopology):
    """Datacenters, routers, and the links between them."""

    name: Name = Field(examples=["two-sites"])
    description: Words = ""
    """The sites, in a few words."""
    source: Words = ""
    """The source of the numbers."""
    datacenters: tuple[Datacenter, ...] = Field(min_length=1, max_length=MOST_SITES)
    """The sites, in the order in which replicas are placed in them."""
    hosts: tuple[Host, ...] = ()
    """Machines whose compute several datacenters share."""
    routers: tuple[RouterOrName, ...] = ()
    """Nodes without chips: names, or `{name: ix, location: {...}}`."""
    links: tuple[Link, ...] = ()
    route_overrides: tuple[RouteOverride, ...] = Field(default=(), alias="routes")
    """Routes that are not those of least latency."""
    transport: Transport = Transport()
    """The caps of a flow between sites beside its links, and overheads."""
    collective: CollectiveName = "auto"
    """The algorithm of an all-reduce between sites, made of flows that share the links (`auto`: the fastest one); or
    `published` (also called `ideal`): the cost by the formula of the papers, without contention."""
    ring_order: tuple[str, ...] = Field(default=(), alias="ring", max_length=MOST_SITES, examples=[["a", "b", "c"]])
    """The order in which rings visit the datacenters, each once; default: the best one that a search finds."""
    fibre_stretch: float = Field(default=FIBRE_STRETCH, ge=1, le=10, strict=True, examples=[1.3])
    """Length of a fibre over the great circle, for links without a latency [-]."""
    store: Store | None = Field(default=None, examples=["{at: ix}"])
    """The object store through which payloads may go, in place of from site to site."""
    egress: tuple[PairPrice, ...] = ()
    """Prices of bytes between two datacenters, in place of those of the datacenters."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A topology in a file: instead of datacenters and links it may have `generate`."""
        schema = super().__get_pydantic_json_schema__(core, handler)
        shapes = [
            shape.__get_pydantic_json_schema__(shape.__pydantic_core_schema__, handler) for shape in SHAPES.values()
        ]
        schema["properties"]["generate"] = {"anyOf": shapes, "description": "Equal datacenters in a regular shape."}
        requires_one_of(schema, "datacenters", "generate")
        return schema

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        if "generate" in data:
            if data.get("datacenters") or data.get("links") or data.get("routers"):
                raise InputError("`generate` makes the datacenters, routers and links; remove either it or them")
            data = {key: value for key, value in data.items() if key != "generate"} | generated(data["generate"])
        return data | {"links": with_latency(data)} if isinstance(data.get("links"), list | tuple) else data

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        names = set[str]()
        for name in self.nodes:
            if name in names:
                raise InputError(f"two nodes are named {name!r}; give each datacenter and router its own name")
            names.add(name)
        check_hosts(self.hosts, (site.host for site in self.datacenters))
        check_prices(self.datacenters, self.egress)
        check_ring(self.ring_order, [site.name for site in self.datacenters])
        check_store(self.store, {router.name for router in self.routers})
        seen: set[tuple[str, str]] = set()
        for position, link in enumerate(self.links):
            check_names(link.ends, names, f"links[{position}]")
            for direction in link.directions():
                if direction in seen:
                    both = f"{direction[0]} to {direction[1]}"
                    raise InputError(
                        f"links[{position}]: {both} is there already; keep one, with the sum of the bandwidths"
                    )
                seen.add(direction)
        decided: set[tuple[str, str]] = set()
        for position, override in enumerate(self.route_overrides):
            for way in override.ways():
                check_names(way, names, f"routes[{position}]")
                missing = next((hop for hop in pairwise(way) if hop not in seen), None)
                if missing:
                    raise InputError(
                        f"routes[{position}]: there is no link from {missing[0]!r} to {missing[1]!r}; "
                        "go by nodes that links join"
                    )
                if (way[0], way[-1]) in decided:
                    raise InputError(
                        f"routes[{position}]: the route from {way[0]!r} to {way[-1]!r} is there already; keep one"
                    )
                decided.add((way[0], way[-1]))
        return self

    def __repr__(self) -> str:
        return f"<Topology {self.name}: {len(self.datacenters)} datacenter(s), {len(self.links)} link(s)>"

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the datacenters, then of the routers."""
        return (*(site.name for site in self.datacenters), *(router.name for router in self.routers))

    @cached_property
    def wires(self) -> dict[tuple[str, str], Link]:
        """The link of every directed pair of neighbours (both directions have the same one)."""
        return {direction: link for link in self.links for direction in link.directions()}

    @cached_property
    def graph(self) -> networkx.DiGraph[str]:
        """The directed graph: an edge has `bandwidth_bits_per_s` and `latency_s`."""
        import networkx  # takes 0.3 s, and few commands need it

        graph: networkx.DiGraph[str] = networkx.DiGraph()
        graph.add_nodes_from(self.nodes)
        for (start, end), link in self.wires.items():
            graph.add_edge(start, end, bandwidth_bits_per_s=link.bandwidth_bits_per_s, latency_s=link.latency_s)
        return graph

    @cached_property
    def _routing(self) -> Routing:
        overrides = {(way[0], way[-1]): way for override in self.route_overrides for way in override.ways()}
        return Routing({pair: link.latency_s for pair, link in self.wires.items()}, overrides)

    def path(self, start: str, end: str) -> tuple[tuple[str, str], ...]:
        """The directed hops from one node to another.

        They are those of the route that `routes` gives, else of the route of least latency. Ties go to fewer hops, then
        to the names that sort first, so that a path depends only on the topology.

        Raises:
          InputError: there is no path.
        """
        nodes = self._routing.path(start, end)
        return tuple(pairwise(nodes or self._no_path(start, end)))

    def _no_path(self, start: str, end: str) -> NoReturn:
        raise InputError(
            f"topology {self.name}: links: no path from {start!r} to {end!r}; add a link (or take the site out)"
        )

    def route(self, start: str, end: str) -> Route:
        """The route from one site to another without other traffic: bandwidth for payload, and latency.

        Raises:
          InputError: there is no path.
        """
        links = [self.wires[hop] for hop in self.path(start, end)]
        return Route(
            min(link.bandwidth_bits_per_s for link in links) * self.transport.payload_share,
            sum(link.latency_s for link in links),
            self.transport.exchange_overhead_s + request_s(self.store, start, end),
        )

    def routes(self, sites: tuple[str, ...]) -> dict[tuple[str, str], Route]:
        """The routes between all ordered pairs of sites, without other traffic and with headers counted as payload.

        Raises:
          InputError: a pair has no path.
        """
        if sites not in self._known_routes:
            links = {pair: Route(link.bandwidth_bits_per_s, link.latency_s) for pair, link in self.wires.items()}
            found: dict[tuple[str, str], Route] = {}
            for start in sites:
                ends = [site for site in sites if site != start]
                for end, route in zip(ends, self._routing.offers(start, ends, links), strict=True):
                    found[start, end] = route or self._no_path(start, end)
            self._known_routes[sites] = found
        return self._known_routes[sites]

    @cached_property
    def _known_routes(self) -> dict[tuple[str, ...], dict[tuple[str, str], Route]]:
        return {}

    @cached_property
    def known(self) -> dict[Any, Any]:
        """What was found out about it: best rings by sites; exchanges on idle links by sites and phases."""
        return {}

    def places_of(self, sites: Sequence[Datacenter]) -> tuple[Place | None, ...]:
        """The place of each of some datacenters; None for one with its own host."""
        hosts = {host.name: host for host in self.hosts}
        places = {host.name: Place(host, hosts[host.part_of] if host.part_of else None) for host in self.hosts}
        return tuple(places[site.host] if site.host else None for site in sites)

    def narrowest(self, sites: tuple[str, ...]) -> Route:
        """The route of an exchange among all sites: the bandwidth of the narrowest route, and the largest latency.

        The bandwidth is that for payload, without headers. For a single site it is its own network.

        Limits: each route counts by itself; that several routes share a link is ignored here.
        """
        if len(sites) == 1:
            return next(site.inside_route for site in self.datacenters if site.name == sites[0])
        routes, transport = self.routes(sites).values(), self.transport
        bandwidth = min(r.bandwidth_bits_per_s for r in routes) * transport.payload_share
        return Route(bandwidth, max(r.latency_s for r in routes), transport.exchange_overhead_s)


def topology_names() -> list[str]:
    """Names of the topologies that ship."""
    return sorted(path.name.removesuffix(".yaml") for path in _shipped().iterdir() if path.name.endswith(".yaml"))


def topology_path(name_or_path: str, *, folder: Path | None = None) -> Path:
    """The file of a topology that ships, by its name, or of the user, by its path.

    Args:
      name_or_path: `low-bw`, or a path to a YAML file.
      folder: the folder of a relative path; None: the working directory.

    Raises:
      InputError: it is neither a known name nor a path.
    """
    names = topology_names()
    path = (folder or Path()) / name_or_path
    if name_or_path in names:
        return Path(str(_shipped() / f"{name_or_path}.yaml"))
    if name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path or exists(path):
        return path
    raise InputError(f"topology: there is none named {name_or_path!r}; {nearest(name_or_path, names)}, or a YAML file")


def read_topology(path: Path) -> tuple[dict[str, Any], str]:
    """A topology file as plain data, with a name and with paths relative to the working directory; and its text.

    Raises:
      InputError: the file cannot be read, or is no mapping.
    """
    data, text = read_mapping(path, "topology")
    for link in listed(data.get("links")):
        schedule = link.get("schedule") if isinstance(link, dict) else None
        if isinstance(schedule, dict) and isinstance(schedule.get("file"), str):
            schedule["file"] = str(path.parent / schedule["file"])
    return {"name": path.stem, **data}, text


def load_topology(name_or_path: str, *, folder: Path | None = None) -> Topology:
    """Loads a topology that ships, by its name, or one of the user, by its path.

    Raises:
      InputError: the name or file does not exist, or the file is wrong.
    """
    path = topology_path(name_or_path, folder=folder)
    data, text = read_topology(path)
    return validate(Topology, data, source=str(path), text=text)


def _shipped() -> Any:
    return resources.files("topologies")
