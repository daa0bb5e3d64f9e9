"""What the simulator says of a case, from a profile of the unshaped trainer; nothing is fitted to a shaped run."""

from __future__ import annotations

import statistics
import tempfile
from collections import Counter
from collections.abc import Collection
from itertools import accumulate
from pathlib import Path
from typing import Any

from cases import Case, Plan

from sim.document import Frozen, validate
from sim.errors import InputError
from sim.result import Run
from sim.run import run
from sim.scenario import Scenario
from sim.trace import Header, Step, TraceWriter

SEGMENT_BYTES = 1448
"""Payload of a full packet: 1500 less 20 of IPv4 and 32 of TCP with timestamps; the shaper counts 1514."""


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

    @property
    def mean_s(self) -> float:
        """Mean seconds of an inner step [s]."""
        return statistics.fmean(map(statistics.fmean, self.steps_s))


class Profile(Frozen):
    """What was measured before anything was shaped, but for the goodput of one plain transfer."""

    params: int
    """Parameters of the model; each is exchanged, in 32 bits."""
    cores: int
    """Processor cores that the sites were pinned to, in turn."""
    together: dict[str, Together]
    """By how many processes computed at once."""
    goodput_share: float
    """Payload over shaped rate of one long plain TCP transfer [-]."""

    def at_once(self, processes: int) -> Together:
        """What so many processes measured.

        Raises:
          InputError: nobody measured so many.
        """
        if str(processes) not in self.together:
            raise InputError(f"the profile knows nothing of {processes} processes at once; remove it to make it anew")
        return self.together[str(processes)]

    def slowdown(self, sites: int) -> list[float]:
        """How many times as long a step takes while 1, 2, ... of those on a host compute.

        With a core for each site all of them share the machine; with fewer, those pinned to a core share that core,
        and the other cores are taken to be busy.
        """
        each = 1 if sites <= self.cores else self.cores
        alone_s = self.at_once(each).mean_s
        crowd = range(1, sites + 1) if each == 1 else range(1, -(-sites // each) + 1)
        return list(accumulate((self.at_once(n * each).mean_s / alone_s for n in crowd), max, initial=1.0))[1:]

    def host(self, site: int, sites: int) -> str:
        """The host that a site computes on."""
        return "machine" if sites <= self.cores else f"core{site % self.cores}"


TERMS = ("headers", "bucket", "exchange", "sharing", "apart", "outer")
"""What the prediction has beside bytes over rate and the seconds of a step alone."""


def predicted(plan: Plan, case: Case, profile: Profile, *, without: Collection[str] = ()) -> Run:
    """The replay of a case.

    Args:
      plan: what is trained.
      case: the case.
      profile: what was measured before.
      without: terms that are left out.
    """
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "steps.jsonl"
        write_trace(trace, plan, case, profile, sharing="sharing" not in without)
        return run(scenario_of(plan, case, profile, trace, without=without)).runs[0]


def scenario_of(plan: Plan, case: Case, profile: Profile, trace: Path, *, without: Collection[str] = ()) -> Scenario:
    """The case as a scenario, with a trace of its inner steps."""
    measured = profile.at_once(case.sites)
    datacenters, links = [], []
    for site in range(case.sites):
        shared = {} if "sharing" in without else {"host": profile.host(site, case.sites)}
        datacenters.append({"name": f"site{site}", "chips": 1, **shared})
        way = {"latency": "0.05 ms", **({} if "bucket" in without else {"burst": f"{plan.burst_bytes!r} B"})}
        links.append({"from": f"site{site}", "to": "bridge", **_rate(case, site), **way})
        links.append({"from": "bridge", "to": f"site{site}", "bandwidth": "100 Gbit/s", "latency": "0.05 ms"})
    transport = {} if "exchange" in without else {"exchange_overhead": f"{measured.exchange_s!r} s"}
    if "headers" not in without:
        header_bytes = SEGMENT_BYTES * (1 / profile.goodput_share - 1)
        transport |= {"segment": f"{SEGMENT_BYTES} B", "header": f"{header_bytes!r} B"}
    slowdown = profile.slowdown(case.sites)
    names = dict.fromkeys(site["host"] for site in datacenters if "host" in site)
    topology = {
        "name": case.name,
        "datacenters": datacenters,
        "routers": ["bridge"],
        "links": links,
        "collective": "ring" if "apart" in without else "chunked-ring",
        "transport": transport,
        "hosts": [{"name": name, "slowdown": slowdown} for name in names],
    }
    document = {
        "name": case.name,
        "topology": topology,
        "workload": {"trace": str(trace), "steps": case.steps, "layer_params": _layers(plan, profile)},
        "strategies": [_strategy(case, 0.0 if "outer" in without else measured.outer_s / slowdown[-1])],
    }
    return validate(Scenario, document, source=case.name)


def write_trace(path: Path, plan: Plan, case: Case, profile: Profile, *, sharing: bool) -> None:
    """What each site would take for its inner steps with its host to itself."""
    alone = [profile.at_once(1).steps_s[0]] * case.sites
    if sharing:
        slowdown = profile.slowdown(case.sites)
        hosts = [profile.host(site, case.sites) for site in range(case.sites)]
        crowd = Counter(hosts)
        measured = profile.at_once(case.sites).steps_s
        alone = [
            tuple(step_s / slowdown[crowd[host] - 1] for step_s in own)
            for host, own in zip(hosts, measured, strict=True)
        ]
    site_tokens = plan.sequences * plan.sequence_length
    shape = {"layers": plan.layers, "heads": plan.heads, "width": plan.width, "hidden": 4 * plan.width}
    header = Header.model_validate(
        {
            "algorithm": "diloco",
            "model": {"name": "custom", "params": profile.params, "vocab": plan.vocab, **shape},
            "replicas": case.sites,
            "steps": len(alone[0]),
            "batch_tokens": site_tokens * case.sites,
            "sequence_length": plan.sequence_length,
            "device": {"platform": "cpu", "kind": "a core of this machine", "count": case.sites},
        }
    )
    with TraceWriter(path, header, overwrite=True) as writer:
        for site, own in enumerate(alone):
            slowed = case.straggler.factor if case.straggler and case.straggler.site == site else 1.0
            for number, step_s in enumerate(own, start=1):
                writer.write(Step(step=number, replica=site, compute_s=step_s * slowed, tokens=site_tokens))


def _strategy(case: Case, outer_s: float) -> dict[str, Any]:
    if case.algorithm == "data-parallel":
        return {"kind": "data-parallel"}
    strategy = {
        "kind": case.algorithm,
        "replicas": case.sites,
        "sync_every": case.sync_every,
        "compression_time": f"{outer_s!r} s",
    }
    if case.algorithm == "streaming-diloco":
        strategy |= {"fragments": case.fragments, "overlap_steps": 0}
    return strategy


def _layers(plan: Plan, profile: Profile) -> list[float]:
    """Parameters of each layer; what is in none of them travels with the first."""
    outside = (plan.vocab + 1) * plan.width
    each = (profile.params - outside) / plan.layers
    return [each + outside, *[each] * (plan.layers - 1)]


def _rate(case: Case, site: int) -> dict[str, Any]:
    """The bandwidth of a site's egress, now and later."""
    rate = case.rates[site]
    if case.change is None or case.change.site not in (None, site):
        return {"bandwidth": f"{rate!r} bit/s"}
    points = [(0.0, rate), (case.change.after_s, case.change.rate_bits_per_s)]
    return {"schedule": {"points": [{"at": f"{at!r} s", "bandwidth": f"{each!r} bit/s"} for at, each in points]}}
