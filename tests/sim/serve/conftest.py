"""What tests of the page share: the extra `serve`, the application without a socket, and settings at random."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("starlette", reason="needs the extra `serve`: pip install 'crosshaul[serve]'")

from sim.serve.networks import network
from sim.serve.state import OWN_SIZE, read
from sim.topology.model import topology_names
from sim.units.quantities import BANDWIDTH, LATENCY, to_text


@pytest.fixture(scope="session")
def client():
    """The application behind a client that speaks to it in this process, with one worker process."""
    testclient = pytest.importorskip("starlette.testclient", reason="needs httpx2: pip install 'crosshaul[test]'")
    from sim.serve.app import application
    from sim.serve.limits import Workers

    app = application(Workers(1, 60.0), {"localhost"})
    with testclient.TestClient(app, base_url="http://localhost:8765") as found:
        yield found


def anything(seed: int) -> list[tuple[str, str]]:
    """A query of the page that is right, drawn at random; kinds that replay every step are left to other tests."""
    draw = random.Random(seed)
    topology = draw.choice(topology_names())
    known = network(topology)
    workload = draw.choice(["35m", "550m", "1.3b", "10b", OWN_SIZE])
    replicas = draw.randint(1, known.sites)
    pairs = [("topology", topology), ("workload", workload)]
    kinds = ["data-parallel", "diloco", "diloco:sync_every=7", "diloco:payload_bits=2"]
    kinds += ["streaming-diloco", "eager-diloco"] if replicas > 1 and draw.random() < 0.15 else []
    pairs += [("strategy", kind) for kind in draw.sample(kinds, draw.randint(1, 3))]
    pairs += [("params", draw.choice(["7B", "123456789", "0.5B"]))] if workload == OWN_SIZE else []
    pairs += [("replicas", str(replicas))]
    pairs += [("sync-every", str(draw.randint(1, 300)))] if draw.random() < 0.7 else []
    pairs += [("payload-bits", draw.choice(["1", "4", "8", "16", "0.5"]))] if draw.random() < 0.5 else []
    if known.bandwidths and draw.random() < 0.8:
        value = to_text(float(f"{10 ** draw.uniform(7, 12):.5g}"), BANDWIDTH)
        pairs += [("bandwidth", draw.choice([value, f"x{10 ** draw.uniform(-1, 1):.3g}"]))]
    if known.latencies and draw.random() < 0.6:
        value = to_text(float(f"{10 ** draw.uniform(-5, -1):.3g}"), LATENCY)
        pairs += [("latency", draw.choice([value, "x0.5", "x3"]))]
    if draw.random() < 0.3:
        part = known.sites * replicas
        most = (known.chips or 10_000) // part // max(1, known.sites // replicas)
        pairs += [("chips", str(part * draw.randint(1, most)))] if most else []
    read(pairs)  # it is right
    return pairs
