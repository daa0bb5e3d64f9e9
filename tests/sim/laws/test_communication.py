"""What communicating less costs: ends hold the middle, limits are free, and published pairs lie between the ends."""

import csv
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.laws import communication as law
from sim.laws.communication import FREE, UNKNOWN, Communication, Price, price_of

ROOT = Path(__file__).parents[3]
SIZES = st.floats(1e6, 1e12)
REPLICAS = st.integers(1, 64)


def read(path):
    with (ROOT / "experiments" / path).open(newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@given(SIZES, REPLICAS, st.integers(1, 5000), st.sampled_from([None, 0, 1, 5, 30]), st.sampled_from([1, 4, 8, 16]))
def test_the_middle_lies_between_the_ends(params, replicas, every, late, bits):
    price = price_of(params, Communication(replicas, every, bits, late_steps=late))
    assert price.low <= price.high
    if price.middle is not None:
        assert price.low <= price.middle <= price.high


@given(SIZES, REPLICAS, st.integers(31, 5000))
def test_rarer_outer_steps_never_cost_less(params, replicas, every):
    before, after = (law.price_of_cadence(params, replicas, h) for h in (every - 1, every))
    assert before.low <= after.low
    assert before.middle < after.middle if replicas > 1 else before.middle == after.middle
    assert before.high < after.high


@given(SIZES, st.integers(1, 8))
def test_as_in_the_fits_nothing_is_paid(params, replicas):
    assert price_of(params, Communication(replicas, 30)) == FREE
    assert price_of(params, Communication(1, None)) == FREE


def test_what_nobody_measured_has_both_ends_and_no_middle():
    for how in (
        Communication(2, 30, bits=2),
        Communication(2, 30, whole=False),
        Communication(2, 30, late_steps=None),
        Communication(4, 30, late_steps=30),
        Communication(1, None, whole=False),
    ):
        price = price_of(1e9, how)
        assert price.middle is None
        assert (price.low, price.high) == (0.0, law.WIDEST), how
    both = price_of(1e9, Communication(2, 30, bits=2, late_steps=None))
    assert both == UNKNOWN  # the widest end counts once


def test_known_prices_add_up():
    known = Price(1.0, 2.0, 3.0).plus(Price(0.1, 0.2, 0.3))
    assert (known.low, known.middle, known.high) == pytest.approx((1.1, 2.2, 3.3))
    assert Price(1.0, 2.0, 3.0).plus(UNKNOWN) == Price(1.0, None, 3.0 + law.WIDEST)


def test_arrays_give_what_numbers_give():
    sizes = np.array([[2e7, 5e8], [3e9, 1e11]])
    for how in (Communication(2, 100, late_steps=100), Communication(8, 10, 4), Communication(16, 300)):
        price = price_of(sizes, how)
        for place, params in np.ndenumerate(sizes):
            own = price_of(float(params), how)
            for name in ("low", "middle", "high"):
                assert np.broadcast_to(getattr(price, name), sizes.shape)[place] == pytest.approx(getattr(own, name))


def test_published_pairs_lie_between_the_ends():
    """Against the printed losses themselves: two roundings of 0.005 are 0.4% of a loss of 2.5."""
    rows = {
        (row["source"], row["method"], row["model"], row["replicas"], row["sync_every"]): float(row["loss"])
        for row in read("reference/communication.csv")
        if row["table"] == "6" and row["usable"] == "yes"
    }
    seen = 0
    for (source, method, model, replicas, every), loss in rows.items():
        base = rows.get((source, method, model, replicas, "30"))
        params = float(model[:-1]) * {"M": 1e6, "B": 1e9}[model[-1]]
        if every == "100" and base and method == "streaming-diloco":
            price = law.price_of_cadence(params, int(replicas), 100)
            assert price.low - 0.01 / base <= math.log(loss / base) <= price.high + 0.01 / base
            assert price.middle == pytest.approx(math.log(loss / base), abs=0.01 / base)
            seen += 1
        if method == "eager-diloco":
            base = rows["arXiv 2501.18512", "streaming-diloco", model, "2", every]
            price = law.price_of_lateness(params, 2, int(every), int(every))
            assert price.low - 0.01 / base <= math.log(loss / base) <= price.high + 0.01 / base
            seen += 1
    assert seen == 20


def test_constants_are_those_of_the_experiment():
    made = {row["constant"]: float(row["value"]) for row in read("results/communication.csv")}
    names = {
        "H: a": law.CADENCE_SLOPE, "H: spread": law.CADENCE_SPREAD,
        "H: steepest": law.STEEPEST_RARER, "H: steepest below": law.STEEPEST_OFTENER,
        "eager: a": law.EAGER_SIZE, "eager: c": law.EAGER_EXPONENT, "eager: spread": law.EAGER_SPREAD,
        "bits: low": law.BITS_LOW, "bits: high": law.BITS_HIGH, "M: low": law.MANY_LOW, "M: high": law.MANY_HIGH,
        "widest": law.WIDEST,
    }  # fmt: skip
    assert made == names


def test_more_replicas_than_were_fitted_widen_the_ends_with_their_logarithm():
    spans = [price.high - price.low for price in map(law.price_of_replicas, (8, 16, 32, 64))]
    assert spans[0] == 0
    assert {round(b - a, 12) for a, b in pairwise(spans)} == {round(law.MANY_HIGH - law.MANY_LOW, 12)}


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (Communication(2, 30), ()),
        (Communication(2, 100), ("sync_every: 100 changes the loss by +0.6%",)),
        (Communication(2, 1), ("no law: nobody has published what H = 1 costs",)),
        (Communication(2, 30, bits=4), ("bits: 4 cost nothing that was measured",)),
        (Communication(2, 30, late_steps=1), ("lateness: results that are used 1 step later cost nothing",)),
        (Communication(2, 30, late_steps=30), ("lateness: results that are used 30 steps later cost +",)),
        (Communication(2, 30, late_steps=5), ("no law: nobody has published what results that are used 5 steps",)),
        (Communication(16, 30), ("replicas: 16 may cost -0.3% to +2.7% more",)),
    ],
)
def test_notes_say_the_price_and_its_ends(how, words):
    notes = law.notes_on(1e9, how)
    assert len(notes) == len(words)
    for note, word in zip(notes, words, strict=True):
        assert note.startswith(word)
        assert " to " in note or " and " in note
