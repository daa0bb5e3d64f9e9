"""Programs that repeat after many rounds only, as recorded steps vary: the short replay is the full one."""

import random

import pytest

from sim.scenario.model import Scenario
from sim.simulation.run import outcomes

from ..changing_worlds import changing_world, check_same

STRATEGIES = (
    {"kind": "data-parallel"},
    {"kind": "data-parallel", "overlap": "layers"},
    {"kind": "diloco"},
    {"kind": "diloco", "overlap": "layers"},
    {"kind": "streaming-diloco", "fragments": 2, "overlap_steps": 1},
    {"kind": "eager-diloco"},
    {"kind": "eager-diloco", "fragments": 3},
    {"kind": "elastic-diloco", "quorum": 2, "grace": "0.2 s"},
)


def recorded_world(draw):
    """A world on which every step takes as long as one of a few that were recorded, on links that may change."""
    document = changing_world(draw, STRATEGIES)
    sites, recorded = document["topology"]["datacenters"], draw.choice([3, 7, 11, 13])
    seconds = [[draw.lognormvariate(-1, 0.4) for _ in range(recorded)] for _ in sites]
    chips = sum(site["chips"] for site in sites)
    workload = {"trace": {"seconds": seconds, "params": 3e8, "batch_tokens": 4096 * chips, "chips": chips}}
    document["workload"] = workload | {"rescale": True, "layers": 6, "steps": draw.randint(200, 700)}
    if draw.random() < 0.6:
        for link in document["topology"]["links"]:
            link.pop("outages", None)
            if "schedule" in link:
                link["bandwidth"] = link.pop("schedule")["points"][0]["bandwidth"]
    return document


@pytest.mark.parametrize("seed", range(80))
def test_a_short_replay_of_recorded_steps_is_the_full_one(seed):
    document = recorded_world(random.Random(seed))
    (short,), (full,) = (outcomes(Scenario.model_validate(document | {"replay": how})) for how in ("steady", "full"))
    assert full.replayed_steps == full.job.setting.load.steps
    check_same(short, full)


def test_of_a_long_run_of_recorded_steps_one_period_and_the_rest_are_replayed():
    """Seven recorded steps and rounds of ten come round after 70; two replicas settle in the first rounds."""
    for seed in range(12):
        document = recorded_world(random.Random(seed))
        sites = document["topology"]["datacenters"][:2]
        link = {"between": [site["name"] for site in sites], "bandwidth": "20 Gbit/s", "latency": "5 ms"}
        document["topology"] |= {"datacenters": sites, "links": [link]}
        document["workload"]["trace"]["seconds"] = [[0.3, 0.4, 0.3, 0.5, 0.3, 0.2, 0.4 + seed / 100]] * 2
        document["workload"] |= {"steps": 100_000 + seed}
        document["workload"]["trace"] |= {"chips": sum(site["chips"] for site in sites)}
        document["strategies"] = [{"kind": "streaming-diloco", "replicas": 2, "sync_every": 10, "fragments": 2}]
        (found,) = outcomes(Scenario.model_validate(document))
        assert 70 < found.replayed_steps < 70 + 70 + 20 * 10
