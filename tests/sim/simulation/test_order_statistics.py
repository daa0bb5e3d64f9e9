"""What a barrier waits for the slowest is the expectation of a maximum, of which the harmonic numbers are the truth."""

import math
import random

import pytest

from sim.scenario.model import Scenario
from sim.simulation.run import run

STEPS = 4_000


def one_run(sites_count, strategy, **more):
    """Replicas whose steps take exponential times of mean 1 s, drawn apart, on links that cost nothing."""
    draw = random.Random(sites_count)
    seconds = [[draw.expovariate(1.0) for _ in range(STEPS)] for _ in range(sites_count)]
    sites = [
        {"name": f"s{number}", "inside": {"bandwidth": "1e20 bit/s", "latency": "0 s"}} for number in range(sites_count)
    ]
    links = [
        {"between": [one["name"], other["name"]], "bandwidth": "1e25 bit/s", "latency": "0 s"}
        for place, one in enumerate(sites)
        for other in sites[place + 1 :]
    ]
    given = {"seconds": seconds, "params": 1e6, "batch_tokens": 1024 * sites_count, "chips": sites_count}
    document = {
        "topology": {"name": "t", "datacenters": sites, "links": links, "collective": "ring"},
        "workload": {"trace": given, "steps": STEPS},
        "strategies": [{"kind": strategy, **more}],
    }
    (found,) = run(Scenario.model_validate(document)).runs
    return found, seconds


@pytest.mark.parametrize("replicas", [2, 4, 8])
def test_a_barrier_at_every_step_takes_the_harmonic_number(replicas):
    """The mean of the largest of M exponential times is H_M = 1 + 1/2 + ... + 1/M, its variance the sum of 1/k^2."""
    found, seconds = one_run(replicas, "data-parallel")
    expected = sum(1 / k for k in range(1, replicas + 1))
    error = math.sqrt(sum(1 / k**2 for k in range(1, replicas + 1)) / STEPS)
    assert found.wall_clock_s / STEPS == pytest.approx(expected, abs=4 * error)
    assert found.straggler_wait_s / STEPS == pytest.approx(
        expected - 1, abs=4 * error + 4 / math.sqrt(STEPS * replicas)
    )
    assert found.wall_clock_s == pytest.approx(sum(map(max, zip(*seconds, strict=True))), rel=1e-9)


def test_a_barrier_every_h_steps_waits_less_by_the_root_of_h():
    """Sums of H steps are nearly normal with deviation sqrt(H); the largest of two lies sqrt(H / pi) above the mean."""
    every = 100
    found, _ = one_run(2, "diloco", replicas=2, sync_every=every)
    rounds = STEPS / every
    above = math.sqrt(every / math.pi)
    error = math.sqrt(every * (1 - 1 / math.pi) / rounds)
    assert found.wall_clock_s / rounds - every == pytest.approx(above, abs=4 * error)
