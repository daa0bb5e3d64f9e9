"""What holds for every scenario, over the random ones that the reference replays too."""

import copy
import json
import math

import pytest

from sim.errors import InputError
from sim.scenario.model import Scenario
from sim.simulation.run import run
from tests.reference.compare import at, jittered, paths
from tests.reference.figures import product
from tests.reference.worlds import world, write_traces

SEEDS = range(5_000_000, 5_000_100)
MEET = (
    "data-parallel",
    "diloco",
    "streaming-diloco",
    "eager-diloco",
    "two-level-diloco",
    "sparseloco",
    "demo",
    "des-loc",
)
"""Strategies whose workers all end with the same exchange."""


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """Documents that the product accepts, with their runs."""
    folder = tmp_path_factory.mktemp("traces")
    write_traces(folder)
    documents = [world(seed, folder) for seed in SEEDS]
    found = [(document, runs_of(document)) for document in documents]
    return [(document, runs) for document, runs in found if runs]


def runs_of(document):
    try:
        return run(Scenario.model_validate(document)).runs
    except InputError:
        return ()


def numbers_times(document, factor, keys, part="topology"):
    """A copy with some quantities (`"10 Gbit/s"`, or plain numbers) multiplied."""
    changed = copy.deepcopy(document)
    for path in list(paths(changed[part])):
        if path[-1] in keys:
            parent, value = at(changed[part], path[:-1]), at(changed[part], path)
            if isinstance(value, str):
                number, unit = value.split(" ", 1)
                parent[path[-1]] = f"{float(number) * factor!r} {unit}"
            else:
                parent[path[-1]] = value * factor
    return changed


def alike(one, other, tolerance=1e-9):
    """Whether two mappings of figures are the same."""
    assert one.keys() == other.keys()
    scale_s = one["wall_clock_s"]
    for key, value in one.items():
        least = scale_s if key.endswith("_s") and "per_s" not in key else 1e-9
        assert value == other[key] or math.isclose(value, other[key], rel_tol=tolerance, abs_tol=tolerance * least), key


def test_a_row_does_not_depend_on_its_neighbours(worlds):
    several = [(d, runs) for d, runs in worlds if len(runs) > 1 and d.get("jobs") != "together"]
    assert len(several) > 10
    for document, runs in several:
        for strategy, beside in zip(document["strategies"], runs, strict=True):
            (alone,) = runs_of({**document, "strategies": [strategy]})
            assert product(alone) == product(beside)
            assert (alone.chips, alone.bound_s, alone.predicted_loss) == (
                beside.chips,
                beside.bound_s,
                beside.predicted_loss,
            )


def test_all_of_the_time_is_accounted_for(worlds):
    exact = 0
    for document, runs in worlds:
        for strategy, each in zip(document["strategies"], runs, strict=True):
            seen_s = each.compute_s + each.packing_s + each.straggler_wait_s + each.exposed_communication_s
            assert each.exposed_communication_s == pytest.approx(each.exposed_inside_s + each.exposed_across_s)
            assert seen_s + each.ended_early_s == pytest.approx(each.wall_clock_s, rel=1e-9)
            # Workers end apart where each goes on with its own result, stops without an exchange, or still averages the
            # gradients of its last step inside, for which an exchange layer by layer does not wait.
            apart = "chunked" in document["topology"]["collective"] or strategy.get("closing_exchange") is False
            apart = apart or strategy.get("through") == "store"
            apart = apart or (strategy.get("overlap") == "layers" and strategy["kind"] != "data-parallel")
            if strategy["kind"] in MEET and not apart:
                assert seen_s == pytest.approx(each.wall_clock_s, rel=1e-9)
                exact += 1
    assert exact > 40


def test_a_steady_replay_is_the_full_one(worlds):
    shorter = 0
    for document, _ in worlds:
        if document.get("jobs") == "together" or changes(document["topology"]):
            continue  # replayed in full in any case
        longer = copy.deepcopy(document)
        longer["workload"]["steps"] *= 5
        steady, full = (runs_of({**longer, "replay": how}) for how in ("steady", "full"))
        for one, other in zip(steady, full, strict=True):
            alike(product(other), product(one))
            shorter += one.replayed_steps < other.replayed_steps
    assert shorter > 20


def test_no_run_falls_below_its_bound(worlds):
    bounded = 0
    for document, _ in worlds:
        for each in runs_of({**document, "collective": "published", "jobs": "alone"}):
            assert each.bound_s is not None
            assert each.wall_clock_s >= each.bound_s * (1 - 1e-9)
            bounded += each.bound_s > each.compute_s
    assert bounded > 10


def changes(topology):
    """Whether links are not always the same."""
    return any(key in link for link in topology["links"] for key in ("schedule", "outages", "burst"))


def is_monotone(document, strategy, what):
    """Whether better links can't make a run slower; the exceptions that are known, each with its reason."""
    topology = document["topology"]
    if strategy["kind"] in ("async-diloco", "halos") and strategy["replicas"] > 1:
        return False  # steps are dealt by what links have when idle; who meets whom at the server is chance
    if strategy["kind"] in ("elastic-diloco", "decoupled-diloco"):
        return False  # who is late, and so how much is exchanged with whom, is chance
    if topology["collective"] == "auto" or topology["collective"] == "star":
        return False  # the plan is chosen for idle links of full bandwidth, and may be the wrong one on others
    if document.get("jobs") == "together":
        return False  # a job that comes earlier may meet others on its links that it missed before
    if "hosts" in topology:
        return False  # likewise on its host
    # A change that comes later in an exchange, or a bucket that fills meanwhile, can do more harm.
    return not (what == "latency" and changes(topology))


@pytest.mark.parametrize(("what", "factor"), [("bandwidth", 1.5), ("latency", 0.5)])
def test_better_links_never_make_a_run_slower(worlds, what, factor):
    held = 0
    for document, runs in worlds:
        better = copy.deepcopy(document)
        better["topology"] = numbers_times(better["topology"], factor, [what], "links")
        for strategy, before, after in zip(document["strategies"], runs, runs_of(better), strict=True):
            if is_monotone(document, strategy, what):
                assert after.wall_clock_s <= before.wall_clock_s * (1 + 1e-9)
                held += 1
    assert held > 12


def test_the_names_of_datacenters_change_nothing(worlds):
    for document, _ in worlds:
        topology = jittered(document)["topology"]  # so that no two ways are equally good, which names decide
        names = [site["name"] for site in topology["datacenters"]] + topology.get("routers", [])
        new = dict(zip(names, (f"n{number}" for number in reversed(range(len(names)))), strict=True))
        text = json.dumps({**document, "topology": topology})
        for name, other in new.items():
            text = text.replace(f'"{name}"', f'"<{other}>"')
        renamed = json.loads(text.replace("<", "").replace(">", ""))
        for one, other in zip(runs_of({**document, "topology": topology}), runs_of(renamed), strict=True):
            alike(dict(enumerate_values(product(one))), dict(enumerate_values(product(other))))


def enumerate_values(figures):
    """Figures by place where they have a name of a site or a link in them."""
    for place, (key, value) in enumerate(figures.items()):
        yield (f"{place}.{key.split('.')[-1]}" if "." in key else key), value


SIZES = ["bandwidth", "node_bandwidth", "endpoint", "burst", "window", "send_buffer", "segment", "header"]


def test_scaling_bytes_and_bandwidth_together_changes_nothing(worlds):
    scaled = 0
    for document, runs in worlds:
        if "trace" in document["workload"] and "payload_bits" not in document["workload"]:
            continue  # its bytes are counted
        twice = numbers_times(document, 2, SIZES)
        twice["topology"].setdefault("transport", {}).setdefault("send_buffer", "8 MiB")
        twice["topology"]["transport"].setdefault("segment", "2920 B")
        for site in twice["topology"]["datacenters"]:
            site.setdefault("inside", {}).setdefault("bandwidth", "800 Gbit/s")
        twice["workload"]["payload_bits"] = 2 * document["workload"].get("payload_bits", 16)
        twice = numbers_times(twice, 2, ["payload_bits", "bucket"], "strategies")
        for strategy, before in zip(twice["strategies"], document["strategies"], strict=True):
            if strategy["kind"] == "pipeline":
                strategy["activation_bits"] = 2 * before.get("activation_bits", 16)
            if strategy["kind"] in ("sparseloco", "demo"):  # bits of values are only a part of its payload
                bits = {key: value for key, value in before.items() if key == "payload_bits"}
                strategy |= bits | {"payload_factor": 2 * before.get("payload_factor", 1.0)}
        for one, other in zip(runs, runs_of(twice), strict=True):
            figures = product(other)
            for key in figures:
                if "bytes" in key or "bits_per_s" in key:
                    figures[key] /= 2
            alike(product(one), figures)
            scaled += 1
    assert scaled > 60
