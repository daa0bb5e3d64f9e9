"""What an exchange takes beside its bytes: work at its ends, latency of many messages, opening connections."""

import pytest

from sim.documents.validation import validate
from sim.scenario.model import Scenario
from sim.simulation.run import run

SIZE, WIDE, SLOW, LATE = 8e9, 10e9, 2e9, 0.01
"""Payload [bit], a link, an end [bit/s], latency [s]."""


def wall_s(sites=4, collective="direct", endpoint=None, strategy=None, replay="steady", steps=1, **transport):
    """Steps of a second, each with an exchange, on a mesh."""
    names = [f"s{number}" for number in range(sites)]
    links = [
        {"between": [a, b], "bandwidth": f"{WIDE} bit/s", "latency": f"{LATE} s"} for a in names for b in names if a < b
    ]
    own = {"endpoint": f"{endpoint} bit/s"} if endpoint else {}
    document = {
        "topology": {
            "name": "t",
            "datacenters": [{"name": name, "chips": 1, **own} for name in names],
            "links": links,
            "transport": transport,
        },
        "workload": {"params": SIZE / 16, "steps": steps, "batch_tokens": 8, "step_time": "1 s"},
        "strategies": [strategy or {"kind": "data-parallel"}],
        "collective": collective,
        "replay": replay,
    }
    return run(validate(Scenario, document, source="test")).runs[0].wall_clock_s


def exchange_s(**more):
    return wall_s(**more) - 1.0


@pytest.mark.parametrize("sites", [2, 3, 4, 7])
@pytest.mark.parametrize("endpoint", [SLOW, 3 * WIDE])
def test_an_end_serves_one_peer_after_another(sites, endpoint):
    """Two phases of S/M to each other site: one transfer at the pace of link and end, the others at that of the end."""
    part = SIZE / sites
    expected = 2 * (part / min(WIDE, endpoint) + (sites - 2) * part / endpoint + LATE)
    assert exchange_s(sites=sites, endpoint=endpoint) == pytest.approx(expected, rel=1e-9)


def test_on_a_ring_an_end_has_one_peer_each_way_and_only_caps_it():
    expected = 2 * 3 / 4 * SIZE / SLOW + 6 * LATE
    assert exchange_s(collective="ring", endpoint=SLOW) == pytest.approx(expected, rel=1e-9)


def test_the_server_of_a_star_handles_all_others():
    expected = 2 * (SIZE / SLOW + 2 * SIZE / SLOW + LATE)
    assert exchange_s(collective="star", endpoint=SLOW) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("collective", "latencies"), [("ring", 6), ("direct", 2), ("halving-doubling", 4)])
def test_each_message_pays_the_latency(collective, latencies):
    once, often = exchange_s(collective=collective), exchange_s(collective=collective, messages=57)
    assert often - once == pytest.approx(56 * latencies * LATE, rel=1e-9)


@pytest.mark.parametrize("collective", ["ring", "direct", "chunked-ring"])
@pytest.mark.parametrize("replay", ["steady", "full"])
@pytest.mark.parametrize(
    "strategy",
    [
        {"kind": "data-parallel"},
        {"kind": "diloco", "replicas": 4, "sync_every": 5},
        {"kind": "elastic-diloco", "replicas": 4, "quorum": 4, "sync_every": 5},
    ],
    ids=lambda each: each["kind"],
)
def test_the_first_exchange_is_dearer_once(collective, replay, strategy):
    shared = {"collective": collective, "strategy": strategy, "steps": 40, "replay": replay}
    assert wall_s(**shared, first_exchange="0.4 s") - wall_s(**shared) == pytest.approx(0.4, rel=1e-9)


def test_the_published_cost_knows_none_of_them_and_says_so(simulate, tmp_path):
    told = {"endpoint": SLOW, "messages": 9, "first_exchange": "1 s"}
    assert wall_s(collective="published", **told) == wall_s(collective="published")
    path = tmp_path / "t.yaml"
    path.write_text(
        "topology: {name: t, datacenters: [{name: a, endpoint: 1 Gbit/s}, {name: b}], links: [{between: [a, b], "
        "bandwidth: 1 Gbit/s, latency: 1 ms}], transport: {first_exchange: 1 s, messages: 9}}\n"
        "workload: {params: 1e8, steps: 2, batch_tokens: 8, step_time: 1 s}\n"
        "strategies: [{kind: data-parallel}]\ncollective: published\n"
    )
    code, out, _ = simulate("--scenario", path, "--format", "json")
    assert code == 0
    for key in ("datacenters[0].endpoint", "transport.first_exchange", "transport.messages"):
        assert f"topology.{key}" in out
