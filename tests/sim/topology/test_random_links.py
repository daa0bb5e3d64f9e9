"""Links that vary and fail at random, against the process that was asked for, and against the same history written out."""

import itertools
import json
import math
import statistics

import pytest

from sim.errors import InputError
from sim.scenario.loading import load_scenario
from sim.simulation.run import run
from sim.topology.random_links import RandomBandwidth, RandomOutages
from sim.topology.schedules import Schedule


def bandwidth(**fields):
    given = {"mean": "8 Gbit/s", "spread": 0.5, "every": "10 min", "changes": 100_000, "seed": 7}
    return RandomBandwidth.model_validate(given | fields)


def outages(**fields):
    given = {"mtbf": "10 h", "repair": "1 h", "until": "50000 h", "seed": 7}
    return RandomOutages.model_validate(given | fields)


@pytest.mark.parametrize(("spread", "correlation"), [(0.3, 0.0), (1.0, 0.0), (0.5, 0.8)])
def test_bandwidth_has_the_mean_the_spread_and_the_correlation_asked_for(spread, correlation):
    values = [value for _, value in bandwidth(spread=spread, correlation=correlation).drawn()]
    independent = len(values) * (1 - correlation) / (1 + correlation)
    sampled = 5 * spread / math.sqrt(independent)
    assert statistics.fmean(values) == pytest.approx(8e9, rel=sampled)
    assert statistics.stdev(values) / 8e9 == pytest.approx(spread, rel=0.06)
    logs = [math.log(value) for value in values]
    assert statistics.correlation(logs[:-1], logs[1:]) == pytest.approx(correlation, abs=0.02)
    assert statistics.variance(logs) == pytest.approx(math.log1p(spread**2), rel=0.05)


def test_a_history_changes_at_the_interval_asked_for_and_then_begins_again():
    schedule = Schedule.model_validate({"random": {"mean": "1 Gbit/s", "spread": 0.2, "every": "30 s", "changes": 4}})
    assert [point.at_s for point in schedule.points] == [0, 30, 60, 90]
    assert schedule.repeat_s == 120
    process = {"mean": "1 Gbit/s", "spread": 0.2, "every": "30 s", "changes": 4}
    assert Schedule.model_validate({"random": process, "repeat": "5 min"}).repeat_s == 300


@pytest.mark.parametrize("spread", ["fixed", "exponential"])
def test_outages_come_as_often_and_last_as_long_as_asked_for(spread):
    drawn = outages(repair_spread=spread).drawn()
    down_s = sum(duration for _, duration in drawn)
    assert len(drawn) == pytest.approx(50_000 / 11, rel=5 / math.sqrt(50_000 / 11))
    assert down_s / (50_000 * 3600) == pytest.approx(1 / 11, rel=0.08)  # 1 / (mtbf / repair + 1)
    gaps = [later - begin - lasts for (begin, lasts), (later, _) in itertools.pairwise(drawn)]
    assert min(gaps) > 0
    assert statistics.stdev(gaps) == pytest.approx(statistics.fmean(gaps), rel=0.08)  # exponential
    durations = [duration for _, duration in drawn]
    assert statistics.fmean(durations) == pytest.approx(3600, rel=0.08)
    assert statistics.pstdev(durations) == pytest.approx(3600 if spread == "exponential" else 0, abs=400)
    assert drawn[-1][0] <= 50_000 * 3600


def test_a_seed_decides_the_history():
    assert bandwidth().drawn() == bandwidth().drawn()
    assert bandwidth().drawn() != bandwidth(seed=8).drawn()
    assert outages().drawn() == outages().drawn()
    assert outages().drawn() != outages(seed=8).drawn()


def scenario(tmp_path, link):
    document = {
        "topology": {
            "name": "two",
            "datacenters": [{"name": "a"}, {"name": "b"}],
            "links": [{"between": ["a", "b"], "latency": "10 ms"} | link],
        },
        "workload": {"model": "550m", "chips": 64, "steps": 2000},
        "strategies": [{"kind": "diloco", "replicas": 2, "sync_every": 30}],
    }
    path = tmp_path / "scenario.yaml"
    path.write_text(json.dumps(document))
    return load_scenario(path)


def test_a_history_is_replayed_as_if_somebody_had_written_it(tmp_path):
    process = {"mean": "2 Gbit/s", "spread": 0.6, "every": "1 min", "changes": 50, "seed": 4}
    fails = {"mtbf": "20 min", "repair": "1 min", "until": "3 h", "seed": 4}
    drawn = scenario(tmp_path, {"schedule": {"random": process}, "outages": fails, "bandwidth": "3 Gbit/s"})
    points = [
        {"at": f"{at!r} s", "bandwidth": f"{value!r} bit/s"}
        for at, value in RandomBandwidth.model_validate(process).drawn()
    ]
    down = [
        {"start": f"{at!r} s", "duration": f"{lasts!r} s"} for at, lasts in RandomOutages.model_validate(fails).drawn()
    ]
    assert len(down) > 2
    schedule = {"points": points, "repeat": "50 min"}
    written = scenario(tmp_path, {"schedule": schedule, "outages": down, "bandwidth": "3 Gbit/s"})
    assert run(drawn).runs == run(written).runs
    constant = scenario(tmp_path, {"bandwidth": "2 Gbit/s"})
    assert run(drawn).runs[0].wall_clock_s > run(constant).runs[0].wall_clock_s


def test_a_result_holds_the_history_and_needs_no_process(tmp_path):
    process = {"mean": "2 Gbit/s", "spread": 0.6, "every": "1 min", "changes": 5}
    drawn = scenario(
        tmp_path, {"schedule": {"random": process}, "outages": {"mtbf": "1 h", "repair": "1 min", "until": "9 h"}}
    )
    document = drawn.model_dump(mode="json", by_alias=True, exclude_none=True)
    (link,) = document["topology"]["links"]
    assert "random" not in link["schedule"]
    assert len(link["schedule"]["points"]) == 5
    assert type(drawn).model_validate(document) == drawn


@pytest.mark.parametrize(
    ("link", "said"),
    [
        (
            {"schedule": {"random": {"mean": "2 Gbit/s", "spread": -1, "every": "1 min"}}},
            r"schedule\.random\.spread: got -1",
        ),
        ({"schedule": {"random": {"mean": "2 Gbit/s", "every": "1 min"}}}, r"random\.spread: is missing"),
        (
            {"schedule": {"random": {"mean": "2 Gbit/s", "spread": 1, "every": "1 min"}, "file": "a.csv"}},
            "needs either `points",
        ),
        ({"bandwidth": "1 Gbit/s", "outages": {"mtbf": "1 h", "repair": "1 h"}}, "until: is missing"),
        (
            {"bandwidth": "1 Gbit/s", "outages": {"mtbf": "1 s", "repair": "1 h", "until": "1 day"}},
            "86,400 outages until",
        ),
        (
            {"bandwidth": "1 Gbit/s", "outages": {"mtbf": "1 h", "repar": "1 h", "until": "9 h"}},
            "did you mean 'repair'",
        ),
    ],
)
def test_a_mistake_is_named(tmp_path, link, said):
    with pytest.raises(InputError, match=said):
        scenario(tmp_path, link)


def test_a_value_beyond_all_bandwidths_is_an_input_error():
    with pytest.raises(InputError, match="smaller spread"):
        bandwidth(mean="2 bit/s", spread=9.0).drawn()
