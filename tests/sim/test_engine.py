"""Small stories in round numbers, asserted span by span."""

import pytest
import simpy

from sim.engine import replay
from sim.errors import ReplayError
from sim.ops import Collective, Compute, Start, Wait
from sim.timeline import Span


class FixedNetwork:
    """Every collective takes its payload in seconds and sends its payload in bytes."""

    def connect(self, env):
        self.env = env
        return self

    def transfer(self, collective):
        return self.env.timeout(collective.payload_bytes)

    def links(self):
        return ()

    def stalled(self):
        return []

    def crossing_bytes(self, collective):
        return collective.payload_bytes if len(collective.members) > 1 else 0.0


def everyone(index, seconds, members=(0, 1, 2)):
    return Collective("outer", index, members, seconds)


def sums(totals):
    """Compute, waiting for stragglers, exposed inside, exposed across, hidden."""
    return (
        totals.compute_s,
        totals.straggler_wait_s,
        totals.exposed_inside_s,
        totals.exposed_across_s,
        totals.hidden_s,
    )


def blocking(collective):
    return [Start(collective), Wait(collective)]


def test_three_workers_wait_for_the_slowest():
    programs = [[Compute(seconds), *blocking(everyone(0, 10.0)), Compute(1.0)] for seconds in (3.0, 5.0, 4.0)]
    timeline = replay(programs, FixedNetwork(), spans=True)
    assert timeline.wall_clock_s == 16.0
    assert timeline.spans == (
        Span(0, "compute", 0.0, 3.0),
        Span(2, "compute", 0.0, 4.0),
        Span(1, "compute", 0.0, 5.0),
        Span(0, "wait", 3.0, 5.0),
        Span(0, "outer", 5.0, 15.0),
        Span(2, "wait", 4.0, 5.0),
        Span(2, "outer", 5.0, 15.0),
        Span(1, "outer", 5.0, 15.0),
        Span(0, "compute", 15.0, 16.0),
        Span(2, "compute", 15.0, 16.0),
        Span(1, "compute", 15.0, 16.0),
    )
    assert [sums(totals) for totals in timeline.workers] == [
        (4.0, 2.0, 0.0, 10.0, 0.0),
        (6.0, 0.0, 0.0, 10.0, 0.0),
        (5.0, 1.0, 0.0, 10.0, 0.0),
    ]
    assert [totals.waited_for_s for totals in timeline.workers] == [(0.0, 2.0, 0.0), (0.0, 0.0, 0.0), (0.0, 1.0, 0.0)]
    assert timeline.crossing_bytes == 10.0


def test_an_exchange_hides_behind_compute_and_shows_what_is_left():
    c = everyone(0, 10.0, (0, 1))
    programs = [[Compute(1.0), Start(c), Compute(4.0), Wait(c)], [Compute(2.0), Start(c), Compute(20.0), Wait(c)]]
    timeline = replay(programs, FixedNetwork(), spans=True)
    assert timeline.spans == (
        Span(0, "compute", 0.0, 1.0),
        Span(1, "compute", 0.0, 2.0),
        Span(0, "compute", 1.0, 5.0),
        Span(0, "outer", 5.0, 12.0),
        Span(1, "compute", 2.0, 22.0),
    )
    assert [sums(totals) for totals in timeline.workers] == [(5.0, 0.0, 0.0, 7.0, 3.0), (22.0, 0.0, 0.0, 0.0, 10.0)]
    assert [totals.finish_s for totals in timeline.workers] == [12.0, 22.0]


def test_two_exchanges_under_way_at_once_are_told_apart():
    first, second = everyone(0, 10.0, (0, 1)), everyone(1, 2.0, (0, 1))
    program = [Start(first), Start(second), Wait(second), Compute(1.0), Wait(first)]
    timeline = replay([program, program], FixedNetwork())
    assert timeline.wall_clock_s == 10.0
    assert sums(timeline.workers[0]) == (1.0, 0.0, 0.0, 9.0, 3.0)


def test_an_exchange_of_one_is_inside_its_datacenter():
    timeline = replay([[Compute(1.0), *blocking(Collective("gradients", 0, (0,), 2.0))]], FixedNetwork())
    assert [sums(totals) for totals in timeline.workers] == [(1.0, 0.0, 2.0, 0.0, 0.0)]
    assert timeline.crossing_bytes == 0.0


def test_spans_are_kept_only_when_asked_for():
    assert replay([[Compute(1.0)]], FixedNetwork()).spans == ()


def test_a_member_that_never_comes_is_an_error_that_says_who_waits():
    with pytest.raises(ReplayError, match=r"worker 0 for outer 0 of workers \(0, 1\)"):
        replay([blocking(everyone(0, 1.0, (0, 1))), [Compute(1.0)]], FixedNetwork())


def test_a_start_without_a_wait_is_an_error():
    with pytest.raises(ReplayError, match="outer 0"):
        replay([[Start(everyone(0, 1.0, (0,)))]], FixedNetwork())


def test_events_grow_with_exchanges_and_not_with_steps(monkeypatch):
    scheduled = []
    schedule = simpy.Environment.schedule
    monkeypatch.setattr(
        simpy.Environment, "schedule", lambda self, *a, **k: (scheduled.append(1), schedule(self, *a, **k))[1]
    )

    def rounds(steps):
        return [[op for i in range(10) for op in (Compute(1.0, steps), *blocking(everyone(i, 1.0)))] for _ in range(3)]

    replay(rounds(1), FixedNetwork())
    few = len(scheduled)
    replay(rounds(1000), FixedNetwork())
    assert len(scheduled) == 2 * few
    # A process costs two events; a round costs one compute event a worker, one transfer, and its completion.
    assert few == 3 * 2 + 10 * (3 + 2)


def test_an_exchange_of_one_costs_a_single_event(monkeypatch):
    scheduled = []
    schedule = simpy.Environment.schedule
    monkeypatch.setattr(
        simpy.Environment, "schedule", lambda self, *a, **k: (scheduled.append(1), schedule(self, *a, **k))[1]
    )
    replay([[op for i in range(10) for op in blocking(everyone(i, 1.0, (0,)))]], FixedNetwork())
    assert len(scheduled) == 2 + 10
