"""Workers on one host: stories span by span, and that their work is neither lost nor made."""

from itertools import pairwise

import pytest
import simpy
from hypothesis import example, given
from hypothesis import strategies as st

from sim.engine.interpreter import replay
from sim.engine.ops import Collective, Compute, Start, Wait
from sim.engine.timeline import Span
from sim.topology.hosts import Host, Place
from tests.sim.engine.fixed_network import FixedNetwork

TWICE = Host(name="h", slowdown=(1, 2))
MACHINE = Host(name="m", slowdown=(1, 1.5))


def exchange(seconds, members, index=0):
    one = Collective("outer", index, members, seconds)
    return [Start(one), Wait(one)]


def pause(worker, seconds, index=0):
    """The worker waits for nobody."""
    return exchange(seconds, (worker,), index)


def at(hosts, machine=None):
    """The places of workers on these hosts, all of them parts of a machine or of nothing."""
    return [Place(host, machine) if host else None for host in hosts]


def story(hosts, *programs, machine=None):
    """What each worker does from when to when."""
    timeline = replay(list(programs), FixedNetwork(), places=at(hosts, machine), spans=True)
    return [
        [span[1:] for span in timeline.spans if span.worker == worker and span.start_s < span.end_s]
        for worker in range(len(programs))
    ]


def computing(*stretches):
    return [("compute", start_s, end_s) for start_s, end_s in stretches]


def test_two_that_begin_and_end_together_take_twice_as_long():
    assert story([TWICE] * 2, [Compute(10.0)], [Compute(10.0)]) == [computing((0, 20))] * 2


def test_who_is_done_leaves_the_host_to_the_other():
    assert story([TWICE] * 2, [Compute(4.0)], [Compute(10.0)]) == [computing((0, 8)), computing((0, 14))]


def test_who_comes_later_slows_the_other_from_then_on():
    # alone until 3; both until the second has its 4 s, at 11; the first has had 3 + 4 s by then, and 3 are left
    assert story([TWICE] * 2, [Compute(10.0)], [*pause(1, 3.0), Compute(4.0)]) == [
        computing((0, 14)),
        [("outer", 0, 3), ("compute", 3, 11)],
    ]


def test_three_with_a_slowdown_of_their_own():
    host = Host(name="h", slowdown=(1, 1.5, 3))
    # all three until 6 s (2 s of work each), two until 9 (2 s more each), the last 4 s alone
    assert story([host] * 3, [Compute(2.0)], [Compute(4.0)], [Compute(8.0)]) == [
        computing((0, 6)),
        computing((0, 9)),
        computing((0, 13)),
    ]


def test_a_list_that_is_too_short_goes_on_in_proportion():
    host = Host(name="h", slowdown=(1, 3))
    assert [host.slowdown_with(workers) for workers in (1, 2, 3, 4)] == [1, 3, 4.5, 6]
    assert story([host] * 4, *([Compute(2.0)],) * 4) == [computing((0, 12))] * 4


def test_without_a_list_workers_share_one_processor_evenly():
    host = Host(name="h")
    assert [host.slowdown_with(workers) for workers in (1, 2, 3, 64)] == [1, 2, 3, 64]
    assert story([host] * 3, *([Compute(2.0)],) * 3) == [computing((0, 6))] * 3


def test_different_hosts_do_not_disturb_each_other():
    here, there = TWICE, Host(name="i", slowdown=(1, 2))
    programs = [[Compute(10.0)], [Compute(10.0)], [Compute(10.0)], [Compute(10.0)], [Compute(10.0)]]
    assert story([here, there, None, here, None], *programs) == [
        computing((0, 20)),
        computing((0, 10)),
        computing((0, 10)),
        computing((0, 20)),
        computing((0, 10)),
    ]


def test_parts_of_a_machine_slow_each_other_down_while_anybody_computes_on_them():
    here, there = TWICE, Host(name="i", slowdown=(1, 2))
    # until 4.5 both cores are busy: 2 x 1.5 on the first, 1.5 on the second; then the two on the first have 0.5 s left
    programs = [Compute(2.0)], [Compute(3.0)], [Compute(2.0)]
    assert story([here, there, here], *programs, machine=MACHINE) == [
        computing((0, 5.5)),
        computing((0, 4.5)),
        computing((0, 5.5)),
    ]
    # alone until 3, both from then on
    late = [*pause(1, 3.0), Compute(2.0)]
    assert story([here, there], [Compute(5.0)], late, machine=MACHINE) == [
        computing((0, 6)),
        [("outer", 0, 3), ("compute", 3, 6)],
    ]
    # two on one part are one part that is busy
    assert story([here, here], [Compute(2.0)], [Compute(2.0)], machine=MACHINE) == [computing((0, 4))] * 2


def test_machines_of_their_own_do_not_disturb_each_other():
    other = Host(name="n", slowdown=(1, 1.5))
    places = [Place(TWICE, MACHINE), Place(Host(name="i"), other)]
    timeline = replay([[Compute(2.0)], [Compute(3.0)]], FixedNetwork(), places=places)
    assert [worker.finish_s for worker in timeline.workers] == [2, 3]


def test_a_host_can_be_slow_for_a_lone_worker():
    assert story([Host(name="h", slowdown=(1.5, 2))], [Compute(4.0)]) == [computing((0, 6))]


def test_replicas_that_drift_apart_share_nothing():
    """In step both compute and wait together, 15 s a round. Out of step one computes while the other waits: 10 s."""
    together = [op for index in range(3) for op in (Compute(5.0), *exchange(5.0, (0, 1), index))]
    assert story([TWICE] * 2, together, together)[0][-1] == ("outer", 40, 45)
    apart = [[op for index in range(3) for op in (Compute(5.0), *pause(worker, 5.0, index))] for worker in range(2)]
    apart[1] = [*pause(1, 5.0, 9), *apart[1]]
    first, second = story([TWICE] * 2, *apart)
    assert first == [
        span for k in range(3) for span in (("compute", 10 * k, 10 * k + 5), ("outer", 10 * k + 5, 10 * k + 10))
    ]
    assert second[0] == ("outer", 0, 5)
    assert second[1:] == [(what, start_s + 5, end_s + 5) for what, start_s, end_s in first]


def test_packing_shares_the_host_and_every_second_is_counted_as_it_passed():
    programs = [
        [Compute(4.0), Compute(2.0, 0, useful=False), *exchange(1.0, (0, 1))],
        [Compute(10.0), *exchange(1.0, (0, 1))],
    ]
    timeline = replay(programs, FixedNetwork(), places=at([TWICE] * 2), spans=True)
    assert [span for span in timeline.spans if span.worker == 0] == [
        Span(0, "compute", 0, 8),
        Span(0, "pack", 8, 12),
        Span(0, "wait", 12, 16),
        Span(0, "outer", 16, 17),
    ]
    first, second = timeline.workers
    assert (first.compute_s, first.packing_s, first.straggler_wait_s, first.exposed_across_s) == (8, 4, 4, 1)
    assert (second.compute_s, second.packing_s, second.straggler_wait_s, second.exposed_across_s) == (16, 0, 0, 1)


def test_what_hides_behind_stretched_compute_is_hidden_for_as_long():
    c = Collective("outer", 0, (0, 1), 6.0)
    program = [Start(c), Compute(4.0), Wait(c)]
    timeline = replay([program, program], FixedNetwork(), places=at([TWICE] * 2))
    assert [(t.compute_s, t.hidden_s, t.exposed_s, t.finish_s) for t in timeline.workers] == [(8, 6, 0, 8)] * 2


def test_nobody_on_a_host_of_its_own_pays_for_the_others(monkeypatch):
    scheduled = []
    schedule = simpy.Environment.schedule
    monkeypatch.setattr(
        simpy.Environment, "schedule", lambda self, *a, **k: (scheduled.append(1), schedule(self, *a, **k))[1]
    )
    programs = [[Compute(1.0)] * 10 for _ in range(2)]
    replay(programs, FixedNetwork())
    plain = len(scheduled)
    assert plain == 2 * 2 + 2 * 1  # begin and end, and one event for all that a worker does by itself
    replay(programs, FixedNetwork(), places=[None, None])
    assert len(scheduled) == 2 * plain
    replay(programs, FixedNetwork(), places=at([TWICE, None]))
    # each compute op of a shared host costs the timer and the news that it is over
    assert len(scheduled) == 3 * plain - 1 + 2 * 10


@st.composite
def placed_programs(draw):
    """Workers on one of two hosts or on none, computing and pausing, and meeting now and then."""
    workers = draw(st.integers(1, 4))
    seconds = st.sampled_from([0.0, 0.1, 1.0, 3.0, 7.25])
    programs = [[] for _ in range(workers)]
    for index in range(draw(st.integers(1, 6))):
        for worker, program in enumerate(programs):
            program += [Compute(draw(seconds), 1, draw(st.booleans())) for _ in range(draw(st.integers(0, 2)))]
            if draw(st.booleans()):
                program += pause(worker, draw(seconds), 100 + index)
        if draw(st.booleans()):
            for program in programs:
                program += exchange(1.0, tuple(range(workers)), index)
    factors = st.lists(st.floats(0, 2), min_size=1, max_size=5)
    slowdowns = [[1 + sum(more[: n + 1]) for n in range(len(more))] for more in (draw(factors), draw(factors))]
    known = [Host(name=name, slowdown=slowdown) for name, slowdown in zip("hi", slowdowns, strict=True)]
    machine = draw(st.sampled_from([None, Host(name="m", slowdown=(1.25, 1.25)), Host(name="m", slowdown=(1, 1.75))]))
    return at([draw(st.sampled_from([*known, None])) for _ in range(workers)], machine), programs


def given_s(own, place, busy):
    """Work that a worker gets in a stretch: the integral of 1/slowdown over it."""
    moments = sorted(
        {own.start_s, own.end_s, *(t for _, span in busy for t in span[2:] if own.start_s < t < own.end_s)}
    )
    total = 0.0
    for start_s, end_s in pairwise(moments):
        there = [host for host, span in busy if span.start_s <= start_s and end_s <= span.end_s]
        slowdown = place.host.slowdown_with(there.count(place.host.name))
        if place.machine:
            slowdown *= place.machine.slowdown_with(len(set(there)))
        total += (end_s - start_s) / slowdown
    return total


@given(placed=placed_programs())
def test_work_is_conserved(placed):
    places, programs = placed
    timeline = replay(programs, FixedNetwork(), places=places, spans=True)
    busy = [span for span in timeline.spans if span.what in ("compute", "pack")]
    on_hosts = [(places[span.worker].host.name, span) for span in busy if places[span.worker]]
    for worker, (place, program) in enumerate(zip(places, programs, strict=True)):
        own = [span for span in busy if span.worker == worker]
        asked = [op.seconds for op in program if isinstance(op, Compute)]
        got = [given_s(span, place, on_hosts) if place else span.end_s - span.start_s for span in own]
        assert got == pytest.approx(asked, rel=1e-9, abs=1e-9)
        totals = timeline.workers[worker]
        spent_s = totals.compute_s + totals.packing_s + totals.straggler_wait_s + totals.exposed_s
        assert spent_s == pytest.approx(totals.finish_s, rel=1e-12, abs=1e-12)
        assert totals.compute_s + totals.packing_s == pytest.approx(sum(s.end_s - s.start_s for s in own), rel=1e-12)


@given(placed=placed_programs())
def test_a_host_that_slows_nobody_down_is_no_host(placed):
    _, programs = placed
    none = replay(programs, FixedNetwork(), spans=True)
    one = replay(programs, FixedNetwork(), places=at([Host(name="h", slowdown=(1.0,) * 4)] * len(programs)), spans=True)
    for worker in range(len(programs)):
        # where two arrive at once, rounding may leave a wait of 1e-15 s in one of them
        longer = [[s for s in t.spans if s.worker == worker and s.end_s - s.start_s > 1e-9] for t in (one, none)]
        for mine, other in zip(*longer, strict=True):
            assert mine.what == other.what
            assert mine[2:] == pytest.approx(other[2:], rel=1e-12, abs=1e-12)
    assert [t.finish_s for t in one.workers] == pytest.approx([t.finish_s for t in none.workers], rel=1e-12)


WORK = st.floats(0.01, 100)


@given(
    work=st.lists(WORK, min_size=1, max_size=5),
    more=st.lists(st.floats(0, 2), min_size=5, max_size=5),
    least=st.integers(0, 4),
)
@example(work=[4.0, 10.0], more=[0.0, 1.0, 1.0, 1.0, 1.0], least=1)
def test_between_two_barriers_a_more_crowded_host_is_never_faster(work, more, least):
    """Those that begin together leave in the order of their work: with w_1 <= w_2 <= ... the k-th of n is done after
    the sum over j <= k of (w_j - w_(j-1)) slowdown(n - j + 1)."""
    slower = tuple(1 + sum(more[: n + 1]) for n in range(5))
    milder = tuple(min(each, slower[least]) for each in slower)
    members = tuple(range(len(work)))
    programs = [[Compute(seconds), *exchange(1.0, members)] for seconds in work]
    ends = []
    for hosts in (
        [None] * len(work),
        [Host(name="h", slowdown=milder)] * len(work),
        [Host(name="h", slowdown=slower)] * len(work),
    ):
        ends.append(replay(programs, FixedNetwork(), places=at(hosts)).wall_clock_s - 1.0)
        if hosts[0]:
            ordered = sorted(work)
            steps = [each - before for before, each in zip([0.0, *ordered], ordered, strict=False)]
            wanted_s = sum(step * hosts[0].slowdown_with(len(work) - j) for j, step in enumerate(steps))
            assert ends[-1] == pytest.approx(wanted_s, rel=1e-9)
    assert ends[0] <= ends[1] * (1 + 1e-12)
    assert ends[1] <= ends[2] * (1 + 1e-12)
    # half of them on another host of the same kind: less crowded, so never slower
    apart = [Host(name="hi"[worker % 2], slowdown=slower) for worker in members]
    assert replay(programs, FixedNetwork(), places=at(apart)).wall_clock_s - 1.0 <= ends[2] * (1 + 1e-12)
