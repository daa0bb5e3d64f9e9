"""A column of numbers: one unit, the same digits, and nothing that vanishes."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sim.report import quantities
from sim.report.drawing.cells import written_columns
from sim.report.model import Column, table
from sim.report.quantities import written


@pytest.mark.parametrize(
    ("quantity", "values", "unit", "texts"),
    [
        (quantities.DURATION, [1256.4, 86.4], "min", ("20.94", "1.44")),
        (quantities.DURATION, [86.1439, 0.0641], "s", ("86.1439", "0.0641")),
        (quantities.DURATION, [0, 0], "s", ("0", "0")),
        (quantities.BYTES, [1e10, 3e9], "GB", ("10", "3")),
        (quantities.BANDWIDTH, [1e11, 3.139e6], "Mbit/s", ("100,000.00", "3.14")),  # in Gbit/s the second is nothing
        (quantities.COUNT, [5341, 12], "", ("5,341", "12")),
        (quantities.COUNT, [7e8, 1.0178e10], "", ("0.700B", "10.178B")),
        (quantities.SHARE, [0.181, None, 1], "", ("18.1%", "-", "100.0%")),
        (quantities.RATIO, [0.86, 1270.0], "", ("0.86x", "1,270.00x")),
        (quantities.NUMBER, ["never", 1e-9, 1e6], "", ("never", "1.00e-09", "1.00e+06")),
        (quantities.LOSS, [3.5561, 3], "", ("3.556", "3.000")),
        (quantities.LOSS, [-1e-7, -0.5], "", ("0.000", "-0.500")),
    ],
)
def test_a_column_is_written_alike(quantity, values, unit, texts):
    found = written(values, quantity)
    assert (found.unit, found.texts) == (unit, texts)


ONES = [quantities.DURATION, quantities.BYTES, quantities.BANDWIDTH, quantities.NUMBER]


@given(st.sampled_from(ONES), st.lists(st.floats(1e-9, 1e18), min_size=1, max_size=6))
@example(quantities.BYTES, [106.0, 1e9])
def test_every_number_can_be_read_back_to_its_digits(quantity, values):
    found = written(values, quantity)
    factor = next(scale.factor for scale in quantity.scales if scale.unit == found.unit)
    shown = [float(text.replace(",", "")) for text in found.texts]
    places = {len(text.partition(".")[2]) for text in found.texts if "e" not in text}
    assert len(places) <= 1  # the same digits behind the point
    for value, read in zip(values, shown, strict=True):
        assert math.isclose(read * factor, value, rel_tol=0.051 if value == min(values) else 0.0051)


def test_columns_of_a_family_share_their_unit():
    columns = [Column("a", quantities.DURATION, family="t"), Column("b", quantities.DURATION, family="t")]
    columns.append(Column("alone", quantities.DURATION))
    found = written_columns(table(columns, [(15.6, 1236.0, 15.6)]))
    assert [(one.unit, one.texts) for one in found] == [("min", ("0.26",)), ("min", ("20.6",)), ("s", ("15.6",))]


def test_a_change_has_a_sign_and_no_change_has_none():
    found = written([0.0123, -0.5, 0.0, -1e-9, None], quantities.NUMBER, digits=3, signed=True)
    assert found.texts == ("+0.012", "-0.500", "0.000", "0.000", "-")
    assert written([math.inf, math.nan, 1.0], quantities.NUMBER).texts == ("inf", "nan", "1")
