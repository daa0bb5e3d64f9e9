"""Random scenarios over all that a scenario can say, as plain documents; small, so that every step can be replayed."""

import json
import random
from itertools import combinations
from pathlib import Path

from .pipeline_worlds import pipeline

ALGORITHMS = ["published", "auto", "ring", "chunked-ring", "halving-doubling", "direct", "star", "hierarchical"]
ALGORITHMS += ["double-tree"]
TRACES, TRACE_PARAMS = 6, 1_000_000_000


def world(seed, folder):
    """A document of a scenario.

    Args:
      seed: decides everything.
      folder: where the recordings of `write_traces` are.
    """
    rng = random.Random(seed)
    count = rng.choice([1, 2, 2, 3, 3, 4, 5])
    layered = rng.random() < 0.6
    collective = rng.choice(ALGORITHMS)
    document = {
        "topology": _topology(rng, count, collective),
        "workload": _workload(rng, count, layered, folder),
    }
    layers = document["workload"].get("layers") or len(document["workload"].get("layer_params", ()))
    document["strategies"] = [_strategy(rng, count, layers) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
    own = random.Random(f"pipeline {seed}")  # of its own, so that other worlds stay what they were
    if layers > 1 and count > 1 and own.random() < 0.25:
        place = own.randrange(len(document["strategies"]))
        document["strategies"][place] = pipeline(own, count, layers) | _payload(own, "pipeline")
    own = random.Random(f"halos {seed}")
    if count > 1 and own.random() < 0.2:
        place = own.randrange(len(document["strategies"]))
        document["strategies"][place] = _halos(own, own.randint(2, count)) | _payload(own, "halos")
    own = random.Random(f"rounds {seed}")
    for strategy in document["strategies"]:
        if strategy["kind"] in ("async-diloco", "halos") and own.random() < 0.6:
            strategy["local_steps"] = "by-speed"
            if own.random() < 0.4:
                strategy["local_steps"] = [own.randint(1, 9) for _ in range(strategy["replicas"])]
                del strategy["sync_every"]
    _own_rounds(random.Random(f"barrier {seed}"), document)
    own = random.Random(f"ring {seed}")
    if count > 2 and own.random() < 0.3:
        document["topology"]["ring"] = own.sample([f"s{place}" for place in range(count)], count)
    if rng.random() < 0.25:
        document["jobs"] = "together"
    if rng.random() < 0.3:
        document["replay"] = "full"
    _share_chips(rng, document, count)
    _through_a_store(rng, document)
    return json.loads(json.dumps(document))  # nothing in it is there twice


def _own_rounds(own, document):
    """Rounds of different lengths that end at a barrier, by speed or as a list."""
    kinds = ("diloco", "elastic-diloco", "two-level-diloco")
    for strategy in document["strategies"]:
        if strategy["kind"] in kinds and strategy.get("overlap") != "layers" and own.random() < 0.4:
            strategy["local_steps"] = "by-speed"
            if own.random() < 0.6:
                strategy["local_steps"] = [own.randint(1, 9) for _ in range(strategy["replicas"])]
                del strategy["sync_every"]
            document["workload"].pop("split", None)  # as tokens would not add up


def _number(rng, low, high):
    """Log-uniform, with all digits, so that nothing ties by accident; round now and then, so that something does."""
    value = low * (high / low) ** rng.random()
    return float(f"{value:.1g}") if rng.random() < 0.3 else value


def _workload(rng, count, layered, folder):
    extent = {"steps": rng.choice([1, 2, 3, 5, 7, 12, 20, 33, 47])}
    if layered:
        layers = rng.choice([1, 2, 3, 5, 8])
        alike = rng.random() < 0.5
        extent |= {"layers": layers} if alike else {"layer_params": [_number(rng, 1, 9) for _ in range(layers)]}
    if rng.random() < 0.3:
        extent["forward_share"] = _number(rng, 0.1, 0.6)
    recorded = rng.random() < 0.25
    if recorded:
        extent |= {"trace": str(Path(folder) / f"jitter-{rng.randrange(TRACES)}.jsonl")}
        extent |= {"payload_bits": rng.choice([4, 16])} if rng.random() < 0.5 else {}
        if rng.random() < 0.4:
            return extent  # as it was recorded
    params, speed = TRACE_PARAMS if recorded else _number(rng, 1e8, 1e10), _number(rng, 100, 1000)
    extent |= {"split": "by-speed"} if rng.random() < 0.3 else {}
    extent["batch_tokens"] = _number(rng, 0.2, 5) * speed * 1e12 * 4 * count / (6 * params)  # a step of seconds
    extent |= {"rescale": True} if recorded else {"params": params}
    if not recorded and rng.random() < 0.25:
        extent["variation"] = _variation(rng)
    if not recorded and rng.random() < 0.3:
        return extent | {"step_time": f"{_number(rng, 0.1, 10)!r} s"}
    if not recorded and layered and extent["steps"] % 3 == 0:
        extent["attention"] = {"sequence_tokens": 4096, "mask": "full" if extent["steps"] == 12 else "causal"}
    return extent | {"chip_speed": f"{speed!r} Tflop/s"}


def _variation(rng):
    how = {"steps": rng.choice([2, 3, 7, 30, 47, 1000]), "seed": rng.randrange(9)}
    if rng.random() < 0.8:
        how |= {"spread": _number(rng, 0.01, 1.5), "distribution": rng.choice(["log-normal", "gamma"])}
    if "spread" not in how or rng.random() < 0.5:
        how["stragglers"] = {"share": _number(rng, 0.01, 0.5), "times": _number(rng, 1.1, 20)}
    return how


def _through_a_store(rng, document):
    """A store at a router, for those who gather, and now and then for all exchanges."""
    topology, gathering = document["topology"], [s for s in document["strategies"] if "top" in s]
    if rng.random() >= (0.7 if gathering else 0.1):
        return
    if "routers" not in topology:
        topology["routers"] = ["box"]
        alike = _link(rng) if rng.random() < 0.5 else None
        ends = [site["name"] for site in topology["datacenters"]]
        topology["links"] += [{"between": [name, "box"], **(alike or _link(rng))} for name in ends]
    topology["store"] = {"at": rng.choice(topology["routers"])}
    topology["store"] |= {"request": f"{_number(rng, 0.001, 0.5)!r} s"} if rng.random() < 0.5 else {}
    if rng.random() < 0.2:
        topology["collective"] = "store"
    for strategy in gathering:
        if rng.random() < 0.8:
            strategy["through"] = "store"
            strategy |= {"gather": rng.randint(1, strategy["replicas"])} if rng.random() < 0.4 else {}
            strategy |= {"deadline": f"{_number(rng, 0.001, 3)!r} s"} if rng.random() < 0.5 else {}


def _share_chips(rng, document, count):
    """Chips of the whole run, that everybody can share; or those that each datacenter has."""
    sites, workload = document["topology"]["datacenters"], document["workload"]
    if rng.random() < 0.4:
        for site in sites:
            site["chips"] = rng.choice([1, 2, 4, 8])
    else:
        lone = rng.random() < 0.4 and all(
            s.get("replicas", 1) in (1, count)
            and (len(s.get("sites", ())) or s.get("stages", count) * s.get("pipelines", 1)) == count
            for s in document["strategies"]
        )
        workload["chips"] = count if lone else 60


def _topology(rng, count, collective):
    names = [f"s{number}" for number in range(count)]
    sites = [{"name": name} for name in names]
    uneven = rng.random() < 0.6
    inside = _inside(rng)
    for site in sites:
        inside = _inside(rng) if uneven else inside
        if inside:
            site["inside"] = inside
        if rng.random() < 0.15:
            site["endpoint"] = f"{_number(rng, 0.5, 50)!r} Gbit/s"
        if uneven and rng.random() < 0.7:
            site["chip_speed"] = f"{_number(rng, 100, 3000)!r} Tflop/s"
    topology = {"name": "world", "datacenters": sites, "collective": collective}
    if rng.random() < 0.15 and count > 1:
        topology["hosts"] = _hosts(rng, sites)
    pairs = list(combinations(names, 2))
    if count > 2 and rng.random() < 0.4:
        hubs = [f"r{number}" for number in range(rng.choice([1, 1, 2]))]
        topology["routers"] = hubs
        spokes = [(name, hubs[number % len(hubs)]) for number, name in enumerate(names)]
        pairs = spokes + list(combinations(hubs, 2)) + [pair for pair in pairs if rng.random() < 0.3]
    link = _link(rng)
    topology["links"] = []
    for pair in pairs:
        link = _link(rng) if uneven else link
        if rng.random() < 0.15:
            topology["links"] += [
                {"from": a, "to": b, **{k: v for k, v in _link(rng).items() if k != "duplex"}}
                for a, b in (pair, pair[::-1])
            ]
        else:
            topology["links"].append({"between": list(pair), **link})
    if count > 2 and "routers" not in topology and rng.random() < 0.2:
        topology["routes"] = [{"between": names[:2], "via": [names[2]]}]
    if rng.random() < 0.4:
        topology["transport"] = _transport(rng)
    return topology


def _inside(rng):
    if rng.random() < 0.3:
        return None
    inside = {"bandwidth": f"{_number(rng, 10, 2000)!r} Gbit/s", "latency": f"{_number(rng, 1e-5, 0.05)!r} s"}
    if rng.random() < 0.3:
        inside |= {"node_chips": rng.choice([2, 8]), "node_bandwidth": f"{_number(rng, 500, 5000)!r} Gbit/s"}
    if rng.random() < 0.5:
        inside["overlap"] = rng.choice(["backward", "none"])
    return inside


def _link(rng):
    peak = _number(rng, 2, 200)
    link = {"bandwidth": f"{peak!r} Gbit/s", "latency": f"{_number(rng, 1e-4, 0.3)!r} s"}
    if rng.random() < 0.15:
        link["duplex"] = "half"
    if rng.random() < 0.1:
        link["loss"] = _number(rng, 1e-9, 1e-6)
    if rng.random() < 0.12:
        link["burst"] = f"{_number(rng, 1e6, 3e9)!r} B"
    if rng.random() < 0.15:
        times = sorted(_number(rng, 0.5, 60) for _ in range(rng.choice([1, 2, 3])))
        points = [{"at": f"{at!r} s", "bandwidth": f"{peak * rng.random()!r} Gbit/s"} for at in [0.0, *times]]
        if rng.random() < 0.2:
            points[rng.randrange(len(points) - 1)]["bandwidth"] = "0 bit/s"
        points = [p for i, p in enumerate(points) if i == 0 or p["at"] != points[i - 1]["at"]]
        link["schedule"] = {"points": points}
        if rng.random() < 0.6:
            link["schedule"]["repeat"] = f"{max(times) + _number(rng, 0.5, 20)!r} s"
    if rng.random() < 0.1:
        link["outages"] = [
            {"start": f"{_number(rng, 0.1, 60)!r} s", "duration": f"{_number(rng, 0.1, 20)!r} s"}
            for _ in range(rng.choice([1, 2]))
        ]
    return link


def _transport(rng):
    keys = {
        "window": f"{_number(rng, 1e6, 1e9)!r} B",
        "streams": rng.choice([2, 8]),
        "header": f"{rng.choice([66, 100])} B",
        "segment": f"{rng.choice([1000, 8960])} B",
        "exchange_overhead": f"{_number(rng, 1e-3, 0.2)!r} s",
        "first_exchange": f"{_number(rng, 1e-3, 2)!r} s",
        "messages": rng.choice([3, 57]),
        "send_buffer": rng.choice(["0 B", "64 MiB", "1 GiB"]),
    }
    return {key: value for key, value in keys.items() if rng.random() < 0.4}


def _hosts(rng, sites):
    slow = {"slowdown": rng.choice([[1, 2.05], [1, 1, 1.5], [1, 1.3, 2.1, 4]])} if rng.random() < 0.7 else {}
    hosts = [{"name": "h0", **slow}, {"name": "h1"}]
    if rng.random() < 0.3:
        hosts = [{**host, "part_of": "machine"} for host in hosts]
        hosts.append({"name": "machine", "slowdown": [1, 1.2]})
    for site in sites:
        if rng.random() < 0.8:
            site["host"] = rng.choice(["h0", "h0", "h1"])
    return hosts


def _strategy(rng, count, layers):
    kinds = ["data-parallel", "diloco"]
    if count > 1:
        kinds += ["diloco", "streaming-diloco", "eager-diloco", "async-diloco", "elastic-diloco"]
        kinds += ["gossip-diloco", "two-level-diloco", "sparseloco", "sparseloco"]
        kinds += ["decoupled-diloco", "decoupled-diloco"]
        kinds += ["demo", "des-loc"]
    kind = rng.choice(kinds)
    strategy = {"kind": kind}
    if kind != "data-parallel":
        many = rng.randint(2, count) if count > 1 else 1
        alone = kind in ("diloco", "async-diloco") and rng.random() < 0.3
        strategy |= {"replicas": 1 if alone else many, "sync_every": rng.choice([1, 2, 3, 4, 7, 10])}
        if kind == "demo":
            del strategy["sync_every"]
    every = strategy.get("sync_every", 1)
    if kind == "streaming-diloco":
        strategy["overlap_steps"] = rng.randrange(every)
    if kind in ("streaming-diloco", "eager-diloco"):
        strategy |= {"fragments": rng.randint(1, min(layers, 4) or 3)} if rng.random() < 0.7 else {}
        strategy |= {"pattern": "sequential"} if rng.random() < 0.3 else {}
    if kind == "async-diloco" and rng.random() < 0.5:
        strategy["server"] = rng.randrange(strategy["replicas"])
    if kind == "gossip-diloco":
        strategy |= {"seed": rng.randrange(9), "copies": rng.choice([1.0, 2.0])}
    if kind in ("sparseloco", "demo"):
        strategy |= {"chunk": rng.choice([64, 100, 4096]), "top": rng.choice([1, 8, 64])}
        strategy |= {"index_bits": rng.choice([7.5, 12.0])} if rng.random() < 0.3 else {}
    if kind == "des-loc":
        strategy |= {"first_moment_every": rng.choice([1, 2, 3]), "second_moment_every": rng.choice([1, 2, 4])}
    if kind == "two-level-diloco":
        many = strategy["replicas"]
        strategy["regions"] = rng.choice([n for n in range(1, many + 1) if many % n == 0])
        strategy["across_every"] = rng.choice([1, 2, 3, 5])
    if kind == "decoupled-diloco":
        strategy |= {"fragments": rng.randint(1, every)} if rng.random() < 0.7 else {}
        strategy |= {"overlap_steps": rng.randrange(every)} if rng.random() < 0.7 else {}
        strategy |= {"quorum": rng.randint(1, strategy["replicas"]), "margin": rng.choice([0.0, 0.5, 1.0])}
        strategy |= {"syncer": f"s{rng.randrange(strategy['replicas'])}"} if rng.random() < 0.5 else {}
    if kind == "elastic-diloco":
        strategy["quorum"] = rng.randint(1, strategy["replicas"])
        strategy["grace"] = rng.choice(["0 s", f"{_number(rng, 0.01, 5)!r} s"])
    if layers and kind in ("data-parallel", "diloco", "streaming-diloco", "eager-diloco") and rng.random() < 0.5:
        strategy["overlap"] = "layers"
        if rng.random() < 0.5:
            strategy["bucket"] = f"{_number(rng, 1e7, 1e10)!r} B"
    return strategy | _payload(rng, kind)


def _halos(rng, many):
    regions = rng.choice([n for n in range(1, many + 1) if many % n == 0])
    own = {"sync_every": rng.choice([1, 2, 3, 4, 7]), "across_every": rng.choice([1, 2, 3, 5, 8])}
    return {"kind": "halos", "replicas": many, "regions": regions, "server": rng.randrange(regions)} | own


def _payload(rng, kind):
    everything = {
        "payload_bits": rng.choice([4, 8, 32]),
        "payload_factor": _number(rng, 0.5, 1.5),
        "compression_ratio": _number(rng, 1, 50),
        "compression_time": f"{_number(rng, 0.01, 1)!r} s",
        "closing_exchange": False,
    }
    refused = {"closing_exchange"} if kind in ("data-parallel", "demo", "pipeline") else set()
    return {key: value for key, value in everything.items() if rng.random() < 0.12 and key not in refused}


def write_traces(folder):
    """Small recordings with jitter in every step, for `world`."""
    for number in range(TRACES):
        rng = random.Random(1000 + number)
        replicas, steps = rng.choice([1, 2, 3]), rng.choice([1, 3, 8, 11])
        header = {
            "record": "header",
            "schema": "crosshaul-trace",
            "schema_version": 1,
            "algorithm": "diloco",
            "model": {"name": "custom", "params": TRACE_PARAMS, "layers": 4, "heads": 2, "width": 64,
                      "hidden": 256, "vocab": 512},
            "replicas": replicas,
            "sync_every": 5,
            "steps": steps,
            "batch_tokens": 8192,
            "shards": rng.choice([1, 1, 2]),
            "sequence_length": 256,
            "device": {"platform": "cpu", "kind": "a test", "count": 8},
        }  # fmt: skip
        lines = [header]
        for step in range(1, steps + 1):
            for replica in range(replicas):
                seconds = _number(rng, 0.5, 2)
                lines.append({"record": "step", "step": step, "replica": replica, "compute_s": seconds, "tokens": 4096})
        size, outer = int(_number(rng, 1e8, 1e10)), rng.random() < 0.5
        kinds = rng.choice([(), ("outer",), ("gradient", "outer")])
        for fragment in rng.choice([(None,), (0, 1)]) if kinds else ():
            for kind in kinds:
                line = {"record": "exchange", "step": steps, "kind": kind, "group_size": 2, "payload_bytes": size}
                lines.append({**line, "fragment": fragment if kind == "outer" else None})
            if outer and "outer" in kinds:
                line = {"record": "outer-step", "step": steps, "fragment": fragment}
                lines += [{**line, "compute_s": _number(rng, 0.01, 1)} for _ in range(rng.choice([1, 2]))]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (Path(folder) / f"jitter-{number}.jsonl").write_text(text)
