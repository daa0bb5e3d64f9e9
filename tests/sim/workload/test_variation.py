"""Steps that vary at random: the moments that are asked for, and what a barrier makes of them, by order statistics."""

import math
from statistics import fmean, stdev

import pytest

from sim.documents.validation import validate
from sim.errors import InputError
from sim.scenario.model import Scenario
from sim.simulation.run import run
from sim.workload.variation import Variation


def variation(**keys):
    return validate(Variation, keys, source="test")


def times(vary, worker=0):
    series = vary.series(worker)
    return [series.seconds(step, 1) for step in range(vary.steps)]


@pytest.mark.parametrize("distribution", ["log-normal", "gamma"])
@pytest.mark.parametrize("spread", [0.05, 0.5, 1.0])
def test_mean_and_spread_are_those_asked_for(distribution, spread):
    vary = variation(spread=spread, distribution=distribution, steps=20_000, seed=3)
    drawn = times(vary)
    assert fmean(drawn) == pytest.approx(1, rel=1e-9)  # so that what a workload says of a step stays true
    assert stdev(drawn) == pytest.approx(spread, rel=0.06)
    assert min(drawn) > 0


def test_the_two_distributions_have_the_tails_of_theirs():
    """Share of steps above twice the mean, spread 1: e^-2 of the exponential, and Q(ln 2 / d + d / 2) of the other."""
    deviation = math.sqrt(math.log(2))
    log_normal = math.erfc((math.log(2) / deviation + deviation / 2) / math.sqrt(2)) / 2
    for distribution, share in (("gamma", math.exp(-2)), ("log-normal", log_normal)):
        drawn = times(variation(spread=1.0, distribution=distribution, steps=50_000))
        found = sum(each > 2 for each in drawn) / len(drawn)
        assert abs(found - share) < 4 * math.sqrt(share * (1 - share) / len(drawn))


def test_stragglers_come_as_often_and_as_slow_as_asked():
    drawn = times(variation(stragglers={"share": 0.02, "times": 7.0}, steps=50_000))
    slow = sum(each == pytest.approx(7) for each in drawn)
    assert slow + sum(each == pytest.approx(1) for each in drawn) == 50_000
    assert abs(slow / 50_000 - 0.02) < 4 * math.sqrt(0.02 * 0.98 / 50_000)


def test_the_same_seed_gives_the_same_times_and_workers_have_their_own():
    assert times(variation(spread=0.1, steps=50)) == times(variation(spread=0.1, steps=50))
    assert times(variation(spread=0.1, steps=50)) != times(variation(spread=0.1, steps=50, seed=1))
    assert times(variation(spread=0.1, steps=50)) != times(variation(spread=0.1, steps=50), worker=1)


STEPS = 40_000


def replayed(strategy, workers=2, **vary):
    """Wall-clock of a run over links that cost nothing, in mean steps."""
    sites = [{"name": f"s{number}"} for number in range(workers)]
    links = [
        {"between": [one["name"], other["name"]], "bandwidth": "1000000 Tbit/s", "latency": "0 s"}
        for number, one in enumerate(sites)
        for other in sites[:number]
    ]
    workload = {"params": 1e6, "steps": STEPS, "batch_tokens": 1e5, "chips": workers, "step_time": "1 s"}
    scenario = {
        "topology": {"name": "t", "datacenters": sites, "links": links},
        "workload": workload | {"variation": {"steps": STEPS, **vary}},
        "strategies": [strategy],
    }
    return run(validate(Scenario, scenario, source="test")).runs[0].wall_clock_s


def test_a_barrier_at_every_step_takes_the_slowest_of_exponential_steps():
    """The mean of the maximum of M exponential times is H_M = 1 + 1/2 + ... + 1/M, its variance the sum of 1/k^2."""
    for workers in (2, 4):
        mean = sum(1 / k for k in range(1, workers + 1))
        error = math.sqrt(sum(1 / k**2 for k in range(1, workers + 1)) / STEPS)
        found = replayed({"kind": "data-parallel"}, workers, spread=1.0, distribution="gamma")
        assert abs(found / STEPS - mean) < 4 * error


def test_fewer_meetings_wait_less():
    """Sums of H steps of two workers differ by a normal time: each round waits s sqrt(H/pi) steps beyond the mean."""
    every, spread = 50, 0.2
    found = replayed({"kind": "diloco", "replicas": 2, "sync_every": every}, spread=spread)
    wait = spread * math.sqrt(every / math.pi)
    error = spread * math.sqrt(every * (1 - 1 / math.pi) * every / STEPS)
    assert abs(found / STEPS * every - every - wait) < 4 * error


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, "nothing varies"),
        ({"spread": 0.0, "distribution": "gamma", "stragglers": {"share": 0.1, "times": 2.0}}, "write spread"),
        ({"spread": -0.1}, "spread"),
        ({"spread": 0.1, "steps": 1}, "steps"),
        ({"stragglers": {"share": 1.0, "times": 2.0}}, "share"),
        ({"stragglers": {"share": 0.1, "times": 1.0}}, "times"),
    ],
)
def test_what_says_nothing_is_refused(keys, told):
    with pytest.raises(InputError, match=told):
        variation(**keys)
