"""Plans against what is worked out here: compute budgets, exhaustive replay, prices, limits."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from sim import laws
from sim.documents.validation import validate
from sim.errors import InputError
from sim.questions.plan.equipment import equipped
from sim.questions.plan.options import Ask, options
from sim.questions.plan.plan import answer
from sim.questions.plan.replay import undominated
from sim.shell.options import in_options
from sim.simulation.predicted_loss import loss_after
from sim.simulation.run import outcomes
from sim.topology.model import Topology, load_topology

FLOP = 1000 * 0.4 * 989e12 * 30 * 86_400
"""1,000 chips at 40% of 989 Tflop/s for 30 days [flop]."""


def sites(count, bandwidth="1 Gbit/s", chips=8, inside="400 Gbit/s", collective="ideal", latency="10 ms", burst="0 B"):
    names = ["a", "b", "c", "d"][:count]
    return Topology.model_validate(
        {
            "name": "small",
            "collective": collective,
            "datacenters": [
                {"name": name, "chips": chips, "chip_speed": "300 Tflop/s", "inside": {"bandwidth": inside}}
                for name in names
            ],
            "links": [
                {"between": [a, b], "bandwidth": bandwidth, "latency": latency, "burst": burst}
                for i, a in enumerate(names)
                for b in names[i + 1 :]
            ],
        }
    )


@pytest.fixture(scope="module")
def one_site():
    return answer(Ask(load_topology("h100-one-site"), days=30))


def test_one_site_spends_the_whole_compute_near_twenty_tokens_a_parameter(one_site):
    best = one_site.best
    assert 6 * best.params * best.tokens == pytest.approx(FLOP, rel=2e-3)
    assert best.params == pytest.approx(math.sqrt(FLOP / 120), rel=0.05)  # 9.24e10
    assert best.tokens == pytest.approx(20 * math.sqrt(FLOP / 120), rel=0.05)  # 1.85e12


def test_at_twenty_tokens_a_parameter_compute_alone_says_the_size():
    best = answer(Ask(load_topology("h100-one-site"), days=30, tokens_per_param=20)).best
    # the largest number of two digits below sqrt(C / 120) = 9.24e10; tokens are whole steps
    assert best.params == 9.2e10
    assert 0 <= best.tokens - 20 * 9.2e10 < best.batch_tokens


@pytest.mark.parametrize(("algorithm", "replicas"), [("data-parallel", 1), ("diloco", 2), ("diloco", 8)])
@pytest.mark.parametrize("flop", [1e22, FLOP, 1e26])
def test_the_best_size_for_a_compute_budget_is_chinchillas(algorithm, replicas, flop):
    params = np.geomspace(3e9, 3e13, 4001)
    best_batch = laws.batch_tokens(params, algorithm, replicas)
    loss = laws.predicted_loss(params, flop / (6 * params), algorithm, replicas, best_batch)
    assert params[loss.argmin()] == pytest.approx(laws.chinchilla_optimal(flop)[0], rel=0.25)


def test_on_twenty_tokens_a_parameter_the_loss_is_that_of_the_laws():
    params = np.asarray([35e6, 2.4e9, 1e11])
    batch = laws.batch_tokens(params, "diloco", 4)
    found = laws.predicted_loss(params, 20 * params, "diloco", 4, batch)
    assert found == pytest.approx(laws.predicted_loss(params, 20 * params, "diloco", 4))
    # a batch of three times the best one makes a token count for 2 / (1 + 3) of one
    assert laws.predicted_loss(params, 40 * params, "diloco", 4, 3 * batch) == pytest.approx(found)


def exhaustive(ask, numbers, powers):
    """Every combination, its steps found by replays alone; the lowest loss first."""
    found = []
    for option in options(ask, equipped(ask)):
        for params in numbers:
            best = laws.batch_tokens(params, option.algorithm, option.replicas)
            own = [max(1, round(best / 2048)) * 2048.0, *(2.0**power for power in powers)]
            for batch in (each for each in own if best / 2 <= each <= 64 * best):

                def wall_clock_s(steps, option=option, params=params, batch=batch):
                    return outcomes(option.scenario(params, batch, steps))[0].timeline.wall_clock_s

                low, high = 0, max(2, int(64 * ask.limit_s / wall_clock_s(64)))  # about what fits
                while wall_clock_s(high) <= ask.limit_s:
                    low, high = high, high + max(1, high // 100)
                low = low or int(0.9 * high) - 1
                assert low <= 0 or wall_clock_s(low) <= ask.limit_s
                while high - low > 1:
                    middle = (low + high) // 2
                    low, high = (middle, high) if wall_clock_s(middle) <= ask.limit_s else (low, middle)
                if low > 0:
                    own_loss = loss_after(
                        option.strategy, outcomes(option.scenario(params, batch, low))[0].job.setting.load
                    )
                    loss = own_loss.low if own_loss.value is None else own_loss.value
                    found.append((loss, option.strategy.label, option.sites, params, batch, low))
    return sorted(found)


@pytest.mark.parametrize(
    ("topology", "strategies", "days", "cadences"),
    [
        (sites(2), ("data-parallel", "diloco"), 0.05, (10, 12)),
        (sites(2, bandwidth="20 Gbit/s"), ("data-parallel", "diloco"), 0.05, (10, 12)),
        (sites(3, collective="ring"), ("diloco",), 0.05, (10, 12)),
        (sites(2, collective="auto"), ("streaming-diloco:fragments=2", "data-parallel"), 0.01, (10, 12)),
        (sites(2), ("diloco:replicas=2",), 0.005, (10, 50)),
        (sites(2), ("diloco:replicas=2",), 0.0024, (60, 110, 130)),
    ],
    ids=["thin", "wide", "ring", "behind-compute", "few-rounds", "order"],
)
def test_the_winner_is_that_of_exhaustive_replay(topology, strategies, days, cadences):
    ask = Ask(topology, days=days, strategies=strategies, sync_every=cadences, params=(5e8, 5.1e8))
    wanted = exhaustive(ask, [5e8, 5.1e8], range(14, 29))[0]
    best = answer(ask).best
    found = (best.compared_loss, best.label, best.sites, best.params, best.batch_tokens, best.steps)
    assert found == (pytest.approx(wanted[0], rel=1e-12), *wanted[1:])


def test_not_a_step_more_would_fit():
    ask = Ask(sites(2, bandwidth="10 Gbit/s"), days=1, strategies=("diloco:replicas=2",), params=(1e9,))
    best = answer(ask).best
    option = next(each for each in options(ask, equipped(ask)) if each.strategy.label == best.label)

    def wall_clock_s(steps):
        return outcomes(option.scenario(best.params, best.batch_tokens, steps))[0].timeline.wall_clock_s

    assert best.wall_clock_s == wall_clock_s(best.steps) <= 86_400 < wall_clock_s(best.steps + 1)
    assert best.tokens == best.steps * best.batch_tokens


def test_on_links_with_buckets_a_plan_uses_the_time_that_it_has_and_is_replayed_in_short():
    """The front, too: no plan ends long before its share of the deadline, as a few steps more would still fit."""
    topology = sites(2, bandwidth="10 Gbit/s", collective="auto", chips=64, burst="1 GB")
    found = answer(Ask(topology, days=1))
    shares = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1)
    assert [entry.wall_clock_s / 86_400 for entry in found.front] == pytest.approx(shares, rel=1e-3)
    option = next(o for o in options(found.ask, equipped(found.ask)) if o.strategy.label == found.best.label)
    scenario = option.scenario(found.best.params, found.best.batch_tokens, found.best.steps)
    (only,) = outcomes(scenario)
    assert only.timeline.wall_clock_s == found.best.wall_clock_s
    assert only.replayed_steps < 1000 < found.best.steps


class Watcher:
    def __init__(self):
        self.doings, self.rows = [], []

    def doing(self, what, done, of):
        self.doings.append((what, done, of))

    def found(self, row):
        self.rows.append(row)


def test_a_long_search_says_what_it_is_at_and_how_much_is_left():
    watch = Watcher()
    found = answer(Ask(sites(2), days=0.01, params=(5e8, 5.1e8)), watch)
    assert watch.doings[0] == ("estimating Data-Parallel in 1 datacenter", 0, 5)
    replays = [each for each in watch.doings if each[0].startswith("replaying ")]
    assert [done for _, done, _ in replays] == sorted(done for _, done, _ in replays)
    assert replays[-1][1] == found.replays - 1
    assert all(done < of for _, done, of in watch.doings)
    assert replays[-1][2] == found.replays  # the end of the front
    assert any(row.startswith(f"{found.best.label}, ") for row in watch.rows)


def test_a_site_is_left_out_where_its_link_costs_more_than_its_chips_bring():
    thin, wide = (
        answer(Ask(sites(2, bandwidth="1 Mbit/s"), days=10)),
        answer(Ask(sites(2, bandwidth="1 Tbit/s"), days=10)),
    )
    assert thin.best.sites == ("a",)
    assert wide.best.sites == ("a", "b")
    assert wide.best.predicted_loss < thin.best.predicted_loss
    assert "bandwidth" not in thin.binding
    assert thin.marginal["bandwidth"].loss_change == 0


def test_of_unequal_sites_the_larger_one_is_chosen():
    document = sites(2, bandwidth="1 Mbit/s").model_dump(mode="json", exclude_none=True)
    document["datacenters"][1]["chips"] = 64
    best = answer(Ask(Topology.model_validate(document), days=10)).best
    assert (best.sites, best.chips) == (("b",), 64)


def test_marginals_are_what_a_changed_question_would_answer():
    topology = sites(2, bandwidth="10 Gbit/s", chips=64)
    ask = Ask(topology, days=10)
    plan = answer(ask)
    assert plan.closed_form
    wider = sites(2, bandwidth="20 Gbit/s", chips=64)
    doubled = {
        "days": answer(replace(ask, days=20)),
        "chips": answer(replace(ask, chips=256)),
        "bandwidth": answer(replace(ask, topology=wider)),
    }
    # steps are real numbers in the marginals, and N may fall outside of the other question's grid
    for name, other in doubled.items():
        change = other.best.predicted_loss - plan.best.predicted_loss
        assert plan.marginal[name].doubled_loss_change == pytest.approx(change, rel=0.01, abs=1e-5)
        assert plan.marginal[name].doubled_loss_change < plan.marginal[name].loss_change < 0
    assert set(doubled) <= set(plan.binding)
    changes = [plan.marginal[name].doubled_loss_change for name in plan.binding]
    assert changes == sorted(changes)


def test_costs_are_chip_hours_and_gigabytes():
    ask = Ask(sites(2, bandwidth="10 Gbit/s", chips=64), days=10, price_chip_hour=2.5, price_gb=0.05)
    plan = answer(ask)
    for entry in (plan.best, plan.runner_up, *plan.front):
        hours = entry.chips * entry.wall_clock_s / 3600
        assert entry.cost == pytest.approx(2.5 * hours + 0.05 * entry.cross_datacenter_bytes / 1e9)
    limited = answer(replace(ask, max_cost=0.3 * plan.best.cost))
    assert 0.29 * plan.best.cost < limited.best.cost <= 0.3 * plan.best.cost
    assert limited.best.predicted_loss > plan.best.predicted_loss
    assert limited.binding[0] == "cost"
    more = answer(replace(ask, max_cost=0.6 * plan.best.cost)).best.predicted_loss - limited.best.predicted_loss
    assert limited.marginal["cost"].doubled_loss_change == pytest.approx(more, rel=0.01)
    assert answer(replace(ask, price_chip_hour=None, price_gb=None)).best.cost is None


UNEVEN = [
    {"name": "dear", "chips": 64, "chip": "h100", "price_chip_hour": 9.0, "egress": 0.05},
    {"name": "cheap", "chips": 32, "chip": "h100", "price_chip_hour": 1.0, "egress": 0.01},
]


def uneven(**more):
    link = {"between": ["dear", "cheap"], "bandwidth": "10 Gbit/s", "latency": "10 ms"}
    document = {"name": "uneven", "datacenters": UNEVEN, "links": [link], **more}
    return validate(Topology, document, source="test")


def test_prices_of_the_topology_are_counted_by_site():
    plan = answer(Ask(uneven(egress=[{"from": "dear", "to": "cheap", "price": 0.02}]), days=3))
    price = {"dear": 9.0 * 64, "cheap": 1.0 * 32}
    for entry in (plan.best, plan.runner_up, *plan.front):
        rent = sum(price[name] for name in entry.sites) * entry.wall_clock_s / 3600
        egress = (0.02 + 0.01) / 2 * entry.cross_datacenter_bytes / 1e9 if len(entry.sites) == 2 else 0.0
        assert entry.cost == pytest.approx(rent + egress)


@pytest.mark.parametrize("objective", ["cost", "energy"])
def test_an_objective_saves_within_a_share_of_the_best_loss(objective):
    ask = Ask(uneven(), days=3, params=(1e9,), strategies=("data-parallel", "diloco"), max_mw=1.0)
    best = answer(ask).best
    saved = answer(replace(ask, objective=objective, loss_slack=0.02)).best
    spent = {"cost": lambda entry: entry.cost, "energy": lambda entry: entry.energy_kwh}[objective]
    assert spent(saved) < spent(best)
    assert saved.compared_loss <= 1.02 * 1.005 * best.compared_loss  # the best one is estimated before it is replayed
    more = answer(replace(ask, objective=objective, loss_slack=0.1)).best
    assert spent(more) <= spent(saved) * (1 + 1e-9)
    assert more.sites == ("cheap",) or objective == "energy"


def test_a_plan_draws_no_more_than_it_may():
    ask = Ask(uneven(), days=3, params=(1e9,))
    watts = {("dear", "cheap"): 96 * 700, ("dear",): 64 * 700, ("cheap",): 32 * 700}
    found = {limit: answer(replace(ask, max_mw=limit)).best for limit in (0.07, 0.03)}
    assert all(watts[best.sites] <= 1e6 * limit for limit, best in found.items())
    assert found[0.03].sites == ("cheap",)
    assert found[0.03].compared_loss > found[0.07].compared_loss == answer(ask).best.compared_loss


def test_a_plan_chooses_no_model_that_does_not_fit():
    """With a sharded optimizer every chip of a site of n holds 4 N + 12 N / n bytes, and activations."""
    ask = Ask(uneven(), days=300, params=(1e9, 1e13), strategies=("data-parallel",), sharding="optimizer")
    best = answer(ask).best
    chips = min({"dear": 64, "cheap": 32}[name] for name in best.sites)
    assert (4 + 12 / chips) * best.params < 80e9
    assert any(note.startswith("memory: models of Data-Parallel up to ") for note in answer(ask).notes)
    small = answer(replace(ask, sharding="none")).best
    assert small.params <= 80e9 / 16
    assert small.compared_loss > best.compared_loss
    free = answer(replace(ask, topology=uneven_without_names())).best
    assert free.params > best.params


def uneven_without_names():
    sites = [{**site, "chip": None, "chip_speed": "395.8 Tflop/s"} for site in UNEVEN]
    sites = [{key: value for key, value in site.items() if value is not None} for site in sites]
    link = {"between": ["dear", "cheap"], "bandwidth": "10 Gbit/s", "latency": "10 ms"}
    return validate(Topology, {"name": "uneven", "datacenters": sites, "links": [link]}, source="test")


def test_a_model_that_no_chip_holds_is_refused_with_what_would_fit():
    with pytest.raises(InputError) as refused:
        answer(Ask(uneven(), days=3, params=(1e12,), sharding="optimizer"))
    told = in_options(refused.value)
    assert "--params 1T: a h100 in " in told
    assert "has 80.0 GB" in told
    assert "would fit: write smaller --params, more --chips, another --chip, or --sharding parameters" in told
    most = float(told.partition("up to ")[2].partition("B would fit")[0]) * 1e9
    held = answer(Ask(uneven(), days=3, params=(0.99 * most,), sharding="optimizer")).best
    assert held.params == 0.99 * most
    with pytest.raises(InputError, match="would fit"):
        answer(Ask(uneven(), days=3, params=(1.01 * most,), sharding="optimizer"))


def test_the_front_is_a_front():
    plan = answer(Ask(sites(3, bandwidth="10 Gbit/s", chips=64), days=10, price_chip_hour=1.0))
    figures = [(entry.wall_clock_s, entry.compared_loss, entry.cost) for entry in plan.front]
    assert figures == sorted(figures)
    for one in figures:
        assert not any(other != one and all(np.less_equal(other, one)) for other in figures)
    assert len({entry.chips for entry in plan.front}) > 1  # fewer chips are cheaper
    assert plan.best in plan.front
    worse = replace(plan.best, compared_loss=plan.best.compared_loss + 1e-6)
    assert undominated([worse, plan.best], plan.ask) == [plan.best]


def test_repeated_tokens_count_for_less():
    ask = Ask(load_topology("h100-one-site"), days=30, strategies=("data-parallel",))
    free, limited = answer(ask), answer(replace(ask, unique_tokens=1e11))
    assert limited.best.epochs == pytest.approx(limited.best.tokens / 1e11)
    assert limited.best.predicted_loss > free.best.predicted_loss
    assert limited.best.params > free.best.params
    assert "unique_tokens" in limited.binding
    worth = laws.effective_tokens(limited.best.tokens, 1e11)
    numbers = (np.asarray(limited.best.params), np.asarray(worth), "data-parallel", 1)
    alike = laws.predicted_loss(*numbers, np.asarray(limited.best.batch_tokens))
    assert limited.best.predicted_loss == pytest.approx(float(alike))
    assert "unique_tokens" not in answer(replace(ask, unique_tokens=1e14)).binding


def test_a_model_that_is_asked_a_lot_is_smaller_and_trained_for_longer(one_site):
    from scipy.optimize import brentq

    slack, inference = 0.01, 1e13
    ask = replace(one_site.ask, inference_tokens=inference, loss_slack=slack, strategies=("data-parallel",))
    plan = answer(ask)
    best_loss = answer(replace(ask, inference_tokens=None)).best.predicted_loss
    target = best_loss * (1 + slack)
    assert plan.best.predicted_loss == pytest.approx(target, rel=1e-5)
    assert plan.best.params < one_site.best.params
    assert plan.best.lifetime_flop == 6 * plan.best.params * plan.best.tokens + 2 * plan.best.params * inference

    def lifetime(params):
        batch = np.asarray(laws.batch_tokens(params, "data-parallel", 1))
        numbers = (np.asarray(params), "data-parallel", 1)

        def gap(log_tokens):
            return (
                float(laws.predicted_loss(numbers[0], np.asarray(math.exp(log_tokens)), *numbers[1:], batch)) - target
            )

        tokens = math.exp(brentq(gap, math.log(1e9), math.log(1e16)))
        return 6 * params * tokens + 2 * params * inference if 6 * params * tokens <= FLOP else math.inf

    least = min(lifetime(params) for params in np.arange(30, 100) * 1e9)
    assert plan.best.lifetime_flop == pytest.approx(least, rel=1e-3)


def test_what_the_laws_do_not_cover_is_said(one_site):
    assert any(note.startswith("params: above the fitted range") for note in one_site.best.notes)
    assert any(note.startswith("tokens: ") for note in one_site.best.notes)
    asked = Ask(
        sites(2),
        days=1,
        strategies=("elastic-diloco:replicas=2,quorum=1,payload_bits=4",),
        sync_every=(100,),
        params=(1e9,),
    )
    best = answer(asked).best
    assert best.predicted_loss is None
    assert best.compared_loss == best.predicted_loss_low < best.predicted_loss_high
    notes = " ".join(best.notes)
    assert "no law: nobody has published what this strategy costs" in notes
    assert "compared by that of DiLoCo, as if that were free" in notes
    assert "sync_every: 100" in notes
    assert "bits: 4" in notes
    fitted = Ask(sites(2), days=60, strategies=("data-parallel",), params=(1e9,), tokens_per_param=20)
    assert answer(fitted).best.notes == ()


def test_rarer_outer_steps_have_a_price_and_who_is_wary_pays_the_high_end():
    """On a link as thin as that the rarest outer steps train the most tokens; what they cost decides."""
    strategies = ("diloco:replicas=2",)
    ask = Ask(sites(2, bandwidth="1 Gbit/s"), days=1, strategies=strategies, sync_every=(30, 1000), params=(1e9,))
    plain, wary = answer(ask).best, answer(replace(ask, risk=True)).best
    assert plain.sync_every == 1000
    assert plain.predicted_loss_low < plain.predicted_loss < plain.predicted_loss_high
    assert plain.compared_loss == plain.predicted_loss
    assert wary.compared_loss == wary.predicted_loss_high <= plain.predicted_loss_high
    unknown = replace(ask, strategies=("diloco:replicas=2", "elastic-diloco:replicas=2,quorum=1"), sync_every=(30,))
    assert answer(replace(unknown, risk=True)).best.strategy == "diloco"
    calm = answer(replace(ask, strategies=("data-parallel",), sync_every=(30,), risk=True))
    assert any("--risk" in note for note in calm.notes)


def test_a_batch_above_the_best_one_is_priced():
    # a step costs its exchange whatever the batch is, so on a thin link the batch is larger than the law's best
    ask = Ask(sites(2, bandwidth="1 Gbit/s", chips=64), days=5, strategies=("diloco:replicas=2",), params=(2e9,))
    best = answer(ask).best
    assert best.batch_tokens > 1.5 * best.best_batch_tokens
    batch = best.best_batch_tokens
    numbers = (np.asarray(best.params), np.asarray(best.tokens), "diloco", 2)
    assert best.batch_penalty == pytest.approx(
        best.predicted_loss - float(laws.predicted_loss(*numbers, np.asarray(batch)))
    )
    assert best.batch_penalty > 0
    assert any(note.startswith("batch: ") for note in best.notes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"days": 0.0}, ["--days", "above 0"]),
        ({"days": 1e-9}, ["--days", "nothing fits"]),
        ({"chips": 7}, ["--chips", "2 datacenters", "6 or 8"]),
        ({"sync_every": (0,)}, ["--sync-every", "above 0"]),
        ({"strategies": ("dilocoo",)}, ["dilocoo", "did you mean 'diloco'"]),
        ({"strategies": ("diloco:replicas=3",)}, ["--strategy diloco", "than the 2 of", "fewer replicas"]),
        ({"strategies": ("diloco:replicas=two",)}, ["--strategy diloco", "replicas"]),
        ({"max_cost": 5.0}, ["--max-cost", "--price-chip-hour"]),
        ({"price_gb": -1.0}, ["--price-gb", "0 or more"]),
        ({"objective": "cost"}, ["--objective cost", "no prices", "--price-chip-hour"]),
        ({"objective": "energy"}, ["--objective energy", "nobody says what a chip", "--chip"]),
        ({"max_mw": 1.0}, ["--max-mw", "nobody says what a chip", "--chip"]),
        ({"max_mw": 1e-6, "chip": "h100"}, ["--max-mw", "the smallest choice of datacenters draws"]),
        ({"objective": "cost", "price_gb": 1.0, "inference_tokens": 1e9}, ["--objective", "--inference-tokens"]),
        ({"payload_bits": 0.0}, ["--payload-bits", "above 0"]),
        ({"loss_slack": 2.0}, ["--loss-slack", "0.01"]),
        ({"unique_tokens": -1.0}, ["--unique-tokens", "above 0"]),
        ({"tokens_per_param": 20.0, "params": (1e14,)}, ["nothing fits", "20 tokens per parameter"]),
    ],
)
def test_a_question_that_makes_no_sense_says_what_to_write(changes, words):
    with pytest.raises(InputError) as raised:
        answer(replace(Ask(sites(2), days=1), **changes))
    assert [word for word in words if word not in in_options(raised.value)] == []
    assert "\n" not in str(raised.value)
    assert "--" not in str(raised.value)


def test_a_topology_without_chips_asks_for_them():
    with pytest.raises(InputError, match="write chips with the number") as raised:
        answer(Ask(load_topology("metro-fibre"), days=1))
    assert "write --chips with the number" in in_options(raised.value)
    assert answer(Ask(load_topology("low-bw"), days=1, chips=64, params=(1e9,))).best.chips <= 64


PLAN = ("plan", "--topology", "h100-two-sites", "--days", "30")


def test_the_command_prints_json_csv_and_a_table(simulate):
    found = json.loads(simulate(*PLAN, "--format", "json")[1])
    keys = {"params", "tokens", "strategy", "replicas", "sync_every", "batch_tokens", "chips", "wall_clock_s"}
    keys |= {"predicted_loss", "cost"}
    for entry in (found["best"], found["runner_up"], *found["front"]):
        assert keys <= set(entry)
    assert set(found["marginal"]) >= {"days", "chips", "bandwidth"}
    assert set(found["binding"]) <= set(found["marginal"])
    assert found["best"]["wall_clock_s"] <= 30 * 86_400
    lines = simulate(*PLAN, "--format", "csv")[1].splitlines()
    assert [line.split(",")[0] for line in lines[:3]] == ["rank", "best", "runner_up"]
    table = simulate(*PLAN, "--price-chip-hour", "2", "--price-gb", "0.01")[1]
    assert max(map(len, table.splitlines())) <= 100
    assert "cost" in table


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--params", "70B:7B"], ["--params", "1B:100B"]),
        (["--params", "many"], ["--params", "10B"]),
        (["--sync-every", "30,x"], ["--sync-every", "30,100"]),
        (["--chip", "300"], ["--chip", "Tflop/s"]),
    ],
)
def test_wrong_options_end_in_one_line(simulate, arguments, words):
    code, out, err = simulate(*PLAN, *arguments)
    assert code == 2
    assert out == ""
    assert [word for word in words if word not in err] == []


def test_a_misspelt_topology_is_told_the_nearest_one(simulate):
    code, out, err = simulate("plan", "--days", "1", "--topology", "h100-one")
    assert (code, out) == (2, "")
    assert "h100-one-site" in err


def test_the_edge_of_a_range_binds():
    ask = Ask(sites(2), days=30, strategies=("data-parallel",))
    free = answer(ask).best.params
    assert "params" not in answer(replace(ask, params=(free / 4, free * 4))).binding
    edge = answer(replace(ask, params=(free * 2, free * 4)))
    assert edge.best.params == free * 2
    assert edge.binding[-1] == "params"


def test_of_many_datacenters_those_with_the_most_compute_come_first():
    many = {"shape": "full-mesh", "datacenters": 12, "bandwidth": "10 Gbit/s", "latency": "1 ms"}
    document = Topology.model_validate({"name": "many", "generate": many}).model_dump(mode="json", exclude_none=True)
    for number, site in enumerate(document["datacenters"]):
        site |= {"chips": 8 + number, "chip_speed": "300 Tflop/s"}
    ask = Ask(Topology.model_validate(document), days=1, strategies=("data-parallel",))
    chosen = [option.sites for option in options(ask, equipped(ask))]
    assert [len(names) for names in chosen] == list(range(1, 13))
    assert chosen[2] == ("dc12", "dc11", "dc10")


def test_every_strategy_is_tried_on_every_choice_of_datacenters():
    ask = Ask(sites(2), days=1, sync_every=(10, 30))
    found = {(option.strategy.label, "".join(option.sites), option.chips) for option in options(ask, equipped(ask))}
    one = {("Data-Parallel", "a", 8), ("DiLoCo M=1 H=10", "a", 8), ("DiLoCo M=1 H=30", "a", 8)}  # b looks like a
    both = {("Data-Parallel", "ab", 16), ("DiLoCo M=1 H=10", "ab", 16), ("DiLoCo M=1 H=30", "ab", 16)}
    assert found == one | both | {("DiLoCo M=2 H=10", "ab", 16), ("DiLoCo M=2 H=30", "ab", 16)}
    document = sites(3).model_dump(mode="json", exclude_none=True)
    document["links"][0]["bandwidth"] = "5 Gbit/s"  # between a and b
    uneven = Ask(
        Topology.model_validate(document), days=1, strategies=("async-diloco", "diloco:replicas=2,sync_every=9")
    )
    found = [(option.strategy.label, "".join(option.sites)) for option in options(uneven, equipped(uneven))]
    assert [places for label, places in found if "Async" in label] == ["ab", "ac", "abc"]
    assert [places for label, places in found if label == "DiLoCo M=2 H=9"] == ["ab", "ac"]
