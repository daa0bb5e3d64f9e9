"""Where the chips are and what joins them: datacenters, routers, links, and the routes between them.

A topology is a document of its own (the folder `topologies/` holds those that ship). Links are directed inside:
`between: [a, b]` is full duplex and stands for one link each way.
"""

from __future__ import annotations

from functools import cached_property
from importlib import resources
from itertools import combinations, pairwise, permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from .document import Frozen, nearest, read_mapping, validate
from .errors import InputError
from .units import Bandwidth, ChipSpeed, Latency

if TYPE_CHECKING:
    import networkx

_BANDWIDTH = ["10 Gbit/s"]
_LATENCY = ["10 ms"]


class Inside(Frozen):
    """The network inside a datacenter. Source of the defaults: arXiv 2503.09799, appendix A."""

    bandwidth_bits_per_s: Bandwidth = Field(default=400e9, alias="bandwidth", examples=["400 Gbit/s"])
    """Bandwidth of the all-reduce inside the datacenter [bit/s]."""
    latency_s: Latency = Field(default=1e-4, alias="latency", examples=["0.1 ms"])
    """Latency of an exchange inside the datacenter [s]."""


class Datacenter(Frozen):
    """One site."""

    name: str = Field(min_length=1, examples=["a"])
    chips: int | None = Field(default=None, gt=0, examples=[256])
    """Chips that the site has; null: as many as the workload asks for."""
    chip_flop_per_s: ChipSpeed | None = Field(default=None, alias="chip_speed", examples=["300 Tflop/s"])
    """Useful flop/s of a chip here (peak times utilisation); null: the workload's [flop/s]."""
    inside: Inside = Inside()


class Link(Frozen):
    """A wire: `between` two nodes (full duplex: that bandwidth each way), or `from` one `to` another."""

    between: tuple[str, str] | None = Field(default=None, examples=[["a", "b"]])
    source: str | None = Field(default=None, alias="from", examples=["a"])
    target: str | None = Field(default=None, alias="to", examples=["b"])
    bandwidth_bits_per_s: Bandwidth = Field(alias="bandwidth", examples=_BANDWIDTH)
    """Capacity in each direction that the link has [bit/s]."""
    latency_s: Latency = Field(alias="latency", examples=_LATENCY)
    """One-way latency [s]."""

    @model_validator(mode="after")
    def _has_two_ends(self) -> Self:
        one_way = self.source is not None and self.target is not None
        half = (self.source is None) != (self.target is None)
        if half or one_way == (self.between is not None):
            raise InputError("a link needs its two ends: write `between: [a, b]`, or `from: a` and `to: b`")
        if len(set(self.ends)) == 1:
            raise InputError(f"a link from {self.ends[0]!r} to itself; name two different ends")
        return self

    @property
    def ends(self) -> tuple[str, str]:
        """Both nodes, the sending one first."""
        return self.between if self.between else (self.source or "", self.target or "")

    def directions(self) -> list[tuple[str, str]]:
        """The directed pairs that the link stands for."""
        start, end = self.ends
        return [(start, end), (end, start)] if self.between else [(start, end)]


class Generate(Frozen):
    """Equal datacenters in a regular shape, so that a large file stays short."""

    shape: Literal["full-mesh"]
    """`full-mesh`: a link of its own between every two datacenters."""
    datacenters: int = Field(gt=0, le=1024, examples=[8])
    bandwidth_bits_per_s: Bandwidth = Field(alias="bandwidth", examples=_BANDWIDTH)
    latency_s: Latency = Field(alias="latency", examples=_LATENCY)
    chips: int | None = Field(default=None, gt=0, examples=[256])
    chip_flop_per_s: ChipSpeed | None = Field(default=None, alias="chip_speed", examples=["300 Tflop/s"])
    inside: Inside = Inside()

    def documents(self) -> dict[str, list[dict[str, Any]]]:
        """The datacenters and links, as they would stand written out."""
        shared = self.model_dump(include={"chips", "chip_flop_per_s", "inside"}, exclude_none=True)
        wire = self.model_dump(include={"bandwidth_bits_per_s", "latency_s"})
        names = [f"dc{number}" for number in range(1, self.datacenters + 1)]
        return {
            "datacenters": [{"name": name, **shared} for name in names],
            "links": [{"between": list(pair), **wire} for pair in combinations(names, 2)],
        }


class Route(NamedTuple):
    """What a path offers: its narrowest link and the sum of its latencies."""

    bandwidth_bits_per_s: float
    latency_s: float


class Topology(Frozen):
    """Datacenters, routers, and the links between them."""

    name: str = Field(min_length=1, examples=["two-sites"])
    description: str = ""
    """What the sites are, in a few words."""
    source: str = ""
    """Where the numbers come from."""
    datacenters: tuple[Datacenter, ...] = Field(min_length=1)
    """In the order in which replicas fill them."""
    routers: tuple[str, ...] = ()
    """Nodes without chips: exchanges, backbones, clouds."""
    links: tuple[Link, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "generate" not in data:
            return data
        if data.get("datacenters") or data.get("links"):
            raise InputError("`generate` makes the datacenters and links; remove either it or them")
        rest = {key: value for key, value in data.items() if key != "generate"}
        return rest | validate(Generate, data["generate"], source="generate").documents()

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        names = [site.name for site in self.datacenters] + list(self.routers)
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise InputError(f"two nodes are named {twice!r}; give each datacenter and router a name of its own")
        seen: set[tuple[str, str]] = set()
        for position, link in enumerate(self.links):
            for end in link.ends:
                if end not in names:
                    raise InputError(
                        f"links[{position}]: there is no datacenter or router {end!r}; {nearest(end, names)}"
                    )
            for direction in link.directions():
                if direction in seen:
                    both = f"{direction[0]} to {direction[1]}"
                    raise InputError(
                        f"links[{position}]: {both} is there already; keep one, with the sum of the bandwidths"
                    )
                seen.add(direction)
        return self

    @cached_property
    def graph(self) -> networkx.DiGraph[str]:
        """The directed graph: an edge has `bandwidth_bits_per_s` and `latency_s`."""
        import networkx  # 0.3 s: only when a route is asked for

        graph: networkx.DiGraph[str] = networkx.DiGraph()
        graph.add_nodes_from([site.name for site in self.datacenters] + list(self.routers))
        for link in self.links:
            for start, end in link.directions():
                graph.add_edge(start, end, bandwidth_bits_per_s=link.bandwidth_bits_per_s, latency_s=link.latency_s)
        return graph

    def routes(self, sites: tuple[str, ...]) -> dict[tuple[str, str], Route]:
        """The route of least latency for every ordered pair of the sites.

        Raises:
          InputError: a pair has no path.
        """
        import networkx

        found: dict[tuple[str, str], Route] = {}
        for start, end in permutations(sites, 2):
            try:
                path = networkx.shortest_path(self.graph, start, end, weight="latency_s")
            except networkx.NetworkXNoPath:
                raise InputError(
                    f"topology {self.name}: links: no path from {start!r} to {end!r}; add a link (or take the site out)"
                ) from None
            edges = [self.graph.edges[hop] for hop in pairwise(path)]
            found[start, end] = Route(
                min(edge["bandwidth_bits_per_s"] for edge in edges), sum(edge["latency_s"] for edge in edges)
            )
        return found

    def narrowest(self, sites: tuple[str, ...]) -> Route:
        """What an exchange among all of the sites can count on: the narrowest route's bandwidth, the longest latency.

        Inside one site that is its own network.

        Limits: routes are taken one at a time; links shared by several routes do not narrow each other here.
        """
        if len(sites) == 1:
            inside = next(site.inside for site in self.datacenters if site.name == sites[0])
            return Route(inside.bandwidth_bits_per_s, inside.latency_s)
        routes = self.routes(sites).values()
        return Route(min(r.bandwidth_bits_per_s for r in routes), max(r.latency_s for r in routes))


def topology_names() -> list[str]:
    """Names of the topologies that ship."""
    return sorted(path.name.removesuffix(".yaml") for path in _shipped().iterdir() if path.name.endswith(".yaml"))


def topology_path(name_or_path: str, *, folder: Path | None = None) -> Path:
    """The file behind a name that ships, or behind a path of the user's.

    Args:
      name_or_path: `low-bw`, or a path to a YAML file.
      folder: what a relative path is relative to (the working directory unless given).

    Raises:
      InputError: neither a known name nor a path.
    """
    names = topology_names()
    path = (folder or Path()) / name_or_path
    if name_or_path in names:
        return Path(str(_shipped() / f"{name_or_path}.yaml"))
    if name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path or path.exists():
        return path
    raise InputError(f"topology: there is none named {name_or_path!r}; {nearest(name_or_path, names)}, or a YAML file")


def load_topology(name_or_path: str, *, folder: Path | None = None) -> Topology:
    """Loads a topology that ships, by name, or a file of the user's, by path.

    Raises:
      InputError: no such name or file, or the file is wrong.
    """
    path = topology_path(name_or_path, folder=folder)
    data, text = read_mapping(path, "topology")
    return validate(Topology, {"name": path.stem, **data}, source=str(path), text=text)


def _shipped() -> Any:
    return resources.files("topologies")
