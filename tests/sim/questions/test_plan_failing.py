"""Plans for hardware that fails, beside formulas, the goodput of the saved plan, and plans where nothing fails."""

from dataclasses import replace

import pytest

from sim.errors import InputError
from sim.failures.closed_forms import daly_wall_clock_s
from sim.questions.goodput.goodput import answer as goodput
from sim.questions.plan.options import Ask
from sim.questions.plan.plan import answer
from sim.scenario.failures import Away, Checkpoint, Failures, Part
from sim.topology.model import Topology

NAMES = ("a", "b", "c")
THREE = Topology.model_validate(
    {
        "name": "three",
        "datacenters": [{"name": name, "chips": 64, "chip_speed": "300 Tflop/s"} for name in NAMES],
        "links": [
            {"between": [one, other], "bandwidth": "1 Gbit/s", "latency": "10 ms"}
            for one, other in (("a", "b"), ("b", "c"), ("a", "c"))
        ],
    }
)
ASK = Ask(THREE, days=10)


def failing(**keys):
    return Failures(parts=(Part(what="site", **keys),))


def test_a_plan_for_what_hardly_ever_fails_is_the_plan_without_failures():
    plain, rare = answer(ASK), answer(replace(ASK, failures=failing(mtbf=1e11, repair=10.0)))
    for field in ("label", "params", "batch_tokens", "sites", "cost"):
        assert getattr(rare.best, field) == getattr(plain.best, field)
    assert rare.best.goodput == pytest.approx(1, rel=1e-3)
    assert rare.best.tokens == pytest.approx(plain.best.tokens, rel=2e-3)
    assert plain.best.goodput is None
    assert plain.under_failures is None


def test_a_single_site_that_restarts_has_the_goodput_of_daly():
    """One site, exponential failures, no repair: the share of its time that trains is that of Daly's formula."""
    one = THREE.replaced(datacenters=THREE.datacenters[:1], links=())
    life_s, write_s, restart_s = 5_000.0, 20.0, 100.0
    failures = Failures(
        parts=(Part(what="site", mtbf=life_s, repair=1e-3),),
        detect=0.0,
        restart=restart_s,
        checkpoint=Checkpoint(every=400.0, write=write_s),
        policies=("restart",),
    )
    asked = replace(ASK, topology=one)
    plain, best = answer(asked).best, answer(replace(asked, failures=failures)).best
    formula = 1 / daly_wall_clock_s(1.0, 400.0, life_s, write_s, restart_s)
    assert best.goodput == pytest.approx(formula, rel=0.01)
    assert best.params * best.tokens == pytest.approx(best.goodput * plain.params * plain.tokens, rel=0.01)


def test_the_saved_plan_trains_on_as_many_tokens_where_its_hardware_fails():
    plan = answer(replace(ASK, failures=failing(mtbf=3 * 86_400.0, repair=36_000.0)))
    assert plan.best.goodput < 0.97
    best = goodput(plan.scenario, for_s=ASK.limit_s).best
    assert best.tokens.p50 == pytest.approx(plan.best.tokens, rel=0.02)
    assert best == plan.under_failures
    assert any("a day" in note and "histories" in note for note in plan.notes)


@pytest.mark.parametrize("gone", NAMES)
def test_a_datacenter_that_is_hardly_ever_there_is_left_out(gone):
    """The three are alike but for that, and three train to a lower loss than two where nothing fails."""
    away = Away(site=gone, at=3_600.0, **{"for": 9.9 * 86_400})
    wide = THREE.replaced(links=tuple(link.replaced(bandwidth="100 Gbit/s") for link in THREE.links))
    asked = replace(ASK, topology=wide)
    plain, plan = answer(asked), answer(replace(asked, failures=Failures(away=(away,))))
    assert sorted(plain.best.sites) == [*NAMES]
    assert sorted(plan.best.sites) == [name for name in NAMES if name != gone]
    assert plan.best.goodput == 1  # nothing of its own fails


def test_chips_and_spares_are_rented_for_the_time_that_failures_take():
    failures = failing(mtbf=86_400.0, repair=3_600.0).replaced(spares=16, policies=("restart",))
    best = answer(replace(ASK, strategies=("data-parallel",), price_chip_hour=2.0, failures=failures)).best
    chips = best.chips + 16 * len(best.sites)
    assert best.cost == pytest.approx(2.0 * chips * best.wall_clock_s / 3600, rel=1e-9)
    assert best.wall_clock_s == pytest.approx(ASK.limit_s, rel=0.01)
    assert best.goodput < 0.95


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(InputError, match="there is no datacenter 'x'"):
        answer(replace(ASK, failures=Failures(away=(Away(site="x", at=0.0, **{"for": 9.0}),))))
    always = tuple(Away(site=name, at=0.0, **{"for": 11 * 86_400.0}) for name in NAMES)
    with pytest.raises(InputError, match="nothing is ever trained"):
        answer(replace(ASK, failures=Failures(away=always)))
