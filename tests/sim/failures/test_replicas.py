"""Replicas that fail alone, by hand and against a run that passes over nothing."""

from __future__ import annotations

import math
import random

import pytest

from sim.failures import replicas
from sim.failures.hardware import Cause, Hardware, Outage
from sim.failures.replicas import go_through
from sim.failures.rounds import Rounds
from sim.failures.spent import PARTS


class Paces:
    """Replicas of one second a step (or as given), whose exchange takes 5 s if there is anybody to exchange with."""

    def __init__(self, replicas, *, step_s=None, exchange_s=5.0, steps=30):
        self.step_tokens = [100.0] * replicas
        self.weights = [1 / replicas] * replicas
        self._steps_s = step_s or [1.0] * replicas
        self._exchange_s = exchange_s
        self.full_rate = 100.0 * replicas * steps / (steps * max(self._steps_s) + exchange_s)

    def step_s(self, site, computing):
        return self._steps_s[site]

    def exchange_s(self, members):
        return self._exchange_s if len(members) > 1 else 0.0


def rounds(**changed):
    plain = {"steps": 30, "meets": True, "quorum": 1, "grace_s": math.inf, "at_once": False, "shrinks": False}
    return Rounds(**(plain | {"detect_s": 10.0, "restart_s": 20.0, "reconfigure_s": 4.0} | changed))


def hardware(replicas, outages=(), causes=(), seed=0):
    return Hardware([8.0] * replicas, [0.0] * replicas, causes, outages, [seed])


@pytest.mark.parametrize("replicas", [2, 3, 8])
def test_without_failures_nothing_is_lost(replicas):
    found = go_through(hardware(replicas), rounds(), Paces(replicas), tokens=3000.0 * replicas * 1000)
    assert found.wall_clock_s == pytest.approx(35_000.0)
    assert found.goodput == pytest.approx(1.0)


def test_who_fails_loses_its_round_and_the_others_go_on():
    """Rounds end at 35; at 47 one goes, with 12 steps.

    The other is alone at 65, 95, ..., 185, where the first, back at 147 and ready at 167, joins it: 220, ..., 325, and
    25 steps of both until 350.
    """
    found = go_through(hardware(2, [Outage(1, 47.0, 100.0)]), rounds(), Paces(2), within_s=350.0)
    assert found.tokens == pytest.approx(100 * (60 + 5 * 30 + 4 * 60 + 50))
    assert found.redone_s == pytest.approx(1200 / Paces(2).full_rate)
    assert (found.down_s, found.restarting_s) == pytest.approx((50.0, 10.0))


def test_who_is_not_known_to_be_away_is_waited_for():
    """It goes at 64 and is missed at 74: the other waits for it from 65 on."""
    found = go_through(hardware(2, [Outage(1, 64.0, 1000.0)]), rounds(), Paces(2), within_s=104.0)
    assert found.tokens == pytest.approx(100 * (60 + 30 + 30))


def test_who_is_cut_off_computes_on_and_comes_to_the_next_exchange():
    found = go_through(hardware(2, [Outage(1, 47.0, 100.0, "cut")]), rounds(), Paces(2), within_s=350.0)
    assert found.tokens == pytest.approx(100 * (60 + 3 * 30 + 60 + 5 * 60 + 30))
    assert found.redone_s == found.down_s == 0


def test_who_is_frozen_goes_on_where_it_was():
    """12 steps at 47, the other 18 from 147 on: it comes at 165, and the other, alone since 57, at 185."""
    found = go_through(hardware(2, [Outage(1, 47.0, 100.0, "frozen")]), rounds(), Paces(2), within_s=350.0)
    assert found.tokens == pytest.approx(100 * (60 + 4 * 30 + 60 + 4 * 60 + 40))


def test_a_quorum_waits_as_long_as_its_grace():
    """The second takes 2 s a step: the first waits 10 s for it, exchanges alone, and so on."""
    paces = Paces(2, step_s=[1.0, 2.0], exchange_s=0.0)
    found = go_through(hardware(2), rounds(grace_s=10.0), paces, within_s=1200.0)
    # the first ends a round every 40 s; the second after each 60 s, and is met by the first if it comes in its grace
    assert 100 * (30 * 30 + 17 * 30) < found.tokens <= 100 * (40 * 30 + 20 * 30)
    patient = go_through(hardware(2), rounds(), paces, within_s=1200.0)
    assert patient.tokens == pytest.approx(100 * 20 * 60)


def test_who_has_a_pace_of_its_own_waits_for_nobody():
    paces = Paces(2, step_s=[1.0, 2.0], exchange_s=0.0)
    alone = go_through(hardware(2, [Outage(0, 100.0, 100.0)]), rounds(meets=False), paces, within_s=600.0)
    # 90 of 100 steps are kept; back at 220; the other has 300
    assert alone.tokens == pytest.approx(100 * (90 + 380 + 300))


def test_who_shrinks_keeps_what_it_has():
    """Two of eight chips go at 47 for 100 s: 14 s to go on without them, half a step lost, 4 s to go on with all."""
    causes = [Cause(0, 1, 2.0, 1e12, repair_s=100.0)]
    given = hardware(1, causes=causes)
    given._failing[0][0].at_s = 47.0
    found = go_through(given, rounds(shrinks=True), Paces(1, exchange_s=0.0), within_s=300.0)
    # whole rounds count with the chips that are there at their end
    assert found.faults == 1
    assert found.restarting_s == pytest.approx(14.0 + 4.0)
    assert found.down_s == pytest.approx(0.25 * (147.0 - 61.0))
    assert found.tokens < 100 * 282


def test_chips_that_return_do_not_cut_short_what_began():
    causes = [Cause(0, 1, 2.0, 1e12, repair_s=5.0)]
    given = hardware(1, causes=causes)
    given._failing[0][0].at_s = 47.0
    found = go_through(given, rounds(shrinks=True), Paces(1, exchange_s=0.0), within_s=300.0)
    assert found.restarting_s == pytest.approx(14.0)


@pytest.mark.parametrize("seed", range(40))
def test_rounds_that_are_passed_over_change_nothing(seed, monkeypatch):
    draw = random.Random(seed)
    count = draw.randint(1, 4)
    causes = [
        Cause(
            site,
            draw.randint(1, 5),
            2.0,
            draw.uniform(3_000, 30_000),
            draw.choice([1.0, 2.0]),
            draw.uniform(1, 800),
            draw.random() < 0.5,
            draw.choice([0.0, 0.0, 0.5]),
            cuts=draw.random() < 0.2,
        )
        for site in range(count)
    ]
    outages = [
        Outage(draw.randrange(count), draw.uniform(0, 9_000), draw.uniform(1, 900), draw.choice(HOWS)) for _ in range(2)
    ]
    how = rounds(
        quorum=draw.randint(1, count),
        grace_s=draw.choice([0.0, 12.0, math.inf]),
        at_once=draw.random() < 0.5,
        shrinks=draw.random() < 0.5,
        detect_s=draw.choice([0.0, 7.0]),
        quick=draw.random() < 0.5,
        majority=draw.random() < 0.3,
        hang_s=draw.choice([0.0, 15.0]),
        pause_s=draw.choice([0.0, 2.0]),
        loads_steps=draw.choice([0.0, 8.0]),
        checks_every=draw.choice([0, 0, 3]),
        checks_steps=4.0,
    )
    paces = Paces(count, step_s=[draw.choice([1.0, 1.0, 1.3]) for _ in range(count)])
    end = {"within_s": 12_000.0} if draw.random() < 0.5 else {"tokens": 300_000.0 * count, "within_s": 1e6}
    quick = go_through(hardware(count, outages, causes, seed), how, paces, **end)
    monkeypatch.setattr(replicas._Run, "leap", lambda self, tokens, within_s: None)
    plain = go_through(hardware(count, outages, causes, seed), how, paces, **end)
    for part in (*PARTS, "tokens", "wall_clock_s", "faults"):
        assert getattr(quick, part) == pytest.approx(getattr(plain, part), rel=1e-9, abs=1e-6), part
    assert math.fsum(getattr(plain, part) for part in PARTS) == pytest.approx(plain.wall_clock_s)


HOWS = ("down", "planned", "frozen", "cut")
