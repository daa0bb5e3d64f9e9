"""Profiles against a second, slower reading of the same words: sampled, or added up by hand."""

import itertools
import math
import random

import pytest

from sim.documents.validation import validate
from sim.topology.capacity import CapacityOverTime
from sim.topology.links import Link
from sim.topology.model import load_topology
from sim.topology.schedules import Schedule

H = 3600.0


def link(**extra):
    return validate(Link, {"between": ["a", "b"], "latency": "1 ms", **extra}, source="test")


DAY = {
    "points": [{"at": "0 h", "bandwidth": "10 Gbit/s"}, {"at": "8 h", "bandwidth": "4 Gbit/s"}],
    "repeat": "24 h",
}


def test_a_plain_link_never_changes():
    profile = link(bandwidth="10 Gbit/s").profile()
    assert profile == CapacityOverTime((0.0,), (10e9,))
    assert profile.capacity_at(1e9) == 10e9
    assert profile.next_change_s(0.0) is None


def test_a_schedule_repeats():
    profile = link(schedule=DAY).profile()
    assert [profile.capacity_at(t * H) for t in (0, 7.999, 8, 23.999, 24, 32, 24 * 365)] == [
        10e9, 10e9, 4e9, 4e9, 10e9, 4e9, 10e9,
    ]  # fmt: skip
    assert [profile.next_change_s(t * H) for t in (0, 8, 9, 24, 24 * 365)] == [
        8 * H, 24 * H, 24 * H, 32 * H, (24 * 365 + 8) * H,
    ]  # fmt: skip


def test_without_repeat_the_last_value_stays():
    profile = link(schedule={"points": DAY["points"]}).profile()
    assert profile.capacity_at(1e12) == 4e9
    assert profile.next_change_s(8 * H) is None


def test_the_bandwidth_of_the_wire_caps_the_schedule_and_is_its_peak_when_left_out():
    assert link(schedule=DAY).bandwidth_bits_per_s == 10e9
    capped = link(schedule=DAY, bandwidth="6 Gbit/s")
    assert capped.bandwidth_bits_per_s == 6e9
    assert capped.profile().bits_per_s == (6e9, 4e9)


def test_an_outage_takes_everything_and_gives_it_back():
    profile = link(bandwidth="1 Gbit/s", outages=[{"start": "2 h", "duration": "10 min"}]).profile()
    assert [profile.capacity_at(t) for t in (7199.999, 7200, 7799.999, 7800)] == [1e9, 0, 0, 1e9]
    assert [profile.next_change_s(t) for t in (0, 7200, 7800)] == [7200, 7800, None]


def test_an_outage_without_a_duration_is_for_ever():
    profile = link(schedule=DAY, outages=[{"start": "30 h"}]).profile()
    assert profile.next_change_s(24 * H) == 30 * H
    assert profile.next_change_s(30 * H) is None
    assert profile.capacity_at(1e12) == 0
    assert profile.bits_between(0, 1e12) == pytest.approx((8 * 10e9 + 16 * 4e9 + 6 * 10e9) * H)


def test_outages_that_overlap_or_touch_are_one():
    outages = [
        {"start": "20 s", "duration": "10 s"},
        {"start": "10 s", "duration": "10 s"},
        {"start": "12 s", "duration": "1 s"},
    ]
    profile = link(bandwidth="1 Gbit/s", outages=outages).profile()
    assert profile.outages_s == ((10.0, 30.0),)
    assert profile.next_change_s(10) == 30


def test_an_outage_that_ends_while_the_schedule_stalls_is_no_change():
    stall = {"points": [{"at": "0 s", "bandwidth": "0 Gbit/s"}, {"at": "20 s", "bandwidth": "1 Gbit/s"}]}
    profile = link(schedule=stall, outages=[{"start": "5 s", "duration": "5 s"}]).profile()
    assert profile.next_change_s(0) == 20
    assert profile.bits_between(0, 21) == pytest.approx(1e9)


@pytest.mark.parametrize("seed", range(40))
def test_walking_from_change_to_change_meets_what_sampling_sees(seed):
    rng = random.Random(seed)
    repeat = rng.choice([None, 7.0, 10.0])
    times = [0.0, *sorted(rng.sample([0.5, 1.0, 2.25, 3.0, 4.5, 6.0, 6.75], rng.randint(1, 5)))]
    values = [float(rng.randint(0, 3)) for _ in times]
    outages = [(float(rng.randint(0, 30)), float(rng.randint(1, 9))) for _ in range(rng.randint(0, 3))]
    profile = CapacityOverTime.of(times, values, repeat, [(s, s + d) for s, d in outages])

    def plainly(t):
        if any(start <= t < start + duration for start, duration in outages):
            return 0.0
        t = t if repeat is None else t % repeat
        return [value for time, value in zip(times, values, strict=True) if time <= t][-1]

    changes, t = [], 0.0
    while (t := profile.next_change_s(t)) is not None and t < 40:
        changes.append(t)
    grid = [number * 0.25 for number in range(160)]
    assert [profile.capacity_at(t) for t in grid] == [plainly(t) for t in grid]
    assert changes == [b for a, b in itertools.pairwise(grid) if plainly(a) != plainly(b)]
    assert profile.bits_between(0, 40) == pytest.approx(sum(plainly(t) * 0.25 for t in grid), rel=1e-12)


@pytest.mark.parametrize("repeat", [0.1, 0.3, 1 / 3, 86400.1])
def test_repetitions_of_awkward_lengths_never_stand_still(repeat):
    profile = CapacityOverTime.of([0.0, repeat / 3], [1.0, 2.0], repeat)
    t, seen = repeat * 1e6, []
    for _ in range(1000):
        following = profile.next_change_s(t)
        assert following > t
        seen.append(profile.capacity_at(following))
        assert profile.capacity_at(math.nextafter(following, 0)) != seen[-1]
        t = following
    assert sorted(seen[:2]) == [1.0, 2.0]
    assert all(a != b for a, b in itertools.pairwise(seen))
    assert t == pytest.approx(repeat * (1e6 + 500), rel=1e-9)


def test_a_measured_file_lies_beside_the_topology(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "measured.csv").write_text(
        "# one day\ntime_s,bandwidth_bits_per_s\n0,1e9\n60,2.5e9\n\n120,0\n"
    )
    (tmp_path / "deep" / "two.yaml").write_text(
        "datacenters: [{name: a}, {name: b}]\n"
        'links: [{between: [a, b], latency: "1 ms", schedule: {file: measured.csv, repeat: "3 min"}}]\n'
    )
    monkeypatch.chdir(tmp_path)
    topology = load_topology("deep/two.yaml")
    profile = topology.links[0].profile()
    assert profile == CapacityOverTime((0.0, 60.0, 120.0), (1e9, 2.5e9, 0.0), 180.0)
    assert topology.links[0].bandwidth_bits_per_s == 2.5e9
    (tmp_path / "deep" / "measured.csv").unlink()
    assert topology.replaced(name="again").links == topology.links


def test_a_schedule_survives_writing_and_reading():
    before = link(schedule=DAY, outages=[{"start": "2 h"}], duplex="half", loss=0.001)
    after = Link.model_validate(before.model_dump(mode="json", exclude_none=True))
    assert after == before
    assert Schedule.model_validate(before.schedule.model_dump(mode="json", exclude_none=True)) == before.schedule
