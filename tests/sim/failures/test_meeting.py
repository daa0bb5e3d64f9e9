"""When replicas that are counted on, gone, or back begin an exchange, by hand."""

from __future__ import annotations

import math

import pytest

from sim.failures.hardware import Hardware, Outage
from sim.failures.meeting import begins_s, who_came
from sim.failures.replicas import go_through
from sim.failures.rounds import Exchange, Rounds, Seat

PLAIN = {"steps": 30, "meets": True, "quorum": 1, "grace_s": 10.0, "at_once": True, "shrinks": False}
TIMES = {"detect_s": 10.0, "restart_s": 20.0, "reconfigure_s": 0.0}


def rounds(**changed):
    return Rounds(**(PLAIN | TIMES | changed))


class Shared:
    """Replicas of 1 s a step each; of 2 s while both compute on the one host that they share."""

    step_tokens, weights, full_rate = (1.0, 1.0), (0.5, 0.5), 1.0

    def step_s(self, site, computing):
        return float(len(computing))

    def exchange_s(self, members):
        return 5.0 if len(members) > 1 else 0.0


def exchanges(outages, within_s, **changed):
    """As (end, members, whether it failed)."""
    found: list[Exchange] = []
    hardware = Hardware([1.0, 1.0], [0.0, 0.0], [], outages, [0])
    spent = go_through(hardware, rounds(**changed), Shared(), within_s=within_s, watch=found.append)
    return [(each.end_s, "".join(map(str, sorted(each.members))), each.fails) for each in found], spent


def test_who_is_alone_on_a_shared_host_is_twice_as_fast():
    """65, then alone from 75 on: 5 of 30 steps are done, 25 s more; the other is back at 105 and ready at 125.

    The first then has 25 steps, and 5 more until 135; it waits its 10 s for the other, which has 15 steps there.
    """
    found, _ = exchanges([Outage(1, 75.0, 30.0)], 160.0)
    assert found == [(65.0, "01", False), (100.0, "0", False), (145.0, "0", False)]


def test_those_of_the_last_exchange_do_not_wait_for_who_joins():
    found, _ = exchanges([Outage(1, 75.0, 30.0)], 200.0, quick=True)
    assert found[2] == (pytest.approx(135.0), "0", False)


def test_half_of_those_that_are_seen_are_not_enough():
    """At 135 the first has come and the other computes: it waits until 165 (5 + 25 steps), however long that takes.

    So does the pair at the start, which is none yet that knows of a last exchange.
    """
    found, _ = exchanges([Outage(1, 75.0, 30.0)], 200.0, majority=True)
    assert found[2] == (pytest.approx(165.0), "01", False)


def test_who_has_come_and_is_gone_is_counted_on_until_it_is_missed():
    """The second is twice as fast, comes at 40 and is killed at 50, ten seconds before the first comes: that hangs."""

    class Uneven(Shared):
        def step_s(self, site, computing):
            return 2.0 if site == 0 else 4 / 3

    found: list[Exchange] = []
    hardware = Hardware([1.0, 1.0], [0.0, 0.0], [], [Outage(1, 55.0, 1000.0)], [0])
    spent = go_through(hardware, rounds(hang_s=50.0, grace_s=math.inf), Uneven(), within_s=180.0, watch=found.append)
    assert [(each.begin_s, each.end_s, each.fails) for each in found] == [
        (60.0, 110.0, True),
        (170.0, 170.0, False),
    ]
    assert spent.tokens == pytest.approx(30 + 5)  # the last round, and what was begun
    assert spent.redone_s == pytest.approx(60.0)  # a round of each
    missed = go_through(
        Hardware([1.0, 1.0], [0.0, 0.0], [], [Outage(1, 49.0, 1000.0)], [0]),
        rounds(hang_s=50.0, grace_s=math.inf),
        Uneven(),
        within_s=180.0,
    )
    assert missed.tokens == pytest.approx(90)


@pytest.mark.parametrize("how", ["down", "cut"])
def test_an_exchange_hangs_if_a_member_goes_in_its_midst(how):
    """It begins at 60 and would end at 65. The first goes on at 112 and is alone (the other waits, or is away)."""
    found, spent = exchanges([Outage(1, 62.0, 1000.0, how)], 145.0, hang_s=50.0)
    assert found == [(112.0, "0", True), (142.0, "0", False)]
    assert spent.tokens == pytest.approx(30 + 3 + (30 if how == "cut" else 0))


def test_a_planned_stop_makes_nothing_hang():
    found, _ = exchanges([Outage(1, 62.0, 1000.0, "planned")], 100.0, hang_s=50.0)
    assert found == [(65.0, "0", False), (95.0, "0", False)]


def test_a_pause_an_evaluation_and_loading_take_their_time():
    """60 + 5, 3 s of pause, 60 + 5, 3 s, then 4 steps of evaluation of both, 8 s, and 60 + 5."""
    found, _ = exchanges([], 220.0, pause_s=3.0, checks_every=2, checks_steps=4.0)
    assert [end_s for end_s, _, _ in found] == pytest.approx([65.0, 133.0, 209.0])
    # killed at 70, 2.5 steps of the other done; it has 27.5 alone; the new one is there at 91 and loads 5 s
    found, spent = exchanges([Outage(1, 70.0, 1.0)], 140.0, loads_steps=5.0)
    assert found[1] == (pytest.approx(70 + 21 + 2 * 6.5 + 10), "0", False)  # 10 s of grace
    assert spent.redone_s == pytest.approx(2.5)


def test_who_meets_nobody_loads_as_long():
    hardware = Hardware([1.0, 1.0], [0.0, 0.0], [], [Outage(1, 70.0, 1.0), Outage(0, 70.0, 1000.0)], [0])
    found = go_through(hardware, rounds(meets=False, loads_steps=5.0), Shared(), within_s=156.0)
    early = Hardware([1.0, 1.0], [0.0, 0.0], [], [Outage(1, 70.0, 1.0), Outage(0, 70.0, 1000.0)], [0])
    assert go_through(early, rounds(meets=False, loads_steps=5.0), Shared(), within_s=94.0).tokens == 60
    # one whole round of each by 60; the second alone again from 91, and from 96 on with steps that count: 60
    assert found.tokens == pytest.approx(60 + 60)


def test_loading_waits_until_it_can_be_reached():
    """Killed at 70, started at 91, cut off until 120: then it loads for 5 of the steps that it shares with the other."""
    outages = [Outage(1, 70.0, 1.0), Outage(1, 80.0, 40.0, "cut")]
    found, _ = exchanges(outages, 400.0, loads_steps=5.0, quick=True)
    alone = [end_s for end_s, members, _ in found if members == "0"]
    # 27.5 alone; from 120 on shared: 22.5 are done by then, 7.5 take 15 s; the other needs 35 steps, 70 s
    assert alone[:2] == pytest.approx([97.5, 135.0])
    assert found[3][1] == "01" or found[4][1] == "01"


def test_who_goes_on_but_is_cut_off_is_not_waited_for():
    """Frozen from 70 to 90, cut off from 75: the first has 22.5 steps at 90 and 30 at 105, the second 10 there."""
    outages = [Outage(1, 70.0, 20.0, "frozen"), Outage(1, 75.0, 200.0, "cut")]
    found, _ = exchanges(outages, 110.0)
    assert found == [(65.0, "01", False), (105.0, "0", False)]


def test_who_came_and_when_it_begins():
    came = [
        Seat("arrived", arrived_s=40.0),
        Seat("arrived", arrived_s=30.0),
        Seat("wait", missed_s=60.0, counted_s=60.0),
    ]
    assert who_came(came, lambda number: number != 1, 50.0) == [2, 0]
    assert who_came(came, lambda number: True, 65.0) == [1, 0]
    assert who_came([came[2]], lambda number: True, 50.0) == []
    waiting = [*came[:2], Seat("compute")]
    assert begins_s(rounds(quorum=3), waiting, [1, 0], frozenset(), 50.0) == math.inf
    assert begins_s(rounds(grace_s=25.0), waiting, [1, 0], frozenset(), 50.0) == 55.0
    assert begins_s(rounds(quick=True), waiting, [1, 0], frozenset({0}), 50.0) == 50.0
    assert begins_s(rounds(quick=True), waiting, [1, 0], frozenset({2}), 45.0) == 45.0
    assert begins_s(rounds(majority=True), [came[0], waiting[2]], [0], frozenset(), 90.0) == math.inf
