"""A run that stands or goes as a whole, beside the formulas for it."""

from __future__ import annotations

import math
import statistics

import pytest

from sim.failures.closed_forms import availability, daly_interval_s, daly_wall_clock_s, young_interval_s
from sim.failures.hardware import Cause, Hardware, Outage
from sim.failures.spent import PARTS
from sim.failures.together import Manner, go_through

HOUR_S, DAY_S = 3600.0, 86400.0


def plain_rate(shares, speeds):
    return 1.0 if min(shares) == 1 else 0.0


def summed(spent):
    return math.fsum(getattr(spent, part) for part in PARTS)


def mean_and_error(values):
    return statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values))


def restarted(seed, *, mtbf_s, interval_s, write_s, restart_s, train_s, parts=8):
    hardware = Hardware([parts], [0.0], [Cause(0, parts, 1.0, parts * mtbf_s)], [], [seed])
    manner = Manner(False, 0.0, restart_s, 0.0, 1.0, interval_s, write_s)
    return go_through(hardware, [1.0], manner, plain_rate, tokens=train_s)


@pytest.mark.parametrize(
    ("mtbf_s", "write_s", "restart_s", "interval_s"),
    [
        (6 * HOUR_S, 60.0, 300.0, 1500.0),
        (2 * HOUR_S, 300.0, 1200.0, 1800.0),
        (12 * HOUR_S, 30.0, 60.0, 6000.0),
    ],
)
def test_the_wall_clock_with_restarts_is_that_of_daly(mtbf_s, write_s, restart_s, interval_s):
    train_s = 100 * interval_s
    found = [
        restarted(
            seed, mtbf_s=mtbf_s, interval_s=interval_s, write_s=write_s, restart_s=restart_s, train_s=train_s
        ).wall_clock_s
        for seed in range(200)
    ]
    mean_s, error_s = mean_and_error(found)
    # the run ends without the last checkpoint
    expected_s = daly_wall_clock_s(train_s, interval_s, mtbf_s, write_s, restart_s) - write_s
    assert abs(mean_s - expected_s) < 4 * error_s
    assert error_s < 0.02 * mean_s


def test_no_other_interval_is_better_than_that_of_daly():
    mtbf_s, write_s, restart_s = 6 * HOUR_S, 300.0, 600.0
    best_s = daly_interval_s(mtbf_s, write_s)

    def wall_clock_s(interval_s):
        return daly_wall_clock_s(DAY_S, interval_s, mtbf_s, write_s, restart_s)

    assert all(wall_clock_s(best_s) < wall_clock_s(factor * best_s) for factor in (0.5, 0.8, 1.25, 2.0))
    assert best_s == pytest.approx(young_interval_s(mtbf_s, write_s) - write_s, rel=0.1)


@pytest.mark.parametrize(("shape", "random"), [(1.0, True), (1.0, False), (2.5, False), (0.7, True)])
def test_what_is_left_is_the_availability_of_the_parts(shape, random):
    life_s, repair_s, parts = 1000.0, 100.0, 50
    shares = []
    for seed in range(12):
        hardware = Hardware([parts], [0.0], [Cause(0, parts, 1.0, life_s, shape, repair_s, random)], [], [seed])
        manner = Manner(True, 0.0, 0.0, 0.0, 0.0)
        early = go_through(hardware, [1.0], manner, lambda shares, speeds: shares[0], within_s=5_000.0)
        hardware = Hardware([parts], [0.0], [Cause(0, parts, 1.0, life_s, shape, repair_s, random)], [], [seed])
        whole = go_through(hardware, [1.0], manner, lambda shares, speeds: shares[0], within_s=40_000.0)
        shares.append((whole.tokens - early.tokens) / 35_000.0)  # without the beginning, in which all is new
    mean, error = mean_and_error(shares)
    assert abs(mean - availability(life_s, repair_s)) < 4 * error
    assert error < 0.005


def test_the_chips_of_a_held_site_do_not_age():
    """With failures only while it runs, each stop of d adds d: 1 / (1 + rate x d); else it is exp(-rate x d)."""
    rate, stop_s = 1 / 500.0, 400.0

    def share(seed, *, while_held):
        cause = Cause(0, 100, 0.0, 100 / rate)
        hardware = Hardware([100.0], [0.0], [cause], [], [seed], while_held=while_held)
        manner = Manner(True, stop_s, 0.0, 0.0, 0.0)
        return go_through(hardware, [1.0], manner, lambda shares, speeds: 1.0, within_s=1e6).goodput

    for while_held, expected in ((False, 1 / (1 + rate * stop_s)), (True, math.exp(-rate * stop_s))):
        mean, error = mean_and_error([share(seed, while_held=while_held) for seed in range(20)])
        assert abs(mean - expected) < 4 * error
        assert error < 0.01


def test_an_outage_by_hand():
    """Checkpoints every 100 s take 10 s. The site goes at 250 s (20 s lost... 30 s after the second checkpoint)."""
    manner = Manner(False, 5.0, 20.0, 0.0, 1.0, 100.0, 10.0)
    hardware = Hardware([1.0], [0.0], [], [Outage(0, 250.0, 100.0)], [0])
    found = go_through(hardware, [1.0], manner, plain_rate, within_s=500.0)
    # 0-100, 110-210, 220-250 (lost), away until 350, restart until 370, 370-470, 480-500
    assert (found.tokens, found.redone_s, found.down_s) == pytest.approx((320.0, 30.0, 100.0))
    assert (found.restarting_s, found.saving_s, found.waiting_s) == pytest.approx((20.0, 30.0, 0.0))
    assert summed(found) == pytest.approx(found.wall_clock_s) == pytest.approx(500.0)


def test_who_is_frozen_or_cut_off_loses_nothing_and_needs_no_restart():
    manner = Manner(False, 5.0, 20.0, 0.0, 1.0)
    for how in ("frozen", "cut"):
        hardware = Hardware([1.0, 1.0], [0.0, 0.0], [], [Outage(1, 250.0, 100.0, how)], [0])
        found = go_through(hardware, [0.5, 0.5], manner, plain_rate, within_s=500.0)
        assert (found.tokens, found.redone_s, found.restarting_s) == pytest.approx((400.0, 0.0, 0.0))


def test_a_planned_outage_loses_nothing():
    manner = Manner(False, 5.0, 20.0, 0.0, 1.0)
    hardware = Hardware([1.0], [0.0], [], [Outage(0, 250.0, 100.0, "planned")], [0])
    found = go_through(hardware, [1.0], manner, plain_rate, within_s=500.0)
    assert (found.tokens, found.redone_s, found.restarting_s) == pytest.approx((380.0, 0.0, 20.0))


def test_an_elastic_run_goes_on_with_who_is_left():
    manner = Manner(True, 5.0, 20.0, 10.0, 2.0)
    hardware = Hardware([1.0, 3.0], [0.0, 0.0], [], [Outage(0, 100.0, 200.0)], [0])
    found = go_through(hardware, [0.25, 0.75], manner, lambda shares, speeds: shares[0] + 3 * shares[1], within_s=500.0)
    # 100 s whole; half a step lost (1 s at 3/s); 15 s to go on; 185 s with three quarters; 10 s; 190 s whole
    assert found.tokens == pytest.approx(4 * 100 - 3 + 3 * 185 + 4 * 190)
    assert found.restarting_s == pytest.approx(25.0)
    assert found.down_s == pytest.approx(0.25 * 185)
    assert summed(found) == pytest.approx(500.0)


def test_chips_that_return_do_not_cut_short_what_began():
    """A site of three goes at 100 for 8 s: 30 s to notice and 2 s to go on, whether or not it is back meanwhile."""
    manner = Manner(True, 30.0, 0.0, 2.0, 0.0)
    hardware = Hardware([1.0, 2.0], [0.0, 0.0], [], [Outage(0, 100.0, 8.0)], [0])
    found = go_through(hardware, [1 / 3, 2 / 3], manner, lambda shares, speeds: sum(shares), within_s=500.0)
    assert (found.restarting_s, found.tokens) == pytest.approx((32.0, 2 * 468.0))


def test_many_short_intervals_end_though_the_clock_is_coarser_than_what_is_left_of_one():
    """After some hours a clock has steps of 4e-12 s, more than the rounding of 0.1 s: this never ended."""
    cause = Cause(0, 1_200_000, 1.0, 3.156e7, repair_s=65.0)
    hardware = Hardware([1.2e6], [0.0], [cause], [], [0], while_held=False)
    found = go_through(hardware, [1.0], Manner(False, 0, 0, 0, 0, every_s=0.1), plain_rate, within_s=31557.6)
    assert found.goodput == pytest.approx(1 / (1 + 65.0 * 1.2e6 / 3.156e7), abs=0.03)


def test_spares_replace_what_is_broken():
    """With a spare the job only restarts; without one it waits for the repair."""
    manner = Manner(False, 0.0, 10.0, 0.0, 0.0, 50.0, 0.0)

    def down_s(spares):
        causes = [Cause(0, 10, 1.0, 20_000.0, repair_s=500.0)]
        return go_through(Hardware([10.0], [spares], causes, [], [3]), [1.0], manner, plain_rate, within_s=1e5).down_s

    assert down_s(10.0) == 0
    assert down_s(0.0) > 10_000
    assert down_s(0.0) > down_s(1.0) > down_s(10.0)


def test_slow_chips_slow_all_down():
    causes = [Cause(0, 1, 1.0, 100.0, repair_s=100.0, random_repair=True, speed=0.5)]
    shares = []
    for seed in range(40):
        hardware = Hardware([8.0], [0.0], causes, [], [seed])
        found = go_through(
            hardware, [1.0], Manner(False, 0, 0, 0, 0), lambda shares, speeds: speeds[0], within_s=20_000.0
        )
        assert found.faults == 0
        shares.append(found.goodput)
    mean, error = mean_and_error(shares)
    assert abs(mean - 0.75) < 4 * error


def test_the_same_seed_gives_the_same_history():
    def history(seed):
        return restarted(seed, mtbf_s=HOUR_S, interval_s=600.0, write_s=30.0, restart_s=100.0, train_s=1e5)

    assert history(4) == history(4)
    assert history(4) != history(5)
