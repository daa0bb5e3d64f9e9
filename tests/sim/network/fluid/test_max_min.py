"""Max-min fair rates against other methods: linear programs, and exact fractions over time."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest
import simpy
from scipy.optimize import linprog

import sim.network.fluid.division
from sim.network.fluid.max_min import load_of, max_min_rates, refreshed_rates
from sim.network.fluid.max_min_incremental import Levels
from sim.network.fluid.network import FluidNetwork
from sim.network.fluid.wire import Wire
from sim.topology.capacity import CapacityOverTime


class Case:
    """A random set of flows: capacities of the links, and route, weight and cap of each flow."""

    def __init__(self, dice, links, flows, *, ties=False):
        bandwidth = (lambda: float(dice.choice([1, 2]))) if ties else (lambda: dice.uniform(0.5, 10))
        self.links = links
        self.capacity = np.array([bandwidth() for _ in range(links)] + [math.inf])
        ways = [dice.sample(range(links), dice.randint(1, min(4, links))) for _ in range(flows)]
        self.routes = np.full((4, flows), links)
        for flow, way in enumerate(ways):
            self.routes[: len(way), flow] = way
        self.weights = np.array([float(dice.choice([1, 1, 1, 2, 4, 0.5])) for _ in range(flows)])
        self.caps = np.array([dice.uniform(0.05, 3) if dice.random() < 0.3 else math.inf for _ in range(flows)])

    def subset(self, which):
        return self.routes[:, which], self.weights[which], self.caps[which]

    def crossing(self, link):
        return np.flatnonzero((self.routes == link).any(axis=0))


def by_linear_programs(case):
    """Lexicographic max-min: raise the lowest level as far as it goes, fix the flows that hold it down, repeat."""
    flows = len(case.weights)
    incidence = np.zeros((case.links, flows + 1))  # the last variable is the lowest level
    for link in range(case.links):
        incidence[link, case.crossing(link)] = case.weights[case.crossing(link)]
    fixed = {}
    while len(fixed) < flows:
        free = [flow for flow in range(flows) if flow not in fixed]
        at_least = np.zeros((len(free), flows + 1))
        at_least[range(len(free)), free], at_least[:, -1] = -1.0, 1.0
        bounds = [(fixed[f], fixed[f]) if f in fixed else (0, case.caps[f] / case.weights[f]) for f in range(flows)]
        solved = linprog(
            [0.0] * flows + [-1.0],
            A_ub=np.vstack([at_least, incidence]),
            b_ub=[0.0] * len(free) + list(case.capacity[:-1]),
            bounds=[*bounds, (0, None)],
            method="highs-ds",
            options={"presolve": False, "primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
        )
        assert solved.status == 0, solved.message
        held = solved.ineqlin.marginals[: len(free)] < -1e-7
        assert held.any()
        fixed.update((free[i], float(solved.x[-1])) for i in np.flatnonzero(held))
    return np.array([fixed[flow] for flow in range(flows)]) * case.weights


@pytest.mark.parametrize("block", range(5))
def test_rates_equal_a_sequence_of_linear_programs(block):
    for seed in range(100):
        dice = random.Random(1000 * block + seed)
        case = Case(dice, dice.randint(1, 7), dice.randint(1, 9), ties=seed % 5 == 0)
        rates = max_min_rates(case.capacity, case.routes, case.weights, case.caps)
        assert rates == pytest.approx(by_linear_programs(case), rel=1e-9), f"seed {1000 * block + seed}"


def assert_max_min(case, rates):
    """The definition: nothing is overloaded, and every flow is at its cap or bound by a full link."""
    level = rates / case.weights
    load = load_of(case.routes, rates, case.links + 1)
    assert (load <= case.capacity * (1 + 1e-9)).all()
    assert (rates > 0).all()
    for flow, rate in enumerate(rates):
        bound = rate >= case.caps[flow] * (1 - 1e-9)
        for link in set(case.routes[:, flow]) - {case.links}:
            full = load[link] >= case.capacity[link] * (1 - 1e-9)
            bound |= full and level[case.crossing(link)].max() <= level[flow] * (1 + 1e-9)
        assert bound, f"flow {flow} could have more"


@pytest.mark.parametrize("seed", range(40))
def test_rates_are_max_min_fair_by_definition(seed):
    dice = random.Random(seed)
    case = Case(dice, dice.randint(2, 30), dice.randint(2, 150), ties=seed % 3 == 0)
    assert_max_min(case, max_min_rates(case.capacity, case.routes, case.weights, case.caps))


@pytest.mark.parametrize("seed", range(30))
def test_refreshed_rates_equal_a_full_solution_as_flows_come_and_go(seed):
    dice = random.Random(seed)
    case = Case(dice, 12, 60, ties=seed % 3 == 0)
    here = sorted(dice.sample(range(60), 30))
    rates = dict(zip(here, max_min_rates(case.capacity, *case.subset(here)), strict=True))
    for _ in range(40):
        absent = [flow for flow in range(60) if flow not in rates]
        if (dice.random() < 0.5 and len(rates) > 1) or not absent:
            gone = dice.choice(list(rates))
            level = rates.pop(gone) / case.weights[gone]
        else:  # no bound on its level is known
            rates[dice.choice(absent)], level = math.inf, 0.0
        here = list(rates)
        before = np.array([rates[flow] for flow in here])
        after = refreshed_rates(case.capacity, *case.subset(here), before, level)
        assert after == pytest.approx(max_min_rates(case.capacity, *case.subset(here)), rel=1e-9)
        rates = dict(zip(here, after, strict=True))


@pytest.mark.parametrize("seed", range(24))
def test_carried_levels_equal_a_full_solution_as_flows_come_and_go(seed, monkeypatch):
    dice = random.Random(seed)
    flows = dice.choice([10, 60, 250])
    case = Case(dice, dice.choice([3, 12, 30]), flows, ties=seed % 3 == 0)
    scratch = []
    monkeypatch.setattr(
        "sim.network.fluid.max_min_incremental.max_min_rates", lambda *a: (scratch.append(1), max_min_rates(*a))[1]
    )
    levels, here, bound = Levels(case.links), list(range(flows // 2)), dict.fromkeys(range(flows // 2), -1)
    for _ in range(80):
        absent = [flow for flow in range(flows) if flow not in bound]
        if (dice.random() < 0.6 and len(here) > 1) or not absent:
            gone = here.pop(dice.randrange(len(here)))
            levels.left(case.routes[:, gone], bound.pop(gone), case.weights[gone], case.caps[gone])
        elif dice.random() < 0.1:
            case.capacity[dice.randrange(case.links)] *= dice.choice([0.5, 2.0])
        else:
            here.append(dice.choice(absent))
            bound[here[-1]] = -1
        place = np.array([bound[flow] for flow in here])
        rates, load = levels.rates(case.capacity, *case.subset(here), place)
        bound = dict(zip(here, place.tolist(), strict=True))
        assert rates == pytest.approx(max_min_rates(case.capacity, *case.subset(here)), rel=1e-9)
        assert load == pytest.approx(load_of(case.routes[:, here], rates, case.links + 1), rel=1e-9, abs=1e-9)
    assert len(scratch) < 40, "hardly ever carried on, nearly always from scratch"


def test_carried_levels_take_links_that_stall_and_return():
    case = Case(random.Random(1), 10, 100)
    levels, bound = Levels(10), np.full(100, -1)
    full = case.capacity.copy()
    for stalled in (None, 3, None, 4):
        case.capacity[:] = full
        if stalled is not None:
            case.capacity[stalled] = 0.0
        rates, _ = levels.rates(case.capacity, case.routes, case.weights, case.caps, bound)
        assert rates == pytest.approx(max_min_rates(case.capacity, case.routes, case.weights, case.caps), rel=1e-9)
        if stalled is not None:
            assert (rates[case.crossing(stalled)] == 0).all()


def by_fractions(capacity, flows):
    """Finish times in exact arithmetic: one bottleneck at a time at every event, nothing remembered."""
    now, under_way, ends = Fraction(0), {}, {}
    waiting = sorted(range(len(flows)), key=lambda flow: flows[flow]["start"])
    while waiting or under_way:
        rates, free, room = {}, set(under_way), list(capacity)
        while free:
            offers = []
            for link, left in enumerate(room):
                if weight := sum(flows[f]["weight"] for f in free if link in flows[f]["route"]):
                    offers.append((left / weight, {f for f in free if link in flows[f]["route"]}))
            offers += [(flows[f]["cap"] / flows[f]["weight"], {f}) for f in free if flows[f]["cap"]]
            level, taken = min(offers, key=lambda offer: offer[0])
            for flow in taken:
                rates[flow] = level * flows[flow]["weight"]
                for link in flows[flow]["route"]:
                    room[link] -= rates[flow]
            free -= taken
        done = min((now + left / rates[flow] for flow, left in under_way.items()), default=None)
        arrives = flows[waiting[0]]["start"] if waiting else None
        until = min(t for t in (done, arrives) if t is not None)
        under_way = {flow: left - rates[flow] * (until - now) for flow, left in under_way.items()}
        now = until
        for flow in [flow for flow, left in under_way.items() if left == 0]:
            del under_way[flow]
            ends[flow] = now
        while waiting and flows[waiting[0]]["start"] == now:
            flow = waiting.pop(0)
            under_way[flow] = flows[flow]["bits"]
    return [ends[flow] for flow in range(len(flows))]


@pytest.mark.parametrize("remembered", [64, 0], ids=["small sets", "carried levels"])
@pytest.mark.parametrize("block", range(4))
def test_finish_times_equal_an_exact_integration(block, remembered, monkeypatch):
    monkeypatch.setattr(sim.network.fluid.division, "_SMALL", remembered)
    for seed in range(30):
        dice = random.Random(100 * block + seed)
        capacity = [Fraction(dice.randint(1, 40)) for _ in range(dice.randint(1, 6))]
        flows = [
            {
                "start": Fraction(dice.randint(0, 8), 2),
                "bits": Fraction(8 * dice.randint(1, 20)),
                "route": tuple(dice.sample(range(len(capacity)), dice.randint(1, min(4, len(capacity))))),
                "weight": dice.choice([1, 1, 2, 5]),
                "cap": dice.choice([None, None, Fraction(dice.randint(1, 10))]),
            }
            for _ in range(dice.randint(2, 12))
        ]
        env = simpy.Environment()
        network = FluidNetwork(
            env, [Wire(str(i), CapacityOverTime.of([0.0], [float(c)])) for i, c in enumerate(capacity)]
        )
        ends = {}

        def go(number, flow, env=env, network=network, ends=ends):
            yield env.timeout(float(flow["start"]))
            cap = math.inf if flow["cap"] is None else float(flow["cap"])
            yield network.send(flow["route"], float(flow["bits"]) / 8, streams=flow["weight"], cap_bits_per_s=cap)
            ends[number] = env.now

        for number, flow in enumerate(flows):
            env.process(go(number, flow))
        env.run()
        wanted = [float(end) for end in by_fractions(capacity, flows)]
        assert [ends[i] for i in range(len(flows))] == pytest.approx(wanted, rel=1e-9), f"seed {100 * block + seed}"
