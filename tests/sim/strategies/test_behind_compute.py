"""The list of what begins and is waited for behind compute, and the ops that are made of it."""

import pytest

from sim.engine.ops import Collective, Compute, Start, Wait
from sim.scenario.loading import load_scenario
from sim.simulation.jobs import jobs
from sim.strategies import DataParallel, EagerDiLoCo, StreamingDiLoCo
from sim.strategies.shared.behind_compute import (
    BEGIN,
    END,
    Departure,
    Leaving,
    Moment,
    Part,
    events,
    steps_between,
)

BELOW = [0.0, 0.25, 0.5, 1.0]
"""Three layers: a quarter of the parameters, a quarter, a half."""


def setting_of(steps):
    extent = [f"workload.{key}" for key in (f"steps={steps}", "layers=12", "chips=64")]
    return jobs(load_scenario(topology="low-bw", workload="2.4b", strategies=["diloco:replicas=2"], settings=extent))[
        0
    ].setting


def leaving(number, layer=0, index=0):
    one = Collective("outer", index, (0, 1), 1.0, part=number)
    return Leaving(Part(number, 0.5, layer), one, (Start(one),))


def told(found):
    """Step, moment and what happens to which part: + begins, - is waited for."""
    return [
        (
            event.step,
            event.moment,
            "".join(f"{'-' if isinstance(op, Wait) else '+'}{op.collective.part}" for op in event.ops),
        )
        for event in found
    ]


def test_layers_begin_behind_their_backward_pass_and_are_needed_by_the_forward_pass_of_the_next_step():
    departures = [Departure(0, (leaving(0, layer=2), leaving(1, layer=0)))]
    assert told(events(departures, end=2, delay=0, below=BELOW)) == [
        (0, Moment(1, 0.5), "+0"),  # the backward pass of the upper half is over
        (0, END, "+1"),
        (1, BEGIN, "-0-1"),  # both are waited for before the lowest of their layers
    ]


def test_a_fragment_is_needed_at_its_own_lowest_layer():
    departures = [Departure(0, (leaving(0, layer=1),)), Departure(1, (leaving(1, layer=2),))]
    assert told(events(departures, end=4, delay=1, below=BELOW)) == [
        (0, Moment(1, 0.25), "+0"),
        (1, Moment(1, 0.5), "+1"),
        (2, Moment(0.25, 1), "-0"),
        (3, Moment(0.5, 1), "-1"),
    ]


def test_whole_exchanges_begin_and_are_waited_for_between_steps():
    departures = [Departure(1, (leaving(0),)), Departure(3, (leaving(1),))]
    assert told(events(departures, end=6, delay=1, below=None)) == [
        (2, None, "+0"),
        (3, None, "-0"),
        (4, None, "+1"),
        (5, None, "-1"),
    ]


def test_a_part_that_begins_again_is_waited_for_just_before():
    departures = [Departure(0, (leaving(0),)), Departure(2, (leaving(0, index=1),))]
    assert told(events(departures, end=3, delay=9, below=None)) == [(1, None, "+0"), (3, None, "-0+0"), (3, None, "-0")]


def test_all_that_is_under_way_is_waited_for_in_the_end():
    departures = [Departure(0, (leaving(0, layer=2), leaving(1, layer=1), leaving(2)))]
    assert told(events(departures, end=1, delay=0, below=BELOW))[3:] == [
        (1, None, "-0"),
        (1, None, "-1"),
        (1, None, "-2"),
    ]


def test_steps_are_cut_where_something_happens():
    """A third of a step is its forward pass. Cut at half the backward pass, then at half the forward pass."""
    setting = setting_of(steps=4)
    step_s = setting.load.compute_s(0, 0, 1)
    departures = [Departure(1, (leaving(0, layer=2),))]
    found = events(departures, end=3, delay=0, below=BELOW)
    ops = list(steps_between(found, 0, setting, (0, 4), None))
    third = step_s / 3
    computes = [(op.seconds, op.steps) if isinstance(op, Compute) else type(op).__name__ for op in ops]
    near = pytest.approx
    assert computes == [
        (near(step_s), 1),
        (near(third + 2 * third * 0.5), 0),
        "Start",
        (near(2 * third * 0.5), 1),
        (near(third * 0.5), 0),
        "Wait",
        (near(third * 0.5 + 2 * third), 1),
        (near(step_s), 1),
    ]


@pytest.mark.parametrize(
    "strategy",
    [
        DataParallel(overlap="layers"),
        StreamingDiLoCo(sync_every=5, fragments=3, overlap_steps=2, overlap="layers"),
        StreamingDiLoCo(sync_every=5, fragments=3, overlap_steps=4),
        EagerDiLoCo(sync_every=3, fragments=2, overlap="layers", bucket="500 MB"),
    ],
    ids=lambda strategy: strategy.label,
)
def test_cut_steps_are_as_long_as_whole_ones(strategy):
    setting = setting_of(steps=31)
    for worker, program in enumerate(strategy.programs(setting)):
        computes = [op for op in program if isinstance(op, Compute)]
        assert sum(op.seconds for op in computes) == pytest.approx(setting.load.compute_s(worker, 0, 31), rel=1e-12)
        assert sum(op.steps for op in computes) == 31
