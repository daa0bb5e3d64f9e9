"""What a plan can choose from: strategies, the datacenters that they run on, and how each becomes a scenario."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from ...defaults import PAYLOAD_BITS
from ...documents.validation import validate
from ...errors import ArgumentError, InputError
from ...scenario.model import Scenario
from ...scenario.overrides import parse_strategy
from ...simulation.jobs import plan_job
from ...strategies import STRATEGIES, AbstractStrategy, Setting
from ...strategies.shared.strategy import told_apart
from ...topology.hosts import places_that_slow_down
from ...topology.model import Datacenter, Topology
from ...workload.extent import CHIP_FLOP_PER_S

Document = dict[str, Any]

MOST_SITES = 10
"""Datacenters up to which every choice of them is looked at; beyond, only the first 1, 2, 3, ... by compute."""


@dataclass(frozen=True)
class Ask:
    """What a plan is asked for.

    Attributes:
      topology: sites and links.
      days: the deadline [days].
      chips: in all datacenters together, the same number in each; None: those that the topology names.
      chip_flop_per_s: useful flop/s of a chip; None: what the topology names, else the default [flop/s].
      strategies: `kind` or `kind:key=value,...`; what an entry leaves open (replicas, H) is searched.
      sync_every: the H to choose from, where an entry names none.
      params: N to choose from: one, or the ends of a range; None: around what the chips can train.
      tokens_per_param: D / N, where it is not free.
      unique_tokens: different tokens that there are; more of them are repeats [tokens].
      inference_tokens: tokens that the model will process after training [tokens].
      loss_slack: with inference tokens: how much of the best loss may be given up for lifetime compute.
      price_chip_hour, price_gb: of one chip for an hour; of a GB (1e9 bytes) sent between datacenters.
      max_cost: what a run may cost, in the unit of the prices.
      payload_bits: bits per exchanged parameter, where a strategy names none [bit].
      layers: of the model, for strategies that exchange layer by layer.
    """

    topology: Topology
    days: float
    chips: int | None = None
    chip_flop_per_s: float | None = None
    strategies: tuple[str, ...] = ("data-parallel", "diloco")
    sync_every: tuple[int, ...] = (30,)
    params: tuple[float, ...] | None = None
    tokens_per_param: float | None = None
    unique_tokens: float | None = None
    inference_tokens: float | None = None
    loss_slack: float = 0.01
    price_chip_hour: float | None = None
    price_gb: float | None = None
    max_cost: float | None = None
    payload_bits: float = PAYLOAD_BITS
    layers: int = 48

    @property
    def limit_s(self) -> float:
        """The deadline [s]."""
        return self.days * 86_400

    @property
    def priced(self) -> bool:
        """Whether runs have a cost."""
        return self.price_chip_hour is not None or self.price_gb is not None

    def cost(self, chips: Any, wall_clock_s: Any, crossing_bytes: Any) -> Any:
        """Chip-hours and GB between datacenters at their prices; numbers or arrays."""
        chip_hours = chips * wall_clock_s / 3600
        return chip_hours * (self.price_chip_hour or 0.0) + crossing_bytes / 1e9 * (self.price_gb or 0.0)


@dataclass(frozen=True)
class Option:
    """A strategy on some of the datacenters: what is left to choose are N, B and how long it trains.

    Attributes:
      document: the strategy as plain data.
      strategy: the same as a model.
      topology: with its datacenters first, and the others as mere nodes on the way.
      sites: names of its datacenters.
      chips: R, in all of them.
      flop_per_s: useful, of all of them [flop/s].
      ask: what it is an option of.
      label: the strategy with its parameters, for people, told apart from all others.
    """

    document: Document
    strategy: AbstractStrategy
    topology: Topology
    sites: tuple[str, ...]
    chips: int
    flop_per_s: float
    ask: Ask = field(repr=False)
    label: str

    @property
    def algorithm(self) -> str:
        """What the loss laws know it as, or the nearest that they know."""
        return self.strategy.law.algorithm

    @property
    def replicas(self) -> int:
        """M; 1 for Data-Parallel."""
        return self.strategy.law.replicas

    @property
    def sync_every(self) -> int:
        """H; 1 for Data-Parallel."""
        return self.strategy.steps_per_sync

    @property
    def name(self) -> str:
        """What tells it from all others."""
        return f"{self.document} on {self.sites}"

    @property
    def family(self) -> tuple[object, ...]:
        """What two plans must share to be called variants of one: all but H."""
        rest = tuple(sorted((key, str(value)) for key, value in self.document.items() if key != "sync_every"))
        return (rest, len(self.sites))

    @property
    def where(self) -> str:
        """How many datacenters it uses, in words."""
        return f"{len(self.sites)} datacenter{'s'[: len(self.sites) != 1]}"

    def scenario(self, params: float, batch_tokens: float, steps: int) -> Scenario:
        """The run as a scenario of its own, which `simulate --scenario` takes as well."""
        workload = {"params": params, "batch_tokens": batch_tokens, "steps": steps, "split": "by-speed"}
        workload |= {"payload_bits": self.ask.payload_bits, "chip_speed": _speed(self.ask)}
        workload |= {"layers": self.ask.layers} if self.strategy.by_layer else {}
        document = {"name": "plan", "topology": self.topology, "workload": workload, "strategies": [self.strategy]}
        return validate(Scenario, document, source="plan", in_si=True)

    def setting(self, scenario: Scenario) -> Setting:
        """What its closed form is evaluated in."""
        return plan_job(scenario, self.strategy, 1).setting


def _speed(ask: Ask) -> float:
    return ask.chip_flop_per_s or CHIP_FLOP_PER_S


def equipped(ask: Ask) -> Topology:
    """The topology, each datacenter with the chips and the speed that the plan counts on.

    Raises:
      InputError: nobody says how many chips there are, they cannot be shared evenly, or datacenters share a host.
    """
    if any(places_that_slow_down(ask.topology.places_of(ask.topology.datacenters))):
        raise InputError(
            f"topology {ask.topology.name}: hosts: datacenters that share the compute of a host slow each other down, "
            "and a plan counts on chips that nobody else uses; take `host` out of the datacenters, or ask for a run "
            "instead of a plan"
        )
    sites = ask.topology.datacenters
    if ask.chips is None:
        bare = [site.name for site in sites if site.chips is None]
        if bare:
            raise ArgumentError(
                "{chips}: topology {name} does not say how many chips {site!r} has; write {chips} "
                "with the number in all datacenters together",
                name=ask.topology.name,
                site=bare[0],
            )
    elif ask.chips % len(sites):
        low = ask.chips // len(sites) * len(sites)
        choices = f"{low} or {low + len(sites)}" if low else str(len(sites))
        raise ArgumentError(
            f"{{chips}}: {ask.chips} chips cannot be shared evenly by the {len(sites)} datacenters of topology "
            "{name}; use {choices}",
            name=ask.topology.name,
            choices=choices,
        )
    return ask.topology.replaced(datacenters=tuple(_counted_on(ask, site) for site in sites))


def _counted_on(ask: Ask, site: Datacenter) -> Datacenter:
    chips = site.chips if ask.chips is None else ask.chips // len(ask.topology.datacenters)
    own = None if ask.chip_flop_per_s is not None else site.chip_flop_per_s
    return site.replaced(chips=chips, chip_speed=own or _speed(ask))


def options(ask: Ask, topology: Topology) -> list[Option]:
    """Every strategy on every choice of datacenters that differs from the others, with every H.

    Args:
      ask: what is asked.
      topology: from `equipped`, or a variation of it.

    Raises:
      InputError: an unknown strategy, or one that needs more datacenters than there are.
    """
    parsed = [parse_strategy(entry) for entry in ask.strategies]
    parts = [_part(topology, chosen) for chosen in _choices(topology)]
    found: dict[str, Option] = {}
    for document in parsed:
        before = len(found)
        for part in parts:
            for each in _strategies(document, len(part.datacenters), ask.sync_every):
                option = _option(ask, each, part)
                if option.strategy.workers(len(part.datacenters)) == len(part.datacenters):
                    found.setdefault(option.name, option)
        if len(found) == before:
            sites = len(topology.datacenters)
            raise ArgumentError(
                f"{{strategies}} {document['kind']}: needs more datacenters than the {sites} of topology "
                "{name}; leave it out, ask for fewer replicas, or take a topology with more datacenters",
                name=ask.topology.name,
            )
    return _told_apart(list(found.values()))


def _told_apart(everything: Sequence[Option]) -> list[Option]:
    """The options, each strategy with a label of its own."""
    known = {str(option.document): option.label for option in everything}
    labels = dict(zip(known, told_apart(list(known.values())), strict=True))
    return [replace(option, label=labels[str(option.document)]) for option in everything]


def _strategies(document: Document, sites: int, sync_every: Sequence[int]) -> Iterator[Document]:
    """An entry with what it leaves open filled in: a replica a datacenter, or one over all (some kinds); every H."""
    strategy = STRATEGIES[document["kind"]]
    keys = strategy.model_fields
    replicas: list[int | None] = [None]
    if "replicas" in document:
        replicas = [document["replicas"]]
    elif "replicas" in keys:
        replicas = [*([1] if strategy.one_over_all else []), *([sites] if sites > 1 else [])]
    cadence = [None] if "sync_every" in document or "sync_every" not in keys else list(sync_every)
    for count in dict.fromkeys(replicas):
        for every in cadence:
            more = {"replicas": count, "sync_every": every}
            yield document | {key: value for key, value in more.items() if value is not None}


def _option(ask: Ask, document: Document, part: Topology) -> Option:
    strategy = _checked(document)
    chips = [site.chips or 0 for site in part.datacenters]
    speeds = [site.chip_flop_per_s or 0.0 for site in part.datacenters]
    return Option(
        document=document,
        strategy=strategy,
        topology=part,
        sites=tuple(site.name for site in part.datacenters),
        chips=sum(chips),
        flop_per_s=sum(count * speed for count, speed in zip(chips, speeds, strict=True)),
        ask=ask,
        label=strategy.label,
    )


def _checked(document: Document) -> AbstractStrategy:
    try:
        return validate(STRATEGIES[document["kind"]], document, source=document["kind"])
    except InputError as error:  # a mistake a line
        lines = {f"line{number}": line for number, line in enumerate(str(error).splitlines())}
        raise ArgumentError("\n".join(f"{{strategies}} {{{name}}}" for name in lines), **lines) from None


def _choices(topology: Topology) -> list[tuple[str, ...]]:
    """Datacenters to use: of those choices that look alike, the first."""
    sites = sorted(topology.datacenters, key=lambda site: -(site.chips or 0) * (site.chip_flop_per_s or 0.0))
    names = [site.name for site in sites]
    if len(names) > MOST_SITES:
        return [tuple(names[:count]) for count in range(1, len(names) + 1)]
    looks = {site.name: str((site.chips, site.chip_flop_per_s, site.inside)) for site in sites}
    found: dict[str, tuple[str, ...]] = {}
    for count in range(1, len(names) + 1):
        for chosen in combinations(names, count):
            routes = sorted(topology.routes(chosen).values())
            found.setdefault(str((sorted(looks[name] for name in chosen), routes)), chosen)
    return list(found.values())


def _part(topology: Topology, chosen: tuple[str, ...]) -> Topology:
    """The chosen datacenters first; those left out only pass on what crosses them."""
    sites = {site.name: site for site in topology.datacenters}
    datacenters = tuple(sites[name] for name in chosen)
    if len(chosen) == 1:
        return topology.replaced(datacenters=datacenters, routers=(), links=(), routes=())
    left_out = (name for name in sites if name not in chosen)
    return topology.replaced(datacenters=datacenters, routers=(*topology.routers, *left_out))
