"""What a strategy states about itself, and that nobody else asks which one it is."""

import ast
import math
from pathlib import Path

import pytest

import sim
from sim.questions.explain.explain import closed_form
from sim.scenario.model import Scenario
from sim.simulation.jobs import jobs
from sim.simulation.run import run
from sim.strategies import (
    STRATEGIES,
    AsyncDiLoCo,
    DataParallel,
    DecoupledDiLoCo,
    DeMo,
    DesLoc,
    DiLoCo,
    EagerDiLoCo,
    ElasticDiLoCo,
    GossipDiLoCo,
    HALoS,
    Pipeline,
    SparseLoCo,
    StreamingDiLoCo,
    TwoLevelDiLoCo,
)
from sim.strategies.shared.schedule import Schedule

SIM = Path(sim.__file__).parent
CLASSES = {strategy.__name__ for strategy in STRATEGIES.values()}
OF_OTHERS = {
    "laws": "the laws have names of their own for what they were fitted on",
    "questions/validate/live.py": "rows of published tables are picked by the names that these give to runs",
    "questions/reproduce/bandwidth_tables.py": "as in live.py: methods of published tables",
    "questions/reproduce/laws.py": "as in live.py: names of published losses",
    "report": "rows of an answer are picked by the kind that stands in them",
    "trace/totals.py": "how a trainer timed its exchanges depends on what it trained, which stands in its recording",
}
"""Where a kind is compared with, though no strategy is asked which one it is."""


def asked_in(path):
    """Lines that test which strategy something is: isinstance, comparison with a kind, a table by kind."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("isinstance", "issubclass"):
            if any(isinstance(n, ast.Name | ast.Attribute) and _of(n) in CLASSES for n in ast.walk(node)):
                yield node.lineno
        elif isinstance(node, ast.Compare):
            sides = [part for each in (node.left, *node.comparators) for part in ast.walk(each)]
            if any(isinstance(part, ast.Constant) and part.value in STRATEGIES for part in sides):
                yield node.lineno
        elif isinstance(node, ast.Dict):
            if any(isinstance(key, ast.Constant) and key.value in STRATEGIES for key in node.keys):
                yield node.lineno
        elif isinstance(node, ast.ImportFrom) and {each.name for each in node.names} & CLASSES:
            yield node.lineno


def _of(node):
    return node.id if isinstance(node, ast.Name) else node.attr


def test_nobody_but_a_strategy_asks_which_one_it_is():
    found = {}
    for path in sorted(SIM.rglob("*.py")):
        place = path.relative_to(SIM).as_posix()
        if place.startswith("strategies/") or any(place == each or place.startswith(f"{each}/") for each in OF_OTHERS):
            continue
        if lines := list(asked_in(path)):
            found[place] = lines
    assert found == {}


def test_the_search_finds_what_it_looks_for(tmp_path):
    path = tmp_path / "one.py"
    path.write_text(
        "isinstance(x.strategy, DiLoCo | DataParallel)\nx.kind == 'diloco'\nt = {'eager-diloco': 1}\n"
        "x in ('elastic-diloco',)\nx = 'diloco'\nisinstance(x, int)\n"
    )
    assert sorted(asked_in(path)) == [1, 2, 3, 4]


LABELS = {
    "Data-Parallel": DataParallel(),
    "Data-Parallel by 25.0MB 8-bit x1.25 1/10 +0.05s": DataParallel(
        overlap="layers",
        bucket="25 MB",
        payload_bits=8,
        payload_factor=1.25,
        compression_ratio=10,
        compression_time="50 ms",
    ),
    "DiLoCo M=2 H=30 by layer 4-bit open end": DiLoCo(overlap="layers", payload_bits=4, closing_exchange=False),
    "Streaming DiLoCo M=2 H=30 P=4 sequential tau=2 mixing=0.1 by layer": StreamingDiLoCo(
        fragments=4, pattern="sequential", overlap_steps=2, mixing=0.1, overlap="layers"
    ),
    "Streaming DiLoCo M=2 H=30 tau=1": StreamingDiLoCo(),
    "Eager DiLoCo M=2 H=30 P=3 sequential": EagerDiLoCo(fragments=3, pattern="sequential"),
    "Eager DiLoCo M=2 H=30": EagerDiLoCo(),
    "Async DiLoCo M=3 H=5 server=2 16-bit open end": AsyncDiLoCo(
        replicas=3, sync_every=5, server=2, payload_bits=16, closing_exchange=False
    ),
    "Elastic DiLoCo M=4 K=3 H=30 grace=2s": ElasticDiLoCo(grace="2 s"),
    "SparseLoCo M=4 H=30 top=64/4096 index=12b 8-bit": SparseLoCo(index_bits=12.0, payload_bits=8),
    "SparseLoCo M=4 H=30 top=64/4096 by store gather=3 deadline=70s": SparseLoCo(
        through="store", gather=3, deadline="70 s"
    ),
    "DeMo M=4 top=4/4096": DeMo(),
    "DES-LOC M=2 H=30 A=3 B=6 4-bit open end": DesLoc(replicas=2, payload_bits=4, closing_exchange=False),
    "DeMo M=8 top=32/4096 index=16b by store 1-bit": DeMo(
        replicas=8, top=32, index_bits=16.0, through="store", payload_bits=1
    ),
    "Decoupled DiLoCo M=4 K=1 H=24 P=24 tau=2": DecoupledDiLoCo(),
    "Decoupled DiLoCo M=3 K=2 H=10 P=5 tau=4 margin=0.5 syncer=tokyo 4-bit open end": DecoupledDiLoCo(
        replicas=3,
        quorum=2,
        sync_every=10,
        fragments=5,
        overlap_steps=4,
        margin=0.5,
        syncer="tokyo",
        payload_bits=4,
        closing_exchange=False,
    ),
    "Pipeline m=16 1f1b": Pipeline(),
    "Pipeline p=2 m=16 1f1b in turn on=auto": Pipeline(sites="auto", stages=2, bandwidth_sharing="temporal"),
    "Pipeline D=2 m=12 interleaved v=4 on=a,b,c,d,e,f activations=8b 8-bit": Pipeline(
        pipelines=2,
        microbatches=12,
        schedule="interleaved",
        chunks=4,
        sites=("a", "b", "c", "d", "e", "f"),
        activation_bits=8,
        payload_bits=8,
    ),
    "Pipeline m=16 zero-bubble W=0.4 layers=5/3 d=4096": Pipeline(
        schedule="zero-bubble", weights_share=0.4, stage_layers=(5, 3), width=4096
    ),
    "Gossip DiLoCo M=4 H=30 copies=1 seed=7": GossipDiLoCo(copies=1.0, seed=7),
    "HALoS M=6 regions=3 H=10 by-speed K=5 server=2 4-bit open end": HALoS(
        replicas=6,
        regions=3,
        sync_every=10,
        across_every=5,
        server=2,
        local_steps="by-speed",
        payload_bits=4,
        closing_exchange=False,
    ),
    "Two-level DiLoCo M=6 regions=3 H=10 K=5 4-bit": TwoLevelDiLoCo(
        replicas=6, regions=3, sync_every=10, across_every=5, payload_bits=4
    ),
}


@pytest.mark.parametrize("label", LABELS)
def test_a_label_is_the_name_and_the_parameters(label):
    strategy = LABELS[label]
    assert strategy.label == label
    assert label.startswith(strategy.name)
    assert strategy.parameters.get("M", "1") == f"{strategy.replica_count}"
    assert strategy.kind == strategy.name.lower().replace(" ", "-")


def test_a_name_says_which_kind_it_is():
    assert len({strategy.name for strategy in STRATEGIES.values()}) == len(STRATEGIES)
    assert {kind: type(strategy()).model_fields["kind"].default for kind, strategy in STRATEGIES.items()} == {
        kind: kind for kind in STRATEGIES
    }


def scenario(*strategies, sites=({}, {}), collective="published", **workload):
    names = [chr(97 + number) for number in range(len(sites))]
    links = [{"between": [a, b], "bandwidth": "1 Gbit/s", "latency": "0 s"} for a in names for b in names if a < b]
    topology = {"name": "t", "datacenters": [{"name": n, **s} for n, s in zip(names, sites, strict=True)]}
    topology |= {"links": links, "collective": collective}
    workload = {"params": 1e8, "steps": 60, "batch_tokens": 1000, "chips": 2 * len(sites), **workload}
    document = {"name": "x", "topology": topology, "workload": workload, "strategies": list(strategies)}
    return Scenario.model_validate(document)


INSIDE = {"inside": {"bandwidth": "8 Gbit/s", "latency": "0 s", "overlap": "none"}}


def test_in_one_datacenter_of_measured_steps_the_outer_step_is_paid_whole():
    """(2 x 16e8 bit / 8e9 bit/s)(1 - 1/2) = 0.2 s an outer step; the gradients are in the measured second."""
    one = scenario({"kind": "diloco", "replicas": 1}, sites=[INSIDE], step_time="1 s")
    terms = closed_form(jobs(one)[0])
    assert [(term.what, term.seconds) for term in terms] == [
        ("compute", pytest.approx(60)),
        ("outer steps across datacenters", pytest.approx(0.2 * 60 / 30)),
    ]
    assert run(one).runs[0].closed_form_s == pytest.approx(60.4)


def test_the_terms_are_those_of_the_replica_that_the_others_wait_for():
    """Site a: 1 s of compute and 0.2 s of exchange, all of it shown. Site b: 0.95 s and 0.4 s, hidden behind 0.63 s."""
    a = {"inside": {"bandwidth": "8 Gbit/s", "latency": "0 s", "overlap": "none"}, "chip_speed": "0.3 Tflop/s"}
    b = {"inside": {"bandwidth": "4 Gbit/s", "latency": "0 s", "overlap": "backward"}, "chip_speed": "0.31579 Tflop/s"}
    job = jobs(scenario({"kind": "diloco", "replicas": 2}, sites=[a, b], batch_tokens=2000))[0]
    terms = {term.what: term.seconds for term in closed_form(job)}
    assert terms["compute"] == pytest.approx(60)
    assert terms["gradients inside a datacenter"] == pytest.approx(0.2 * 60)
    assert not any(what.startswith("hidden") for what in terms)
    assert math.fsum(terms.values()) == pytest.approx(job.strategy.ideal_s(job.setting))


@pytest.mark.parametrize(
    "strategy",
    [
        {"kind": "data-parallel", "overlap": "layers"},
        {"kind": "diloco", "replicas": 1, "overlap": "layers"},
        {"kind": "diloco", "replicas": 2, "overlap": "layers"},
    ],
)
def test_only_a_backward_pass_hides_what_a_summand_costs(strategy):
    job = jobs(scenario(strategy, layers=4))[0]
    form = job.strategy.closed_form(job.setting)
    assert all(0 <= each.shown_s <= each.each_s for each in form.summands)
    assert any(each.shown_s < each.each_s for each in form.summands)


def bits_note(*strategies, **more):
    notes = run(scenario(*strategies, payload_bits=8, **more)).notes
    return any("workload.payload_bits" in note for note in notes)


def test_the_bits_of_the_workload_matter_while_gradients_have_no_others():
    own, lone = {"payload_bits": 16}, {"chips": 2}
    parallel = {"kind": "data-parallel", **own}
    assert bits_note(parallel, **lone)
    for kind, replicas, without_effect in (
        ("diloco", 1, False),  # its gradients cross the datacenters as the workload has them
        ("diloco", 2, False),  # no gradients are exchanged, and the law of its loss asks for their bits
        ("streaming-diloco", 2, False),  # the same
        ("async-diloco", 2, True),  # nobody knows its loss in any case
    ):
        strategy = {"kind": kind, "replicas": replicas, **own}
        assert bits_note(parallel, strategy, **lone) is without_effect, kind
        assert (_figures(strategy, 8, **lone) == _figures(strategy, 16, **lone)) is without_effect, kind


def _figures(strategy, bits, **more):
    found = run(scenario(strategy, payload_bits=bits, **more)).runs[0]
    return found.wall_clock_s, found.predicted_loss


def test_one_asynchronous_replica_has_nothing_to_exchange_inside_either():
    sites = [{"inside": {"latency": "1 ms"}}] * 2
    diloco, lone = (run(scenario({"kind": kind, "replicas": 1}, sites=sites)) for kind in ("diloco", "async-diloco"))
    note = next(note for note in diloco.notes if "inside.latency" in note)
    assert note in lone.notes


@pytest.mark.parametrize(("kind", "replicas"), [("data-parallel", [0, 0]), ("diloco", [0, 1])])
def test_a_worker_computes_for_a_replica_in_a_datacenter(kind, replicas):
    seats = jobs(scenario({"kind": kind}))[0].seats
    assert [(seat.worker, seat.replica, seat.site.name) for seat in seats] == [
        (0, replicas[0], "a"),
        (1, replicas[1], "b"),
    ]


def test_a_schedule_has_who_meets_whom_in_one_place():
    def pairs(number):
        return ((0, 1), (2,)) if number % 2 else ((0, 2), (1,))

    schedule = Schedule((5, 5, 5), 2, pairs, closing=False)
    assert [each[1:] for each in schedule.rounds(0)] == [(0, 2, (0, 2)), (2, 4, (0, 1)), (4, 5, ())]
    assert [each.members for each in schedule.rounds(1)] == [(1,), (0, 1), ()]
    meetings = [{each.members for each in schedule.rounds(worker)} for worker in range(3)]
    assert {(0, 2), (0, 1)} <= meetings[0]
