"""What a link carries is put down whenever it changes, and whenever what it could carry does while it carries anything."""

import numpy as np

from sim.network.flow_log import FlowLog, Rate
from sim.network.fluid.wire import Wire
from sim.topology.capacity import CapacityOverTime


def test_a_change_is_put_down_and_nothing_else():
    log = FlowLog([Wire(name, CapacityOverTime((0.0,), (10.0,))) for name in "ab"])
    for now_s, load, capacity in [
        (1.0, (4.0, 0.0, 0.0), (10.0, 10.0, np.inf)),
        (2.0, (4.0, 0.0, 0.0), (10.0, 10.0, np.inf)),
        (3.0, (4.0, 0.0, 0.0), (5.0, 5.0, np.inf)),
        (4.0, (0.0, 5.0, 0.0), (5.0, 5.0, np.inf)),
    ]:
        log.divided(now_s, np.array(load), np.array(capacity))
    assert log.rates == [
        Rate(0, 1.0, 4.0, 10.0),
        Rate(0, 3.0, 4.0, 5.0),
        Rate(0, 4.0, 0.0, 5.0),
        Rate(1, 4.0, 5.0, 5.0),
    ]


def test_what_a_bucket_lets_pass_is_put_down_at_its_moment():
    log = FlowLog([Wire("a", CapacityOverTime((0.0,), (10.0,)), burst_bits=100.0)])
    log.passed_at_once(2.0, np.array([80.0, 0.0]))
    assert log.rates == [Rate(0, 2.0, 0.0, 10.0, at_once_bits=80.0)]
