"""Searches for whole numbers, beside looking at every number."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.questions.whole_numbers import MOST, first_that_reaches, last_that_fits

STAIRS = st.tuples(
    st.floats(0.01, 10),  # of each step
    st.floats(0, 300),  # of each whole round
    st.integers(1, 60),  # steps in a round
    st.floats(0, 50),  # once
)


def staircase(step, outer, every, start):
    """What n steps take: their own time, and that of whole rounds, the last one rounded up."""
    return lambda n: start + n * step + -(-n // every) * outer


@given(STAIRS, st.integers(-5, 3000), st.floats(1, 2000))
def test_the_last_that_fits_is_the_one_found_by_looking_at_all(stairs, guess, limit):
    takes, tried = staircase(*stairs), []

    def share(n):
        tried.append(n)
        return takes(n) / limit

    expected = 0
    while takes(expected + 1) / limit <= 1:
        expected += 1
    assert last_that_fits(share, guess) == expected
    assert (expected in tried) == (expected > 0)
    assert len(tried) == len(set(tried))
    assert min(tried) >= 1


@given(STAIRS, st.integers(1, 10**6), st.floats(1e5, 1e7))
def test_a_coarser_search_stays_within_its_resolution_and_ends(stairs, guess, limit):
    takes = staircase(*stairs)
    counts = [0, 0]

    def share(which, n):
        counts[which] += 1
        return takes(n) / limit

    exact = last_that_fits(lambda n: share(0, n), guess)
    coarse = last_that_fits(lambda n: share(1, n), guess, resolution=1e-3)
    assert exact / (1 + 1e-3) - 1 <= coarse <= exact
    assert max(counts) <= 100


def test_a_share_that_is_near_enough_ends_the_search():
    tried = []

    def share(n):
        tried.append(n)
        return (n + 0.5) / 10_000

    assert last_that_fits(share, 9_995, near=0.999) == 9_995
    assert tried == [9_995]


@pytest.mark.parametrize("limit", [1, 2, 3, 77, 2**39, MOST - 1])
def test_what_is_in_proportion_is_found_in_a_handful_of_trials(limit):
    tried = []

    def share(n):
        tried.append(n)
        return n / limit

    assert last_that_fits(share, 1000) == limit
    assert len(tried) <= 6


def test_what_takes_almost_all_at_once_is_found_too():
    tried = []

    def share(n):
        tried.append(n)
        return 0.999 + n * 1e-9

    assert last_that_fits(share, 1) == 1_000_000
    assert len(tried) < 150


@given(st.integers(1, MOST))
def test_the_first_that_reaches_a_goal_is_found(first):
    assert first_that_reaches(lambda n: n >= first) == first


def test_none_may_reach_it():
    assert first_that_reaches(lambda n: False) is None
    assert first_that_reaches(lambda n: n >= math.inf) is None
