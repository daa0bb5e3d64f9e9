"""The emulation: its cases, what is predicted of them, and two small ones for real where namespaces are to be had."""

import csv
import importlib
import itertools
import math
import os
import random
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from sim.errors import InputError

FOLDER = Path(__file__).parents[2] / "experiments" / "wan_emulation"


@pytest.fixture
def emulation():
    """The experiment's modules by name."""
    return lambda name: importlib.import_module(f"experiments.wan_emulation.{name}")


def plan_of(cases, case, **fields):
    return cases.Plan.model_validate({"cases": [{"name": "one", "sites": 2, **case}], **fields})


def profile_of(unshaped, exchange_s=0.0, outer_s=0.0, both=1.0):
    """Two cores: a step takes 0.04 s, twice that where two share a core, and `both` times where both are busy."""

    def measured(*steps_s):
        steps_s = [both * step_s for step_s in steps_s] if len(steps_s) > 1 else steps_s
        rest = {"nothing_s": 0.0, "exchange_s": exchange_s, "outer_s": outer_s}
        return {"steps_s": [[step_s, step_s] for step_s in steps_s], **rest}

    return unshaped.Profile.model_validate(
        {
            "machine": "a machine",
            "trained": {},
            "params": 656256,
            "cores": 2,
            "together": {
                "1": measured(0.04),
                "2": measured(0.04, 0.04),
                "3": measured(0.08, 0.04, 0.08),
                "4": measured(*[0.08] * 4),
            },
            "goodput_share": 0.95,
        }
    )


def test_the_committed_cases_are_valid_and_as_many_as_were_asked_for(emulation):
    plan = emulation("cases").read_plan(FOLDER / "cases.yaml")
    assert len(plan.cases) >= 24
    assert {case.sites for case in plan.cases} == {2, 3, 4}
    assert {case.sync_every for case in plan.cases} >= {1, 5, 20, None}
    rates = [rate for case in plan.cases for rate in case.rates]
    assert min(rates) == 20e6
    assert max(rates) == 500e6


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ({"algorithm": "diloco", "rate": "1 Mbit/s"}, "sync_every"),
        ({"algorithm": "data-parallel", "rate": "1 Mbit/s", "sync_every": 5}, "sync_every"),
        ({"algorithm": "data-parallel"}, "either `rate`"),
        ({"algorithm": "data-parallel", "rates": ["1 Mbit/s"]}, "one for each"),
        ({"algorithm": "data-parallel", "rate": "1 Mbit/s", "straggler": {"site": 2, "factor": 2}}, "numbered from 0"),
        ({"algorithm": "diloco", "rate": "1 Mbit/s", "sync_every": 5, "fragments": 2}, "fragments"),
        ({"algorithm": "diloco", "rate": "1 Mbit/s", "sync_every": 5, "overlap_steps": 2}, "needs streaming-diloco"),
        ({"algorithm": "data-parallel", "rate": "1 Mbit/s", "exchange": "ring"}, "one of outer steps"),
        ({"algorithm": "diloco", "rate": "1 Mbit/s", "sync_every": 5, "streams": 2}, "write `exchange: ring`"),
        ({"algorithm": "data-parallel", "rate": "1 Mbit/s", "loss": 0.1}, "write a round_trip too"),
        ({"algorithm": "data-parallel", "rate": "1 Mbit/s", "round_trips": ["1 ms"]}, "write one for each"),
        (
            {"algorithm": "data-parallel", "rate": "1 Mbit/s", "round_trip": "1 ms", "round_trips": ["1 ms", "2 ms"]},
            "not both",
        ),
    ],
)
def test_an_impossible_case_is_refused(emulation, tmp_path, case, told):
    path = tmp_path / "cases.yaml"
    path.write_text(f"cases: [{ {'name': 'one', 'sites': 2, **case} }]".replace("'", '"'))
    with pytest.raises(InputError, match=told):
        emulation("cases").read_plan(path)


def test_without_any_measured_cost_a_case_is_bytes_over_rate(emulation):
    cases, predict = emulation("cases"), emulation("predict")
    plan = plan_of(cases, {"algorithm": "data-parallel", "rate": "20 Mbit/s", "steps": 10})
    said = predict.predicted(plan, plan.cases[0], profile_of(emulation("unshaped")), without=predict.TERMS)
    latency_s = 2 * 2 * 50e-6  # two rounds of a ring of two, over two wires
    assert said.wall_clock_s == pytest.approx(10 * (0.04 + 656256 * 32 / 20e6 + latency_s), rel=1e-9)


def test_headers_bucket_and_start_are_in_the_prediction(emulation):
    cases, predict = emulation("cases"), emulation("predict")
    plan = plan_of(cases, {"algorithm": "diloco", "rate": "20 Mbit/s", "sync_every": 20, "steps": 20}, burst="256 KiB")
    profile = profile_of(emulation("unshaped"), exchange_s=0.003, outer_s=0.005)
    said = predict.predicted(plan, plan.cases[0], profile)
    payload_bits = 656256 * 32
    # the bucket is full after 0.8 s of compute, and what is in it passes at once
    wire_s = (payload_bits / 0.95 - 262144 * 8) / 20e6
    expected = 20 * 0.04 + 0.005 + 0.003 + wire_s
    assert said.wall_clock_s == pytest.approx(expected, rel=2e-3)


def test_four_sites_on_two_cores_compute_half_as_fast(emulation):
    cases, predict = emulation("cases"), emulation("predict")
    case = {"sites": 4, "algorithm": "diloco", "rate": "500 Mbit/s", "sync_every": 50, "steps": 50}
    plan = plan_of(cases, case)
    said = predict.predicted(plan, plan.cases[0], profile_of(emulation("unshaped")))
    assert said.compute_s == pytest.approx(50 * 0.08, rel=1e-9)


def test_who_has_a_core_for_itself_leaves_the_machine_to_the_others_while_it_waits(emulation):
    cases, predict = emulation("cases"), emulation("predict")
    plan = plan_of(cases, {"sites": 3, "algorithm": "data-parallel", "rate": "500 Mbit/s", "steps": 10})
    # both cores at once take twice as long each, as two threads of one core do: after 0.08 s the lone one is done, and
    # the other two, who have had 0.02 s each, need 0.04 s more for theirs
    profile = profile_of(emulation("unshaped"), both=2.0)
    terms = set(predict.TERMS) - {"sharing"}
    said = predict.predicted(plan, plan.cases[0], profile, without=terms)
    assert said.compute_s == pytest.approx(10 * (0.08 + 2 * 0.12) / 3, rel=1e-9)


def test_a_profile_of_something_else_is_refused_and_one_of_another_machine_warned_of(emulation, tmp_path, capsys):
    cases, unshaped = emulation("cases"), emulation("unshaped")
    plan = plan_of(cases, {"algorithm": "data-parallel", "rate": "20 Mbit/s"})
    path = tmp_path / "profile.json"
    found = profile_of(unshaped).model_copy(update={"trained": unshaped.trained_in(plan), "machine": "another"})
    path.write_text(found.model_dump_json())
    assert unshaped.profile_of(plan, path) == found
    assert "was measured on another, and this is" in capsys.readouterr().err
    path.write_text(found.model_copy(update={"machine": unshaped.machine()}).model_dump_json())
    unshaped.profile_of(plan, path)
    assert capsys.readouterr().err == ""
    wider = plan_of(cases, {"algorithm": "data-parallel", "rate": "20 Mbit/s"}, width=256, vocab=512)
    with pytest.raises(InputError, match="another width, vocab; name a --profile"):
        unshaped.profile_of(wider, path)
    path.write_text("{")
    with pytest.raises(InputError, match=r"profile\.json"):
        unshaped.profile_of(plan, path)


def test_a_table_and_a_profile_go_with_their_cases(emulation, tmp_path, monkeypatch):
    run, seen = emulation("run"), []
    monkeypatch.setattr(run.signal, "signal", lambda *_: None)  # the process is the tests' own
    monkeypatch.setattr(run, "emulate", lambda *arguments: seen.append(arguments))
    for arguments in ([], [f"{tmp_path}/mine.yaml"], [f"{tmp_path}/mine.yaml", "--results", "other.csv"]):
        monkeypatch.setattr(sys, "argv", ["run.py", *arguments])
        run.main()
    assert [[path.name for path in paths] for _, _, *paths in seen] == [
        ["results.csv", "results.profile.json"],
        ["mine.csv", "mine.profile.json"],
        ["other.csv", "other.profile.json"],
    ]
    assert seen[1][2].parent == tmp_path


def test_a_slowed_site_holds_the_others_up(emulation):
    cases, predict = emulation("cases"), emulation("predict")
    case = {"algorithm": "data-parallel", "rate": "500 Mbit/s", "steps": 10}
    slow = plan_of(cases, {**case, "straggler": {"site": 1, "factor": 3}})
    even = plan_of(cases, case)
    more_s = [
        predict.predicted(plan, plan.cases[0], profile_of(emulation("unshaped")), without=predict.TERMS).wall_clock_s
        for plan in (slow, even)
    ]
    assert more_s[0] - more_s[1] == pytest.approx(10 * 2 * 0.04, rel=1e-9)


@pytest.mark.parametrize(("of", "into"), [("cases.yaml", "results.csv"), ("delay.yaml", "delay.csv")])
def test_committed_predictions_are_what_the_code_says_now(emulation, of, into):
    cases, predict, run = emulation("cases"), emulation("predict"), emulation("run")
    if not (FOLDER / into).exists():
        pytest.skip(f"{into} was not measured yet")
    plan = cases.read_plan(FOLDER / of)
    profile = emulation("unshaped").read_profile((FOLDER / into).with_suffix(".profile.json"), plan)
    table = {row["case"]: row for row in run.read_rows(FOLDER / into)}
    assert {case.name for case in plan.cases} == set(table)
    for case in plan.cases:
        row = table[case.name]
        said, naive = (predict.predicted(plan, case, profile, without=terms) for terms in ((), predict.TERMS))
        assert float(row["predicted_s"]) == pytest.approx(said.wall_clock_s, abs=6e-4), case.name
        assert float(row["naive_s"]) == pytest.approx(naive.wall_clock_s, abs=6e-4), case.name
        assert row["links"] == run.links_of(case)


FAR = {"algorithm": "diloco", "sync_every": 20, "steps": 20, "rate": "20 Mbit/s", "round_trip": "100 ms"}


def far_s(emulation, passes=2.0, **fields):
    """A round of 20 steps and its exchange, which passes so many latencies; nothing but what the fields say."""
    cases, predict = emulation("cases"), emulation("predict")
    plan = plan_of(cases, {**FAR, **fields})
    profile = profile_of(emulation("unshaped")).model_copy(update={"passes": {"2": passes}})
    said = predict.predicted(plan, plan.cases[0], profile, without=("bucket", "sharing"))
    return said.wall_clock_s - 20 * 0.04


def test_cases_with_distance_are_as_many_as_were_asked_for(emulation):
    plan = emulation("cases").read_plan(FOLDER / "delay.yaml")
    assert len(plan.cases) >= 30
    assert {case.sites for case in plan.cases} == {2, 3, 4}
    assert {case.sync_every for case in plan.cases} >= {1, 5, 20, None}
    assert {case.round_trip_s for case in plan.cases} >= {0.005, 0.02, 0.05, 0.1, 0.2}
    assert sum(case.overlap_steps > 0 for case in plan.cases) >= 6
    assert {case.loss for case in plan.cases} == {0.0, 0.001, 0.01}
    assert max(case.streams for case in plan.cases) > 1


def test_an_exchange_over_a_distance_takes_its_latencies_and_what_the_streams_allow(emulation):
    payload_bits = 656256 * 32
    wire_s = payload_bits / 0.95 / 20e6
    ring = {"exchange": "ring"}
    # two phases, each over half a round trip; the trainer's own takes as many as it was measured to
    assert far_s(emulation, passes=4.0, **ring) == pytest.approx(wire_s + 0.1, rel=1e-6)
    assert far_s(emulation, passes=4.0) == pytest.approx(wire_s + 0.2, rel=1e-6)
    assert far_s(emulation, passes=3.2) == pytest.approx(wire_s + 0.16, rel=1e-6)
    mathis_bits_per_s = 8 * 1448 / 0.1 * math.sqrt(1.5 / 0.01)
    assert far_s(emulation, **ring, loss=0.01) == pytest.approx(payload_bits / mathis_bits_per_s + 0.1, rel=1e-6)
    four_s = far_s(emulation, **ring, loss=0.01, streams=4)
    assert four_s == pytest.approx(payload_bits / (4 * mathis_bits_per_s) + 0.1, rel=1e-6)
    # sites that are 40 and 160 ms from their like are 100 ms from each other
    uneven = {"round_trip": None, "round_trips": ["40 ms", "160 ms"], **ring}
    assert far_s(emulation, **uneven) == pytest.approx(wire_s + 0.1, rel=1e-6)


def test_an_exchange_beside_the_compute_is_predicted_to_hide(emulation):
    hidden = {"algorithm": "streaming-diloco", "fragments": 1, "exchange": "ring", "sync_every": 10, "steps": 30}
    # 0.11 s of bytes and 0.1 s of latency, 0.32 s of compute beside them; the last exchange of the run has nothing to hide behind
    waits_s = far_s(emulation, **hidden, rate="200 Mbit/s") - far_s(
        emulation, **hidden, rate="200 Mbit/s", overlap_steps=8
    )
    assert waits_s == pytest.approx(2 * (656256 * 32 / 0.95 / 200e6 + 0.1), rel=1e-6)


def test_packets_arrive_in_order_after_the_latency_of_both_accesses(emulation):
    lines = emulation("relay").Lines([0.01, 0.03, 0.0])
    assert lines.wait_s(0.0) is None
    lines.send(0.0, 0, 1, b"a")
    lines.send(0.005, 0, 1, b"b")
    lines.send(0.006, 0, 2, b"c")
    assert lines.wait_s(0.006) == pytest.approx(0.01)
    assert lines.arrived(0.0159) == []
    assert lines.arrived(0.0161) == [(2, b"c")]
    assert lines.arrived(0.0399) == []
    assert lines.arrived(1.0) == [(1, b"a"), (1, b"b")]
    assert lines.wait_s(1.0) is None


def test_packets_are_lost_by_chance_and_the_same_ones_again(emulation):
    def come(seed, loss=0.02, count=20_000):
        lines = emulation("relay").Lines([0.0, 0.0], loss=loss, seed=seed)
        for number in range(count):
            lines.send(0.0, 0, 1, number.to_bytes(4, "big"))
        found = [int.from_bytes(packet, "big") for _, packet in lines.arrived(0.0)]
        assert len(found) + lines.lost == count
        return found

    # 400 expected, with a deviation of 20; that neighbours are both lost has the square of the chance
    lost = sorted(set(range(20_000)) - set(come(0)))
    assert 320 < len(lost) < 480
    assert sum(later - earlier == 1 for earlier, later in itertools.pairwise(lost)) < 25
    assert come(0) == come(0) != come(1)
    assert come(0, loss=0.0) == list(range(20_000))


def test_a_packet_goes_to_the_site_of_its_address(emulation):
    relay = emulation("relay")

    def packet(*address, version=4):
        return bytes(10) + bytes([version << 4 | 5]) + bytes(15) + bytes(address)

    assert relay.receiver_of(packet(10, 77, 0, 3)) == 2
    assert relay.address(2) == "10.77.0.3"
    assert relay.receiver_of(packet(10, 78, 0, 3)) is None
    assert relay.receiver_of(packet(10, 77, 0, 0)) is None
    assert relay.receiver_of(packet(10, 77, 0, 3, version=6)) is None
    assert relay.receiver_of(b"") is None


@pytest.mark.parametrize(("count", "streams"), [(2, 1), (3, 2), (4, 3)])
def test_a_ring_gives_every_site_the_same_mean(emulation, count, streams):
    ring = emulation("ring")
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    where = [probe.getsockname() for probe in probes]
    for probe in probes:
        probe.close()
    draw = np.random.default_rng(random.Random(count).randrange(2**32))
    own = [draw.normal(size=10_007).astype(np.float32) for _ in range(count)]
    found = [None] * count

    def site(number):
        connected = ring.Ring(where, number, streams=streams)
        try:
            for _ in range(3):
                found[number] = connected.mean(own[number])
        finally:
            connected.close()

    threads = [threading.Thread(target=site, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in found:
        assert each.tobytes() == found[0].tobytes()
    np.testing.assert_allclose(found[0], np.mean(own, axis=0, dtype=np.float64), atol=1e-6)


def test_the_page_shows_the_committed_table(emulation):
    figure = emulation("figure")
    page = (FOLDER / "README.md").read_text()
    assert "\n".join(figure.markdown(figure.rows())) in page
    assert "\n".join(figure.terms(figure.rows())) in page
    if figure.DELAY.exists():
        far = figure.rows(figure.DELAY)
        assert "\n".join(figure.far_table(far)) in page
        assert "\n".join(figure.terms(far, FOLDER / "delay.yaml", "delay")) in page
    assert "\n".join(figure.excerpt(figure.rows())) in (FOLDER.parents[1] / "docs" / "tour.md").read_text()


def test_without_root_the_reason_is_told(emulation, monkeypatch):
    namespaces = emulation("namespaces")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(namespaces.shutil, "which", lambda tool: tool)
    assert "need root" in namespaces.missing()
    monkeypatch.setattr(namespaces.shutil, "which", lambda tool: None)
    assert "install iproute2" in namespaces.missing()


def shown(*command, inside=()):
    return subprocess.run([*inside, *command], capture_output=True, text=True, check=True).stdout


@pytest.mark.wan
def test_two_small_cases_for_real(emulation, tmp_path):
    namespaces = emulation("namespaces")
    if (reason := namespaces.missing()) is not None:
        pytest.skip(reason)
    cases = tmp_path / "cases.yaml"
    cases.write_text(
        "repeats: 2\n"
        "tries: 1\n"
        "cases:\n"
        "  - {name: dp, algorithm: data-parallel, sites: 2, rate: 20 Mbit/s, steps: 4}\n"
        "  - {name: diloco, algorithm: diloco, sites: 2, sync_every: 5, rates: [50 Mbit/s, 20 Mbit/s], steps: 10}\n"
    )
    results = tmp_path / "results.csv"
    command = [sys.executable, "-m", "experiments.wan_emulation.run", str(cases), "--results", str(results)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr
    with results.open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["case"] for row in table] == ["dp", "diloco"]
    for row in table:
        # the interfaces count few headers, as packets are cut only behind them; acknowledgements come on top
        assert float(row["sent_bytes"]) == pytest.approx(float(row["payload_bytes"]), rel=0.02)
        # no run is faster than its links; how much slower it is depends on what else the machine does just now
        assert float(row["measured_s"]) > 0.85 * float(row["naive_s"])
        assert float(row["measured_s"]) < 3 * float(row["predicted_s"])
        assert math.isfinite(float(row["error"]))
    assert namespaces.PREFIX not in shown("ip", "netns", "list")


@pytest.mark.wan
def test_a_relay_delays_by_what_is_set(emulation):
    namespaces, tcp = emulation("namespaces"), emulation("tcp")
    if (reason := namespaces.missing()) is not None:
        pytest.skip(reason)
    distance = namespaces.Distance([0.02, 0.03])
    with namespaces.Sites([None, 50e6], burst_bytes=65536.0, distance=distance) as sites:
        # a round trip passes each access twice; no packet is early, and how late it is depends on the machine
        assert tcp._round_trip_s(sites) > 0.1
        assert "tbf" in shown("tc", "qdisc", "show", "dev", "eth0", inside=sites.command(1, []))
        assert sites.sent_bytes(0) > 0
    assert namespaces.PREFIX not in shown("ip", "netns", "list") + shown("ip", "-o", "link")


@pytest.mark.wan
def test_what_was_built_is_taken_away_after_a_crash(emulation):
    namespaces = emulation("namespaces")
    if (reason := namespaces.missing()) is not None:
        pytest.skip(reason)
    seen = []

    def interrupted():
        with namespaces.Sites([1e6, None], burst_bytes=65536.0) as sites:
            seen.append(shown("tc", "qdisc", "show", "dev", "eth0", inside=sites.command(0, [])))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert "tbf" in seen[0]
    assert "rate 1Mbit" in seen[0]
    assert namespaces.PREFIX not in shown("ip", "netns", "list") + shown("ip", "-o", "link")
    assert not list(Path("/etc").glob(f"netns/{namespaces.PREFIX}*"))
