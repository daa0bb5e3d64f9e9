"""What the drawings show: small runs, replayed by the simulator, as rows of bars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import simpy
from paint import Bar, Row

import crosshaul as ch
from sim.engine.interpreter import replay
from sim.engine.ops import Collective
from sim.network.placement import Placement
from sim.network.published_cost import PublishedCostNetwork
from sim.simulation.jobs import plan_job


class Seen(NamedTuple):
    """An exchange between sites: of whom, from when it could begin until it was over [s]."""

    members: tuple[int, ...]
    start_s: float
    end_s: float


class WatchedNetwork(PublishedCostNetwork):
    """The published cost, and a note of every exchange between sites."""

    def __init__(self, placement: Placement) -> None:
        super().__init__(placement)
        self.seen: list[Seen] = []

    def connect(self, env: simpy.Environment) -> object:
        """Puts the network to work, with somebody who looks on."""
        carrier = super().connect(env)
        send = carrier.transfer

        def transfer(collective: Collective) -> simpy.Event:
            done, start_s = send(collective), env.now
            if len(collective.touches) > 1:
                note = lambda _: self.seen.append(Seen(collective.touches, start_s, env.now))  # noqa: E731
                done.callbacks.append(note)
            return done

        carrier.transfer = transfer
        return carrier


def rows(strategy: object, *, steps: int, bandwidth: str, seconds: object = (1.0,)) -> tuple[list[Row], float]:
    """What the replicas of a strategy do, replayed: a row each, one for what hides behind it, and the wall-clock [s].

    A billion parameters of 16 bits on one chip a site: over 8 Gbit/s an exchange between two sites takes 2 s.
    """
    sites = max(2, getattr(strategy, "replicas", 2))
    world = ch.Topology.full_mesh(sites, bandwidth=bandwidth, latency=0.0, collective="published")
    work = ch.Workload.from_seconds(seconds, params=1e9, batch_tokens=sites, chips=sites, steps=steps, layers=8)
    job = plan_job(ch.Scenario(name="drawn", topology=world, workload=work, strategies=(strategy,)), strategy, sites)
    network = WatchedNetwork(Placement(world, tuple(site.name for site in job.sites), (1.0,) * sites))
    timeline = replay(strategy.programs(job.setting), network, spans=True)
    made: list[Row] = []
    for worker in range(sites):
        spans = [span for span in timeline.spans if span.worker == worker and span.end_s > span.start_s]
        bars = [Bar({"compute": "compute", "wait": "wait"}.get(s.what, "across"), s.start_s, s.end_s) for s in spans]
        bars = [bar for bar in bars if bar.kind != "across" or _between_sites(bar, worker, network.seen)]
        made.append(Row(f"site {worker + 1}", tuple(bars)))
        behind = _behind([each for each in network.seen if worker in each.members], bars)
        if behind:
            made.append(Row("behind it", tuple(behind), low=True))
    return made, timeline.wall_clock_s


def _between_sites(bar: Bar, worker: int, seen: Sequence[Seen]) -> bool:
    return any(worker in each.members and each.start_s < bar.end_s and bar.start_s < each.end_s for each in seen)


def _behind(seen: Iterable[Seen], bars: Sequence[Bar]) -> list[Bar]:
    """The stretches of exchanges during which the replica computes."""
    computing = [bar for bar in bars if bar.kind == "compute"]
    both = [(max(each.start_s, bar.start_s), min(each.end_s, bar.end_s)) for each in seen for bar in computing]
    joined: list[Bar] = []
    for start_s, end_s in sorted(pair for pair in both if pair[1] > pair[0]):
        if joined and start_s <= joined[-1].end_s:
            joined[-1] = joined[-1]._replace(end_s=max(end_s, joined[-1].end_s))
        else:
            joined.append(Bar("hidden", start_s, end_s))
    return joined
