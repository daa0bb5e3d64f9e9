import pytest

from sim.collectives import ideal_all_reduce_s, ideal_crossing_bytes


def test_the_worked_example_of_the_docstring():
    assert ideal_all_reduce_s(20e9, 8, 100e9, 1e-3) == pytest.approx(2.801)


def test_many_peers_tend_to_twice_the_payload_over_the_bandwidth():
    assert ideal_all_reduce_s(1e9, 10**9, 8e9, 0.0) == pytest.approx(2.0)


def test_a_lone_chip_exchanges_nothing():
    assert ideal_all_reduce_s(1e9, 1, 8e9, 0.5) == 0.0


def test_bytes_cross_only_between_datacenters():
    assert ideal_crossing_bytes(1e9, 8, 1) == 0.0
    # One chip in each of four sites: the ring sends 2 S (4 - 1) in all.
    assert ideal_crossing_bytes(1e9, 4, 4) == pytest.approx(6e9)
