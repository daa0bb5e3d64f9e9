"""The bandwidth that a utilisation needs, against formulas worked out here, limits, and the published tables."""

import csv
import io
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sim.questions.bandwidth.bandwidth import answer
from sim.questions.bandwidth.published_setting import study
from sim.scenario.model import Scenario
from sim.simulation.run import run

ROOT = Path(__file__).parents[3]
TARGETS = (0.5, 0.8, 0.95, 0.99)
N, L, T, BITS = 1e9, 8, 0.1, 16
GRID = [10 ** (-1 + 4 * k / 49) for k in range(50)]  # Gbit/s: arXiv 2501.18512, Table 4
ROW = {
    "strategy", "label", "replicas", "sync_every", "fragments", "overlap_steps", "payload_bits", "payload_factor",
    "target", "bandwidth_bits_per_s", "scale", "grid_bits_per_s", "unlimited_utilization",
}  # fmt: skip


def asked(*strategies, params=N, layers=L, step_time_s=T, **parameters):
    return study(
        params=params, layers=layers, step_time_s=step_time_s, strategies=strategies, parameters=parameters or None
    )


def needs(*strategies, targets=TARGETS, **setting):
    return [row.bandwidth_bits_per_s for row in answer(asked(*strategies, **setting), targets).rows]


def for_exposed(exposed_s, payload_bits):
    """W at which L equal layers behind a backward pass of 2T/3 leave that much: s + (L-1) max(0, s - 2T/3L)."""
    slot_s = 2 * T / 3 / L
    layer_s = exposed_s if exposed_s <= slot_s else (exposed_s + (L - 1) * slot_s) / L
    return payload_bits / L / layer_s


def document(**changes):
    link = {"between": ["a", "b"], "bandwidth": "1 Gbit/s", "latency": "0 s"}
    sites = [{"name": "a"}, {"name": "b"}]
    topology = {"name": "t", "datacenters": sites, "links": [link], "collective": "ideal"}
    workload = {"params": N, "step_time": "0.1 s", "chips": 2, "batch_tokens": 4096, "steps": 4000, "layers": L}
    return {"topology": topology, "workload": workload, "strategies": [{"kind": "diloco", "sync_every": 10}]} | changes


@pytest.mark.parametrize("factor", [1.0, 0.8])
def test_data_parallel_by_layer_needs_what_its_closed_form_says(factor):
    expected = [for_exposed(T / u - T, N * BITS * factor) for u in TARGETS]
    assert needs("data-parallel", payload_factor=factor) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("every", [5, 20])
def test_diloco_by_layer_needs_what_its_closed_form_says_of_a_round(every):
    expected = [for_exposed(every * (T / u - T), N * BITS) for u in TARGETS]
    assert needs("diloco", sync_every=every) == pytest.approx(expected, rel=1e-6)


def test_without_overlap_the_need_is_the_payload_over_the_time_left():
    expected = [N * BITS / (10 * (T / u - T)) for u in TARGETS]
    assert needs("diloco", sync_every=10, overlap="none") == pytest.approx(expected, rel=1e-6)


def test_four_replicas_send_three_halves_of_what_two_send():
    # (2S/W)(1 - 1/R) with a chip a site: S/W for two, 1.5 S/W for four
    two, four = (needs("diloco", replicas=replicas, overlap="none") for replicas in (2, 4))
    assert four == pytest.approx([1.5 * need for need in two], rel=1e-6)


@pytest.mark.parametrize("kind", ["diloco", "streaming-diloco", "eager-diloco", "async-diloco"])
@pytest.mark.parametrize("others", [["diloco:replicas=8"], ["diloco:replicas=3,sync_every=70", "diloco:replicas=5"]])
def test_a_row_does_not_depend_on_the_others(simulate, kind, others):
    args = [
        "bandwidth",
        *STUDY,
        "--target",
        "0.8",
        "--format",
        "json",
        "--strategy",
        f"{kind}:replicas=2,sync_every=20",
    ]
    alone = json.loads(simulate(*args)[1])["rows"]
    more = [word for other in others for word in ("--strategy", other)]
    assert json.loads(simulate(*args, *more)[1])["rows"][:1] == alone


@pytest.mark.parametrize("datacenters", [3, 8, 64])
def test_data_parallel_over_more_datacenters_sends_what_a_ring_of_them_sends(simulate, datacenters):
    args = [
        "bandwidth",
        *STUDY,
        "--strategy",
        "data-parallel",
        "--overlap",
        "none",
        "--target",
        "0.5",
        "--format",
        "json",
    ]
    two, more = (json.loads(simulate(*args, *option)[1]) for option in ([], ["--datacenters", datacenters]))
    assert len(more["scenario"]["topology"]["datacenters"]) == datacenters
    ratio = more["rows"][0]["bandwidth_bits_per_s"] / two["rows"][0]["bandwidth_bits_per_s"]
    assert ratio == pytest.approx(2 * (1 - 1 / datacenters), rel=1e-6)  # each of two sends what it has once


def test_eager_diloco_is_limited_by_a_full_link():
    # the exchange of a round takes as long as the round that it runs behind, H T / u
    assert needs("eager-diloco", sync_every=10) == pytest.approx([u * N * BITS / (10 * T) for u in TARGETS], rel=1e-6)


@pytest.mark.parametrize("settings", ["fragments=4", "fragments=8", "fragments=4,overlap_steps=5"])
def test_streaming_never_needs_more_than_diloco(settings):
    blocking, streaming = needs("diloco"), needs(f"streaming-diloco:{settings}")
    assert all(0 < less <= more for less, more in zip(streaming, blocking, strict=True))
    assert streaming[-1] < blocking[-1] / 2


@pytest.mark.parametrize("kind", ["data-parallel", "streaming-diloco", "eager-diloco"])
def test_the_need_is_in_proportion_to_the_payload(kind):
    whole = needs(kind)
    assert needs(kind, payload_factor=0.5) == pytest.approx([0.5 * need for need in whole], rel=1e-6)
    assert needs(kind, payload_bits=4) == pytest.approx([0.25 * need for need in whole], rel=1e-6)


@pytest.mark.parametrize("kind", ["diloco", "streaming-diloco"])
def test_larger_models_on_as_much_slower_chips_need_the_same(kind):
    assert needs(kind, params=7 * N, step_time_s=7 * T) == pytest.approx(needs(kind), rel=1e-6)


@pytest.mark.parametrize("kind", ["data-parallel", "diloco", "streaming-diloco", "eager-diloco"])
def test_a_full_replay_at_the_bandwidth_found_reaches_the_target(kind):
    scenario = asked(kind, sync_every=10) if kind != "data-parallel" else asked(kind)
    for row in answer(scenario, (0.6, 0.95)).rows:
        there = scenario.model_dump(mode="json", exclude_none=True) | {"replay": "full"}
        there["topology"]["links"][0]["bandwidth"] = f"{row.bandwidth_bits_per_s!r} bit/s"
        reached = run(Scenario.model_validate(there)).runs[0]
        assert reached.replayed_steps == reached.steps
        # the last exchange of the run has nothing to hide behind: one round in 400
        assert reached.compute_utilization == pytest.approx(row.target, abs=3e-3 if kind == "eager-diloco" else 1e-3)


def test_the_utilisation_grows_along_the_curve_and_through_the_targets():
    found = answer(asked("streaming-diloco"), TARGETS)
    points = sorted(
        [(point.bandwidth_bits_per_s, point.utilization) for point in found.curve]
        + [(row.bandwidth_bits_per_s, row.target) for row in found.rows]
    )
    shares = [share for _, share in points]
    assert [point.bandwidth_bits_per_s for point in found.curve] == pytest.approx([10 ** (8 + k / 2) for k in range(9)])
    assert all(one <= other + 1e-9 for one, other in pairwise(shares))


def test_the_cell_of_the_published_grid_is_the_first_that_reaches():
    for row in answer(asked("diloco"), TARGETS).rows:
        first = min(point for point in GRID if point * 1e9 >= row.bandwidth_bits_per_s)
        assert row.grid_bits_per_s == pytest.approx(first * 1e9)


def test_a_need_beyond_the_grid_has_no_cell():
    (row,) = answer(asked("data-parallel", params=1e13), (0.99,)).rows
    assert row.bandwidth_bits_per_s > 1e12
    assert row.grid_bits_per_s is None


def published(**wanted):
    lines = (ROOT / "experiments" / "reference" / "compute_utilization.csv").read_text().splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    (found,) = (row for row in rows if wanted.items() <= row.items())
    return [float(found[key]) for key in ("u50", "u80", "u90", "u95", "u99")]


def test_published_cells_come_out_of_the_command(simulate):
    code, out, _ = simulate(
        "bandwidth", "--params", "10e9", "--layers", 48, "--step-time", 0.8, "--payload-factor", 0.8,
        "--sync-every", 100, "--strategy", "data-parallel", "--strategy", "diloco",
        "--strategy", "streaming-diloco:fragments=16", "--grid", "paper", "--format", "json",
    )  # fmt: skip
    assert code == 0
    rows = json.loads(out)["rows"]
    for number, (method, every) in enumerate([("data-parallel", 1), ("diloco", 100), ("streaming-overlap", 100)]):
        printed = published(source="ST", params="10e9", method=method, sync_every=str(every))
        for row, gbit_per_s in zip(rows[5 * number : 5 * number + 5], printed, strict=True):
            cells = np.log(row["grid_bits_per_s"] / 1e9 / gbit_per_s) / np.log(GRID[1] / GRID[0])
            assert abs(cells) < 1.5, (method, row["target"])


def test_the_whole_replay_agrees_with_the_long_run_but_for_its_ends(simulate, scenario_file):
    def rows(strategies, *options):
        changed = document(strategies=strategies)
        changed["workload"]["steps"] = 1000
        file = scenario_file(changed)
        code, out, _ = simulate("bandwidth", "--scenario", file, "--target", "0.9", "--format", "json", *options)
        assert code == 0
        return [row["bandwidth_bits_per_s"] for row in json.loads(out)["rows"]]

    blocking = [{"kind": "diloco", "sync_every": 10}]
    assert rows(blocking, "--full") == pytest.approx(rows(blocking), rel=1e-6)
    streaming = [{"kind": "streaming-diloco", "sync_every": 10, "overlap": "layers"}]
    longer, shorter = rows(streaming, "--full"), rows(streaming)
    assert longer != shorter
    assert longer == pytest.approx(shorter, rel=0.02)


@pytest.mark.parametrize("collective", ["ideal", "ring"])
def test_one_link_is_all_links_where_two_sites_have_but_one(collective):
    scenario = Scenario.model_validate(document(collective=collective))
    everything, alone = answer(scenario, TARGETS), answer(scenario, TARGETS, link="a <-> b")
    assert alone.rows == everything.rows
    assert alone.what != everything.what


def test_a_link_that_is_not_in_the_way_does_not_matter():
    changed = document(collective="ring")
    changed["topology"]["datacenters"].append({"name": "c"})
    changed["topology"]["links"] += [{"between": ["b", "c"], "bandwidth": "1 Gbit/s", "latency": "0 s"}]
    scenario = Scenario.model_validate(changed)
    reached = answer(scenario, (0.5,), link="a <-> b").curve[2].utilization  # at 1 Gbit/s, as the scenario has it
    beside, beyond = answer(scenario, (reached / 2, (1 + reached) / 2), link="b <-> c").rows
    assert (beside.bandwidth_bits_per_s, beside.scale) == (0, 0)
    assert beyond.bandwidth_bits_per_s is None
    assert beyond.unlimited_utilization == pytest.approx(reached)


def test_a_target_beyond_the_latency_is_never_reached(simulate, scenario_file):
    changed = document()
    changed["topology"]["links"][0]["latency"] = "1 s"
    # rounds of 10 x 0.1 s and 1 s of latency: half the time, at most
    file = scenario_file(changed)
    code, out, _ = simulate("bandwidth", "--scenario", file, "--target", "0.4,0.6", "--format", "json")
    reached, never = json.loads(out)["rows"]
    assert code == 0
    assert reached["bandwidth_bits_per_s"] == pytest.approx(N * BITS / (1 / 0.4 - 2))
    assert [never[key] for key in ("bandwidth_bits_per_s", "scale", "grid_bits_per_s")] == [None] * 3
    assert never["unlimited_utilization"] == pytest.approx(0.5)
    text = simulate("bandwidth", "--scenario", file, "--target", "0.4,0.6")[1]
    assert "never" in text
    assert "computes 50.00% of the time at most" in text


def test_exchanges_inside_a_datacenter_bound_the_utilisation():
    changed = document()
    inside = {"bandwidth": "10 Gbit/s", "latency": "0 s"}
    changed["topology"]["datacenters"] = [{"name": name, "inside": inside} for name in "ab"]
    # 0.1 s of compute a step on four chips; seconds that were measured would hold the exchange inside already
    speed = {"chip_speed": f"{6 * N * 4096 / 4 / 0.1!r} flop/s", "step_time": None}
    changed["workload"] = {k: v for k, v in {**changed["workload"], **speed, "chips": 4}.items() if v is not None}
    (row,) = answer(Scenario.model_validate(changed), (0.9,)).rows
    assert row.bandwidth_bits_per_s is None
    # the ring through all four chips of an outer step, every ten steps, goes through the sites, too
    outer_s = 2 * N * BITS / 10e9 * (1 - 1 / 4) / 10
    assert row.unlimited_utilization == pytest.approx(0.1 / (0.1 + N * BITS / 10e9 + outer_s))


def test_a_changing_link_is_varied_at_all_times():
    # half of the time half as wide; twice the payload takes twice the width, then and now, for the same seconds
    def need(payload_bits):
        changed = document(collective="ring")
        points = [{"at": "0 s", "bandwidth": "100 Gbit/s"}, {"at": "1 s", "bandwidth": "50 Gbit/s"}]
        changed["topology"]["links"][0] |= {"bandwidth": "100 Gbit/s", "schedule": {"points": points, "repeat": "2 s"}}
        changed["workload"] |= {"steps": 40, "payload_bits": payload_bits}
        return answer(Scenario.model_validate(changed), (0.95,)).rows[0].bandwidth_bits_per_s

    assert need(16) == pytest.approx(2 * need(8), rel=1e-6)


def test_json_and_csv_have_the_same_rows(simulate):
    options = ("bandwidth", "--params", "1B", "--layers", L, "--step-time", "100 ms", "--strategy", "diloco")
    code, out, _ = simulate(*options, "--target", "50%", "--target", "0.9", "--format", "json")
    found = json.loads(out)
    assert code == 0
    keys = {"schema_version", "crosshaul_version", "scenario", "varied", "notes", "rows", "curve"}
    assert set(found) == keys
    assert set(found["rows"][0]) == ROW
    assert [row["target"] for row in found["rows"]] == [0.5, 0.9]
    assert [row["bandwidth_bits_per_s"] for row in found["rows"]] == needs("diloco", targets=(0.5, 0.9))
    assert set(found["curve"][0]) == {"strategy", "label", "bandwidth_bits_per_s", "utilization"}
    Scenario.model_validate(found["scenario"])
    _, text, _ = simulate(*options, "--target", "0.5,0.9", "--format", "csv")
    lines = list(csv.DictReader(io.StringIO(text)))
    as_text = [{key: "" if value is None else str(value) for key, value in row.items()} for row in found["rows"]]
    assert lines == as_text


def test_the_same_question_has_the_same_answer(simulate):
    options = ("bandwidth", "--params", "1B", "--layers", L, "--step-time", 0.1, "--sync-every", 10, "--target", "0.7")
    first = simulate(*options, "--format", "json")
    assert first[0] == 0
    assert simulate(*options, "--format", "json") == first
    kinds = ["data-parallel", "diloco", "streaming-diloco", "eager-diloco", "async-diloco"]
    assert [row["strategy"] for row in json.loads(first[1])["rows"]] == kinds


def test_options_reach_the_strategies_that_have_them(simulate):
    code, out, _ = simulate(
        "bandwidth", "--params", "1B", "--layers", L, "--step-time", 0.1, "--target", 0.9, "--format", "json",
        "--strategy", "streaming-diloco:fragments=2", "--strategy", "data-parallel", "--fragments", 4,
        "--overlap-steps", 3, "--sync-every", 12, "--replicas", 3, "--payload-bits", 4, "--payload-factor", 0.5,
    )  # fmt: skip
    assert code == 0
    streaming, plain = json.loads(out)["rows"]
    shown = ("replicas", "sync_every", "fragments", "overlap_steps", "payload_bits", "payload_factor")
    assert [streaming[key] for key in shown] == [3, 12, 2, 3, 4, 0.5]  # what an entry says goes before the option
    assert [plain[key] for key in shown] == [1, 1, None, None, 4, 0.5]


def test_options_change_the_strategies_of_a_scenario(simulate, scenario_file):
    file = scenario_file(document())
    code, out, _ = simulate("bandwidth", "--scenario", file, "--sync-every", 20, "--target", 0.5, "--format", "json")
    assert code == 0
    (row,) = json.loads(out)["rows"]
    assert row["bandwidth_bits_per_s"] == pytest.approx(N * BITS / (20 * T))


def test_the_table_shows_grid_points_where_they_are_asked_for(simulate):
    options = ("bandwidth", "--params", "10e9", "--layers", 48, "--step-time", 0.8, "--strategy", "data-parallel")
    exact, on_grid = (simulate(*options, "--target", 0.5, *more)[1] for more in ((), ("--grid", "paper")))
    assert "121" in exact.split("Compute utilisation")[0].split()
    assert "126" in on_grid.split("Compute utilisation")[0].split()
    assert all(len(line) <= 80 for line in exact.splitlines())


def test_the_curve_is_drawn(simulate, tmp_path):
    pytest.importorskip("matplotlib")
    file = tmp_path / "curve.png"
    options = ("--params", "1B", "--layers", L, "--step-time", 0.1, "--strategy", "diloco", "--target", 0.5)
    assert simulate("bandwidth", *options, "--plot", file)[0] == 0
    assert file.read_bytes().startswith(b"\x89PNG")


STUDY = ("--params", "10e9", "--layers", "48", "--step-time", "0.8")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), ["for which model", "--params 10e9"]),
        (("--params", "10e9"), ["--step-time", '"0.8 s"']),
        (("--params", "10e9", "--step-time", "0.8"), ["--layers 48"]),
        (("--params", "10x", *STUDY[2:]), ["workload.params", "10e9"]),
        (("--params=-1", *STUDY[2:]), ["workload.params", "above 0"]),
        ((*STUDY[:3], "0", *STUDY[4:]), ["workload.layers", "greater than 0"]),
        ((*STUDY[:5], "abc"), ["--step-time", "10 ms"]),
        ((*STUDY[:5], "0"), ["--step-time", "above 0"]),
        ((*STUDY, "--target", "0"), ["--target", "0.95"]),
        ((*STUDY, "--target", "1"), ["--target", "0.95"]),
        ((*STUDY, "--target", "150%"), ["--target", "got 1.5", "0.95"]),
        ((*STUDY, "--target", "abc"), ["--target", "'abc'", "0.95 or 95%"]),
        ((*STUDY, "--target", ""), ["--target", "0.95 or 95%"]),
        ((*STUDY, "--strategy", "dilco"), ["--strategy", "did you mean 'diloco'"]),
        ((*STUDY, "--strategy", "data-parallel", "--fragments", "4"), ["--fragments", "leave it out"]),
        ((*STUDY, "--strategy", "diloco:replicas=many"), ["strategies[0].replicas", "a whole number"]),
        ((*STUDY, "--strategy", "diloco:sync_every=often"), ["strategies[0].sync_every", "a whole number"]),
        ((*STUDY, "--replicas", "1000000"), ["--replicas", "64 or fewer"]),
        ((*STUDY, "--strategy", "streaming-diloco", "--fragments", "49"), ["49 fragments", "48 or fewer"]),
        ((*STUDY, "--strategy", "streaming-diloco", "--overlap-steps", "30"), ["overlap_steps", "29 or less"]),
        ((*STUDY, "--payload-bits", "0"), ["payload_bits", "above 0"]),
        ((*STUDY, "--link", "dc1 -> dc3"), ["--link", "dc1 -> dc2"]),
        ((*STUDY, "--topology", "nowhere"), ["'nowhere'", "low-bw"]),
        ((*STUDY, "--workload", "10b"), ["--params", "leave out"]),
        (("--workload", "10b", "--layers", "3"), ["--layers", "--set workload.layers"]),
        ((*STUDY, "--plot", "curve.gif"), ["--plot", "curve.png"]),
        ((*STUDY, "--plot", "no/such/folder.png"), ["--plot", "make it first"]),
        ((*STUDY, "--output", "no/such/folder.json"), ["--output", "make it first"]),
    ],
)
def test_a_mistake_is_told_with_what_to_write(simulate, options, says):
    code, out, err = simulate("bandwidth", *options)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert [words for words in says if words not in err] == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"jobs": "together"}, "write jobs: alone"),
        ({"topology": {"name": "t", "datacenters": [{"name": "a"}]}}, "has no links"),
    ],
)
def test_a_scenario_without_an_answer_says_why_and_names_the_file_once(simulate, scenario_file, changes, says):
    file = scenario_file(document(**changes))
    code, _, err = simulate("bandwidth", "--scenario", file)
    assert code == 2
    assert says in err
    assert err.count(str(file)) == 1


def test_a_plot_without_matplotlib_says_what_to_install(simulate, monkeypatch, tmp_path):
    monkeypatch.setattr("sim.report.render.png.find_spec", lambda name: None)
    code, _, err = simulate("bandwidth", *STUDY, "--plot", tmp_path / "curve.png")
    assert code == 2
    assert "pip install 'crosshaul[plot]'" in err


@pytest.mark.parametrize(("slower_s", "told"), [(0.1, False), (0.11, False), (0.10005, True)])
def test_a_curve_of_two_measures_is_told(slower_s, told):
    """Two replicas with unlike steps part until one is a round of 0.2 s ahead: at 50 us a step after 4,000 steps."""
    links = [{"between": ["a", "b"], "bandwidth": "1 Gbit/s", "latency": "1 ms"}]
    topology = {"name": "t", "datacenters": [{"name": "a"}, {"name": "b"}], "links": links, "collective": "published"}
    seconds = {"seconds": [[0.1], [slower_s]], "params": 1e7, "batch_tokens": 65536, "chips": 2}
    asked = Scenario.model_validate(
        {
            "topology": topology,
            "workload": {"trace": seconds, "steps": 20},
            "strategies": [{"kind": "eager-diloco", "replicas": 2, "sync_every": 2}],
        }
    )
    found = answer(asked, (0.5,))
    shares = [point.utilization for point in found.curve]
    assert any("no steady state was found" in note for note in found.notes) == told
    assert all(one <= other * (1 + 1e-9) for one, other in pairwise(shares)) != told  # what the note is there for
