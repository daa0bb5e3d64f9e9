"""The points of a sweep: lists, ranges, pairs and draws, against itertools, numpy and the distributions themselves."""

from itertools import product
from statistics import NormalDist

import numpy as np
import pytest

from sim.errors import InputError
from sim.questions.sweep.draws import METHODS, drawn
from sim.questions.sweep.section import Draw, Section, space_of
from sim.questions.sweep.space import Space
from sim.questions.sweep.values import grid, paired, values_of


def points(space):
    return [space.point(number) for number in range(space.count)]


def test_a_list_is_read_as_yaml_reads_its_values():
    assert values_of("sync_every", "10, 30,100") == (10, 30, 100)
    assert values_of("workload.payload_bits", "4,null,8.5") == (4, None, 8.5)
    assert values_of("jobs", "alone,together") == ("alone", "together")
    assert values_of("workload.layer_params", "[[1, 2], [3]]") == ([1, 2], [3])
    assert values_of("sync_every", [1, 2]) == (1, 2)


def test_a_strategy_keeps_the_commas_between_its_parameters():
    assert values_of("strategy", "diloco:replicas=2,sync_every=10,streaming-diloco,data-parallel:overlap=layers") == (
        "diloco:replicas=2,sync_every=10", "streaming-diloco", "data-parallel:overlap=layers",
    )  # fmt: skip


def test_a_list_keeps_its_own_commas():
    assert values_of("strategy", "async-diloco:local_steps=[30,20],server=1,diloco") == (
        "async-diloco:local_steps=[30,20],server=1", "diloco",
    )  # fmt: skip
    assert values_of("local_steps", "[30,20], by-speed,[9,9]") == ([30, 20], "by-speed", [9, 9])
    assert values_of("strategies[0].local_steps", "[[30, 20], even]") == ([30, 20], "even")


@pytest.mark.parametrize(("way", "space"), [("log", np.geomspace), ("lin", np.linspace)])
def test_a_range_is_that_of_numpy_with_both_its_ends(way, space):
    found = values_of("bandwidth_across", f"0.3:70:{way}:23")
    assert found == pytest.approx(space(0.3, 70, 23), rel=1e-13)
    assert (found[0], found[-1]) == (0.3, 70)


def test_a_range_of_a_whole_number_has_whole_numbers_each_once():
    assert values_of("sync_every", "1:1000:log:4") == (1, 10, 100, 1000)
    assert values_of("strategies[1].sync_every", "1:3:lin:9") == (1, 2, 3)


def test_a_range_with_units_has_them():
    assert values_of("topology.links[0].bandwidth", "1 Gbit/s:100 Gbit/s:log:3") == (
        "1000000000.0 bit/s", "10000000000.0 bit/s", "100000000000.0 bit/s",
    )  # fmt: skip
    assert values_of("workload.params", "1B:100B:log:3") == pytest.approx((1e9, 1e10, 1e11))


def test_several_keys_are_a_grid_and_pairs_go_together():
    space = Space((*grid([("a", [1, 2]), ("b", "x,y,z")]), *paired([("c", [5, 5]), ("d", [7, 8])])))
    expected = [
        {"a": a, "b": b, "c": c, "d": d} for a, b, (c, d) in product([1, 2], "xyz", [(5, 7), (5, 8)])
    ]  # fmt: skip
    assert points(space) == expected


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("name", "ends", "quantile"),
    [
        ("uniform", (2, 6), lambda share: 2 + 4 * share),
        ("log-uniform", (1, 100), lambda share: 100**share),
        ("normal", (1, 0.25), NormalDist(1, 0.25).inv_cdf),
        ("lognormal", (3, 0.5), lambda share: 3 * np.exp(NormalDist(0, 0.5).inv_cdf(share))),
    ],
)
def test_draws_have_the_distribution_that_is_stated(method, name, ends, quantile):
    (group,) = drawn([("compute", {name: list(ends)}), ("bandwidth_across", "uniform:1:2")], 2048, 3, method)
    values = np.sort([row[0] for row in group.rows])
    shares = (np.arange(2048) + 0.5) / 2048
    inner = slice(100, -100)  # the ends of a distribution with tails are few draws
    expected = np.array([quantile(share) for share in shares])
    near = 0.12 if method == "random" else 0.01
    assert np.max(np.abs(values[inner] - expected[inner])) < near * (expected[inner][-1] - expected[inner][0])


def test_choices_and_integers_are_drawn_equally_often():
    (group,) = drawn([("strategy", "choice:diloco,data-parallel"), ("sync_every", "integers:3:5")], 600, 0, "sobol")
    names, numbers = zip(*group.rows, strict=True)
    assert names.count("diloco") == pytest.approx(300, abs=5)
    assert {number: numbers.count(number) for number in set(numbers)} == pytest.approx({3: 200, 4: 200, 5: 200}, abs=5)


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_gives_the_same_draws_and_another_one_others(method):
    def draw(seed):
        return drawn([("compute", "uniform:1:2")], 5, seed, method)

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_a_section_of_a_file_and_options_beside_it_are_all_combined():
    section = Section(
        grid={"sync_every": [10, 30]},
        zip={"params": ["1B", "2B"], "chips": [8, 16]},
        draw=Draw(count=3, **{"from": {"compute": "uniform:1:2"}}),
    )
    space = space_of(section, vary=[("replicas", "1,2")])
    assert space.count == 2 * 2 * 2 * 3
    assert space.keys == ("sync_every", "replicas", "params", "chips", "compute")
    assert len({repr(point) for point in points(space)}) == 24


@pytest.mark.parametrize(
    ("key", "given", "told"),
    [
        ("sync_every", "10,,30", "a value is missing"),
        ("sync_every", "10,30,10", "10 is there twice"),
        ("compute", "1:2:log", "is no range"),
        ("compute", "0:2:log:4", "ends above 0"),
        ("compute", "1:2:lin:1", "from 2 to"),
        ("workload.step_time", "1 s:2:lin:3", "one end has a unit"),
        ("workload.step_time", "1 bit:2 bit:lin:3", "a duration"),
        ("strategy", "dilco", "did you mean 'diloco'"),
    ],
)
def test_values_that_make_no_sense_are_refused(key, given, told):
    with pytest.raises(InputError, match=told):
        values_of(key, given)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("unform:1:2", "did you mean 'uniform'"),
        ("uniform:2:1", "got 2 and 1"),
        ("log-uniform:0:1", "0 below low"),
        ("normal:1:0", "a deviation above 0"),
        ("normal:1", "takes two numbers"),
        ({"uniform": [1, 2], "normal": [1, 2]}, "write a distribution"),
        ("integers:1:2.5", "whole numbers"),
    ],
)
def test_distributions_that_are_none_are_refused(given, told):
    with pytest.raises(InputError, match=told):
        drawn([("compute", given)], 4, 0, "sobol")


def test_keys_twice_lists_of_other_lengths_and_nothing_are_refused():
    with pytest.raises(InputError, match="varied twice"):
        Space(tuple(grid([("a", [1, 2]), ("a", [3])])))
    with pytest.raises(InputError, match="c has 2, d has 1"):
        paired([("c", [1, 2]), ("d", [1])])
    with pytest.raises(InputError, match="nothing is varied"):
        space_of(Section())
    with pytest.raises(InputError, match="how many points"):
        space_of(Section(), draw=[("compute", "uniform:1:2")])
    with pytest.raises(InputError, match="nothing is drawn"):
        space_of(Section(), vary=[("compute", [1])], drawing={"seed": 3})
