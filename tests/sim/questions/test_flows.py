"""`simulate flows`: the answer in round numbers, its three formats, and what it says to wrong files."""

import csv
import importlib.util
import io
import json
from pathlib import Path

import pytest

from sim.documents.validation import validate
from sim.questions.flows import Flows, answer

ROOT = Path(__file__).parents[3]
TOPOLOGY = """\
name: lot
datacenters: [{name: a}, {name: b}, {name: c}]
routers: [r]
links:
  - {from: a, to: b, bandwidth: "800 Mbit/s", latency: "10 ms"}
  - {from: b, to: c, bandwidth: "400 Mbit/s", latency: "20 ms"}
  - {between: [c, r], bandwidth: "1 Gbit/s", latency: "0 s", duplex: half}
"""
FLOWS = """\
topology: lot.yaml
flows:
  - {from: a, to: c, size: "100 MB"}
  - {from: a, to: b, size: "100 MB", start: "0 s"}
  - {from: b, to: c, size: "100 MB"}
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "lot.yaml").write_text(TOPOLOGY)
    path = tmp_path / "flows.yaml"
    path.write_text(FLOWS)
    return path


def test_the_story_as_json(file, simulate):
    code, out, err = simulate("flows", file, "--format", "json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert list(document) == ["schema_version", "crosshaul_version", "topology", "flows", "links", "notes"]
    assert (document["schema_version"], document["topology"]) == (1, "lot")
    # A leaves b - c at 50 MB/s shared by two: 4 s; what A leaves of a - b is B's: 75 MB/s. Latency counts once.
    assert document["flows"] == [
        {
            "from": start,
            "to": end,
            "start_s": 0.0,
            "finish_s": pytest.approx(finish_s),
            "bytes": 1e8,
            "mean_rate_bits_per_s": pytest.approx(8e8 / finish_s),
            "route": route,
        }
        for start, end, finish_s, route in [
            ("a", "c", 4.03, ["a", "b", "c"]),
            ("a", "b", 4 / 3 + 0.01, ["a", "b"]),
            ("b", "c", 4.02, ["b", "c"]),
        ]
    ]
    carried = {link["link"]: link for link in document["links"]}
    assert list(carried) == ["a -> b", "b -> c", "c <-> r"]
    assert carried["a -> b"] == {
        "link": "a -> b",
        "bandwidth_bits_per_s": 8e8,
        "bytes": pytest.approx(2e8),
        "busy_share": pytest.approx(4 / 4.03),
        "full_share": pytest.approx(4 / 3 / 4.03),  # then A alone is held back by b - c
        "peak_utilization": pytest.approx(1.0),
    }
    assert carried["c <-> r"]["bytes"] == carried["c <-> r"]["busy_share"] == 0.0


def test_the_story_as_a_table_and_as_csv(file, simulate):
    code, table, _ = simulate("flows", file)
    assert code == 0
    assert "3 flows over lot" in table
    assert "a > b > c" in table
    assert "1 link carried nothing" in table
    _, text, _ = simulate("flows", file, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["to"] for row in rows] == ["c", "b", "c"]
    assert float(rows[2]["finish_s"]) == pytest.approx(4.02)


def test_the_answer_in_a_file(file, tmp_path, simulate):
    code, out, err = simulate("flows", file, "--format", "json", "--output", tmp_path / "out.json")
    assert (code, out) == (0, "")
    assert "wrote" in err
    assert len(json.loads((tmp_path / "out.json").read_text())["flows"]) == 3


def asked(flows, links, **more):
    sites = dict.fromkeys(end for link in links for end in link.get("between") or (link["from"], link["to"]))
    topology = {"name": "t", "datacenters": [{"name": site} for site in sites], "links": links, **more}
    return answer(validate(Flows, {"topology": topology, "flows": flows}, source="test"))


def link(a="a", b="b", bandwidth="80 Mbit/s", latency="0 s", **more):
    return {"between": [a, b], "bandwidth": bandwidth, "latency": latency, **more}


def finishes(*args, **more):
    return [row.finish_s for row in asked(*args, **more).flows]


def flow(size="10 MB", start="0 s", **more):
    return {"from": "a", "to": "b", "size": size, "start": start, **more}


def test_starts_and_streams():
    # alone for 2 s: 20 MB; then three quarters of 10 MB/s for its last 10 MB, while the other gets a quarter
    first, second = finishes([flow("30 MB", streams=3), flow("10 MB", "2 s")], [link()])
    assert (first, second) == pytest.approx((2 + 10 / 7.5, 2 + 10 / 7.5 + (10 - 2.5 * 10 / 7.5) / 10))


def test_streams_are_those_of_the_transport_unless_given():
    transport = {"streams": 3}
    plain = finishes([flow("30 MB"), flow("10 MB", streams=1)], [link()], transport=transport)
    assert plain == pytest.approx([4.0, 4.0])


def test_each_stream_has_a_window():
    # 100 kB over a round trip of 100 ms is 1 MB/s a stream
    thin = link(latency="50 ms")
    got = finishes([flow("1 MB"), flow("4 MB", streams=4)], [thin], transport={"window": "100 kB", "streams": 2})
    assert got == pytest.approx([0.5 + 0.05, 1.0 + 0.05])


def test_both_directions_of_a_half_duplex_link():
    there, back = flow(), {"from": "b", "to": "a", "size": "10 MB"}
    assert finishes([there, back], [link()]) == pytest.approx([1.0, 1.0])
    assert finishes([there, back], [link(duplex="half")]) == pytest.approx([2.0, 2.0])


def test_an_outage_in_flight():
    got = asked([flow("30 MB")], [link(outages=[{"start": "1 s", "duration": "6 s"}])])
    assert got.flows[0].finish_s == pytest.approx(9.0)
    assert (got.links[0].bytes, got.links[0].busy_share) == pytest.approx((30e6, 3 / 9))


def swap(text, old, new):
    assert old in text, old
    return text.replace(old, new, 1)


BROKEN = {
    "unknown site": ("flows", "to: c", "to: d", ["flows.yaml:3", "flows[0].to", "'d'", "known: a, b, c, r"]),
    "a name nearly right": ("lot", "{name: c}", "{name: cc}", ["lot.yaml", "'c'"]),
    "to itself": ("flows", "to: b", "to: a", ["flows.yaml:4", "flows[1]", "to itself"]),
    "no way": ("flows", "from: a, to: c", "from: c, to: a", ["flows.yaml", "no path from 'c' to 'a'"]),
    "size without a unit": ("flows", '"100 MB"', "100", ["flows.yaml:3", "flows[0].size", "no unit", "64 MiB"]),
    "size in bandwidth": ("flows", '"100 MB"', '"100 MB/s"', ["flows.yaml:3", "flows[0].size", "not a size"]),
    "no size": ("flows", ', size: "100 MB"', "", ["flows.yaml:3", "flows[0].size", "missing", "'100 MB'"]),
    "nothing to send": ("flows", '"100 MB"', '"0 MB"', ["flows.yaml:3", "flows[0].size", "above 0"]),
    "start in the past": ("flows", '"0 s"', '"-1 s"', ["flows.yaml:4", "flows[1].start", "0 or more"]),
    "half a stream": ("flows", '"0 s"', '"0 s", streams: 0.5', ["flows.yaml:4", "flows[1].streams", "whole number"]),
    "no stream": ("flows", '"0 s"', '"0 s", streams: 0', ["flows.yaml:4", "flows[1].streams", "greater than 0"]),
    "misspelt": ("flows", "start", "strat", ["flows.yaml:4", "flows[1].strat", "did you mean 'start'"]),
    "no flows": ("flows", FLOWS[FLOWS.index("flows:") :], "flows: []\n", ["flows.yaml:2", "flows", "at least 1"]),
    "no topology": ("flows", "topology: lot.yaml\n", "", ["flows.yaml", "topology", "missing"]),
    "topology of another name": ("flows", "lot.yaml", "lto", ["flows.yaml", "'lto'"]),
    "topology that is not there": ("flows", "lot.yaml", "lto.yaml", ["flows.yaml", "lto.yaml", "no such topology"]),
    "topology that is wrong": ("lot", '"10 ms"', '"10 m"', ["lot.yaml:5", "links[0].latency"]),
    "a link that never returns": (
        "lot",
        'latency: "20 ms"',
        'latency: "20 ms", outages: [{start: "1 s"}]',
        ["flows.yaml", "flows[0]", "'a' to 'c'", "waits for ever on the link b -> c", "duration"],
    ),
    "a list": ("flows", FLOWS, "- 1\n", ["flows.yaml", "holds a list"]),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file(case, file, simulate):
    name, old, new, says = BROKEN[case]
    path = file.parent / f"{name}.yaml"
    path.write_text(swap(path.read_text(), old, new))
    code, out, err = simulate("flows", file)
    assert (code, out) == (2, ""), err
    assert err.startswith("error: ")
    assert "Traceback" not in err
    for words in says:
        assert words in err, f"{words!r} is not in {err!r}"


def test_all_mistakes_are_told_at_once(file, simulate):
    file.write_text(FLOWS.replace("to: c", "to: x"))
    _, _, err = simulate("flows", file)
    assert "flows.yaml:3" in err
    assert "flows.yaml:5" in err


@pytest.fixture(scope="module")
def check():
    """The script that holds us against SimGrid."""
    spec = importlib.util.spec_from_file_location("simgrid_check", ROOT / "experiments" / "simgrid_check" / "check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_our_answers_are_those_that_simgrid_confirmed(check):
    with check.RESULTS.open() as lines:
        results = list(csv.DictReader(lines))
    assert len(results) > 1000
    wanted = {(row["family"], int(row["case"]), int(row["flow"])): row for row in results}
    assert len({(family, case) for family, case, _ in wanted if family != "round-trip"}) >= 50
    for family, number, case in check.cases():
        document = validate(Flows, case, source=f"{family} {number}")
        for position, ours_s in enumerate(check.our_finishes(family, document)):
            row = wanted.pop((family, number, position))
            assert ours_s == pytest.approx(float(row["ours_s"]), rel=1e-9)
            if family != "round-trip":  # there SimGrid shares by round-trip time, see check.py
                assert ours_s == pytest.approx(float(row["simgrid_s"]), rel=check.TOLERANCE)
    assert not wanted


@pytest.mark.slow
def test_simgrid_says_the_same_today(check):
    if reason := check.why_not():
        pytest.skip(reason)
    for family, number, case in check.cases():
        if number < 2 and family != "round-trip":
            document = validate(Flows, case, source=f"{family} {number}")
            theirs = check.simgrid_finishes(check.for_simgrid(family, document))
            assert check.our_finishes(family, document) == pytest.approx(theirs, rel=check.TOLERANCE)
