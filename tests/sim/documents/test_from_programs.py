"""Models made by a program, without a document: numbers in SI, short names, and mistakes told in the same words."""

import numpy as np
import pytest

from sim.documents.validation import validate
from sim.errors import InputError
from sim.strategies import AsyncDiLoCo, DiLoCo, StreamingDiLoCo
from sim.topology.model import Topology


@pytest.mark.parametrize("given", [0.05, "50 ms", np.float32(0.05)])
def test_a_program_gives_a_number_in_si_or_writes_the_unit(given):
    assert DiLoCo(compression_time=given).compression_time == pytest.approx(0.05, rel=1e-6)


def test_numbers_are_si_in_the_parts_as_well():
    link = {"between": ("a", "b"), "bandwidth": 1e10, "latency": 0.01}
    topology = Topology(name="t", datacenters=[{"name": "a"}, {"name": "b"}], links=[link])
    assert (topology.links[0].bandwidth_bits_per_s, topology.links[0].latency_s) == (1e10, 0.01)


@pytest.mark.parametrize("given", [-1.0, float("nan"), float("inf"), True, 10**400])
def test_a_number_that_makes_no_sense_is_refused_with_its_argument(given):
    with pytest.raises(InputError, match=r'^DiLoCo: compression_time: .*write a duration .*"10 ms"'):
        DiLoCo(compression_time=given)


def test_a_number_beyond_what_is_simulated_is_refused_with_the_range():
    with pytest.raises(
        InputError, match=r"compression_time: 10000000000000.0 s is outside .* write a duration of 0 to 1e\+12 s"
    ):
        DiLoCo(compression_time=1e13)


def test_a_document_must_still_write_the_unit():
    with pytest.raises(InputError, match=r"s\.yaml: compression_time: 0\.05 has no unit"):
        validate(DiLoCo, {"kind": "diloco", "compression_time": 0.05}, source="s.yaml")


def test_every_mistake_of_a_call_is_told_with_what_to_write_instead():
    with pytest.raises(InputError) as told:
        DiLoCo(replicas=0, sync_evry=3)
    first, second = str(told.value).splitlines()
    assert first == "DiLoCo: replicas: got 0; must be greater than 0, such as 2"
    assert second.startswith("DiLoCo: sync_evry: unknown key; did you mean 'sync_every'?")
    with pytest.raises(InputError, match=r"^AsyncDiLoCo: server: got 5, and the replicas are 0 to 1"):
        AsyncDiLoCo(server=5)


def test_a_model_shows_what_is_not_default():
    assert repr(DiLoCo()) == str(DiLoCo()) == "DiLoCo()"
    assert repr(StreamingDiLoCo(replicas=4, overlap="layers")) == "StreamingDiLoCo(overlap='layers', replicas=4)"
    assert repr(validate(DiLoCo, {"replicas": 4, "sync_every": 30}, source="here")) == "DiLoCo(replicas=4)"
