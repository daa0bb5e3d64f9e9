"""A timeline, read back by others than who wrote it, says what the report says; and viewers can draw all of it.

The readers: the package's own protobuf classes, Python's JSON, and Perfetto's trace_processor with SQL.
"""

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

from sim.errors import InputError
from sim.report.timeline import check_timeline, encoded
from sim.scenario.loading import load_scenario
from sim.simulation.observation import Flow, Load, Observation, Slice
from sim.simulation.observe import observe
from sim.simulation.run import run
from tests.reference.worlds import write_traces
from tests.sim.report.trace_processor import ask, missing
from tests.sim.simulation.test_observe import named, scenarios_of, thin

DOES = "what the site does"
FORMATS = ["pftrace", "json"]


class Row(NamedTuple):
    process: str
    thread: str
    name: str
    category: str
    start_ns: float
    end_ns: float
    details: dict
    track: int


class Read(NamedTuple):
    """A file as its reader sees it: slices, points of counters by name [ns, value], arrows as (from, to) slices."""

    slices: list
    counters: dict
    arrows: dict


def read_json(content):
    document = json.loads(content)
    names, slices, counters, arrows = {}, [], defaultdict(list), defaultdict(dict)
    assert document["displayTimeUnit"] in ("ms", "ns")
    for event in document["traceEvents"]:
        where = (event["pid"], event.get("tid"))
        if event["ph"] == "M" and event["name"] in ("process_name", "thread_name"):
            names[where] = event["args"]["name"]
        elif event["ph"] == "X":
            start_ns, taken_ns = round(event["ts"] * 1000), round(event["dur"] * 1000)
            at = names[event["pid"], None], names[where], event["name"], event["cat"]
            slices.append(Row(*at, start_ns, start_ns + taken_ns, event["args"], event["tid"]))
        elif event["ph"] == "C":
            ((unit, value),) = event["args"].items()
            name = names[event["pid"], None], event["name"].partition(": ")[0] + f" [{unit}]"
            counters[name].append((round(event["ts"] * 1000), value))
        elif event["ph"] in "sf":
            assert event["ph"] == "s" or event["bp"] == "e"
            own = slices[-1]
            assert own.start_ns == round(event["ts"] * 1000), "an arrow stands at its slice"
            assert event["ph"] not in arrows[event["id"]]
            assert event["ph"] == "s" or arrows[event["id"]], "an arrow ends after it began, also in the file"
            arrows[event["id"]][event["ph"]] = own
    return Read(slices, dict(counters), {number: (each["s"], each["f"]) for number, each in arrows.items()})


def read_pftrace(content):
    trace_pb2 = pytest.importorskip("perfetto.protos.perfetto.trace.perfetto_trace_pb2")
    tracks, units = {}, {}
    opened, slices, counters, arrows = {}, [], defaultdict(list), defaultdict(dict)
    before_ns, left = 0, set()
    for packet in trace_pb2.Trace.FromString(content).packet:
        track, event = packet.track_descriptor, packet.track_event
        if packet.HasField("track_descriptor"):
            assert track.uuid not in tracks
            tracks[track.uuid] = (*tracks.get(track.parent_uuid, ()), track.name)
            units[track.uuid] = track.counter.unit_name
        elif event.type == event.TYPE_COUNTER:
            _, strategy, process, name = tracks[event.track_uuid]
            assert name.endswith(f"[{units[event.track_uuid]}]")
            counters[f"{strategy}: {process}", name].append((packet.timestamp, event.double_counter_value))
        else:
            assert packet.timestamp >= before_ns, "what joins arrows reads slices in order of time"
            before_ns = packet.timestamp
            if event.type == event.TYPE_SLICE_BEGIN:
                assert event.track_uuid not in opened, "slices of one thread never overlap"
                opened[event.track_uuid] = event, packet.timestamp
                left |= set(event.flow_ids)
                assert set(event.terminating_flow_ids) <= left, "an arrow ends after it began, also in the file"
                continue
            begun, start_ns = opened.pop(event.track_uuid)
            notes = {
                note.name: note.string_value if note.HasField("string_value") else note.double_value
                for note in begun.debug_annotations
            }
            _, strategy, process, thread = tracks[event.track_uuid]
            at = f"{strategy}: {process}", thread, begun.name, *begun.categories
            row = Row(*at, start_ns, packet.timestamp, notes, event.track_uuid)
            slices.append(row)
            for ends, numbers in (("s", begun.flow_ids), ("f", begun.terminating_flow_ids)):
                for number in numbers:
                    assert ends not in arrows[number]
                    arrows[number][ends] = row
    assert not opened
    slices.sort(key=lambda each: each.start_ns)
    return Read(slices, dict(counters), {number: (each["s"], each["f"]) for number, each in arrows.items()})


READERS = {"json": read_json, "pftrace": read_pftrace}


def read(observations, shape):
    return READERS[shape](encoded(observations, Path(f"run.{shape}")))


def assert_it_can_be_drawn(found, observations):
    """Slices of a thread never overlap, nothing is outside the window, and every arrow points forward in time."""
    end_ns = {each.label: round(each.end_s * 1e9) for each in observations}
    last_ns = {}
    for each in sorted(found.slices, key=lambda each: each.start_ns):
        label = next(label for label in sorted(end_ns, key=len, reverse=True) if each.process.startswith(f"{label}: "))
        assert last_ns.get(each.track, 0) <= each.start_ns < each.end_ns <= end_ns[label]
        last_ns[each.track] = each.end_ns
    for points in found.counters.values():
        moments = [at_ns for at_ns, _ in points]
        assert moments == sorted(set(moments))
        assert 0 <= moments[0] <= moments[-1] <= max(end_ns.values())
    for sender, receiver in found.arrows.values():
        assert sender.category == "send"
        assert receiver.category == "receive"
        assert sender.start_ns <= receiver.start_ns
        assert sender.end_ns <= receiver.end_ns
        assert sender.details["bytes [byte]"] == receiver.details["bytes [byte]"]
        assert sender.name.endswith(f"to {receiver.process.rpartition(': ')[2]}")
        assert receiver.name.endswith(f"from {sender.process.rpartition(': ')[2]}")


def assert_sums_are_the_figures(sums, counts, runs):
    """`sums[label: site, category]` [ns] are the report's numbers, to a nanosecond a slice."""
    for figures in runs:
        parts = {"compute": figures.compute_s, "packing": figures.packing_s, "waiting": figures.straggler_wait_s}
        parts |= {"inside": figures.exposed_inside_s, "across": figures.exposed_across_s}
        processes = [f"{figures.label}: {site.name}" for site in figures.sites]
        for category, mean_s in parts.items():
            count = sum(counts.get((process, category), 0) for process in processes)
            total_s = math.fsum(sums.get((process, category), 0) for process in processes) / 1e9
            room_s = 1e-9 * (count + figures.wall_clock_s)
            assert total_s == pytest.approx(mean_s * len(processes), abs=room_s), (figures.label, category)
        for process, site in zip(processes, figures.sites, strict=True):
            room_s = 1e-9 * (sum(counts.get((process, category), 0) for category in parts) + figures.wall_clock_s)
            assert sums.get((process, "compute"), 0) / 1e9 == pytest.approx(site.compute_s, abs=room_s)
            assert sums.get((process, "waiting"), 0) / 1e9 == pytest.approx(site.straggler_wait_s, abs=room_s)
            lost_s = (sums.get((process, "inside"), 0) + sums.get((process, "across"), 0)) / 1e9
            assert lost_s == pytest.approx(site.exposed_communication_s, abs=room_s)


def summed(found):
    sums, counts = defaultdict(int), defaultdict(int)
    for each in found.slices:
        if each.thread == DOES:
            sums[each.process, each.category] += each.end_ns - each.start_ns
            counts[each.process, each.category] += 1
    return sums, counts


def assert_counters_are_the_bytes(found, runs, observations):
    """The integral of a link's rate is what it carried."""
    for figures, observed in zip(runs, observations, strict=True):
        process = next((name for name, _ in found.counters if figures.label in name), None)
        for link in figures.links:
            if link.bytes:
                points = found.counters[process, f"{link.name} [Gbit/s]"]
                ends = [*(at_ns for at_ns, _ in points[1:]), round(observed.end_s * 1e9)]
                bits = sum(rate * (end - at) for (at, rate), end in zip(points, ends, strict=True))
                at_once = found.counters.get((process, f"{link.name} [MB at once]"))
                size_bytes = bits / 8 + (at_once[-1][1] * 1e6 if at_once else 0.0)
                room = sum(rate for _, rate in points) / 4 + 1e-6 * link.bytes  # a nanosecond at each end
                assert size_bytes == pytest.approx(link.bytes, abs=room)


@pytest.fixture(scope="module", params=named())
def whole(request):
    """A scenario, its runs, and all that happens in them."""
    scenario = named()[request.param]
    return run(scenario).runs, observe(scenario, None)


@pytest.mark.parametrize("shape", FORMATS)
def test_the_sums_of_a_file_are_the_figures_of_the_report(whole, shape):
    runs, observations = whole
    found = read(observations, shape)
    assert_it_can_be_drawn(found, observations)
    assert_sums_are_the_figures(*summed(found), runs)
    assert_counters_are_the_bytes(found, runs, observations)
    assert len(found.arrows) == sum(len(each.flows) for each in observations)


def test_random_scenarios_can_be_drawn(tmp_path):
    write_traces(tmp_path)
    seen = 0
    for scenario, runs in scenarios_of(range(500, 530), tmp_path):
        observations = observe(scenario, None)
        found = read(observations, "json")
        assert_it_can_be_drawn(found, observations)
        assert_sums_are_the_figures(*summed(found), runs)
        assert_it_can_be_drawn(read(observe(scenario, 1), "json"), observations)
        seen += 1
    assert seen > 20


def test_both_formats_say_the_same():
    observations = observe(thin("streaming-diloco:replicas=3", "async-diloco:replicas=3"), 2)
    one, other = (read(observations, shape) for shape in FORMATS)
    assert sorted(map(str, map(comparable, one.slices))) == sorted(map(str, map(comparable, other.slices)))
    assert one.counters == other.counters
    assert {n: [e[:6] for e in ends] for n, ends in one.arrows.items()} == {
        n: [e[:6] for e in ends] for n, ends in other.arrows.items()
    }


def comparable(row):
    return row._replace(details={k: v if isinstance(v, str) else float(v) for k, v in row.details.items()}, track=0)


def trace_processor():
    if lacking := missing():
        pytest.skip(f"trace_processor needs {lacking}")
    return ask


@pytest.mark.parametrize("shape", FORMATS)
def test_trace_processor_finds_the_figures_of_the_report_by_sql(shape, tmp_path):
    """DiLoCo, streaming and asynchronous DiLoCo on thin access links, the whole run."""
    sql = trace_processor()
    above = "join track site on {}.parent_id = site.id join track strategy on site.parent_id = strategy.id"
    site_of = {"json": "process.name", "pftrace": "strategy.name || ': ' || site.name"}
    thread_of = {"json": "thread.name", "pftrace": "track.name"}
    join_site = {
        "json": "join thread_track track on track_id = track.id join thread using (utid) join process using (upid)",
        "pftrace": f"join track on track_id = track.id {above.format('track')}",
    }
    join_links = {
        "json": "join process_counter_track own on own.id = track_id join process using (upid) where process.name",
        "pftrace": f"{above.format('track')} where {site_of['pftrace']}",
    }
    scenario = thin("diloco:replicas=3", "streaming-diloco:replicas=3", "async-diloco:replicas=3")
    runs, observations = run(scenario).runs, observe(scenario, None)
    file = tmp_path / f"run.{shape}"
    file.write_bytes(encoded(observations, file))
    sums, arrows, overlaps, faults, carried = sql(
        file,
        f"""select {site_of[shape]} as process, category, sum(dur) as total_ns, count(*) as count
        from slice {join_site[shape]} where {thread_of[shape]} = '{DOES}' group by 1, 2""",
        """select count(*) as count, min(receives.ts - sends.ts) as least_ns
        from flow join slice sends on slice_out = sends.id join slice receives on slice_in = receives.id""",
        "select count(*) as count from slice where depth > 0 or dur < 0",
        "select name, value from stats where severity != 'info' and value > 0",
        f"""with points as (
          select track.name as name, value,
            lead(ts, 1, {round(observations[0].end_s * 1e9)}) over (partition by track_id order by ts) - ts as held_ns
          from counter join track on track_id = track.id {join_links[shape]} = '{runs[0].label}: links')
        select name, sum(value * held_ns) / 8 as size_bytes from points where name like '%Gbit/s%' group by 1""",
    )
    assert_sums_are_the_figures(
        {(process, category): total_ns for process, category, total_ns, _ in sums},
        {(process, category): count for process, category, _, count in sums},
        runs,
    )
    assert len(sums) > 9
    assert arrows[0][0] == sum(len(each.flows) for each in observations) > 20
    assert arrows[0][1] >= 0
    assert overlaps == [(0,)]
    assert faults == []
    reported = {link.name: link.bytes for link in runs[0].links if link.bytes}
    of_links = {name.partition(" [")[0].partition(": ")[0]: size_bytes for name, size_bytes in carried}
    assert of_links == pytest.approx(reported, rel=1e-6)


def test_a_strategy_has_a_process_a_site_and_one_for_its_links():
    observations = observe(thin("diloco:replicas=2", "data-parallel"), 1)
    found = read(observations, "json")
    processes = list(dict.fromkeys(each.process for each in found.slices))
    assert {each.partition(":")[0] for each in processes} == {each.label for each in observations}
    assert {name for name, _ in found.counters} == {f"{each.label}: links" for each in observations}
    threads = {each.thread for each in found.slices}
    assert {DOES, "exchanges under way", "sends", "receives"} <= threads


def test_links_that_jobs_share_stand_there_once():
    scenario = thin("diloco:replicas=2", "data-parallel", settings=["workload.steps=31", "jobs=together"])
    observations = observe(scenario, 1)
    found = read(observations, "json")
    assert {name for name, _ in found.counters} == {f"{observations[0].label} + Data-Parallel: links"}


def test_exchanges_that_overlap_lie_in_threads_of_their_own():
    found = read(observe(thin("streaming-diloco:replicas=4,fragments=6"), 2), "json")
    assert len({(each.process, each.track) for each in found.slices if each.thread == "exchanges under way"}) > 4


def test_a_published_cost_has_no_flows_and_no_links():
    found = read(observe(named()["published cost"], 1), "json")
    assert not found.counters
    assert not found.arrows
    assert {each.thread for each in found.slices} == {DOES, "exchanges under way"}


def handmade(**changes):
    own = {
        "label": "A",
        "sites": ("north", "south"),
        "start_s": 0.0,
        "end_s": 10.0,
        "slices": (Slice(0, "compute", "compute", 0.0, 10.0),),
    }
    return Observation(**{**own, **changes})


def test_what_is_cut_off_has_an_arrow_only_if_both_ends_are_seen():
    flows = (
        Flow("outer", "north", "south", (), 8.0, 1.0, 4.0, 3.0, 1.0),
        Flow("outer", "north", "south", (), 8.0, 8.0, 10.0, 10.0, 1.5, whole=False),
        Flow("outer", "north", "south", (), 8.0, 9.0, 10.0, 10.0, 1.5, whole=False),
    )
    found = read((handmade(flows=flows),), "json")
    assert [(round(a.start_ns / 1e9, 3), round(b.start_ns / 1e9, 3)) for a, b in found.arrows.values()] == [
        (1, 2),
        (8, 9.5),
    ]
    sends = [each for each in found.slices if each.category == "send"]
    assert ["cut off" in each.details for each in sends] == [False, True, True]
    assert len({each.track for each in sends}) == 2


@pytest.mark.parametrize("shape", FORMATS)
def test_an_arrow_that_takes_no_time_still_begins_first(shape):
    """Readers join the ends of an arrow in the order of the file; without latency both are of one moment."""
    flows = tuple(
        Flow("outer", *ends, (), 8.0, 1.0, 4.0, 4.0, 0.0) for ends in (("north", "south"), ("south", "north"))
    )
    assert len(read((handmade(flows=flows),), shape).arrows) == 2


def test_a_bucket_lets_pass_at_once_and_a_link_is_never_used_by_more_than_all_of_it():
    loads = (
        Load("l", 0.0, 0.0, 1e9),
        Load("l", 2.0, 3e9, 1e9, 5e6),
        Load("l", 4.0, 5e8, 1e9),
        Load("l", 6.0, 0.0, 0.0, 1e6),
    )
    found = read((handmade(loads=loads),), "json").counters
    assert found["A: links", "l [% used]"] == [(0, 0.0), (2e9, 100.0), (4e9, 50.0), (6e9, 0.0)]
    assert found["A: links", "l [Gbit/s]"] == [(0, 0.0), (2e9, 3.0), (4e9, 0.5), (6e9, 0.0)]
    passed = found["A: links", "l [MB at once]"]
    assert passed == [(0, 0.0), (2e9, 5.0), (4e9, 5.0), (6e9, 6.0)]


@pytest.mark.parametrize("seconds", [1e-9, 1e10])
@pytest.mark.parametrize("shape", FORMATS)
def test_what_nanoseconds_cannot_count_is_refused(seconds, shape):
    slices = (Slice(0, "compute", "compute", 0.0, seconds),)
    with pytest.raises(
        InputError, match=r"timeline: .* cannot be drawn in whole nanoseconds; make it 1 us to 290 years"
    ):
        encoded((handmade(end_s=seconds, slices=slices),), Path(f"run.{shape}"))


@pytest.mark.parametrize("name", ["run.svg", "run", "run.perfetto", "run.json.gz", ".json"])
def test_another_ending_is_refused(name):
    with pytest.raises(InputError, match=r"timeline .*; write a \.pftrace \(Perfetto\) or a \.json"):
        check_timeline(Path(name))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("sim.report.timeline.perfetto.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"run\.pftrace: needs the package perfetto; .*crosshaul\[timeline\].*\.json"):
        check_timeline(Path("run.pftrace"))
    check_timeline(Path("run.json"))


def test_the_same_run_is_the_same_file():
    scenario = load_scenario(None, topology="thin-access", strategies=["diloco:replicas=2"])
    for name in ("run.json", "run.pftrace"):
        assert encoded(observe(scenario, 1), Path(name)) == encoded(observe(scenario, 1), Path(name))
