"""What the simulator says of a case, from a profile of the unshaped trainer; nothing is fitted to a shaped run."""

from __future__ import annotations

import statistics
import tempfile
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

from sim.documents.validation import validate
from sim.scenario.model import Scenario
from sim.simulation.results import Run
from sim.simulation.run import run
from sim.trace.file import Header, Step, TraceWriter

from .cases import Case, Plan
from .unshaped import Profile

SEGMENT_BYTES = 1448
"""Payload of a full packet: 1500 less 20 of IPv4 and 32 of TCP with timestamps; the shaper counts 1514."""
BRIDGE_S = 5e-5
"""One-way latency of each side of a bridge [s]."""
NEAR = ("headers", "bucket", "exchange", "sharing", "apart", "outer")
FAR = ("latency", "asked", "halves", "streams", "loss")
TERMS = (*NEAR, *FAR)
"""What the prediction has beside bytes over rate and the seconds of a step alone; FAR: with distance."""


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
    out_s, in_s, asking_s = latencies(case, profile, without)
    datacenters, links = [], []
    for site in range(case.sites):
        shared = {} if "sharing" in without else {"host": f"core{profile.core(site)}"}
        datacenters.append({"name": f"site{site}", "chips": 1, **shared})
        bucket = {} if "bucket" in without else {"burst": f"{plan.burst_bytes!r} B"}
        lossy = {"loss": case.loss} if case.loss and "loss" not in without else {}
        way = {**_rate(case, site), "latency": f"{out_s[site]!r} s", **bucket, **lossy}
        links.append({"from": f"site{site}", "to": "bridge", **way})
        back = {"bandwidth": "100 Gbit/s", "latency": f"{in_s[site]!r} s"}
        links.append({"from": "bridge", "to": f"site{site}", **back})
    ring = case.exchange == "ring"
    exchange_s = measured.ring_exchange_s if ring else measured.exchange_s
    overhead_s = asking_s + (0.0 if "exchange" in without else exchange_s)
    transport: dict[str, Any] = {"exchange_overhead": f"{overhead_s!r} s"} if overhead_s else {}
    if "streams" not in without:
        transport["streams"] = case.streams
    if "headers" not in without:
        header_bytes = SEGMENT_BYTES * (1 / profile.goodput_share - 1)
        transport |= {"segment": f"{SEGMENT_BYTES} B", "header": f"{header_bytes!r} B"}
    topology = {
        "name": case.name,
        "datacenters": datacenters,
        "routers": ["bridge"],
        "links": links,
        "collective": "ring" if "apart" in without else "chunked-ring",
        "transport": transport,
        "hosts": [] if "sharing" in without else _hosts(case, profile),
    }
    outer_s = measured.ring_outer_s if ring else measured.outer_s
    document = {
        "name": case.name,
        "topology": topology,
        "workload": {"trace": str(trace), "steps": case.steps, "layer_params": _layers(plan, profile)},
        "strategies": [_strategy(case, 0.0 if "outer" in without else outer_s / max(_slowdowns(case, profile)))],
    }
    return validate(Scenario, document, source=case.name)


def latencies(case: Case, profile: Profile, without: Collection[str]) -> tuple[list[float], list[float], float]:
    """The latency of each site's way to the next and from the one before, and what of an exchange comes once [s].

    A ring passes its one-way latency e once in each of its R = 2 (n - 1) rounds. The trainer's (Gloo's) asks a receiver
    before it sends, so that it is h e, with h R the latencies that were measured unshaped. It has two halves of a chunk
    under way, each in s, so that a round takes the longer of 2 s and s + h e; but 2 s + h e the first ones of the
    reduce-scatter and of the all-gather, which begin with nothing under way. A way takes the mean of all rounds.
    """
    near = [BRIDGE_S] * case.sites
    if not case.distant or "latency" in without:
        return near, near, 0.0
    own, rounds = list(case.latencies_s), 2 * (case.sites - 1)
    if case.exchange == "ring" or "asked" in without:
        return own, own, 0.0
    asked = profile.passes[str(case.sites)] / rounds
    ways_s = [one + other for one, other in zip(own, (*own[1:], own[0]), strict=True)]
    if case.loss:  # what a loss costs depends on the round trip, so that must stay as it is
        return own, own, (asked - 1) * rounds * statistics.fmean(ways_s)
    if "halves" in without:
        return [asked * way_s for way_s in ways_s], [0.0] * case.sites, 0.0
    half_bits = 32 * profile.params / (case.fragments or 1) / case.sites / 2
    halves_s = [half_bits / (rate * profile.goodput_share) for rate in case.rates]
    exposed_s = [max(0.0, asked * way_s - half_s) for way_s, half_s in zip(ways_s, halves_s, strict=True)]
    means_s = [
        (2 * asked * way_s + (rounds - 2) * each_s) / rounds for way_s, each_s in zip(ways_s, exposed_s, strict=True)
    ]
    return means_s, [0.0] * case.sites, 0.0


def write_trace(path: Path, plan: Plan, case: Case, profile: Profile, *, sharing: bool) -> None:
    """What each site would take for its inner steps with its host to itself."""
    alone = [profile.at_once(1).steps_s[0]] * case.sites
    if sharing:
        measured = profile.at_once(case.sites).steps_s
        slowdowns = _slowdowns(case, profile)
        alone = [tuple(s / slowdown for s in own) for own, slowdown in zip(measured, slowdowns, strict=True)]
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


def _hosts(case: Case, profile: Profile) -> list[dict[str, Any]]:
    """The cores that sites are pinned to, and the machine that they are part of."""
    cores = dict.fromkeys(profile.core(site) for site in range(case.sites))
    crowd = profile.of_processes(case.sites)
    parts = [{"name": f"core{core}", "slowdown": crowd, "part_of": "machine"} for core in cores]
    return [{"name": "machine", "slowdown": profile.of_cores(case.sites)}, *parts]


def _slowdowns(case: Case, profile: Profile) -> list[float]:
    """How many times as long a step of each site takes while all compute."""
    crowd = Counter(profile.core(site) for site in range(case.sites))
    each, all_cores = profile.of_processes(case.sites), profile.of_cores(case.sites)[-1]
    return [each[crowd[profile.core(site)] - 1] * all_cores for site in range(case.sites)]


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
        strategy |= {"fragments": case.fragments, "overlap_steps": case.overlap_steps}
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
