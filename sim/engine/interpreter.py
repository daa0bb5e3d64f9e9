"""replay(): interprets the ops of every worker in simulated time.

The engine knows ops and a network, never a strategy. How the members of a collective come together and go on is the
business of its join (`joins`): the interpreter has them enter a meeting and wait for what it gives them. Arrivals are
counted; no two clock values are compared. Events at the same instant run in the order in which they were scheduled,
which is the order of the workers.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace

import simpy

from ..errors import InputError, ReplayError
from ..topology.hosts import Place
from .accounting import Doing, Mark, Tally
from .joins import Exchange, Meeting, meet
from .ops import Collective, Compute, Inside, Merge, Op, Start, Wait
from .ports import Network
from .processor_sharing import processors
from .timeline import Span, Timeline
from .traffic import Traffic
from .watching import Stretch, Watch

_MOST_AT_ONCE = 64
"""Ops of a worker by itself that are one event, so that whoever counts its steps hears of them now and then."""
_Key = tuple[str, int, int, tuple[int, ...]]


class Replay:
    """State of one replay: the traffic, the meetings that are not over, and who looks on (see `replay`)."""

    def __init__(
        self,
        programs: Sequence[Iterable[Op]],
        network: Network,
        places: Sequence[Place | None] = (),
        watch: Watch | None = None,
        marks: list[list[Mark]] | None = None,
        keeper: int = 0,
    ) -> None:
        places = places or [None] * len(programs)
        self.traffic = Traffic(network, len(places), None if watch is None else watch.exchanges)
        self.env = self.traffic.env
        self.processors = processors(self.env, places)
        self.meetings: dict[_Key, Meeting] = {}
        self.watch = watch
        self.marks = marks
        self.waiting: dict[int, Collective] = {}
        self._keeper = keeper
        for index, program in enumerate(programs):
            self.env.process(self.worker(index, program))

    def timeline(self) -> Timeline:
        """The sums so far, without spans."""
        carrier = self.traffic.carrier
        return Timeline(tuple(tally.totals() for tally in self.traffic.tallies), carrier.links(), sent=carrier.sent())

    def check_over(self) -> None:
        """Demands that nobody is left waiting, and nothing was started in vain.

        Raises:
          InputError: workers are left waiting because a link never returns.
          ReplayError: workers are left waiting for a collective that somebody never joined or never waited for.
        """
        if self.waiting:
            stuck = "; ".join(
                f"worker {w} for {c.name} {c.index} of workers {c.members}" for w, c in self.waiting.items()
            )
            if stalled := self.traffic.carrier.stalled():
                raise InputError(
                    f"topology: links {', '.join(stalled)} never return, and somebody waits for ever: {stuck}; "
                    "give the outage a duration, or the schedule a bandwidth to end with"
                )
            raise ReplayError(f"the replay cannot go on, still waiting: {stuck}")
        if self.meetings:
            left = ", ".join(f"{name} {index} of workers {members}" for name, index, _, members in self.meetings)
            raise ReplayError(f"started and never waited for by every member: {left}")

    def worker(self, index: int, program: Iterable[Op]) -> Generator[simpy.Event, object, None]:
        """The process that one worker is."""
        env, tally, processor = self.env, self.traffic.tallies[index], self.processors[index]
        ops, known, known_s = iter(program), None, 0.0
        op = next(ops, None)
        while op is not None:
            if isinstance(op, Start):
                self.join(index, op.collective)
            elif isinstance(op, Wait):
                exchange = self.exchange_of(index, op.collective)
                if exchange.end_s is None:
                    asked_s = env.now
                    self.waiting[index] = op.collective
                    yield exchange.done
                    self.stood_still(index, op.collective, exchange, asked_s)
                self.leave(index, op.collective, exchange)
            elif isinstance(op, Merge):
                self.traffic.merge([index], op.group)
            elif self.watch is not None or (processor is not None and isinstance(op, Compute)):
                if isinstance(op, Compute):
                    yield from self.compute(index, tally, op)
                else:
                    self.join(index, op.numbered)
                    op = Wait(op.numbered)
                    continue
            else:
                doings, at_s = [], 0.0
                while isinstance(op, Inside) or (isinstance(op, Compute) and processor is None):
                    if isinstance(op, Compute):
                        took_s = op.seconds
                    else:
                        if op.collective is not known:  # it is the same at every step
                            known, known_s = op.collective, self.traffic.carrier.inside_s(op.collective)
                        took_s = known_s
                    doings.append((op, at_s, at_s + took_s))
                    at_s += took_s
                    op = next(ops, None)
                    if len(doings) == _MOST_AT_ONCE:
                        break
                tally.sets_out(env.now, doings)
                yield env.timeout(at_s)
                if self.marks is not None:
                    self.mark(index, tally, doings)
                tally.comes_back(env.now)
                continue
            op = next(ops, None)
        tally.end(env.now)
        if self.watch is not None:
            self.watch.ends(index)

    def mark(self, index: int, tally: Tally, doings: Sequence[Doing]) -> None:
        """Leaves marks of what a worker did by itself."""
        assert self.marks is not None
        add, start_s, step, credit_s = self.marks[index].append, tally.set_out, tally.steps, self.credit_s(index)
        for op, begin_s, end_s in doings:
            if isinstance(op, Compute):
                add(Mark(step, start_s + end_s, start_s + begin_s, None, credit_s))
                step += op.steps
            else:
                add(Mark(step, start_s + end_s, start_s + begin_s, start_s + end_s, credit_s))

    def compute(self, index: int, tally: Tally, op: Compute) -> Generator[simpy.Event, object, None]:
        """Computes on a host that others may slow down, or while somebody looks on."""
        start_s, step, processor = self.env.now, tally.steps, self.processors[index]
        if self.watch is not None and op.useful:
            self.watch.begins_step(index, step)
        tally.sets_out(start_s, [(op, 0.0, math.inf)])
        yield self.env.timeout(op.seconds) if processor is None else processor.compute(op.seconds)
        now_s = self.env.now
        if self.marks is not None:
            self.marks[index].append(Mark(step, now_s, start_s, None, self.credit_s(index)))
        tally.stops(now_s, op, op.seconds if processor is None else now_s - start_s)
        if self.watch is not None:
            what = "compute" if op.useful else "pack"
            self.watch.did(Stretch(index, what, start_s, now_s, step, tally.steps - step, label=op.label))

    def join(self, index: int, collective: Collective) -> None:
        """One more member has come to where a collective meets; the first one opens it."""
        key = _key(collective)
        meeting = self.meetings.get(key)
        if meeting is None:
            meeting = self.meetings[key] = meet(self.traffic, collective)
        meeting.enter(index)

    def exchange_of(self, index: int, collective: Collective) -> Exchange:
        """What a worker waits for that has joined a collective."""
        return self.meetings[_key(collective)].exchange_of(index)

    def stood_still(self, index: int, collective: Collective, exchange: Exchange, asked_s: float) -> None:
        """A worker has waited for an exchange, which is done now: settles what it waited for."""
        del self.waiting[index]
        tally, now_s, begin_s = self.traffic.tallies[index], self.env.now, _known(exchange.begin_s)
        straggler_s = max(0.0, begin_s - asked_s)
        exposed_s = now_s - asked_s - straggler_s
        inside_s = exchange.inside_s(now_s, exposed_s)
        tally.stood_still(straggler_s, inside_s, exposed_s - inside_s, exchange.joined[-1])
        if self.watch is not None:
            for stretch in _stood_still(index, tally.steps, collective, exchange, asked_s, now_s):
                self.watch.did(stretch)

    def leave(self, index: int, collective: Collective, exchange: Exchange) -> None:
        """A worker goes on with the result of an exchange."""
        tally = self.traffic.tallies[index]
        tally.hidden += collective.count * collective.behind_s
        if self.marks is not None:
            begin_s, end_s = _known(exchange.begin_s), _known(exchange.end_s)
            self.marks[index].append(Mark(tally.steps, self.env.now, begin_s, end_s, self.credit_s(index)))
        key = _key(collective)
        if self.meetings[key].leave():
            del self.meetings[key]

    def credit_s(self, index: int) -> tuple[float, ...]:
        """What the buckets of the links hold; only the marks of one worker keep it, as all have the same links [s]."""
        return self.traffic.carrier.credit_s() if index == self._keeper else ()


def _key(collective: Collective) -> _Key:
    return collective.name, collective.index, collective.part, collective.members


def _stood_still(
    worker: int, step: int, collective: Collective, exchange: Exchange, asked_s: float, now_s: float
) -> Iterator[Stretch]:
    """What a worker waited for, which goes on now: the last one to come, if it was not there, and then the exchange."""
    begin_s = _known(exchange.begin_s)
    if begin_s > asked_s:
        yield Stretch(worker, "wait", asked_s, begin_s, step, 0, collective, exchange.joined[-1])
    start_s = max(asked_s, begin_s)
    parts = tuple(exchange.parts(start_s, now_s))
    yield Stretch(worker, collective.name, start_s, now_s, step, 0, collective, None, parts)


def _known(moment_s: float | None) -> float:
    assert moment_s is not None, "a collective that fired has a beginning and an end"
    return moment_s


def replay(
    programs: Sequence[Iterable[Op]],
    network: Network,
    *,
    places: Sequence[Place | None] = (),
    spans: bool = False,
    marks: list[list[Mark]] | None = None,
    watch: Watch | None = None,
) -> Timeline:
    """Runs the programs of all workers against each other.

    Args:
      programs: the ops of each worker; they may be generators, and are consumed as time passes.
      network: what an exchange costs.
      places: the host whose compute each worker shares, None for one of its own; nothing: nobody shares any.
      spans: whether to keep every stretch of time (memory then grows with the length of the run).
      marks: a list for each worker, to which a mark is added for every op that took time or waited.
      watch: what looks on; it may have seen enough before the run is over, and the sums are those until then.

    Returns:
      The sums (and spans) of the run.

    Raises:
      TooMuchToKeepError: more happens than a watch keeps.
      InputError: workers are left waiting because a link never returns.
      ReplayError: workers are left waiting for a collective that somebody never joined or never waited for.
    """
    watch = watch or (Watch() if spans else None)
    state = Replay(programs, network, places, watch, marks)
    if watch is None:
        state.env.run()
    else:
        watch.look_on(state.env)
    if watch is None or watch.end_s is None:
        state.check_over()
    return replace(
        state.timeline(), spans=tuple(Span(*each[:4]) for each in watch.stretches) if watch and spans else ()
    )
