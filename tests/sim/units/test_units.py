import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import InputError
from sim.units.in_words import human_bytes, human_count, human_quantity, human_seconds
from sim.units.quantities import BANDWIDTH, CHIP_SPEED, DURATION, LATENCY, SIZE, parse, read_count, to_text


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("10 Gbit/s", BANDWIDTH, 10e9),
        ("10 Gb/s", BANDWIDTH, 10e9),
        ("10 Gbps", BANDWIDTH, 10e9),
        ("10gigabit/second", BANDWIDTH, 10e9),
        ("1.25 GB/s", BANDWIDTH, 10e9),
        ("1 GiB/s", BANDWIDTH, 8 * 2**30),
        ("1e-2 s", LATENCY, 0.01),
        ("10 ms", LATENCY, 0.01),
        ("100 us", LATENCY, 1e-4),
        ("2 min", LATENCY, 120.0),
        ("0 s", LATENCY, 0.0),
        ("300 Tflop/s", CHIP_SPEED, 3e14),
        ("300 TFLOP/s", CHIP_SPEED, 3e14),
        ("300 TFLOPS", CHIP_SPEED, 3e14),
        (" 10 Gbit / s\n", BANDWIDTH, 10e9),
        ("10 Gbit per second", BANDWIDTH, 10e9),
        ("10.Gbit/s", BANDWIDTH, 10e9),
        (".5 Gbit/s", BANDWIDTH, 0.5e9),
        ("+1E1 Gbit/s", BANDWIDTH, 10e9),
        ("2 weeks", DURATION, 1_209_600.0),
        ("5 \u00b5s", LATENCY, 5e-6),  # the micro sign
        ("5 \u03bcs", LATENCY, 5e-6),  # the Greek letter, which looks the same
        ("1 kB", SIZE, 1000.0),
        ("1 KiB", SIZE, 1024.0),
        ("1" * 400 + "e-399 s", LATENCY, 10 / 9),
    ],
)
def test_what_people_write(text, unit, value):
    assert parse(text, unit, zero=True) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("10 GHz", BANDWIDTH),
        ("10 GB", BANDWIDTH),
        ("10 gilbert/s", BANDWIDTH),
        ("10", BANDWIDTH),
        ("ten Gbit/s", BANDWIDTH),
        ("0 Gbit/s", BANDWIDTH),
        ("-1 Gbit/s", BANDWIDTH),
        ("inf Gbit/s", BANDWIDTH),
        ("nan Gbit/s", BANDWIDTH),
        ("10 Gbit/s/s", BANDWIDTH),
        ("1/0 s", LATENCY),
        ("-1 ms", LATENCY),
        ("5 Gbit", LATENCY),
        ("300 Tflop", CHIP_SPEED),
        ("__import__('os')", LATENCY),
        ("", LATENCY),
    ],
)
def test_everything_else_is_refused_with_the_right_form(text, unit):
    with pytest.raises(InputError, match=unit.example):
        parse(text, unit)


# A person who writes one of these means something else than what arithmetic on it gives.
SLIPS = [
    "1,5 Gbit/s",
    "2 500 Mbit/s",
    "1'500 Mbit/s",
    "1_000 Mbit/s",
    "1.5.2 Gbit/s",
    "1e1.5 Gbit/s",
    "5 \u00a2bit/s",
    "2*3 Gbit/s",
    "2**3 Gbit/s",
    "1 Gbit/s + 1 Gbit/s",
    "1 Gbit/s - 2",
    "1/2 Gbit/s",
    "(1 Gbit/s)",
    "0x10 Gbit/s",
    "\u0661\u0660 Gbit/s",
    "1 Gbit/s #",
    "1 Gbit/s**1",
    "1 Gbit/s/s*s",
    "1 k Gbit/s",
    "\u0131nf Gbit/s",
    "9**9**9**9 bit/s",
    "+2**99999999999 bit/s",
    "1 " + "k" * 10_000 + "bit/s",
]


@pytest.mark.parametrize("text", SLIPS, ids=[text[:20] for text in SLIPS])
def test_only_one_number_and_one_unit_is_a_quantity(text):
    with pytest.raises(InputError, match=BANDWIDTH.example) as refused:
        parse(text, BANDWIDTH)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(("text", "unit"), [("1:30 h", DURATION), ("9**9**9 s", LATENCY), ("1 h 30 min", DURATION)])
def test_a_time_is_one_number_and_one_unit(text, unit):
    with pytest.raises(InputError, match=unit.example):
        parse(text, unit)


@pytest.mark.parametrize(
    ("text", "unit", "says"),
    [
        ("1 KB", SIZE, "small k: write kB, or KiB for 1024"),
        ("10 Kbit/s", BANDWIDTH, "small k: write kbit/s"),
        ("100 mbit/s", BANDWIDTH, "thousandth or less: write Mbit/s"),
        ("64 mB", SIZE, "thousandth or less: write MB"),
        ("0.5 bit/s", BANDWIDTH, "1 to 1e+30 bit/s"),
        ("1e31 bit/s", BANDWIDTH, "1 to 1e+30 bit/s"),
        ("1e300 s", LATENCY, "1e-12 to 1e+12 s"),
        ("1e-13 s", LATENCY, "1e-12 to 1e+12 s"),
        ("1e25 flop/s", CHIP_SPEED, "1 to 1e+24 flop/s"),
        ("0.01 B", SIZE, "0.125 to 1e+24 B"),
    ],
)
def test_a_refusal_says_why(text, unit, says):
    with pytest.raises(InputError) as refused:
        parse(text, unit)
    assert says in str(refused.value)


def test_a_prefix_that_is_right_is_not_called_a_slip():
    assert parse("3 min", DURATION) == 180
    assert parse("1 megabit/s", BANDWIDTH) == 1e6


UNITS = [BANDWIDTH, LATENCY, DURATION, CHIP_SPEED, SIZE]


@given(st.sampled_from(UNITS).flatmap(lambda unit: st.tuples(st.just(unit), st.floats(unit.least, unit.most))))
def test_written_text_reads_back_to_the_same_float(case):
    unit, value = case
    assert parse(to_text(value, unit), unit) == value


@given(st.text("0123456789.,eE+-*/'_ :\n()kMGmuKibitsBhdp\u00b5\u00b2\u0661", max_size=12), st.sampled_from(UNITS))
def test_any_text_is_refused_or_is_the_number_that_stands_there(text, unit):
    try:
        value = parse(text, unit, zero=True)
    except InputError:
        return
    number = re.match(r"\s*([-+.0-9]+([eE][-+]?[0-9]+)?)", text)
    one = parse(f"1 {text[number.end() :]}", replace(unit, least=0.0), zero=True)
    assert value == pytest.approx(float(number[1]) * one, rel=1e-12)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (10**400, "from 1e-06 to 1e+24"),
        ("9" * 400, "finite"),
        (10**5000, "from 1e-06 to 1e+24"),
        (-(10**400), "above 0"),
        ("1e400", "finite"),
        (True, "not a number"),
        ([1], "a list is not a number"),
        ("1,5B", "not a number"),
        ("1e", "not a number"),
        ("x" * 10_000, "..."),
        (1e25, "from 1e-06 to 1e+24"),
        ("1e-7", "from 1e-06 to 1e+24"),
    ],
    ids=range(12),
)
def test_a_count_that_is_none(given, says):
    with pytest.raises(InputError) as refused:
        read_count(given, 1e-6, 1e24)
    assert says in str(refused.value)
    assert len(str(refused.value)) < 250


def test_text_is_as_a_person_would_write_it():
    assert to_text(10e9, BANDWIDTH) == "10 Gbit/s"
    assert to_text(1e-4, LATENCY) == "0.1 ms"
    assert to_text(3e14, CHIP_SPEED) == "300 Tflop/s"


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (human_seconds(0), "0 s"),
        (human_seconds(2.5e-5), "25.0 us"),
        (human_seconds(0.9996), "1.00 s"),
        (human_seconds(99.96), "100 s"),
        (human_seconds(754), "12.6 min"),
        (human_seconds(24665239.8), "285 days"),
        (human_seconds(1e8), "3.17 yr"),
        (human_bytes(0), "0 B"),
        (human_bytes(142_636_032), "143 MB"),
        (human_bytes(999.6e6), "1.00 GB"),
        (human_count(5341), "5341"),
        (human_count(762_940), "763k"),
        (human_count(35.7e6), "35.7M"),
        (human_count(2e11), "200B"),
        (human_quantity(12.5e9, BANDWIDTH), "12.5 Gbit/s"),
    ],
)
def test_numbers_for_people(shown, wanted):
    assert shown == wanted
