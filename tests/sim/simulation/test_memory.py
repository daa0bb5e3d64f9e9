"""What a chip holds, against published rules; `tests/trainer/recording/test_memory.py` holds it against the trainer."""

import pytest

from sim.documents.validation import validate
from sim.laws.model_family import FAMILY
from sim.scenario.model import Scenario
from sim.simulation.jobs import jobs
from sim.simulation.memory import Layers, activation_bytes, memory_of
from sim.simulation.run import run
from sim.strategies import STRATEGIES
from sim.workload.memory import Memory


def scenario(strategy=None, work=None, chip="h100", chips=64, **memory):
    sites = [{"name": name, "chips": chips, "chip": chip} for name in "ab"]
    links = [{"between": ["a", "b"], "bandwidth": "10 Gbit/s", "latency": "1 ms"}]
    document = {
        "topology": {"name": "t", "datacenters": sites, "links": links},
        "workload": {"params": 7.5e9, "steps": 4, "batch_tokens": 2**20, "memory": memory} | (work or {}),
        "strategies": [strategy or {"kind": "data-parallel"}],
    }
    return validate(Scenario, document, source="test")


def held(*arguments, **more):
    asked = scenario(*arguments, **more)
    return memory_of(asked, jobs(asked)[0])


@pytest.mark.parametrize(
    ("sharding", "gb"), [("none", 120), ("optimizer", 31.4), ("gradients", 16.6), ("parameters", 1.88)]
)
def test_states_are_those_that_zero_prints(sharding, gb):
    """7.5B parameters on 64 devices: Figure 1 of arXiv 1910.02054."""
    found = held(sharding=sharding)
    assert (found.weights + found.gradients + found.optimizer) / 1e9 == pytest.approx(gb, rel=5e-3)


def test_sixteen_bytes_a_parameter_without_sharding():
    found = held(work={"params": 3e9}, sharding="none")
    assert found.total == 16 * 3e9
    assert found.activations is None


def test_shards_and_model_shards_divide():
    few = held(sharding="parameters", shards=8)
    assert few.weights + few.gradients + few.optimizer == pytest.approx(16 * 7.5e9 / 8)
    cut = held(sharding="none", model_shards=8)
    assert cut.total == pytest.approx(16 * 7.5e9 / 8)
    both = held(sharding="parameters", model_shards=8)
    assert both.weights + both.gradients + both.optimizer == pytest.approx(16 * 7.5e9 / 64)


def test_activations_are_those_of_the_published_formula():
    """22B of arXiv 2205.05198: 48 layers, h = 6144, a = 64, s = 2048, b = 4."""
    layers, t, s, b, h, a = Layers(48, 6144, 64), 8, 2048, 4, 6144, 64
    keys = {"sequence_tokens": s, "sequences": b}
    one = Memory(rematerialise="none", **keys)
    assert activation_bytes(one, layers) == pytest.approx(48 * s * b * h * (34 + 5 * a * s / h))
    cut = Memory(rematerialise="none", model_shards=t, **keys)
    assert activation_bytes(cut, layers) == pytest.approx(48 * s * b * h * (10 + 24 / t + 5 * a * s / (h * t)))
    fused = Memory(rematerialise="attention", **keys)
    assert activation_bytes(fused, layers) == pytest.approx(48 * s * b * h * 34)
    again = Memory(rematerialise="layer", **keys)
    assert activation_bytes(again, layers) == pytest.approx(48 * 2 * s * b * h + 34 * s * b * h)


def test_a_named_model_has_its_own_shape():
    family = FAMILY["10b"]
    work = {"params": None, "model": "10b"}
    document = {key: value for key, value in work.items() if value is not None}
    asked = scenario(sharding="none", rematerialise="attention")
    workload = validate(
        type(asked.workload),
        {"steps": 4, "memory": {"sharding": "none", "rematerialise": "attention"}, **document},
        source="w",
    )
    asked = asked.replaced(workload=workload)
    found = memory_of(asked, jobs(asked)[0])
    assert found.activations == pytest.approx(family.layers * 34 * 2048 * family.width)


@pytest.mark.parametrize("kind", STRATEGIES)
def test_outer_steps_keep_the_last_parameters_and_a_momentum(kind):
    more = {"replicas": 2} if "replicas" in STRATEGIES[kind].model_fields else {}
    more |= {"quorum": 2} if "quorum" in STRATEGIES[kind].model_fields else {}
    found = held({"kind": kind, **more}, {"layers": 8}, sharding="none")
    assert found.outer == (
        0 if kind in ("data-parallel", "decoupled-diloco", "demo", "des-loc", "pipeline") else 8 * 7.5e9
    )  # or a syncer has them
    gone = held({"kind": kind, **more}, {"layers": 8}, sharding="none", outer_on_host=True)
    assert gone.outer == 0


def test_what_does_not_fit_is_said_with_what_would_need_less():
    found = run(scenario(sharding="optimizer"))
    assert not any(note.startswith("memory: Data-Parallel needs") for note in found.notes)
    found = run(scenario(sharding="none"))
    assert any("memory: Data-Parallel needs 120 GB of the 80.0 GB of a h100 in a" in note for note in found.notes)
    assert any("sharding: parameters" in note for note in found.notes)
    assert found.runs[0].memory.total == 120e9


def test_without_a_word_on_memory_nothing_is_told():
    asked = scenario()
    plain = asked.replaced(workload=asked.workload.replaced(memory=None))
    found = run(plain)
    assert found.runs[0].memory is None
    assert not any("memory" in note for note in found.notes)
