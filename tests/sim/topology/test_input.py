"""Whatever is wrong with the newer keys of a topology: one readable message that names file, line and field."""

import pytest

GOOD = """\
name: two
datacenters:
  - {name: a, location: {latitude: 47.4, longitude: 8.5}}
  - {name: b}
routers: [x, {name: y, location: {latitude: 50.1, longitude: 8.7}}]
links:
  - between: [a, x]
    latency: "10 ms"
    duplex: full
    loss: 0.001
    schedule:
      points:
        - {at: "0 h", bandwidth: "10 Gbit/s"}
        - {at: "8 h", bandwidth: "4 Gbit/s"}
      repeat: "24 h"
    outages:
      - {start: "2 h", duration: "10 min"}
  - {between: [x, b], bandwidth: "10 Gbit/s", latency: "5 ms"}
  - {between: [a, y], bandwidth: "10 Gbit/s"}
routes:
  - {between: [a, b], via: [x]}
transport: {window: "64 MiB", streams: 8, segment: "1460 B"}
collective: ring
fibre_stretch: 1.3
"""
POINTS = GOOD[GOOD.index("      points:") : GOOD.index("    outages:")]
TIER = 'name: t\ngenerate: {shape: two-tier, regions: 2, sites: 2, bandwidth: "1 Gbit/s", latency: "1 ms", trunk: {bandwidth: "1 Gbit/s", latency: "1 ms"}}\n'

# what to put in the place of what, and what the message must say
BROKEN = {
    "duplex in words": ("duplex: full", "duplex: double", ["two.yaml:9", "links[0].duplex", "'full' or 'half'"]),
    "half of one direction": (
        "between: [a, x]\n    latency: \"10 ms\"\n    duplex: full",
        "from: a\n    to: x\n    latency: \"10 ms\"\n    duplex: half",
        ["two.yaml:7", "links[0]", "write `between`"],
    ),
    "all packets lost": ("loss: 0.001", "loss: 1", ["two.yaml:10", "links[0].loss", "less than 1"]),
    "loss below nothing": ("loss: 0.001", "loss: -0.1", ["links[0].loss", "greater than or equal to 0"]),
    "loss in words": ("loss: 0.001", "loss: little", ["links[0].loss", "number"]),
    "a schedule of nothing": (POINTS, "      {}\n", ["two.yaml:11", "links[0].schedule", "`points:", "`file`"]),
    "no points": (POINTS, "      points: []\n", ["links[0].schedule.points", "at least 1"]),
    "points and a file": ("      repeat:", "      file: a.csv\n      repeat:", ["links[0].schedule", "either"]),
    "a schedule that starts late": ('"0 h"', '"1 h"', ["links[0].schedule", "must be at 0"]),
    "times that fall": ('"8 h"', '"0 h"', ["links[0].schedule", "must increase", "0 s follows 0 s"]),
    "a time without a unit": ('"8 h"', "8", ["two.yaml:14", "schedule.points[1].at", "no unit", '"8 h"']),
    "a bandwidth without a unit": (
        '"4 Gbit/s"', "4", ["two.yaml:14", "schedule.points[1].bandwidth", "no unit", '"10 Gbit/s"'],
    ),
    "a negative time": ('"8 h"', '"-8 h"', ["schedule.points[1].at", "0 or more"]),
    "repeat too soon": ('repeat: "24 h"', 'repeat: "8 h"', ["links[0].schedule", "repeat after the last point"]),
    "repeat of nothing": ('repeat: "24 h"', 'repeat: "0 h"', ["links[0].schedule.repeat", "above 0"]),
    "a misspelt key of a schedule": ("repeat:", "repeats:", ["two.yaml:15", "schedule.repeats", "'repeat'"]),
    "never any bandwidth": (
        POINTS,
        '      points: [{at: "0 s", bandwidth: "0 Gbit/s"}]\n',
        ["links[0]", "never has any bandwidth", "above 0"],
    ),
    "a schedule as a list": ("    schedule:\n" + POINTS, "    schedule: [1]\n", ["links[0].schedule", "mapping"]),
    "a missing CSV": (POINTS, "      file: none.csv\n", ["links[0].schedule", "none.csv", "no such bandwidth file"]),
    "a CSV of other columns": (POINTS, "      file: columns.csv\n", ["columns.csv", "'t,bw'", "time_s,bandwidth_bits_per_s"]),
    "a CSV with a word": (POINTS, "      file: word.csv\n", ["word.csv", "row 2", "'60,much'", "3600,4e9"]),
    "a CSV with three columns": (POINTS, "      file: three.csv\n", ["three.csv", "row 1", "'0,1,2'"]),
    "a CSV with a negative": (POINTS, "      file: negative.csv\n", ["negative.csv", "row 1"]),
    "a CSV without rows": (POINTS, "      file: bare.csv\n", ["bare.csv", "no rows", "0,10e9"]),
    "a CSV that is a number": (POINTS, "      file: 5\n", ["links[0].schedule.file", "text"]),
    "an outage without a start": ('start: "2 h", ', "", ["two.yaml:17", "outages[0].start", "missing", "'2 h'"]),
    "an outage of no length": ('"10 min"', '"0 min"', ["outages[0].duration", "above 0"]),
    "an outage without a unit": ('"10 min"', "10", ["outages[0].duration", "no unit"]),
    "neither bandwidth nor schedule": (
        'bandwidth: "10 Gbit/s", latency: "5 ms"', 'latency: "5 ms"',
        ["two.yaml:18", "links[1].bandwidth", "missing", "'10 Gbit/s'"],
    ),
    "no latency and one place": (
        "  - {between: [a, y]", "  - {between: [b, y]", ["two.yaml:19", "links[2].latency", "missing"],
    ),
    "beyond the pole": ("latitude: 47.4", "latitude: 97.4", ["two.yaml:3", "datacenters[0].location.latitude", "90"]),
    "a place of one number": (", longitude: 8.7", "", ["two.yaml:5", "routers[1].location.longitude", "missing"]),
    "a place in words": ("longitude: 8.5", "longitude: east", ["datacenters[0].location.longitude", "number"]),
    "a place that is a list": ("{latitude: 47.4, longitude: 8.5}", "[47.4, 8.5]", ["datacenters[0].location", "mapping"]),
    "shorter than straight": ("fibre_stretch: 1.3", "fibre_stretch: 0.9", ["two.yaml:24", "fibre_stretch", "equal to 1"]),
    "stretch in words": ("fibre_stretch: 1.3", "fibre_stretch: long", ["fibre_stretch", "number"]),
    "a router without a name": ("{name: y, ", "{", ["two.yaml:5", "routers[1].name", "missing"]),
    "a router that is a number": ("[x, ", "[5, ", ["two.yaml:5", "routers[0]", "mapping"]),
    "a router named as a site": ("[x, ", "[x, b, ", ["two nodes are named 'b'"]),
    "a route over no link": ("via: [x]", "via: [y]", ["routes[0]", "no link from 'y' to 'b'"]),
    "a route over no node": ("via: [x]", "via: [z]", ["routes[0]", "no datacenter or router 'z'"]),
    "a route in circles": ("via: [x]", "via: [x, a]", ["two.yaml:21", "routes[0]", "passes 'a' twice"]),
    "a route with one end": ("between: [a, b], via", "from: a, via", ["two.yaml:21", "routes[0]", "`between: [a, b]`"]),
    "a route without a way": (", via: [x]", "", ["two.yaml:21", "routes[0].via", "missing", "['x', 'y']"]),
    "a route twice": (
        "via: [x]}", "via: [x]}\n  - {from: b, to: a, via: [x]}", ["routes[1]", "from 'b' to 'a' is there already"],
    ),
    "a window without a unit": ('window: "64 MiB"', "window: 64", ["two.yaml:22", "transport.window", "no unit", '"64 MiB"']),
    "a window in bits per second": ('"64 MiB"', '"64 Mbit/s"', ["transport.window", "not a size"]),
    "no streams": ("streams: 8", "streams: 0", ["transport.streams", "got 0", "greater than 0"]),
    "a segment of nothing": ('"1460 B"', '"0 B"', ["transport.segment", "above 0"]),
    "a misspelt transport": ("window", "windows", ["transport.windows", "did you mean 'window'"]),
    "an unknown collective": ("collective: ring", "collective: rings", ["two.yaml:23", "collective", "'hierarchical'"]),
    "a shape without a name": (GOOD, TIER.replace("shape: two-tier, ", ""), ["generate: has no shape", "two-tier"]),
    "no shape at all": (GOOD, "name: t\ngenerate: 8\n", ["generate", "full-mesh"]),
    "a misspelt shape": (GOOD, TIER.replace("two-tier", "two-teir"), ["generate", "did you mean 'two-tier'"]),
    "a two-tier without a trunk": (GOOD, TIER[: TIER.index(", trunk")] + "}\n", ["generate: trunk", "missing"]),
    "a trunk without a bandwidth": (
        GOOD, TIER.replace('trunk: {bandwidth: "1 Gbit/s", ', "trunk: {"), ["generate: trunk.bandwidth", "missing"],
    ),
    "a key of another shape": (GOOD, TIER.replace("two-tier", "ring"), ["generate: regions", "unknown key"]),
    "one region": (GOOD, TIER.replace("regions: 2", "regions: 1"), ["generate: regions", "greater than 1"]),
    "a generated and a written one": (GOOD, TIER + "routers: [x]\n", ["`generate` makes", "remove either"]),
    "a hub of another kind": (
        GOOD,
        'name: t\ngenerate: {shape: star, datacenters: 3, hub: x, bandwidth: "1 Gbit/s", latency: "1 ms"}\n',
        ["generate: hub", "'router' or 'datacenter'"],
    ),
}  # fmt: skip


@pytest.fixture
def file(tmp_path):
    files = {
        "columns": "t,bw\n0,1e9\n",
        "word": "time_s,bandwidth_bits_per_s\n0,1e9\n60,much\n",
        "three": "time_s,bandwidth_bits_per_s\n0,1,2\n",
        "negative": "time_s,bandwidth_bits_per_s\n0,-1\n",
        "bare": "time_s,bandwidth_bits_per_s\n",
    }
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text)
    path = tmp_path / "two.yaml"
    path.write_text(GOOD)
    return path


def test_the_unbroken_file_is_right(file, simulate):
    code, out, err = simulate("show", "topology", file)
    assert (code, err) == (0, "")
    assert "Route       a - x - b" in out


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_topology(case, file, simulate):
    old, new, says = BROKEN[case]
    assert old in GOOD, old
    file.write_text(GOOD.replace(old, new, 1))
    code, out, err = simulate("show", "topology", file)
    assert (code, out) == (2, ""), err
    assert err.startswith("error: ")
    assert "Traceback" not in err
    assert "pydantic" not in err
    for words in says:
        assert words in err, f"{words!r} is not in {err!r}"


def test_one_mistake_is_told_once(file, simulate):
    file.write_text(GOOD.replace('"8 h"', "8", 1))
    _, _, err = simulate("show", "topology", file)
    assert len(err.strip().splitlines()) == 1, err
