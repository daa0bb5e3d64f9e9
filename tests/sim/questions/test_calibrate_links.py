"""Links of ping and iperf: known ones are found again, pairs that were left out are told, and bad tables are refused."""

import json
import random
from pathlib import Path

import pytest

from sim.errors import InputError
from sim.network.paths import loss_cap_bits_per_s
from sim.questions.calibrate.links import LinksAsk, answer
from sim.questions.calibrate.pairs import of_iperf3, of_ping
from sim.topology.model import load_topology

SAMPLES = Path(__file__).parent / "samples"  # of iperf 3.12 and ping of iputils, over the loopback
WINDOW, RATE = 3e6, 5e9
RTTS = {("a", "b"): 0.1, ("b", "a"): 0.1, ("a", "c"): 0.2, ("c", "a"): 0.2, ("b", "c"): 0.25, ("c", "b"): 0.25}


def bits(rtt_s, streams, rate=RATE, window=WINDOW):
    return min(rate, streams * 8 * window / rtt_s)


def lines(counts=(1, 4, 16, 64), pairs=RTTS, noise=0.0, repeats=1, **more):
    draws = random.Random(1)
    for (source, target), rtt_s in pairs.items():
        for n in counts:
            for _ in range(repeats):
                yield f"{source},{target},{1e3 * rtt_s},{n},{bits(rtt_s, n, **more) * (1 + draws.gauss(0, noise))!r}"


@pytest.fixture
def ask(tmp_path):
    def write(rows, header="from,to,rtt_ms,streams,bandwidth", **more):
        file = tmp_path / "pairs.csv"
        file.write_text("\n".join([header, *rows]))
        return LinksAsk(file, **more)

    return write


def test_window_and_links_are_found_again(ask):
    found = answer(ask(lines()))
    assert found.window.value == pytest.approx(WINDOW)
    assert {link.told_by for link in found.links} == {"streams"}
    assert [link.bandwidth.value for link in found.links] == pytest.approx([RATE] * 6)
    assert found.topology.transport.window_bytes == pytest.approx(WINDOW)
    assert found.topology.links[0].latency_s == pytest.approx(0.05)
    assert max(abs(row.error) for row in found.rows) < 1e-9
    assert all(link.loss == 0 for link in found.links)
    assert any("nothing was measured twice" in note.lower() for note in found.notes)


def test_a_pair_that_nobody_measured_is_told_by_its_ping(ask):
    rows = [*lines(), *lines((1,), {("a", "d"): 0.15})]
    left = next(row for row in answer(ask(rows)).rows if row.target == "d")
    assert left.left_out_error == pytest.approx(0, abs=1e-9)
    assert left.measured_bits_per_s == pytest.approx(8 * WINDOW / 0.15)


def test_intervals_come_of_repeats_and_hold_the_truth(ask):
    found = answer(ask(lines(noise=0.02, repeats=9)))
    assert found.window.low < WINDOW < found.window.high
    link = found.links[0].bandwidth
    assert 0.95 * RATE < link.low < link.value < link.high < 1.05 * RATE


def test_streams_slower_than_the_window_get_the_loss_that_makes_them_so(ask):
    slow = {("a", "d"): 0.1}
    found = answer(ask([*lines(), *lines((1, 4, 16), slow, window=WINDOW / 10)]))
    link = next(each for each in found.links if each.target == "d")
    assert loss_cap_bits_per_s(1460.0, 0.1, link.loss) == pytest.approx(8 * WINDOW / 10 / 0.1)
    assert found.window.value == pytest.approx(WINDOW)
    assert [row.error for row in found.rows if row.target == "d"] == pytest.approx([0, 0, 0], abs=1e-9)


def test_a_link_narrower_than_a_stream_is_no_window(ask):
    narrow = {("a", "d"): 0.1}
    found = answer(ask([*lines(), *lines((1,), narrow, rate=5e7)]))
    link = next(each for each in found.links if each.target == "d")
    assert (link.bandwidth.value, link.told_by, link.loss) == (pytest.approx(5e7), "one number of streams", 0)
    row = next(each for each in found.rows if each.target == "d")
    assert row.error == pytest.approx(0, abs=1e-9)
    assert row.left_out_error == pytest.approx(8 * WINDOW / 0.1 / 5e7 - 1)  # all that its ping tells


def test_more_streams_that_bring_nothing_say_nothing_of_a_stream(ask):
    full = [f"a,d,100,{n},{rate}" for n, rate in ((1, 4.5e7), (4, 5e7), (16, 5e7))]
    link = next(each for each in answer(ask([*lines(), *full])).links if each.target == "d")
    assert (link.bandwidth.value, link.told_by, link.loss) == (5e7, "streams", 0)


def test_what_only_streams_limited_is_the_way_back_or_inside_or_at_least(ask):
    inside = [f"{site},{site},0.5,1,{rate}" for site, rate in (("a", 7e9), ("b", 6e9), ("c", 8e9))]
    one_way = {("a", "b"): 0.1}
    rows = [*lines(pairs=one_way), *lines((1,), {("b", "a"): 0.1, ("a", "c"): 0.2, ("a", "d"): 0.2}), *inside]
    links = {(link.source, link.target): link for link in answer(ask(rows)).links}
    assert (links["b", "a"].bandwidth.value, links["b", "a"].told_by) == (pytest.approx(RATE), "the way back")
    assert (links["a", "c"].bandwidth.value, links["a", "c"].told_by) == (7e9, "inside")
    assert (links["a", "d"].bandwidth.value, links["a", "d"].told_by) == (pytest.approx(8 * WINDOW / 0.2), "at least")


def test_equal_windows_of_pairs_far_and_near_tell_a_window_without_several_streams(ask):
    assert answer(ask(lines((1,)))).window.value == pytest.approx(WINDOW)
    apart = {ends: rtt_s for ends, rtt_s in RTTS.items() if "c" not in ends}
    found = answer(ask(lines((1,), apart)))
    assert found.window is None
    assert found.topology.transport.window_bytes is None
    assert found.links[0].bandwidth.value == pytest.approx(8 * WINDOW / 0.1)


def test_a_predicted_exchange_is_that_of_the_formula_and_its_band_holds_it(ask):
    found = answer(ask(lines(pairs={("a", "b"): 0.1, ("b", "a"): 0.1}), sizes=(1e8,)))
    assert found.predicted[0].seconds == pytest.approx(2 * (0.05 + 8 * 5e7 / (8 * WINDOW / 0.1)))
    assert found.predicted[0].low_s is None
    repeated = lines(pairs={("a", "b"): 0.1, ("b", "a"): 0.1}, noise=0.03, repeats=9)
    band = answer(ask(repeated, sizes=(1e8,))).predicted[0]
    assert band.low_s < found.predicted[0].seconds < band.high_s


def test_units_stand_in_the_header_or_in_the_cell(ask):
    texts = ["a,b,0.1,1,240000000", "a,b,0.1,4,960000000"]
    for header, rows in (
        ("from_site,to_site,rtt_s,streams,bandwidth_bits_per_s", texts),
        ("from,to,rtt,streams,bandwidth", ["a,b,100 ms,,240 Mbit/s", "a,b,0.1 s,4,0.96 Gbit/s"]),
    ):
        found = answer(ask(rows, header))
        assert found.window.value == pytest.approx(3e6)
        assert found.topology.links[0].between == ("a", "b")


@pytest.mark.parametrize(
    ("header", "rows", "told"),
    [
        ("from,to,streams,bandwidth", ["a,b,1,1e9"], "no column rtt; write one named rtt or rtt_s"),
        ("from,to,rtt_ms", ["a,b,1"], "no column bandwidth"),
        ("from,to,rtt,bandwidth", ["a,b,100,1e9"], "line 2: rtt: got '100' without a unit"),
        ("from,to,rtt_ms,bandwidth", ["a,b,100,fast"], "line 2: bandwidth: "),
        ("from,to,rtt_ms,bandwidth", ["a,b,0,1e9"], "line 2: rtt: got '0'; write a number above 0"),
        ("from,to,rtt_ms,bandwidth", ["a,a,1,1e9"], "no row is between two sites"),
        ("from,to,rtt_ms,bandwidth", ["a,,1,1e9"], "line 2: to: is empty"),
        ("from,to,rtt_ms,streams,bandwidth", ["a,b,1,0,1e9"], "line 2: streams: got '0'"),
        ("from,to,rtt_ms,iperf3,bandwidth", ["a,b,1,x.json,1e9"], "leave those cells empty"),
        ("from,to,rtt_ms,ping,bandwidth", ["a,b,1,x.txt,1e9"], "write either rtt, or ping"),
        ("from,to,rtt_ms,bandwidth", ["a,b,1"], "line 2: 3 cells under 4 columns"),
    ],
)
def test_a_bad_table_is_refused_with_its_place(ask, header, rows, told):
    with pytest.raises(InputError) as error:
        answer(ask(rows, header))
    assert told in str(error.value)


PING = """PING 127.0.0.1 (127.0.0.1) 56(84) bytes of data.
--- 127.0.0.1 ping statistics ---
3 packets transmitted, 3 received, 0% packet loss, time 402ms
rtt min/avg/max/mdev = 0.031/0.040/0.049/0.007 ms
"""


def iperf3(bits_per_s=9e8, streams=4, **test):
    return {
        "start": {"test_start": {"protocol": "TCP", "num_streams": streams, "reverse": 0} | test},
        "end": {"sum_sent": {"bits_per_second": 2 * bits_per_s}, "sum_received": {"bits_per_second": bits_per_s}},
    }


def test_files_of_ping_and_iperf3_stand_in_for_cells(ask, tmp_path):
    (tmp_path / "p.txt").write_text(PING.replace("0.040", "100.0"))
    (tmp_path / "one.json").write_text(json.dumps(iperf3(2.4e8, 1)))
    (tmp_path / "four.json").write_text(json.dumps(iperf3(9.6e8, 4)))
    found = answer(ask(["a,b,p.txt,one.json", "a,b,p.txt,four.json"], "from,to,ping,iperf3"))
    assert found.window.value == pytest.approx(3e6)
    assert [row.streams for row in found.rows] == [1, 4]


def test_the_files_are_read_as_the_programs_write_them(tmp_path):
    assert of_ping(SAMPLES / "ping.txt") == pytest.approx(0.113e-3)
    streams, bits_per_s = of_iperf3(SAMPLES / "iperf3.json")
    told = json.loads((SAMPLES / "iperf3.json").read_text())
    assert streams == 2
    assert bits_per_s == pytest.approx(
        8 * told["end"]["sum_received"]["bytes"] / told["end"]["sum_received"]["seconds"]
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{}", "is no output of iperf3 -J"),
        ("[1]", "is no output of iperf3 -J"),
        ("nothing", "is no output of iperf3 -J"),
        (json.dumps({"error": "unable to connect"}), "iperf3 says 'unable to connect'"),
        (json.dumps(iperf3(protocol="UDP")), "is of UDP; measure TCP"),
        (json.dumps(iperf3(reverse=1)), "measured with -R"),
        (json.dumps(iperf3(0.0)), "nothing was received"),
    ],
)
def test_other_files_are_refused(tmp_path, content, told):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(InputError, match=r"x\.json") as error:
        of_iperf3(tmp_path / "x.json")
    assert told in str(error.value)
    with pytest.raises(InputError, match="no line `rtt min/avg/max"):
        of_ping(tmp_path / "x.json")


def test_the_command_tells_pairs_from_exchanges_and_writes_the_topology(ask, simulate, tmp_path):
    file, out = ask(lines()).file, tmp_path / "links.yaml"
    code, text, error = simulate("calibrate", str(file), "--out", str(out), "--size", "100 MB")
    assert (code, error) == (0, "")
    assert "transport.window" in text
    assert load_topology(str(out)).transport.window_bytes == pytest.approx(WINDOW)
    assert "leave it out" in simulate("calibrate", str(file), "--topology", "low-bw")[2]
    file.write_text("size,seconds\n1e6,1\n1e7,2\n1e8,3\n")
    assert "no pairs of sites" in simulate("calibrate", str(file))[2]
