"""What is measured before anything is shaped: the profile that predictions are made from."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Sequence
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path

from pydantic import Field

from sim.documents.validation import Frozen, read_mapping, validate
from sim.errors import InputError
from sim.shell.delivery import write_atomically

from .cases import Case, Plan, config_of
from .namespaces import Distance, Sites
from .processes import STARTUP_S, run_together
from .tcp import Relayed, goodput_share, relayed

STEPS = 60
FAR_S = 0.04
"""Round trip of the exchanges that tell how often one passes its latency [s]."""
TRAINED = ("layers", "width", "heads", "vocab", "sequence_length", "sequences", "burst_bytes")
"""What of a plan its profile depends on."""


class Together(Frozen):
    """What so many processes measured that computed at once, nothing shaped."""

    steps_s: tuple[tuple[float, ...], ...]
    """Seconds of the inner steps of each process, which never met the others [s]."""
    nothing_s: float
    """Seconds of an exchange of four bytes, for whom comes last [s]."""
    exchange_s: float
    """Seconds of an exchange of all parameters over unshaped links, for whom comes last [s]."""
    outer_s: float
    """Seconds of the outer step's own arithmetic [s]."""
    ring_exchange_s: float = 0.0
    """Seconds of the same exchange by the ring in a thread [s]; 0 where no case has one."""
    ring_outer_s: float = 0.0
    """Seconds of an outer step beside that exchange [s]."""

    @property
    def mean_s(self) -> float:
        """Mean seconds of an inner step [s]."""
        return statistics.fmean(map(statistics.fmean, self.steps_s))


class Profile(Frozen):
    """What was measured before anything was shaped, but for the goodput of one plain transfer."""

    machine: str
    """What it was measured on."""
    trained: dict[str, float]
    """What was trained: those of the plan's keys that it depends on."""
    params: int
    """Parameters of the model; each is exchanged, in 32 bits."""
    cores: int
    """Processor cores that the sites were pinned to, in turn."""
    together: dict[str, Together]
    """By how many processes computed at once."""
    goodput_share: float
    """Payload over shaped rate of one long plain TCP transfer [-]."""
    passes: dict[str, float] = Field(default_factory=dict)
    """By the number of sites: one-way latencies that an exchange of the trainer takes, unshaped; empty: no distance."""
    relay: Relayed | None = None
    """What the relay itself adds, where the sites are joined by one."""

    def at_once(self, processes: int) -> Together:
        """What so many processes measured.

        Raises:
          InputError: nobody measured so many.
        """
        if str(processes) not in self.together:
            raise InputError(f"the profile knows nothing of {processes} processes at once; remove it to make it anew")
        return self.together[str(processes)]

    def of_cores(self, sites: int) -> list[float]:
        """How many times as long a step takes while 1, 2, ... cores of the machine compute, one process each."""
        return self._slowdown(1, min(sites, self.cores))

    def of_processes(self, sites: int) -> list[float]:
        """How many times as long a step takes while 1, 2, ... processes compute on a core, and so on all the others."""
        return self._slowdown(min(sites, self.cores), -(-sites // self.cores))

    def _slowdown(self, step: int, count: int) -> list[float]:
        alone_s = self.at_once(step).mean_s
        each = (self.at_once(n * step).mean_s / alone_s for n in range(1, count + 1))
        return list(accumulate(each, max, initial=1.0))[1:]

    def core(self, site: int) -> int:
        """The core that a site is pinned to."""
        return site % self.cores


def profile_of(plan: Plan, path: Path) -> Profile:
    """The profile in a file; measured now where there is none.

    Raises:
      InputError: it was made for something else than the plan trains.
    """
    if not path.exists():
        write_atomically(path, measured(plan).model_dump_json(indent=1) + "\n")
    profile = read_profile(path, plan)
    if profile.machine != machine():
        print(
            f"warning: {path} was measured on {profile.machine}, and this is {machine()}: predictions will be off by "
            "as much as they differ; name a --profile that is not there yet, and it is measured here",
            file=sys.stderr,
        )
    return profile


def read_profile(path: Path, plan: Plan) -> Profile:
    """The profile in a file.

    Raises:
      InputError: it was made for something else than the plan trains.
    """
    data, text = read_mapping(path, "profile")
    profile = validate(Profile, data, source=str(path), text=text)
    if profile.trained != trained_in(plan):
        differ = ", ".join(key for key, value in trained_in(plan).items() if profile.trained.get(key) != value)
        raise InputError(f"{path} was measured with another {differ}; name a --profile that is not there yet")
    return profile


def trained_in(plan: Plan) -> dict[str, float]:
    """What of a plan its profile depends on."""
    relay = {"relay": 1.0} if plan.distant else {}
    return {key: float(getattr(plan, key)) for key in TRAINED} | relay


def machine() -> str:
    """This machine as far as the speed of a run depends on it, from one start of it to the next."""
    info = Path("/proc/cpuinfo").read_text()
    kind = next((line.partition(": ")[2] for line in info.splitlines() if line.startswith("model name")), "a processor")
    cores = len(os.sched_getaffinity(0))
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    return f"{cores} x {kind}, Linux {platform.release()}, JAX {version('jax')}, boot {boot}"


def measured(plan: Plan) -> Profile:
    """Measures the unshaped trainer with 1, 2, ... processes at once, and plain TCP on a shaped link."""
    cores = len(os.sched_getaffinity(0))
    most_sites = max(case.sites for case in plan.cases)
    crowds = {*range(1, most_sites + 1), *range(cores, most_sites + cores, cores)}
    together, params = {}, 0
    for count in sorted(crowds):
        tries = []
        for number in range(plan.tries):
            print(f"profile: {count} at once, try {number + 1} of {plan.tries}", flush=True)
            params, found = profiled(plan, count)
            tries.append(found)
        # processes differ in how fast they happen to be, all their life: the one in the middle stands for them
        together[str(count)] = sorted(tries, key=lambda each: each.mean_s)[plan.tries // 2]
    found = {"machine": machine(), "trained": trained_in(plan), "params": params, "cores": cores, "together": together}
    if not plan.distant:
        return Profile(**found, goodput_share=goodput_share(plan.burst_bytes))
    print("profile: the relay, and what latency does to an exchange", flush=True)
    far = {str(count): profiled(plan, count, FAR_S)[1].exchange_s for count in range(2, most_sites + 1)}
    return Profile(
        **found,
        goodput_share=goodput_share(plan.burst_bytes, Distance([0.0] * 2)),
        passes={count: (exchange_s - together[count].exchange_s) / (FAR_S / 2) for count, exchange_s in far.items()},
        relay=relayed(plan.burst_bytes),
    )


def profiled(plan: Plan, count: int, round_trip_s: float = 0.0) -> tuple[int, Together]:
    """Parameters of the model, and what so many processes measured."""
    fields = {"name": "profile", "algorithm": "diloco", "rate": "1 Gbit/s"}
    case = Case.model_validate({**fields, "sites": max(2, count), "sync_every": STEPS, "steps": STEPS})
    config = config_of(plan, case) | {"replicas": count}
    distance = Distance([round_trip_s / 4] * count) if plan.distant else None
    ring = count > 1 and any(each.exchange == "ring" for each in plan.cases)
    with Sites([None] * count, burst_bytes=plan.burst_bytes, distance=distance, congestion=plan.congestion) as sites:
        more = ["--ring", *(sites.address(site) for site in range(count))] if ring else []
        limit_s = STARTUP_S + STEPS * count
        found = run_together(sites, config, "profile", [1.0] * count, limit_s=limit_s, more=more)
    ring_exchange_s, ring_outer_s = _of_ring([site["ring_s"] for site in found]) if ring else (0.0, 0.0)
    _, nothing, exchange, outer = zip(
        *(zip(*rounds, strict=True) for rounds in zip(*(site["rounds_s"] for site in found), strict=True)), strict=True
    )
    return found[0]["params"], Together(
        steps_s=tuple(tuple(round(step_s, 6) for step_s in site["steps_s"]) for site in found),
        nothing_s=statistics.fmean(map(min, nothing)),
        exchange_s=statistics.fmean(map(min, exchange)),
        outer_s=statistics.fmean(map(statistics.fmean, outer)),
        ring_exchange_s=ring_exchange_s,
        ring_outer_s=ring_outer_s,
    )


def _of_ring(sites: Sequence[Sequence[Sequence[float]]]) -> tuple[float, float]:
    """Mean seconds of an exchange, for whom comes last, and of the outer step beside it [s]."""
    exchange, outer = zip(*(zip(*rounds, strict=True) for rounds in zip(*sites, strict=True)), strict=True)
    return statistics.fmean(map(min, exchange)), statistics.fmean(map(statistics.fmean, outer))
