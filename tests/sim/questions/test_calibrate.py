"""Overhead and bandwidth from measured exchanges: known ones are found again, and bad tables are refused."""

import json
import math
import random

import pytest

from sim.documents.validation import validate
from sim.errors import InputError
from sim.questions.calibrate.exchanges import Ask, answer
from sim.topology.model import Topology, load_topology

SITES, LATENCY_S, RATE, OVERHEAD_S, SHARE = 4, 0.002, 1e9, 0.03, 0.85
SIZES = (1e5, 1e6, 4e6, 16e6, 64e6, 256e6)


def star():
    links = [{"between": ["hub", f"s{n}"], "bandwidth": "1 Gbit/s", "latency": "1 ms"} for n in range(SITES)]
    sites = [{"name": f"s{n}"} for n in range(SITES)]
    document = {"name": "star", "collective": "ring", "datacenters": sites, "routers": ["hub"], "links": links}
    return validate(Topology, document, source="test")


def ring_s(size, share=SHARE, members=SITES):
    """The formula of a ring all-reduce, with an overhead."""
    return OVERHEAD_S + 2 * (members - 1) * (LATENCY_S + 8 * size / members / (RATE * share))


@pytest.fixture
def asked(tmp_path):
    def write(text, **more):
        file = tmp_path / "sizes.csv"
        file.write_text(text)
        return Ask(file, star(), **{"resamples": 100, **more})

    return write


def sweep(noise=0.0, seed=0):
    draws = random.Random(seed)
    lines = [f"{size:g},{ring_s(size) * math.exp(draws.gauss(0, noise))!r}" for size in SIZES]
    return "\n".join(["size,seconds", *lines])


def test_known_parameters_are_found_again_without_noise(asked):
    found = answer(asked(sweep(), sizes=(1e9,)))
    assert found.overhead.value == pytest.approx(OVERHEAD_S, rel=1e-6)
    assert found.bandwidth.value == pytest.approx(SHARE, rel=1e-6)
    assert max(abs(row.error) for row in found.rows) < 1e-6
    assert max(abs(row.left_out_error) for row in found.rows) < 1e-5
    assert found.predicted[0].seconds == pytest.approx(ring_s(1e9), rel=1e-6)


def test_intervals_hold_the_truth_about_as_often_as_they_say(asked):
    inside = [0, 0]
    for seed in range(20):
        found = answer(asked(sweep(0.03, seed)))
        inside[0] += found.overhead.low <= OVERHEAD_S <= found.overhead.high
        inside[1] += found.bandwidth.low <= SHARE <= found.bandwidth.high
    assert min(inside) >= 16  # of 20 at 95%: fewer have a chance of 0.3%


def test_one_wrong_row_moves_the_fit_little_and_stands_out(asked):
    lines = sweep().splitlines()
    lines[3] = f"4e6,{2 * ring_s(4e6)!r}"
    found = answer(asked("\n".join(lines)))
    assert found.bandwidth.value == pytest.approx(SHARE, rel=0.01)
    assert min(found.rows, key=lambda row: row.error).line == 4


def test_members_and_units_are_read(asked):
    rows = [f"{size / 1e6:g} MB,{ring_s(size, members=members)!r},{members}" for size in SIZES for members in (3, 4)]
    found = answer(asked("\n".join(["# by hand", "bytes,time_s,sites", *rows])))
    assert found.overhead.value == pytest.approx(OVERHEAD_S, rel=1e-6)
    assert found.bandwidth.value == pytest.approx(SHARE, rel=1e-6)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("# nothing\n", "is empty; write a header"),
        ("size\n1\n", "no column seconds; write one named"),
        ("size,bytes,seconds\n1,1,1\n", "line 1: 2 columns for size; keep one"),
        ("size,seconds\n1e6,1\n1e7,2\n", "2 rows of 2 size"),
        ("size,seconds\n1e6,1\n1e6,2\n1e6,2\n", "3 rows of 1 size"),
        ("size,seconds\n1e6,1\n1e7,fast\n1e8,3\n", "line 3: seconds: got 'fast'; write a number above 0"),
        ("size,seconds\n1e6,1\n-1,2\n1e8,3\n", "line 3: size: got '-1'; write bytes"),
        ("size,seconds\n1 minute,1\n1e7,2\n1e8,3\n", "line 2: size: "),
        ("size,seconds\n1e6,1,2\n1e7,2\n1e8,3\n", "line 2: 3 cells under 2 columns"),
        ("size,seconds,sites\n1e6,1,9\n1e7,2,\n1e8,3,\n", "line 2: members: 9, and star has 4 sites"),
        ("size,seconds,sites\n1e6,1,1\n1e7,2,\n1e8,3,\n", "line 2: members: got '1'; write a whole number from 2"),
    ],
)
def test_a_bad_table_is_refused_with_its_place(asked, text, told):
    with pytest.raises(InputError) as error:
        answer(asked(text))
    assert told in str(error.value)
    assert "sizes.csv" in str(error.value)


def test_rows_that_say_nothing_of_the_bandwidth_are_refused(asked):
    with pytest.raises(InputError, match="more bandwidth would make no row faster"):
        answer(asked("size,seconds\n1,0.04\n2,0.04\n3,0.04\n"))


@pytest.fixture
def trace(tmp_path):
    def write(sizes, **more):
        header = {"record": "header", "schema": "crosshaul-trace", "schema_version": 1, "algorithm": "diloco"}
        header |= {"model": {"name": "custom", "params": 1000}, "replicas": 1, "batch_tokens": 1, "origin": "test"}
        header |= {"device": {"platform": "gpu", "kind": "chip", "count": 1}} | more
        exchange = {"record": "exchange", "kind": "outer", "group_size": SITES, "step": 1}
        rows = [
            exchange | {"payload_bytes": int(size), "seconds": ring_s(size * header.get("shards", 1))} for size in sizes
        ]
        wrong = exchange | {"payload_bytes": 1000, "seconds": 99.0}
        left_out = [wrong | {"warmup": True}, wrong | {"kind": "gradient"}, wrong | {"seconds": None}]
        file = tmp_path / "run.jsonl"
        file.write_text("\n".join(map(json.dumps, [header, *left_out, *rows])) + "\n")
        return file

    return write


def test_the_exchanges_of_a_trace_are_rows(trace):
    found = answer(Ask(trace(SIZES), star(), resamples=20))
    assert found.overhead.value == pytest.approx(OVERHEAD_S, rel=1e-6)
    assert found.bandwidth.value == pytest.approx(SHARE, rel=1e-6)
    assert [row.line for row in found.rows] == [5, 6, 7, 8, 9, 10]


def test_exchanges_of_one_size_tell_the_bandwidth_if_the_overhead_is_known(trace):
    known = star().replaced(transport=star().transport.replaced(exchange_overhead=OVERHEAD_S))
    found = answer(Ask(trace([64e6] * 5, shards=4), known, sizes=(1e9,), resamples=20))
    assert found.rows[0].size_bytes == 256e6
    assert found.bandwidth.value == pytest.approx(SHARE, rel=1e-6)
    assert (found.overhead.value, found.overhead.low, found.overhead.high) == pytest.approx((OVERHEAD_S,) * 3)
    assert found.predicted[0].seconds == pytest.approx(ring_s(1e9), rel=1e-6)
    assert any("of one size" in note for note in found.notes)


def test_a_trace_that_tells_too_few_exchanges_is_refused(trace):
    with pytest.raises(InputError, match="2 exchanges between replicas with their seconds"):
        answer(Ask(trace(SIZES[:2]), star()))


def test_the_file_written_says_what_was_measured_and_is_never_overwritten(asked, simulate, tmp_path):
    from sim.documents.writing import as_yaml

    given, table, out = tmp_path / "star.yaml", asked(sweep()).file, tmp_path / "calibrated.yaml"
    given.write_text(as_yaml(star()))
    words = ["calibrate", str(table), "--topology", str(given), "--resamples", "20", "--out", str(out)]
    assert f"simulate--topology{out}" in "".join(simulate(*words)[1].split())
    found = load_topology(str(out))
    assert found.transport.exchange_overhead_s == pytest.approx(OVERHEAD_S, rel=1e-6)
    assert found.links[0].bandwidth_bits_per_s == pytest.approx(SHARE * RATE, rel=1e-6)
    before = out.read_text()
    again = simulate(*words)
    assert again[0] == 2
    assert "is there already" in again[2]
    assert out.read_text() == before
