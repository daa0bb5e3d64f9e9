"""The address of the page: what is in it comes out of it, and what cannot be is told by field."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from sim.serve.asked import ask
from sim.serve.controls import controls
from sim.serve.networks import network
from sim.serve.state import Amount, State, WrongStateError, address, read
from sim.topology.model import load_topology, topology_names

from .conftest import anything


@pytest.mark.parametrize("seed", range(50))
def test_an_address_holds_the_whole_state(seed):
    state = read(anything(seed))
    assert read(parse_qsl(address(state))) == state


def test_an_empty_address_is_the_state_that_ships():
    assert read([]) == State()
    assert read([(name, "") for name in ("bandwidth", "chips", "replicas")]) == State()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("topology", "/etc/passwd", "choose one of"),
        ("topology", "topologies/low-bw.yaml", "choose one of"),
        ("topology", "../low-bw", "choose one of"),
        ("workload", "run.jsonl", "choose one of"),
        ("bandwidth", "25", 'such as "10 Gbit/s"'),
        ("bandwidth", "1 bit/s", "1 kbit/s to 1 Pbit/s"),
        ("bandwidth", "x0", "above 0"),
        ("bandwidth", "x1e9", "from 0.001 to 1000"),
        ("latency", "2 h", "0 s to 60 s"),
        ("latency", "-1 ms", "0 or more"),
        ("replicas", "1.5", "a whole number from 1 to 1,024"),
        ("sync-every", "0", "above 0"),
        ("chips", "1e12", "a whole number from 1 to 10,000,000"),
        ("payload-bits", "nan", "not a number"),
        ("params", "7B", "own-size"),
        ("strategy", "", "choose at least one"),
        ("strategy", "foo", "known: data-parallel"),
        ("strategy", "diloco:sync_every", "write diloco:key=value"),
        ("strategy", "\n".join(f"diloco:sync_every={n}" for n in range(1, 10)), "at most 8"),
        ("strategy", "diloco:" + "x" * 400, "at most 300"),
    ],
)
def test_a_wrong_value_is_told_by_its_field_and_ends_with_what_to_write(name, value, told):
    with pytest.raises(WrongStateError) as wrong:
        read([(name, value)])
    assert list(wrong.value.errors) == [name]
    assert told in wrong.value.errors[name]


def test_unknown_keys_and_repeated_ones_are_told():
    with pytest.raises(WrongStateError) as wrong:
        read([("scenario", "/etc/passwd"), ("chips", "8"), ("chips", "9")])
    assert "'scenario' is nothing" in wrong.value.errors[""]
    assert "keep one" in wrong.value.errors["chips"]


@pytest.mark.parametrize("name", topology_names())
def test_every_topology_that_ships_can_be_varied(name):
    """Links whose bandwidth changes with time, or a shape of several bandwidths, would need more than the page sets."""
    topology, known = load_topology(name), network(name)
    assert not any(link.schedule for link in topology.links)
    if known.generated:
        assert known.common("bandwidth")
        assert known.common("latency")
    varied = ask(
        State(
            topology=name, strategies=("data-parallel",), bandwidth=Amount(2.0, factor=True) if topology.links else None
        )
    ).scenario()
    before = [link.bandwidth_bits_per_s for link in topology.links]
    assert [link.bandwidth_bits_per_s for link in varied.topology.links] == [2 * each for each in before]


@pytest.mark.parametrize("seed", range(50))
def test_every_stop_of_every_slider_can_be_read(seed):
    pairs = anything(seed)
    given = dict(pairs)
    for control in controls(read(pairs)):
        assert 0 <= control.position < len(control.stops)
        if not control.off:
            for stop in (control.stops[0], control.stops[control.position], control.stops[-1]):
                others = [pair for pair in pairs if pair[0] != control.name]
                read([*others, (control.name, stop)])
        if given.get(control.name) in control.stops:
            assert control.stops[control.position] == given[control.name]


def test_sliders_without_effect_are_off_and_say_why():
    off = {control.name: control.hint for control in controls(read([("strategy", "data-parallel")])) if control.off}
    assert set(off) == {"params", "sync-every", "replicas", "payload-bits"}
    assert "no chosen strategy" in off["replicas"]
    one = {control.name for control in controls(read([("topology", "h100-one-site")])) if control.off}
    assert one == {"params", "bandwidth", "latency"}
