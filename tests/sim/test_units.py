import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import InputError
from sim.units import (
    BANDWIDTH,
    CHIP_SPEED,
    LATENCY,
    human_bytes,
    human_count,
    human_quantity,
    human_seconds,
    parse,
    to_text,
)


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


@given(st.floats(min_value=1e-12, max_value=1e20), st.sampled_from([BANDWIDTH, LATENCY, CHIP_SPEED]))
def test_written_text_reads_back_to_the_same_float(value, unit):
    assert parse(to_text(value, unit), unit) == value


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
