"""observe(): the first rounds of a scenario's runs, moment by moment.

What is observed is the run itself, from its beginning: the same programs on the same network as in `run`, all of their
steps ahead of them, and nothing shortened. It is looked at for so many rounds, and on until what is under way then is
over; there it is cut off. So nothing in it is special because somebody looks: a closing exchange is seen only where
the run is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..engine.interpreter import replay
from ..engine.ops import Collective, moved
from ..engine.traffic import UnderWay
from ..engine.watching import Stretch, TooMuchToKeepError, Watch
from ..errors import ArgumentError
from ..network.flow_log import FlowLog
from ..network.over_links import LinkNetwork
from ..scenario.model import Scenario
from ..strategies.shared.strategy import told_apart
from .jobs import jobs
from .observation import Doing, Exchange, Flow, Load, Observation, Slice, exchange_in_words, is_message
from .replays import network_of
from .results import Job

_WHERE: dict[str, tuple[Doing, str]] = {
    "queued": ("across", "waiting for the one before it"),
    "inside": ("inside", "inside the site"),
    "across": ("across", "across sites"),
}


def observe(scenario: Scenario, rounds: int | None = 1) -> tuple[Observation, ...]:
    """What the runs of a scenario do in their first rounds, one observation a strategy.

    A round is H inner steps of a worker with their exchanges, up to where the worker begins the next step; with
    Data-Parallel it is one step. The stretch ends when the last worker has made its rounds (those who go at their own
    pace, as in asynchronous DiLoCo, may have made more by then), and all exchanges under way at that moment are over.

    Args:
      scenario: what runs.
      rounds: how many; None: all of them. Then the sums of all slices are the figures of `run`.

    Raises:
      InputError: as for `run`; there are no such rounds; or more happens in them than can be kept.
    """
    if rounds is not None and rounds < 1:
        raise ArgumentError("{rounds}: got {given}; write {rounds:1} or more, or {rounds:all}", given=rounds)
    planned = jobs(scenario)
    groups = [planned] if scenario.jobs == "together" else [[job] for job in planned]
    try:
        found = [each for group in groups for each in _observed(scenario, group, rounds)]
    except TooMuchToKeepError as error:
        raise _too_much(error, rounds) from None
    labels = told_apart([job.strategy.label for job in planned])
    return tuple(replace(each, label=label) for each, label in zip(found, labels, strict=True))


def _too_much(error: TooMuchToKeepError, rounds: int | None) -> ArgumentError:
    if rounds == 1:
        return ArgumentError("{rounds}: {what} in a single round; take fewer datacenters, or fewer steps", what=error)
    return ArgumentError("{rounds}: {what}; write fewer, such as {rounds:1}", what=error)


def _observed(scenario: Scenario, group: Sequence[Job], rounds: int | None) -> Iterator[Observation]:
    """Jobs that run at the same time."""
    network = network_of(scenario, group)
    log = network.logged() if isinstance(network, LinkNetwork) else None
    firsts = [sum(job.setting.workers for job in group[:place]) for place in range(len(group))]
    programs = [
        moved(program, first)
        for job, first in zip(group, firsts, strict=True)
        for program in job.strategy.programs(job.setting)
    ]
    every = [own for job in group for own in job.strategy.steps_per_sync_of(job.setting)]
    enough = [rounds * own for own in every] if rounds else []
    watch = Watch(enough)
    timeline = replay(programs, network, places=[place for job in group for place in job.setting.places], watch=watch)
    end_s = timeline.wall_clock_s if watch.end_s is None else watch.end_s
    sites = [site.name for job in group for site in job.sites]
    loads = _loads(log, end_s) if log else ()
    for job, first in zip(group, firsts, strict=True):
        yield _Seen(watch, log, sites, range(first, first + job.setting.workers), end_s).observation(loads)


@dataclass(frozen=True)
class _Seen:
    """What was seen of one job, until `end_s`: its workers are `own` among those of all jobs."""

    watch: Watch
    log: FlowLog | None
    sites: Sequence[str]
    own: range
    end_s: float

    def observation(self, loads: tuple[Load, ...]) -> Observation:
        slices = [s for each in self.watch.stretches if each.worker in self.own for s in self._slices(each)]
        exchanges = [each for each in self.watch.exchanges if each.workers[0] in self.own]
        return Observation(
            label="",
            sites=tuple(self.sites[worker] for worker in self.own),
            start_s=0.0,
            end_s=self.end_s,
            slices=tuple(sorted(slices, key=lambda each: (each.start_s, each.worker, each.end_s))),
            exchanges=tuple(self._exchange(each) for each in exchanges if self._is_seen(each.begin_s, each.end_s)),
            flows=tuple(self._flows(self.log)) if self.log else (),
            loads=loads,
        )

    def _is_seen(self, start_s: float, end_s: float | None) -> bool:
        return start_s < self.end_s or (end_s is not None and end_s <= self.end_s)

    def _until(self, end_s: float | None) -> float:
        return self.end_s if end_s is None else min(end_s, self.end_s)

    def _slices(self, stretch: Stretch) -> Iterator[Slice]:
        worker = stretch.worker - self.own.start
        for doing, name, start_s, end_s in self._doings(stretch):
            if start_s < self._until(end_s):
                yield Slice(worker, doing, name, float(start_s), float(self._until(end_s)), _detail(stretch))

    def _doings(self, stretch: Stretch) -> Iterator[tuple[Doing, str, float, float]]:
        start_s, end_s = stretch.start_s, stretch.end_s
        if stretch.what == "compute":
            yield "compute", stretch.label or "compute", start_s, end_s
        elif stretch.what == "pack":
            yield "packing", "packing of payloads", start_s, end_s
        elif stretch.what == "wait":
            last = stretch.last
            whom = "late sites" if last is None or last == stretch.worker else self.sites[last]
            yield "waiting", f"waiting for {whom}", start_s, end_s
        else:
            for part in stretch.parts:
                doing, where = _WHERE[part.where]
                yield doing, f"{exchange_in_words(stretch.what)}, {where}", part.start_s, part.end_s

    def _exchange(self, seen: UnderWay) -> Exchange:
        what = seen.collective
        return Exchange(
            name=what.name,
            number=what.index,
            part=what.part,
            members=tuple(worker - self.own.start for worker in seen.workers),
            payload_bytes=what.payload_bytes,
            start_s=seen.begin_s,
            end_s=self._until(seen.end_s),
            times=what.count,
            behind_s=what.count * what.behind_s,
            whole=seen.end_s is not None and seen.end_s <= self.end_s,
        )

    def _flows(self, log: FlowLog) -> Iterator[Flow]:
        for sent in log.flows:
            there_s = None if sent.left_s is None else sent.left_s + sent.delay_s
            if sent.collective.members[0] in self.own and self._is_seen(sent.begin_s, there_s):
                yield Flow(
                    name=sent.collective.name,
                    source=sent.source,
                    target=sent.target,
                    links=tuple(log.wires[wire].name for wire in sent.wires),
                    payload_bytes=sent.size_bytes,
                    start_s=sent.begin_s,
                    end_s=self._until(there_s),
                    sent_s=self._until(sent.left_s),
                    delay_s=sent.delay_s,
                    whole=there_s is not None and there_s <= self.end_s,
                )


def _detail(stretch: Stretch) -> str:
    """Which one of its name a stretch is, counted from 1."""
    first = stretch.step + 1
    if stretch.what == "compute":
        if not stretch.steps:
            return f"part of step {first}"
        return f"step {first}" if stretch.steps == 1 else f"steps {first} to {stretch.step + stretch.steps}"
    if stretch.collective is None:
        return f"step {first}"
    return _which(stretch.collective)


def _which(collective: Collective) -> str:
    first = collective.index + 1
    if is_message(collective.name):
        return f"{exchange_in_words(collective.name)}, message {collective.part + 1} of step {first}"
    several = f"s {first} to {first + collective.count - 1}" if collective.count > 1 else f" {first}"
    part = f", part {collective.part + 1}" if collective.part else ""
    return f"{exchange_in_words(collective.name)}{several}{part}"


def _loads(log: FlowLog, end_s: float) -> tuple[Load, ...]:
    """What every link carried that carried anything, from the beginning on; one entry for a moment."""
    last: dict[int, Load] = {}
    found: list[Load] = []
    for rate in log.rates:
        if rate.at_s > end_s:
            break
        wire = log.wires[rate.wire]
        now = Load(wire.name, rate.at_s, rate.bits_per_s, rate.capacity_bits_per_s, rate.at_once_bits / 8)
        before = last.get(rate.wire) or Load(wire.name, 0.0, 0.0, wire.profile.capacity_at(0.0))
        if before.at_s == now.at_s:
            now = now._replace(at_once_bytes=before.at_once_bytes + now.at_once_bytes)
        else:
            found.append(before)
        last[rate.wire] = now
    return tuple(sorted([*found, *last.values()], key=lambda each: (each.at_s, each.link)))
