"""Small stories in round numbers, asserted span by span."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from sim.engine import interpreter
from sim.engine.accounting import Mark
from sim.engine.interpreter import replay
from sim.engine.joins import Exchange, Meeting, Quorum
from sim.engine.ops import Collective, Compute, Merge, Start, Wait
from sim.engine.timeline import Span
from sim.errors import ReplayError
from sim.network.placement import Placement
from sim.network.published_cost import PublishedCostNetwork
from sim.topology.model import Topology
from tests.sim.engine.fixed_network import FixedNetwork


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
    assert sums(timeline.workers[0]) == (1.0, 0.0, 0.0, 9.0, 1.0)  # two behind the same second of compute


def test_an_exchange_of_one_is_inside_its_datacenter():
    timeline = replay([[Compute(1.0), *blocking(Collective("gradients", 0, (0,), 2.0))]], FixedNetwork())
    assert [sums(totals) for totals in timeline.workers] == [(1.0, 0.0, 2.0, 0.0, 0.0)]
    assert timeline.crossing_bytes == 0.0


def test_a_quorum_begins_without_the_rest_and_who_is_late_catches_up():
    """Two of three are enough; payload 3 s, there and back for the late one as well."""
    one = Collective("outer", 0, (0, 1, 2), 3.0, join=Quorum(2))
    timeline = replay([[Compute(c), *blocking(one)] for c in (1.0, 2.0, 10.0)], FixedNetwork())
    assert [totals.finish_s for totals in timeline.workers] == [5.0, 5.0, 16.0]
    assert [totals.late for totals in timeline.workers] == [0, 0, 1]
    assert timeline.workers[0].straggler_wait_s == 1.0


class FirstCome:
    """A join of somebody else: whoever comes has what it needs at once."""

    def meeting(self, traffic, collective):
        class Open(Meeting):
            def enter(self, worker):
                self.arrive(worker)

            def exchange_of(self, worker):
                now = self.traffic.env.now
                return Exchange(self.traffic.env.event(), self.joined, begin_s=now, end_s=now)

        return Open(traffic, collective)


def test_a_join_needs_nothing_of_the_interpreter():
    one = Collective("outer", 0, (0, 1), 3.0, join=FirstCome())
    timeline = replay([[Compute(c), *blocking(one), Compute(1.0)] for c in (1.0, 7.0)], FixedNetwork())
    assert [totals.finish_s for totals in timeline.workers] == [2.0, 8.0]


def test_the_interpreter_names_no_join():
    source = Path(interpreter.__file__).read_text()
    assert re.findall(r"barrier|quorum|apart|grace|late\b", source, re.IGNORECASE) == []


def test_spans_are_kept_only_when_asked_for():
    assert replay([[Compute(1.0)]], FixedNetwork()).spans == ()


def test_a_member_that_never_comes_is_an_error_that_says_who_waits():
    with pytest.raises(ReplayError, match=r"worker 0 for outer 0 of workers \(0, 1\)"):
        replay([blocking(everyone(0, 1.0, (0, 1))), [Compute(1.0)]], FixedNetwork())


def test_a_start_without_a_wait_is_an_error():
    with pytest.raises(ReplayError, match="outer 0"):
        replay([[Start(everyone(0, 1.0, (0,)))]], FixedNetwork())


def test_a_start_that_only_some_wait_for_is_an_error():
    c = everyone(3, 1.0, (0, 1))
    with pytest.raises(ReplayError, match=r"never waited for by every member: outer 3 of workers \(0, 1\)"):
        replay([blocking(c), [Start(c), Compute(9.0)]], FixedNetwork())


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


def test_marks_say_when_each_op_was_over_and_what_led_to_it():
    c, d = everyone(0, 10.0, (0, 1)), everyone(1, 1.0, (0, 1))
    programs = [
        [Compute(1.0, 0), Compute(2.0), Start(c), Compute(1.0, 5), Wait(c), *blocking(d)],
        [Compute(5.0, 2), Start(c), Compute(20.0), Wait(c), *blocking(d)],
    ]
    marks = [[], []]
    replay(programs, FixedNetwork(), marks=marks)
    # steps finished before the op; its end; its beginning, or those of the exchange
    assert marks == [
        [Mark(0, 1.0, 0.0), Mark(0, 3.0, 1.0), Mark(1, 4.0, 3.0), Mark(6, 15.0, 5.0, 15.0), Mark(6, 26.0, 25.0, 26.0)],
        [Mark(0, 5.0, 0.0), Mark(2, 25.0, 5.0), Mark(3, 25.0, 5.0, 15.0), Mark(3, 26.0, 25.0, 26.0)],
    ]


def test_staleness_is_how_many_others_merged_since_ones_own_last_merge():
    merge = Merge((0, 1))
    quick = [op for _ in range(4) for op in (Compute(2.0), merge)]  # at 2, 4, 6, 8
    slow = [op for _ in range(2) for op in (Compute(5.0), merge)]  # at 5 and 10
    timeline = replay([quick, slow], FixedNetwork())
    assert [(t.merges, t.staleness, t.stalest) for t in timeline.workers] == [(4, 1, 1), (2, 4, 2)]


def test_groups_merge_apart_from_each_other():
    programs = [
        [Compute(1.0 + worker), Merge(group), Compute(9.0), Merge(group)]
        for group in ((0, 1), (2, 3))
        for worker in group
    ]
    timeline = replay(programs, FixedNetwork())
    assert [totals.staleness for totals in timeline.workers] == [1, 2, 1, 2]


def test_what_runs_behind_counted_compute_is_hidden():
    # five exchanges of 2 bytes, 1 s each beside no latency, of which 0.75 s each are behind compute
    network = ideal(chips=(2.0, 2.0), inside="16 bit/s")
    c = Collective("gradients", 0, (0,), 2.0, 5, behind_s=0.75)
    totals = replay([[Compute(10.0, 5), *blocking(c)], []], network).workers[0]
    assert sums(totals) == (10.0, 0.0, 5 * 0.25, 0.0, 5 * 0.75)
    assert totals.finish_s == 11.25


def ideal(sites="ab", chips=None, inside="1e30 bit/s", latency="0 s"):
    """A byte a second from site to site."""
    topology = Topology.model_validate(
        {
            "name": "test",
            "datacenters": [{"name": s, "inside": {"bandwidth": inside, "latency": "0 s"}} for s in sites],
            "routers": ["ix"],
            "links": [{"between": [s, "ix"], "bandwidth": "8 bit/s", "latency": latency} for s in sites],
        }
    )
    return PublishedCostNetwork(Placement(topology, tuple(sites), chips or (1.0,) * len(sites)))


@st.composite
def random_programs(draw):
    """Three workers; exchanges among some or all of them begin in one order, and are waited for at any later time."""
    seconds = st.sampled_from([0.0, 0.5, 1.0, 7.25])
    programs = [[], [], []]
    pending = [[], [], []]
    for index in range(draw(st.integers(1, 8))):
        members = draw(st.sampled_from([(0, 1, 2), (0, 1), (1, 2), (0, 2), (1,)]))
        sender = draw(st.sampled_from(members))
        one_way = draw(st.booleans())
        c = Collective("outer", index, members, draw(st.sampled_from([0.5, 3.0, 20.0])))
        if one_way:
            target = draw(st.integers(0, 2))
            c = Collective("push", index, (sender,), c.payload_bytes, source=sender, target=target)
        for member in c.members:
            programs[member] += [Compute(draw(seconds), draw(st.integers(0, 1)), draw(st.booleans())), Start(c)]
            pending[member].append(c)
            while pending[member] and draw(st.booleans()):
                one = pending[member].pop(0)
                programs[member] += [Wait(one), Merge(one.members)]
    for program, left in zip(programs, pending, strict=True):
        program += [Wait(c) for c in left]
    return programs


def covered_s(start_s, end_s, intervals):
    """How much of a stretch of time any of some intervals covers."""
    covered, reached = 0.0, start_s
    for begin, done in sorted(intervals):
        covered += max(0.0, min(end_s, done) - max(reached, begin))
        reached = max(reached, done)
    return covered


@given(programs=random_programs(), latency_s=st.sampled_from([0.0, 2.0]))
def test_every_second_of_a_worker_and_of_an_exchange_is_accounted_for(programs, latency_s):
    marks = [[], [], []]
    timeline = replay(programs, ideal("abc", (2.0, 1.0, 3.0), "8 bit/s", f"{latency_s} s"), marks=marks, spans=True)
    for worker, totals in enumerate(timeline.workers):
        spent_s = totals.compute_s + totals.packing_s + totals.straggler_wait_s + totals.exposed_s
        assert spent_s == pytest.approx(totals.finish_s, rel=1e-12)
        assert sum(totals.waited_for_s) == pytest.approx(totals.straggler_wait_s, rel=1e-12)
        exchanges = [(mark.begin_s, mark.done_s) for mark in marks[worker] if mark.done_s is not None]
        busy = [span for span in timeline.spans if span.worker == worker and span.what in ("compute", "pack")]
        hidden_s = sum(covered_s(span.start_s, span.end_s, exchanges) for span in busy)
        assert totals.hidden_s == pytest.approx(hidden_s, rel=1e-12)
        own = sorted((span for span in timeline.spans if span.worker == worker), key=lambda span: span.end_s)
        assert sum(span.end_s - span.start_s for span in own) == pytest.approx(totals.finish_s, rel=1e-12)
        assert all(one.end_s <= other.start_s for one, other in pairwise(own))
