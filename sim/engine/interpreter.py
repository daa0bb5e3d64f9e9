"""replay(): interprets the ops of every worker in simulated time.

The engine knows ops and a network, never a strategy. How the members of a collective come together and go on is the
business of its join (`joins`): the interpreter has them enter a meeting and wait for what it gives them. Arrivals are
counted; no two clock values are compared. Events at the same instant run in the order in which they were scheduled,
which is the order of the workers.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence

import simpy

from ..errors import InputError, ReplayError
from ..topology.hosts import Place
from .accounting import Mark, Tally
from .joins import Meeting, meet
from .ops import Collective, Compute, Merge, Op, Start
from .ports import Network
from .processor_sharing import processors
from .timeline import Span, Timeline
from .traffic import Traffic

_Key = tuple[str, int, int, tuple[int, ...]]


class _Replay:
    """State of one replay: the traffic, the meetings that are not over, and what is kept of every stretch of time."""

    def __init__(
        self, network: Network, places: Sequence[Place | None], keep_spans: bool, marks: list[list[Mark]] | None
    ) -> None:
        self.traffic = Traffic(network, len(places))
        self.env = self.traffic.env
        self.processors = processors(self.env, places)
        self.meetings: dict[_Key, Meeting] = {}
        self.spans: list[Span] | None = [] if keep_spans else None
        self.marks = marks
        self.waiting: dict[int, Collective] = {}

    def worker(self, index: int, program: Iterable[Op]) -> Generator[simpy.Event, object, None]:
        """The process that one worker is."""
        tally = self.traffic.tallies[index]
        env = self.env
        processor = self.processors[index]
        compute = env.timeout if processor is None else processor.compute
        for op in program:
            if isinstance(op, Compute):
                start_s = env.now
                tally.at(start_s, behind=True)
                yield compute(op.seconds)
                tally.at(env.now, behind=False)
                if self.marks is not None:
                    self.marks[index].append(Mark(tally.steps, env.now, start_s, None, self.credit_s(index)))
                tally.computed(op, op.seconds if processor is None else env.now - start_s)
                self.note(index, "compute" if op.useful else "pack", start_s)
            elif isinstance(op, Start):
                self.join(index, op.collective)
            elif isinstance(op, Merge):
                self.traffic.merge([index], op.group)
            else:
                yield from self.wait(index, tally, op.collective)
        tally.end(env.now)

    def join(self, index: int, collective: Collective) -> None:
        """One more member has come to where a collective meets; the first one opens it."""
        key = _key(collective)
        meeting = self.meetings.get(key)
        if meeting is None:
            meeting = self.meetings[key] = meet(self.traffic, collective)
        meeting.enter(index)

    def wait(self, index: int, tally: Tally, collective: Collective) -> Generator[simpy.Event, object, None]:
        """Stands still until the collective is done, then settles what was exposed and what was hidden."""
        meeting = self.meetings[_key(collective)]
        exchange = meeting.exchange_of(index)
        asked_s = self.env.now
        if exchange.end_s is None:
            self.waiting[index] = collective
            yield exchange.done
            del self.waiting[index]
            begin_s = _known(exchange.begin_s)
            straggler_s = max(0.0, begin_s - asked_s)
            exposed_s = self.env.now - asked_s - straggler_s
            inside_s = exchange.inside_s(self.env.now, exposed_s)
            tally.stood_still(straggler_s, inside_s, exposed_s - inside_s, exchange.joined[-1])
            if straggler_s:
                self.note(index, "wait", asked_s, begin_s)
            self.note(index, collective.name, max(asked_s, begin_s))
        begin_s, end_s = _known(exchange.begin_s), _known(exchange.end_s)
        tally.hidden += collective.count * collective.behind_s
        if self.marks is not None:
            self.marks[index].append(Mark(tally.steps, self.env.now, begin_s, end_s, self.credit_s(index)))
        if meeting.leave():
            del self.meetings[_key(collective)]

    def credit_s(self, index: int) -> tuple[float, ...]:
        """What the buckets of the links hold, for the marks of one worker: all others have the same links [s]."""
        return self.traffic.carrier.credit_s() if index == 0 else ()

    def note(self, index: int, what: str, start_s: float, end_s: float | None = None) -> None:
        """Keeps a span, where spans are kept."""
        if self.spans is not None:
            self.spans.append(Span(index, what, start_s, self.env.now if end_s is None else end_s))


def _key(collective: Collective) -> _Key:
    return collective.name, collective.index, collective.part, collective.members


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
) -> Timeline:
    """Runs the programs of all workers against each other.

    Args:
      programs: the ops of each worker; they may be generators, and are consumed as time passes.
      network: what an exchange costs.
      places: the host whose compute each worker shares, None for one of its own; nothing: nobody shares any.
      spans: whether to keep every stretch of time (memory then grows with the length of the run).
      marks: a list for each worker, to which a mark is added for every op that took time or waited.

    Returns:
      The sums (and spans) of the run.

    Raises:
      InputError: workers are left waiting because a link never returns.
      ReplayError: workers are left waiting for a collective that somebody never joined or never waited for.
    """
    state = _Replay(network, places or [None] * len(programs), spans, marks)
    for index, program in enumerate(programs):
        state.env.process(state.worker(index, program))
    state.env.run()
    if state.waiting:
        stuck = "; ".join(f"worker {w} for {c.name} {c.index} of workers {c.members}" for w, c in state.waiting.items())
        if stalled := state.traffic.carrier.stalled():
            raise InputError(
                f"topology: links {', '.join(stalled)} never return, and somebody waits for ever: {stuck}; "
                "give the outage a duration, or the schedule a bandwidth to end with"
            )
        raise ReplayError(f"the replay cannot go on, still waiting: {stuck}")
    if state.meetings:
        left = ", ".join(f"{name} {index} of workers {members}" for name, index, _, members in state.meetings)
        raise ReplayError(f"started and never waited for by every member: {left}")
    return Timeline(
        workers=tuple(tally.totals() for tally in state.traffic.tallies),
        links=state.traffic.carrier.links(),
        spans=tuple(state.spans or ()),
    )
