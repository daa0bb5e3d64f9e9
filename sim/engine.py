"""replay(): interprets the ops of every worker in simulated time.

The engine knows ops and a network, never a strategy. A collective begins when its last member has joined (arrivals
are counted; no two clock values are compared) and ends for all members at once. Events at the same instant run in
the order in which they were scheduled, which is the order of the workers.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass

import simpy

from .errors import InputError, ReplayError
from .network import Network
from .ops import Collective, Compute, Op, Start
from .timeline import Span, Timeline, Totals

_Key = tuple[str, int, tuple[int, ...]]


@dataclass(slots=True)
class _Exchange:
    """A collective under way: how many have joined and who came last, when it ran, how many are done with it."""

    done: simpy.Event
    joined: int = 0
    left: int = 0
    last: int = 0
    begin_s: float = 0.0
    end_s: float | None = None


class _Tally:
    """The sums of one worker while time passes."""

    __slots__ = ("across", "compute", "crossing", "finish", "hidden", "inside", "straggler", "waited_for")

    def __init__(self, workers: int) -> None:
        self.compute = self.straggler = self.inside = self.across = 0.0
        self.hidden = self.finish = self.crossing = 0.0
        self.waited_for = [0.0] * workers

    def totals(self) -> Totals:
        """The sums, for good."""
        return Totals(
            self.compute,
            self.straggler,
            self.inside,
            self.across,
            self.hidden,
            self.finish,
            self.crossing,
            tuple(self.waited_for),
        )


class _Replay:
    """State of one replay: the clock, the exchanges under way, and the sums."""

    def __init__(self, network: Network, workers: int, keep_spans: bool) -> None:
        self.env = simpy.Environment()
        self.carrier = network.connect(self.env)
        self.open: dict[_Key, _Exchange] = {}
        self.tallies = [_Tally(workers) for _ in range(workers)]
        self.spans: list[Span] | None = [] if keep_spans else None
        self.waiting: dict[int, Collective] = {}

    def worker(self, index: int, program: Iterable[Op]) -> Generator[simpy.Event, object, None]:
        """The process that one worker is."""
        tally = self.tallies[index]
        env = self.env
        for op in program:
            if isinstance(op, Compute):
                start_s = env.now
                yield env.timeout(op.seconds)
                tally.compute += op.seconds
                self.note(index, "compute", start_s)
            elif isinstance(op, Start):
                self.join(index, op.collective)
            else:
                yield from self.wait(index, tally, op.collective)
        tally.finish = env.now

    def join(self, index: int, collective: Collective) -> None:
        """One more member has come; the last one begins the transfer."""
        key = (collective.name, collective.index, collective.members)
        exchange = self.open.get(key)
        if exchange is None:
            exchange = self.open[key] = _Exchange(self.env.event())
        exchange.joined += 1
        if exchange.joined < len(collective.members):
            return
        exchange.begin_s = self.env.now
        exchange.last = index
        self.tallies[collective.members[0]].crossing += self.carrier.crossing_bytes(collective)
        transfer = self.carrier.transfer(collective)
        alone = len(collective.members) == 1
        if alone:  # nobody waits yet, so the transfer itself can be waited for: half the events of an inner round
            exchange.done = transfer

        def finish(_: simpy.Event) -> None:
            exchange.end_s = self.env.now
            if not alone:
                exchange.done.succeed()

        assert transfer.callbacks is not None, "a transfer has not fired when it is handed over"
        transfer.callbacks.append(finish)

    def wait(self, index: int, tally: _Tally, collective: Collective) -> Generator[simpy.Event, object, None]:
        """Stands still until the collective is done, then settles what was exposed and what was hidden."""
        key = (collective.name, collective.index, collective.members)
        exchange = self.open[key]
        asked_s = self.env.now
        exposed_s = 0.0
        if exchange.end_s is None:
            self.waiting[index] = collective
            yield exchange.done
            del self.waiting[index]
            straggler_s = max(0.0, exchange.begin_s - asked_s)
            exposed_s = self.env.now - asked_s - straggler_s
            tally.straggler += straggler_s
            tally.waited_for[exchange.last] += straggler_s
            if len(collective.members) > 1:
                tally.across += exposed_s
            else:
                tally.inside += exposed_s
            if straggler_s:
                self.note(index, "wait", asked_s, exchange.begin_s)
            self.note(index, collective.name, max(asked_s, exchange.begin_s))
        assert exchange.end_s is not None, "a collective that fired has an end"
        tally.hidden += max(0.0, exchange.end_s - exchange.begin_s - exposed_s)
        exchange.left += 1
        if exchange.left == len(collective.members):
            del self.open[key]

    def note(self, index: int, what: str, start_s: float, end_s: float | None = None) -> None:
        """Keeps a span, where spans are kept."""
        if self.spans is not None:
            self.spans.append(Span(index, what, start_s, self.env.now if end_s is None else end_s))


def replay(programs: Sequence[Iterable[Op]], network: Network, *, spans: bool = False) -> Timeline:
    """Runs the programs of all workers against each other.

    Args:
      programs: the ops of each worker; they may be generators, and are consumed as time passes.
      network: what an exchange costs.
      spans: whether to keep every stretch of time (memory then grows with the length of the run).

    Returns:
      The sums (and spans) of the run.

    Raises:
      InputError: workers are left waiting because a link never returns.
      ReplayError: workers are left waiting for a collective that somebody never joined or never waited for.
    """
    state = _Replay(network, len(programs), spans)
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
        left = ", ".join(f"{name} {index} of workers {members}" for name, index, members in state.open)
        raise ReplayError(f"started and never waited for by every member: {left}")
    return Timeline(
        workers=tuple(tally.totals() for tally in state.tallies),
        links=state.carrier.links(),
        spans=tuple(state.spans or ()),
    )
