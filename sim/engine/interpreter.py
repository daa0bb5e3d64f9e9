"""replay(): interprets the ops of every worker in simulated time.

The engine knows ops and a network, never a strategy. A collective begins when its last member has joined (arrivals
are counted; no two clock values are compared) and ends for all members at once, unless the network lets each of them
go on with its own result. Events at the same instant run in the order in which they were scheduled, which is the order
of the workers.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace

import simpy

from ..errors import InputError, ReplayError
from ..topology.hosts import Place
from .accounting import Mark, Tally
from .ops import Collective, Compute, Merge, Op, Start
from .ports import Network, Served
from .processor_sharing import processors
from .timeline import Span, Timeline

_Key = tuple[str, int, int, tuple[int, ...]]


@dataclass(slots=True)
class _Exchange:
    """A collective under way: who has joined, when it ran, how many are done with it, and for whom it ran apart.

    `begin_s` is when all had come, `served` how the network then made it, `sites` how many it was among.
    """

    done: simpy.Event
    crossing_bytes: float = 0.0
    joined: list[int] = field(default_factory=list)
    left: int = 0
    begin_s: float | None = None
    end_s: float | None = None
    served: Served | None = None
    sites: int = 1
    own: dict[int, _Exchange] = field(default_factory=dict)


class _Replay:
    """State of one replay: the clock, the exchanges under way, and the sums."""

    def __init__(
        self, network: Network, places: Sequence[Place | None], keep_spans: bool, marks: list[list[Mark]] | None
    ) -> None:
        workers = len(places)
        self.env = simpy.Environment()
        self.carrier = network.connect(self.env)
        self.processors = processors(self.env, places)
        self.open: dict[_Key, _Exchange] = {}
        self.tallies = [Tally(workers) for _ in range(workers)]
        self.spans: list[Span] | None = [] if keep_spans else None
        self.marks = marks
        self.waiting: dict[int, Collective] = {}
        self.updates: dict[tuple[int, ...], int] = {}
        self.seen: dict[int, int] = {}

    def worker(self, index: int, program: Iterable[Op]) -> Generator[simpy.Event, object, None]:
        """The process that one worker is."""
        tally = self.tallies[index]
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
                self.merge([index], op.group)
            else:
                yield from self.wait(index, tally, op.collective)
        tally.end(env.now)

    def join(self, index: int, collective: Collective) -> None:
        """One more member has come; the last one, or a quorum after its grace, begins the transfer."""
        exchange = self.open.get(_key(collective))
        if exchange is None:
            size_bytes = self.carrier.crossing_bytes(collective)
            exchange = self.open[_key(collective)] = _Exchange(self.env.event(), size_bytes)
        if exchange.begin_s is not None:
            self.catch_up(index, collective, exchange)
            return
        self.hand_over(index, collective, exchange.crossing_bytes)
        exchange.joined.append(index)
        alone = self.carrier.enter(collective, index)
        if alone is not None:
            self.run_apart(index, collective, exchange, alone)
        elif len(exchange.joined) == len(collective.members):
            self.begin(exchange, collective)
        elif len(exchange.joined) == collective.quorum:

            def close(_: simpy.Event) -> None:
                if exchange.begin_s is None:
                    self.begin(exchange, collective)

            self.after(self.env.timeout(collective.grace_s), close)

    def begin(self, exchange: _Exchange, collective: Collective) -> None:
        """The transfer starts now, among those who have joined."""
        exchange.begin_s = self.env.now
        if collective.quorum is not None:
            self.merge(exchange.joined, collective.members)
            collective = replace(collective, members=tuple(sorted(exchange.joined)))
        exchange.sites = len(collective.touches)
        transfer = self.transfer(collective, collective.members[0])
        for member in exchange.joined:
            self.tallies[member].at(self.env.now, under_way=1)
        alone = len(collective.members) == 1 and collective.quorum is None
        if alone:  # nobody waits yet, so the transfer itself can be waited for: half the events of an inner round
            exchange.done = transfer

        def finish(event: simpy.Event) -> None:
            exchange.end_s = self.env.now
            exchange.served = event.value
            for member in exchange.joined:
                self.tallies[member].at(self.env.now, under_way=-1)
            if not alone and exchange.done.callbacks:  # else whoever comes later sees that it is over
                exchange.done.succeed()

        self.after(transfer, finish)

    def run_apart(self, index: int, collective: Collective, exchange: _Exchange, done: simpy.Event) -> None:
        """One more member is in a collective that ends for each by itself; nobody can be done before all have come."""
        own = exchange.own[index] = _Exchange(done, joined=exchange.joined, sites=len(collective.members))

        def finish(event: simpy.Event) -> None:
            own.end_s = self.env.now
            own.served = event.value
            self.tallies[index].at(self.env.now, under_way=-1)

        self.after(done, finish)
        if len(exchange.joined) == len(collective.members):
            self.tallies[collective.members[0]].crossing += exchange.crossing_bytes
            for member, each in exchange.own.items():
                each.begin_s = self.env.now
                self.tallies[member].at(self.env.now, under_way=1)

    def catch_up(self, index: int, collective: Collective, missed: _Exchange) -> None:
        """A member that came too late hands its change to the first of the others, and gets the sum from it."""
        tally = self.tallies[index]
        tally.late += 1
        self.merge([index], collective.members)
        own = missed.own[index] = _Exchange(self.env.event(), joined=[index], begin_s=self.env.now, sites=2)
        ends = [(index, missed.joined[0]), (missed.joined[0], index)]
        push, pull = (
            replace(collective, members=(index,), source=source, target=target, quorum=None) for source, target in ends
        )
        for one in (push, pull):
            self.hand_over(index, one, self.carrier.crossing_bytes(one))
        tally.at(self.env.now, under_way=1)

        def go() -> Generator[simpy.Event, object, None]:
            if missed.end_s is None:
                yield missed.done
            there = yield self.transfer(push, index)
            back = yield self.transfer(pull, index)
            if isinstance(there, Served) and isinstance(back, Served):
                own.served = Served(there.began_s, there.first_s, back.last_s)
            own.end_s = self.env.now
            tally.at(self.env.now, under_way=-1)

        own.done = self.env.process(go())

    def hand_over(self, index: int, collective: Collective, size_bytes: float) -> None:
        """A site is given its share of an exchange to send: all of it where it goes one way."""
        if collective.source is None:
            self.tallies[index].handed_over(size_bytes / len(collective.members))
        else:
            self.tallies[collective.source].handed_over(size_bytes)

    def merge(self, together: Sequence[int], group: tuple[int, ...]) -> None:
        """One update of what a group shares, from some of its workers, who then know all updates so far."""
        updates = self.updates.get(group, 0)
        for worker in together:
            self.tallies[worker].merged(updates - self.seen.get(worker, 0))
            self.seen[worker] = updates + 1
        self.updates[group] = updates + 1

    def transfer(self, collective: Collective, sender: int) -> simpy.Event:
        """Begins a transfer, and counts its bytes for a worker."""
        self.tallies[sender].crossing += self.carrier.crossing_bytes(collective)
        return self.carrier.transfer(collective)

    def wait(self, index: int, tally: Tally, collective: Collective) -> Generator[simpy.Event, object, None]:
        """Stands still until the collective is done, then settles what was exposed and what was hidden."""
        shared = self.open[_key(collective)]
        exchange = shared.own.get(index, shared)
        asked_s = self.env.now
        exposed_s = 0.0
        if exchange.end_s is None:
            self.waiting[index] = collective
            yield exchange.done
            del self.waiting[index]
            begin_s = _known(exchange.begin_s)
            straggler_s = max(0.0, begin_s - asked_s)
            exposed_s = self.env.now - asked_s - straggler_s
            inside_s = self.inside_s(exchange, exposed_s)
            tally.stood_still(straggler_s, inside_s, exposed_s - inside_s, exchange.joined[-1])
            if straggler_s:
                self.note(index, "wait", asked_s, begin_s)
            self.note(index, collective.name, max(asked_s, begin_s))
        begin_s, end_s = _known(exchange.begin_s), _known(exchange.end_s)
        tally.hidden += collective.count * collective.behind_s
        if self.marks is not None:
            self.marks[index].append(Mark(tally.steps, self.env.now, begin_s, end_s, self.credit_s(index)))
        shared.left += 1
        if shared.left == len(collective.members):
            del self.open[_key(collective)]

    def credit_s(self, index: int) -> tuple[float, ...]:
        """What the buckets of the links hold, for the marks of one worker: all others have the same links [s]."""
        return self.carrier.credit_s() if index == 0 else ()

    def inside_s(self, exchange: _Exchange, exposed_s: float) -> float:
        """How much of what was exposed, the end of an exchange, was at work inside the worker's datacenter."""
        served = exchange.served
        if exchange.sites == 1 or served is None:
            return exposed_s if exchange.sites == 1 else 0.0
        seen_s = self.env.now - exposed_s
        first_s = min(max(0.0, served.began_s + served.first_s - seen_s), served.first_s)
        return first_s + min(exposed_s, served.last_s)

    def note(self, index: int, what: str, start_s: float, end_s: float | None = None) -> None:
        """Keeps a span, where spans are kept."""
        if self.spans is not None:
            self.spans.append(Span(index, what, start_s, self.env.now if end_s is None else end_s))

    @staticmethod
    def after(event: simpy.Event, callback: object) -> None:
        """Has something done when an event fires."""
        assert event.callbacks is not None, "an event has not fired when it is handed over"
        event.callbacks.append(callback)  # type: ignore[arg-type]


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
        if stalled := state.carrier.stalled():
            raise InputError(
                f"topology: links {', '.join(stalled)} never return, and somebody waits for ever: {stuck}; "
                "give the outage a duration, or the schedule a bandwidth to end with"
            )
        raise ReplayError(f"the replay cannot go on, still waiting: {stuck}")
    if state.open:
        left = ", ".join(f"{name} {index} of workers {members}" for name, index, _, members in state.open)
        raise ReplayError(f"started and never waited for by every member: {left}")
    return Timeline(
        workers=tuple(tally.totals() for tally in state.tallies),
        links=state.carrier.links(),
        spans=tuple(state.spans or ()),
    )
