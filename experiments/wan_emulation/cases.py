"""Cases of the emulation as data: what is trained, over which links, and what is done to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from sim.documents.validation import Frozen, read_mapping, validate
from sim.errors import InputError
from sim.units.quantities import Bandwidth, Duration, Size

MOST_SITES = 8


class Straggler(Frozen):
    """A site whose process computes longer than the others'."""

    site: int = Field(ge=0, examples=[1])
    factor: float = Field(gt=1, examples=[1.5])
    """How many times as long its inner steps take [-]."""


class Change(Frozen):
    """A link that gets another rate while the run is under way."""

    after_s: Duration = Field(alias="after", examples=["5 s"])
    """Since the first step began [s]."""
    rate_bits_per_s: Bandwidth = Field(alias="rate", examples=["20 Mbit/s"])
    site: int | None = Field(default=None, ge=0, examples=[0])
    """Whose egress changes; every site's unless given."""


class Case(Frozen):
    """One emulated run."""

    name: str = Field(pattern=r"^[a-z0-9-]+$", examples=["diloco-2-h5-100"])
    algorithm: Literal["data-parallel", "diloco", "streaming-diloco"]
    sites: int = Field(ge=2, le=MOST_SITES, examples=[2])
    """Processes, each in a network namespace of its own; each is a replica, or a device of the one replica."""
    rate_bits_per_s: Bandwidth | None = Field(default=None, alias="rate", examples=["100 Mbit/s"])
    """What the egress of every site is shaped to [bit/s]."""
    rates_bits_per_s: tuple[Bandwidth, ...] = Field(default=(), alias="rates", examples=[["100 Mbit/s", "20 Mbit/s"]])
    """Instead of rate: one for each site."""
    sync_every: int | None = Field(default=None, gt=0, examples=[5])
    """Inner steps H between outer steps; none for Data-Parallel."""
    fragments: int | None = Field(default=None, gt=0, examples=[2])
    """Fragments P of Streaming DiLoCo."""
    overlap_steps: int = Field(default=0, ge=0, examples=[3])
    """Inner steps tau that go on beside an exchange; 0: the trainer waits for it."""
    exchange: Literal["gloo", "ring"] = "gloo"
    """Whose exchange it is: the trainer's own, or one in a thread beside the compute (`ring.py`)."""
    streams: int = Field(default=1, gt=0, le=64, examples=[4])
    """Connections to the next site."""
    round_trip_s: Duration | None = Field(default=None, alias="round_trip", examples=["50 ms"])
    """Between every two sites [s]; default: none but that of a bridge."""
    round_trips_s: tuple[Duration, ...] = Field(default=(), alias="round_trips", examples=[["10 ms", "100 ms"]])
    """Instead of round_trip: one for each site, to another one like itself; two that differ have the mean of both."""
    loss: float = Field(default=0.0, ge=0, lt=1, examples=[0.001])
    """Chance that a packet is lost on its way between two sites [-]."""
    steps: int = Field(default=40, gt=0, examples=[40])
    """Inner steps of the run."""
    straggler: Straggler | None = None
    change: Change | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if (self.rate_bits_per_s is None) == (not self.rates_bits_per_s):
            raise InputError("a case needs either `rate` (of every site) or `rates` (one for each), and not both")
        if self.rates_bits_per_s and len(self.rates_bits_per_s) != self.sites:
            raise InputError(f"rates: got {len(self.rates_bits_per_s)} for {self.sites} sites; write one for each")
        if (self.algorithm == "data-parallel") != (self.sync_every is None):
            raise InputError("sync_every: data-parallel has none, the others need it, such as sync_every: 5")
        if (self.algorithm == "streaming-diloco") != (self.fragments is not None):
            raise InputError("fragments: streaming-diloco needs them, such as fragments: 2, and the others have none")
        if self.overlap_steps and (self.fragments is None or self.exchange != "ring"):
            raise InputError("overlap_steps: needs streaming-diloco, and `exchange: ring` beside the compute")
        if self.exchange == "ring" and self.sync_every is None:
            raise InputError("exchange: ring is one of outer steps, and data-parallel has none; leave it out")
        if self.exchange != "ring" and self.streams > 1:
            raise InputError("streams: the trainer's own exchange has one connection as it is; write `exchange: ring`")
        if self.round_trip_s is not None and self.round_trips_s:
            raise InputError("a case has either `round_trip` (of all sites) or `round_trips` (one for each), not both")
        if self.round_trips_s and len(self.round_trips_s) != self.sites:
            raise InputError(f"round_trips: got {len(self.round_trips_s)} for {self.sites} sites; write one for each")
        if self.loss and not self.distant:
            raise InputError("loss: it is the relay's, and there is none without distance; write a round_trip too")
        for what in (self.straggler, self.change):
            if what and what.site is not None and what.site >= self.sites:
                raise InputError(f"site {what.site}: there are {self.sites}, numbered from 0")
        return self

    @property
    def rates(self) -> tuple[float, ...]:
        """Egress rate of each site in the beginning [bit/s]."""
        return self.rates_bits_per_s or (self.rate_bits_per_s or 0.0,) * self.sites

    @property
    def distant(self) -> bool:
        """Whether there is distance between the sites, and so a relay."""
        return self.round_trip_s is not None or bool(self.round_trips_s)

    @property
    def latencies_s(self) -> tuple[float, ...]:
        """One-way latency of each site's access: a round trip passes four of them [s]."""
        return tuple(each / 4 for each in self.round_trips_s or (self.round_trip_s or 0.0,) * self.sites)


class Plan(Frozen):
    """A file of cases: what is trained in all of them, and the cases."""

    layers: int = Field(default=2, gt=0)
    width: int = Field(default=128, gt=0)
    heads: int = Field(default=2, gt=0)
    vocab: int = Field(default=2048, gt=0)
    sequence_length: int = Field(default=64, gt=0)
    sequences: int = Field(default=8, gt=0)
    """Sequences of each site in a step."""
    burst_bytes: Size = Field(default=262144.0, alias="burst", examples=["256 KiB"])
    """Bucket of the shaper: bytes that pass at once after a silence [byte]."""
    repeats: int = Field(default=3, gt=0)
    """How often each case runs, each time with processes of its own; its wall-clock is the median."""
    runs: int = Field(default=1, gt=0)
    """How often these processes make the run, one after the other; all of them count."""
    congestion: Literal["cubic", "reno"] = "cubic"
    """Congestion control of every connection, where the kernel has it."""
    tries: int = Field(default=5, gt=0)
    """How often each number of processes at once is measured for the profile; the try in the middle counts."""
    cases: tuple[Case, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [case.name for case in self.cases]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise InputError(f"two cases are named {twice!r}; give each a name of its own")
        if len({case.distant for case in self.cases}) > 1:
            raise InputError("round_trip: some cases have one, and some have none; give those a file of their own")
        if self.runs > 1 and any(case.change for case in self.cases):
            raise InputError("change: a link changes in one run; write `repeats` instead of `runs`")
        return self

    @property
    def distant(self) -> bool:
        """Whether the sites of all cases are joined by a relay."""
        return self.cases[0].distant


def read_plan(path: Path) -> Plan:
    """Reads a file of cases.

    Raises:
      InputError: names the file, line and key, and says what to write.
    """
    data, text = read_mapping(path, "cases")
    return validate(Plan, data, source=str(path), text=text)


def config_of(plan: Plan, case: Case) -> dict[str, Any]:
    """The case as a configuration of the trainer."""
    spread = case.algorithm == "data-parallel"
    outer = {} if spread else {"sync_every": case.sync_every}
    if case.algorithm == "streaming-diloco":
        outer |= {"fragments": case.fragments, "overlap_steps": case.overlap_steps}
    return {
        "model": {
            "layers": plan.layers,
            "width": plan.width,
            "heads": plan.heads,
            "hidden": 4 * plan.width,
            "vocab": plan.vocab,
        },
        "algorithm": case.algorithm,
        "replicas": 1 if spread else case.sites,
        "devices_per_replica": case.sites if spread else 1,
        "steps": case.steps,
        "sequence_length": plan.sequence_length,
        "sequences": plan.sequences,
        "microbatches": 1,
        "learning_rate": 4e-3,
        "corpus": "docstrings",
        "tokenizer": "bytes",
        **outer,
    }
