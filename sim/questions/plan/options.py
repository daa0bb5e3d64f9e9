"""The options of a plan: each strategy on each choice of datacenters, and the scenario that comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ...defaults import PAYLOAD_BITS, SYNC_EVERY
from ...documents.chip_keys import named_speed
from ...documents.validation import validate
from ...errors import ArgumentError
from ...laws.communication import price_of
from ...scenario.failures import Failures
from ...scenario.model import Scenario
from ...scenario.overrides import parse_strategy
from ...simulation.cost import counted_in_money
from ...simulation.jobs import plan_job
from ...simulation.predicted_loss import communication_of
from ...strategies import AbstractStrategy, Setting
from ...strategies.shared.strategy import told_apart
from ...topology.model import Topology
from ...workload.extent import CHIP_FLOP_PER_S
from ...workload.memory import Sharding
from .entries import strategy_of
from .open_keys import at_best, with_open_keys
from .parts import choices, part_of
from .serving import Serving

Document = dict[str, Any]
ALL = "all"
"""The entry that stands for every strategy."""
_EVERY_OF_ALL = (30, 100, 300)


@dataclass(frozen=True)
class Ask:
    """The request for a plan.

    Attributes:
      topology: sites and links.
      days: the deadline [days].
      chips: in all datacenters together, the same number in each; None: as the topology says.
      chip: the kind of chip everywhere, by its name; None: as the topology says.
      mfu: useful share of its peak, and of that of every chip that the topology names; None: as it says [-].
      chip_flop_per_s: useful flop/s of a chip; None: as the topology says, else the default [flop/s].
      strategies: `kind` or `kind:key=value,...`; replicas and H that an entry does not give are searched. `all` alone:
        every strategy, with all that it leaves open.
      sync_every: the values of H to choose from, where an entry gives none; None: 30 as fitted, or several with `all`.
      params: N to choose from: one, or the ends of a range; None: a range around what the chips can train.
      tokens_per_param: D / N; None: the plan chooses it.
      unique_tokens: tokens of data without repeats; tokens beyond them are repeats [tokens].
      inference_tokens: tokens that the model will process after training [tokens].
      loss_slack: with inference tokens, or another objective than the loss: by which share the loss may exceed the best
        one, for less of what is to be saved [-].
      price_chip_hour, price_gb: of one chip for an hour; of a GB (1e9 bytes) sent between datacenters; None: those of
        the topology.
      max_cost: the largest cost of a run, in the unit of the prices.
      objective: what the best plan has least of.
      sharding: what the chips of a datacenter share out of the model, where the memory of the chips is known.
      max_mw: the most that its datacenters may draw while all chips compute [MW].
      payload_bits: bits per exchanged parameter, where a strategy gives none [bit].
      layers: layers of the model, for strategies that exchange layer by layer.
      failures: what breaks; None: nothing.
      goodputs: share of the time of each option that counts with failures; if any, other options are left out [-].
      risk: whether plans are compared by the high end of their loss.
      serving: what must answer in time with the model; None: nothing.
      most_choices: of datacenters; where there are more, the first 1, 2, 3, ... by flop/s are tried; None: no limit.
      known: whether only those are chosen from whose price in loss somebody has measured.
    """

    topology: Topology
    days: float
    chips: int | None = None
    chip: str | None = None
    mfu: float | None = None
    chip_flop_per_s: float | None = None
    strategies: tuple[str, ...] = ("data-parallel", "diloco")
    sync_every: tuple[int, ...] | None = None
    params: tuple[float, ...] | None = None
    tokens_per_param: float | None = None
    unique_tokens: float | None = None
    inference_tokens: float | None = None
    loss_slack: float = 0.01
    price_chip_hour: float | None = None
    price_gb: float | None = None
    max_cost: float | None = None
    objective: Literal["loss", "cost", "energy"] = "loss"
    max_mw: float | None = None
    sharding: Sharding = "parameters"
    payload_bits: float = PAYLOAD_BITS
    layers: int = 48
    failures: Failures | None = None
    goodputs: tuple[tuple[str, float], ...] = ()
    risk: bool = False
    serving: Serving | None = None
    most_choices: int | None = None
    known: bool = False

    @property
    def over_all(self) -> bool:
        """Whether every strategy is to be tried."""
        return ALL in self.strategies

    @property
    def cadences(self) -> tuple[int, ...]:
        """The values of H to choose from."""
        return self.sync_every or (_EVERY_OF_ALL if self.over_all else (SYNC_EVERY,))

    @property
    def limit_s(self) -> float:
        """The deadline [s]."""
        return self.days * 86_400

    @property
    def speed(self) -> float:
        """Useful flop/s of a chip where the topology says nothing of it [flop/s]."""
        return self.chip_flop_per_s or named_speed(self.chip, self.mfu if self.chip else None) or CHIP_FLOP_PER_S

    @property
    def says_the_chip(self) -> bool:
        """Whether it says which chip there is, or how fast, in place of the topology."""
        return self.chip is not None or self.chip_flop_per_s is not None

    @property
    def priced(self) -> bool:
        """Whether runs have a cost."""
        own = self.price_chip_hour is not None or self.price_gb is not None
        return own or counted_in_money(self.topology)

    @property
    def goal(self) -> str:
        """What the best plan has least of: `loss`; or, at about the lowest loss, `lifetime`, `cost` or `energy`."""
        return "lifetime" if self.inference_tokens is not None else self.objective


@dataclass(frozen=True)
class Option:
    """A strategy on some of the datacenters; N, B and the number of steps are still open.

    Attributes:
      document: the strategy as plain data.
      strategy: the same as a model.
      topology: its datacenters, with all others as routers.
      sites: names of its datacenters.
      chips: R, in all of them.
      flop_per_s: useful, of all of them [flop/s].
      ask: the request to which it belongs.
      label: the strategy with its parameters, for people, different from all other labels.
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
        """The algorithm whose loss law applies, or the nearest one that has a law."""
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
        """A name that is unique among the options."""
        return f"{self.document} on {self.sites}"

    @property
    def family(self) -> tuple[object, ...]:
        """A key that is equal for options that differ in nothing but H."""
        rest = tuple(sorted((key, str(value)) for key, value in self.document.items() if key != "sync_every"))
        return (rest, len(self.sites))

    @property
    def goodput(self) -> float:
        """The share of its time that counts where hardware fails; 1 where nothing does [-]."""
        return dict(self.ask.goodputs).get(self.name, 1.0)

    @property
    def failures(self) -> Failures | None:
        """What breaks in its datacenters; None: nothing."""
        return self.ask.failures.among(self.sites) if self.ask.failures else None

    @property
    def where(self) -> str:
        """How many datacenters it uses, in words."""
        return f"{len(self.sites)} datacenter{'s'[: len(self.sites) != 1]}"

    @property
    def price_is_known(self) -> bool:
        """Whether somebody has measured what its way to communicate costs in loss."""
        how = communication_of(self.strategy, self.ask.payload_bits, self.ask.payload_bits)
        return price_of(1e9, how).middle is not None

    def scenario(self, params: float, batch_tokens: float, steps: int) -> Scenario:
        """The run as a scenario, which `simulate --scenario` takes as well."""
        workload = {"params": params, "batch_tokens": batch_tokens, "steps": steps, "split": "by-speed"}
        workload |= {"payload_bits": self.ask.payload_bits, "chip_speed": self.ask.speed}
        workload |= {"layers": self.ask.layers} if self.strategy.by_layer else {}
        document = {"name": "plan", "topology": self.topology, "workload": workload, "strategies": [self.strategy]}
        document |= {"failures": self.failures} if self.failures else {}
        return validate(Scenario, document, source="plan", in_si=True)

    def placed(self) -> Option:
        """The same with a placement, where its strategy leaves that to a search."""
        strategy = at_best(
            self.strategy, self.sites, self.scenario, self.ask.params, self.flop_per_s * self.ask.limit_s
        )
        return replace(self, strategy=strategy, label=strategy.label)

    def setting(self, scenario: Scenario) -> Setting:
        """The setting in which its closed form is evaluated."""
        return plan_job(scenario, self.strategy, 1).setting


def options(ask: Ask, topology: Topology) -> list[Option]:
    """Every strategy on every choice of datacenters, with every H; choices that look alike count once.

    Args:
      ask: what is asked.
      topology: from `equipped`, or a variation of it.

    Raises:
      InputError: a strategy is unknown, or needs more datacenters than the topology has.
    """
    parsed = [parse_strategy(entry) for entry in ask.strategies]
    parts = [part_of(topology, chosen) for chosen in choices(topology, ask.failures, ask.most_choices)]
    found: dict[str, Option] = {}
    for document in parsed:
        before = len(found)
        for part in parts:
            for each in with_open_keys(document, len(part.datacenters), ask.cadences):
                option = option_on(ask, each, part)
                if option.strategy.workers(len(part.datacenters)) == len(part.datacenters):
                    found.setdefault(option.name, option.placed())
        if len(found) == before:
            sites = len(topology.datacenters)
            raise ArgumentError(
                f"{{strategies}} {document['kind']}: needs more datacenters than the {sites} of topology "
                "{name}; leave it out, ask for fewer replicas, or take a topology with more datacenters",
                name=ask.topology.name,
            )
    goodputs = dict(ask.goodputs)
    left = [option for name, option in found.items() if not goodputs or name in goodputs]
    return told_apart_options([option for option in left if option.price_is_known or not ask.known])


def told_apart_options(everything: Sequence[Option]) -> list[Option]:
    """The options, each strategy with a unique label."""
    known = {(str(option.document), option.label): option.label for option in everything}
    labels = dict(zip(known, told_apart(list(known.values())), strict=True))
    return [replace(option, label=labels[str(option.document), option.label]) for option in everything]


def option_on(ask: Ask, document: Document, part: Topology) -> Option:
    """A strategy on some of the datacenters."""
    strategy = strategy_of(document)
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
