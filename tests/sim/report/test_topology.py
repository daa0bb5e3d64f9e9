"""`simulate show topology`: what it says, and that it fits."""

import pytest

from sim.documents.validation import validate
from sim.report.run import describe
from sim.report.topology import topology_text
from sim.topology.model import Topology, load_topology, topology_names


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


def test_what_a_small_one_says(tmp_path, simulate):
    path = tmp_path / "mine.yaml"
    path.write_text(
        """\
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
    )
    code, out, _ = simulate("show", "topology", path)
    assert code == 0
    assert out == SMALL


SMALL = """\
mine: three sites
Source: made up

Sites (3; 1 router; any chips: as many as the workload asks for)
  a  64 chips of 300 Tflop/s; inside 200 Gbit/s, 200 us
  b  1 chip; inside 400 Gbit/s, 100 us
  c  any chips; inside 400 Gbit/s, 100 us

Links (4; a - b has its bandwidth each way, a > b goes one way)
  a - ix  10 Gbit/s, 5 ms, loss 0.001
  b - ix  4 Gbit/s, 2 ms, half duplex: shared by both directions, out from 2.00
          h for 10.0 min
  c > ix  3 Gbit/s, 1 ms, scheduled (2 steps, 0 to 3 Gbit/s, again every 24.0 h)
  ix > c  8 Gbit/s, 20 ms, out from 9.00 h for ever

Collective  auto
Transport   window 67.11 MB, 8 stream(s) a flow, segments of 1.46 kB
Route       a - ix - b

Bottleneck cut: 3 Gbit/s over 1 link
  from c
  to   a, b
  over c > ix

Best ring: 2 Gbit/s on the narrowest hop, all hops at once
  a > b > c > a
  35 ms once round

Round trips [ms]
                   1   2   3
  1 a              -  14  31
  2 b             14   -  25
  3 c             31  25   -
"""


def test_many_sites_are_shown_in_groups():
    shape = {"shape": "two-tier", "regions": 8, "sites": 8, "bandwidth": "100 Gbit/s", "latency": "1 ms"}
    shape["trunk"] = {"bandwidth": "10 Gbit/s", "latency": "30 ms"}
    text = topology_text(validate(Topology, {"name": "big", "generate": shape}, source="test"))
    assert "64 x any chips" in text
    assert "28 x 10 Gbit/s, 30 ms: r1 - r2, r1 - r3, ... r7 - r8" in text
    assert "Bottleneck cut: 70 Gbit/s over 7 links" in text
    assert "Best ring: 10 Gbit/s" in text
    assert "Round trips: 4 ms at least, 64 ms in the median, 64 ms at most" in text
    assert len(text.splitlines()) < 30


def test_one_site_has_neither_cut_nor_ring():
    text = topology_text(validate(Topology, {"name": "t", "datacenters": [{"name": "a"}]}, source="test"))
    assert text.startswith("t\n\nSites (1; any chips")
    assert "Best ring" not in text


def test_an_incomplete_one_is_shown_as_far_as_it_goes():
    document = {
        "name": "t",
        "datacenters": [{"name": "a"}, {"name": "b"}],
        "links": [{"from": "a", "to": "b", "bandwidth": "1 Gbit/s", "latency": "1 ms"}],
    }
    text = topology_text(validate(Topology, document, source="test"))
    assert "a > b  1 Gbit/s, 1 ms" in text
    assert "no path from 'b' to 'a'; add a link" in " ".join(text.split())


def test_a_name_that_is_none(simulate):
    code, out, err = simulate("show", "topology", "swarm-61")
    assert (code, out) == (2, "")
    assert "did you mean 'swarm-16'" in err
