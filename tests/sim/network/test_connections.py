"""Messages: one after the other on a connection, and beside each other on two."""

import pytest

from sim.engine.interpreter import replay
from sim.engine.messages import Message
from sim.engine.ops import Collective, Compute, Start, Wait
from sim.network.over_links import LinkNetwork
from sim.network.placement import Placement
from sim.topology.model import Topology

SITES = [{"name": name} for name in "ab"]
LINK = {"between": ["a", "b"], "bandwidth": "8 Gbit/s", "latency": "250 ms"}


def network(**transport):
    topology = Topology.model_validate({"name": "t", "datacenters": SITES, "links": [LINK], "transport": transport})
    return LinkNetwork(Placement(topology, ("a", "b"), (1.0, 1.0)), "ring")


def message(part, name="activations", size=1e9):
    return Collective(
        name, 0, (0, 1), size, part=part, source=0, target=1, join=Message(), parts_inside=False, stream=True
    )


def sent(messages, between_s=0.0):
    for each in messages:
        yield Start(each)
        yield Compute(between_s)
    for each in messages:
        yield Wait(each)


def received(messages):
    for each in messages:
        yield Start(each)
        yield Wait(each)
        yield Compute(0.0)


def arrivals(messages, **transport):
    found = replay([sent(messages), received(messages)], network(**transport), spans=True)
    return [span.start_s for span in found.spans if span.worker == 1 and span.what == "compute"]


def test_messages_of_a_connection_leave_one_after_the_other():
    """8 Gbit/s: a second for each; the second one follows the first on the way, a quarter of a second late."""
    assert arrivals([message(0), message(1), message(2)]) == pytest.approx([1.25, 2.25, 3.25])


def test_messages_of_two_connections_share_the_link():
    assert arrivals([message(0), message(0, "returned")]) == pytest.approx([2.25, 2.25])


def test_each_message_pays_its_overhead_on_its_connection():
    assert arrivals([message(0), message(1)], exchange_overhead="100 ms") == pytest.approx([1.35, 2.45])


def test_a_sender_goes_on_and_a_receiver_waits():
    messages = [message(0), message(1)]
    sender, receiver = replay([sent(messages, 5.0), received(messages)], network()).workers
    assert sender.finish_s == pytest.approx(10.0)
    assert sender.exposed_s == sender.straggler_wait_s == 0.0
    assert sender.hidden_s == pytest.approx(2.5)  # a message is under way for 1.25 s, twice
    assert receiver.straggler_wait_s == pytest.approx(5.0 - 1.25)  # until the second one leaves
    assert receiver.waited_for_s == pytest.approx((3.75, 0.0))
    assert receiver.exposed_across_s == pytest.approx(2.5)
    assert sender.crossing_bytes + receiver.crossing_bytes == pytest.approx(2e9)
