"""`simulate show topology`: what it says, and that it fits."""

import json

import pytest

from sim.documents.validation import validate
from sim.questions.topology import answer
from sim.report.answers.run import describe
from sim.report.answers.topology import report
from sim.report.drawing.screen import Screen
from sim.report.render.terminal import render
from sim.topology.model import Topology, load_topology, topology_names


def topology_text(document):
    topology = document if isinstance(document, Topology) else validate(Topology, document, source="test")
    return render(report(answer(topology)), Screen(width=80))


@pytest.mark.parametrize("name", topology_names())
def test_every_topology_that_ships_fits_into_80_plain_columns(name, simulate):
    code, out, err = simulate("show", "topology", name)
    assert (code, err) == (0, "")
    assert out.startswith(name)
    assert out.isascii()
    assert max(map(len, out.splitlines())) <= 80
    assert not any(line != line.rstrip() for line in out.splitlines())
    between = ("Links (", "Bottleneck cut: ", "Best ring: ", "Round trips") if load_topology(name).links else ()
    for title in ("Sites (", *between):
        assert title in out
    assert describe(load_topology(name))


SMALL_YAML = """\
description: three sites
source: made up
datacenters:
  - {name: a, chips: 64, chip_speed: "300 Tflop/s", inside: {bandwidth: "200 Gbit/s", latency: "0.2 ms"}}
  - {name: b, chips: 1}
  - {name: c}
routers: [ix]
links:
  - {between: [a, ix], bandwidth: "10 Gbit/s", latency: "5 ms", loss: 0.001}
  - {between: [b, ix], bandwidth: "4 Gbit/s", latency: "2 ms", duplex: half, outages: [{start: "2 h", duration: "10 min"}]}
  - from: c
    to: ix
    latency: "1 ms"
    schedule: {points: [{at: "0 h", bandwidth: "3 Gbit/s"}, {at: "8 h", bandwidth: "0 Gbit/s"}], repeat: "24 h"}
  - {from: ix, to: c, bandwidth: "8 Gbit/s", latency: "20 ms", outages: [{start: "9 h"}]}
transport: {window: "64 MiB", streams: 8}
collective: auto
routes: [{between: [a, b], via: [ix]}]
"""


def test_what_a_small_one_says(tmp_path, simulate):
    path = tmp_path / "mine.yaml"
    path.write_text(SMALL_YAML)
    code, out, _ = simulate("show", "topology", path)
    assert code == 0
    assert out == SMALL


def test_what_a_small_one_is_as_data(tmp_path, simulate):
    path = tmp_path / "mine.yaml"
    path.write_text(SMALL_YAML)
    found = json.loads(simulate("show", "topology", path, "--format", "json")[1])
    assert found["best_ring"] == {
        "order": ["a", "b", "c"],
        "narrowest_bits_per_s": 2e9,
        "latency_s": pytest.approx(35e-3),
        "exact": True,
        "given": False,
    }
    assert found["bottleneck_cut"]["links"] == [["c", "ix"]]
    trips = {(trip["source"], trip["target"]): trip["latency_s"] for trip in found["round_trips"]}
    assert trips == {
        ("a", "b"): pytest.approx(14e-3),
        ("b", "a"): pytest.approx(14e-3),
        ("a", "c"): pytest.approx(31e-3),
        ("c", "a"): pytest.approx(31e-3),
        ("b", "c"): pytest.approx(25e-3),
        ("c", "b"): pytest.approx(25e-3),
    }
    again = tmp_path / "again.yaml"
    again.write_text(json.dumps(found["topology"]))
    assert json.loads(simulate("show", "topology", again, "--format", "json")[1]) == found
    lines = simulate("show", "topology", path, "--format", "csv")[1].splitlines()
    assert lines[0] == "from,to,both_ways,bandwidth_bits_per_s,latency_s,duplex,loss,burst_bytes"
    assert lines[2] == "b,ix,True,4000000000.0,0.002,half,0.0,0.0"
    assert len(lines) == 5


SMALL = """\
mine: three sites

Source: made up

Sites (3; 1 router)
              Useful speed of  Inside bandwidth        Inside
Site  Chips  a chip [Tflop/s]          [Gbit/s]  latency [us]
a        64               300               200           200
b         1                 -               400           100
c       any                 -               400           100
Any chips: as many as the workload asks for.

Links (4; a - b has its bandwidth each way, a > b goes one way)
                                                              Bandwidth  Latency
Link                                                           [Gbit/s]     [ms]
a - ix                                                               10        5
  loss 0.001
b - ix                                                                4        2
  half duplex: shared by both directions, out from 2.00 h
  for 10.0 min
c > ix                                                                3        1
  scheduled (2 steps, 0 to 3 Gbit/s, again every 24.0 h)
ix > c                                                                8       20
  out from 9.00 h for ever

Collective  auto
Transport   window 67.11 MB, 8 stream(s) a flow, segments of 1.46 kB
Route       a - ix - b

Bottleneck cut: 3 Gbit/s over 1 link
from  c
to    a, b
over  c > ix

Best ring: 2 Gbit/s on the narrowest hop, all hops at once
a > b > c > a
35 ms once round

Round trips [ms]
    a   b   c
a   -  14  31
b  14   -  25
c  31  25   -
"""


def test_many_sites_are_shown_in_groups():
    shape = {"shape": "two-tier", "regions": 8, "sites": 8, "bandwidth": "100 Gbit/s", "latency": "1 ms"}
    shape["trunk"] = {"bandwidth": "10 Gbit/s", "latency": "30 ms"}
    text = topology_text({"name": "big", "generate": shape})
    lines = [line.split("  ") for line in text.splitlines()]
    cells = [[cell.strip() for cell in line if cell] for line in lines]
    assert ["r1-dc1, r1-dc2, ... r8-dc8", "64", "any", "400", "100"] in cells
    assert ["r1 - r2, r1 - r3, ... r7 - r8", "28", "10", "30"] in cells
    assert "Bottleneck cut: 70 Gbit/s over 7 links" in text
    assert "Best ring: 10 Gbit/s" in text
    assert "Round trips: 4 ms at least, 64 ms in the median, 64 ms at most" in text
    assert len(text.splitlines()) < 35


def test_many_sites_have_numbers_in_the_table_of_round_trips():
    links = {"shape": "full-mesh", "datacenters": 16, "bandwidth": "1 Gbit/s", "latency": "1 ms"}
    text = topology_text({"name": "many", "generate": links})
    heads = [line.split() for line in text.split("Round trips")[1].splitlines() if line.startswith("No.")]
    assert [word for head in heads for word in head[1:]] == [str(number) for number in range(1, 17)]


def test_one_site_has_neither_cut_nor_ring():
    text = topology_text({"name": "t", "datacenters": [{"name": "a"}]})
    assert text.startswith("t\n\nSites (1)")
    assert "Any chips: as many as the workload asks for." in text
    assert "Best ring" not in text


def test_an_incomplete_one_is_shown_as_far_as_it_goes():
    document = {
        "name": "t",
        "datacenters": [{"name": "a"}, {"name": "b"}],
        "links": [{"from": "a", "to": "b", "bandwidth": "1 Gbit/s", "latency": "1 ms"}],
    }
    text = topology_text(document)
    assert ["a", ">", "b", "1", "1"] in [line.split() for line in text.splitlines()]
    assert "no path from 'b' to 'a'; add a link" in " ".join(text.split())


def test_a_name_that_is_none(simulate):
    code, out, err = simulate("show", "topology", "swarm-61")
    assert (code, out) == (2, "")
    assert "did you mean 'swarm-16'" in err
