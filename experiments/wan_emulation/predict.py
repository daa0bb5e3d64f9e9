"""What the simulator says of a case, from a profile of the unshaped trainer; nothing is fitted to a shaped run."""

from __future__ import annotations

from typing import Any

from cases import Case, Plan

from sim.document import Frozen, validate
from sim.result import Run
from sim.run import run
from sim.scenario import Scenario

SEGMENT_BYTES = 1448
"""Payload of a full packet: 1500 less 20 of IPv4 and 32 of TCP with timestamps."""
FRAME_BYTES = 1514
"""The same packet as the shaper counts it: with 14 of Ethernet."""


class Profile(Frozen):
    """What was measured before anything was shaped, but for the goodput of one plain transfer."""

    params: int
    """Parameters of the model; each is exchanged, in 32 bits."""
    cores: int
    """Processor cores that the sites were pinned to, in turn."""
    steps_s: dict[str, tuple[float, ...]]
    """Mean seconds of an inner step of each process, by how many processes computed at once [s]."""
    exchange_start_s: dict[str, float]
    """Seconds of an exchange of nothing, by how many processes [s]."""
    outer_s: dict[str, float]
    """Seconds of the outer step's own arithmetic, by how many processes were at it at once [s]."""
    goodput_share: float
    """Payload over shaped rate of one long plain TCP transfer [-]."""

    @property
    def alone_s(self) -> float:
        """An inner step of a process that has the machine to itself [s]."""
        return self.steps_s["1"][0]

    def hosts(self, sites: int) -> tuple[float, list[dict[str, Any]], list[str]]:
        """Who shares compute with whom.

        With a core for each site all share the machine, a little; with fewer, those pinned to a core share that core,
        and the other cores are taken to be busy.

        Returns:
          Seconds of a step alone on its host, the hosts, and the host of each site.
        """
        if sites <= self.cores:
            slowdown = [_mean(self.steps_s[str(n)]) / self.alone_s for n in range(1, sites + 1)]
            return self.alone_s, [{"name": "machine", "slowdown": _rising(slowdown)}], ["machine"] * sites
        busy_s = _mean(self.steps_s[str(self.cores)])
        most = -(-sites // self.cores)
        crowd = [_mean(self.steps_s[str(n * self.cores)]) / busy_s for n in range(1, most + 1)]
        names = [f"core{core}" for core in range(self.cores)]
        hosts = [{"name": name, "slowdown": _rising(crowd)} for name in names]
        return busy_s, hosts, [names[site % self.cores] for site in range(sites)]


def predicted(plan: Plan, case: Case, profile: Profile, *, naive: bool = False) -> Run:
    """The replay of a case.

    Args:
      plan: what is trained.
      case: the case.
      profile: what was measured before.
      naive: with bytes over rate and a step's seconds alone, and no other term.
    """
    return run(scenario_of(plan, case, profile, naive=naive)).runs[0]


def scenario_of(plan: Plan, case: Case, profile: Profile, *, naive: bool = False) -> Scenario:
    """The case as a scenario."""
    step_s, hosts, host_of = profile.hosts(case.sites)
    if naive:
        step_s = profile.alone_s
    site_tokens = plan.sequences * plan.sequence_length
    datacenters = []
    for site in range(case.sites):
        slowed = case.straggler.factor if case.straggler and case.straggler.site == site else 1.0
        speed = 6 * profile.params * site_tokens / (step_s * slowed)
        shared = {} if naive else {"host": host_of[site]}
        datacenters.append({"name": f"site{site}", "chips": 1, "chip_speed": f"{speed!r} flop/s", **shared})
    links: list[dict[str, Any]] = []
    for site in range(case.sites):
        way = {"latency": "0.05 ms", **({} if naive else {"burst": f"{plan.burst_bytes!r} B"})}
        links.append({"from": f"site{site}", "to": "bridge", **_rate(case, site), **way})
        links.append({"from": "bridge", "to": f"site{site}", "bandwidth": "100 Gbit/s", "latency": "0.05 ms"})
    transport = {
        "segment": f"{SEGMENT_BYTES} B",
        "header": f"{SEGMENT_BYTES * (1 / profile.goodput_share - 1)!r} B",
        "exchange_overhead": f"{profile.exchange_start_s[str(max(2, case.sites))]!r} s",
    }
    topology = {
        "name": case.name,
        "datacenters": datacenters,
        "routers": ["bridge"],
        "links": links,
        "collective": "ring",
        **({} if naive else {"transport": transport, "hosts": hosts}),
    }
    document = {
        "name": case.name,
        "topology": topology,
        "workload": {
            "params": profile.params,
            "steps": case.steps,
            "batch_tokens": site_tokens * case.sites,
            "chips": case.sites,
            "payload_bits": 32,
            "layer_params": _layers(plan, profile),
        },
        "strategies": [_strategy(case, profile, naive=naive)],
    }
    return validate(Scenario, document, source=case.name)


def _strategy(case: Case, profile: Profile, *, naive: bool) -> dict[str, Any]:
    if case.algorithm == "data-parallel":
        return {"kind": "data-parallel"}
    own = str(min(case.sites, profile.cores))
    outer_s = profile.outer_s[own] * profile.alone_s / _mean(profile.steps_s[own])
    strategy = {"kind": case.algorithm, "replicas": case.sites, "sync_every": case.sync_every}
    if case.algorithm == "streaming-diloco":
        strategy |= {"fragments": case.fragments, "overlap_steps": 0}
    return strategy if naive else strategy | {"compression_time": f"{outer_s!r} s"}


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


def _mean(values: tuple[float, ...]) -> float:
    return sum(values) / len(values)


def _rising(slowdown: list[float]) -> list[float]:
    """At least 1, and never less for more: noise of a measurement may say otherwise by a little."""
    best = 1.0
    return [best := max(best, each) for each in slowdown]
