"""Random worlds whose links change, for tests of what a replay leaves out."""


def changing_world(draw, strategies):
    """Two to four sites on links with schedules, outages and sometimes buckets, and a run of some hundred steps."""
    sites = draw.choice([2, 2, 3, 4])
    burst = {"burst": f"{draw.choice([1, 50, 500])} MB"} if draw.random() < 0.2 else {}
    links = []
    for one in range(sites):
        for other in range(one):
            link = {"between": [f"s{other}", f"s{one}"], "latency": f"{draw.choice([0, 1, 20])} ms"} | burst
            bandwidth = f"{draw.choice([0.5, 1, 2, 10])} Gbit/s"
            if draw.random() < 0.5:
                repeat_s = draw.choice([50.0, 200.0, 333.3, 1000.0])
                points = [{"at": "0 s", "bandwidth": bandwidth}]
                shares = sorted(draw.uniform(0.05, 0.95) for _ in range(draw.randint(1, 3)))
                points += [
                    {"at": f"{share * repeat_s!r} s", "bandwidth": f"{draw.choice([0, 0.1, 3])} Gbit/s"}
                    for share in shares
                ]
                link["schedule"] = {"points": points, "repeat": f"{repeat_s} s"}
            else:
                link["bandwidth"] = bandwidth
            if draw.random() < 0.5:
                begins_s = draw.uniform(0, 400)
                link["outages"] = [{"start": f"{begins_s!r} s", "duration": f"{draw.choice([0.5, 10, 100])} s"}]
            links.append(link)
    chips = [draw.choice([1, 4]) for _ in range(sites)]
    speeds = [
        draw.choice([100, 151.3, 177.7]) * draw.uniform(0.999, 1) for _ in range(sites)
    ]  # never in step by chance
    datacenters = [
        {"name": f"s{n}", "chips": chips[n], "chip_speed": f"{speeds[n]} Tflop/s", "egress": 0.01} for n in range(sites)
    ]
    strategy = dict(draw.choice(strategies))
    if strategy["kind"] != "data-parallel":
        strategy = {"replicas": sites, "sync_every": draw.choice([2, 5, 10])} | strategy
    workload = {
        "params": draw.choice(["30M", "100M", "300M"]),
        "batch_tokens": 4096 * sum(chips),
        "layers": 6,
        "steps": draw.randint(100, 600),
    }
    collective = draw.choice(["auto", "ring", "chunked-ring", "star"])
    topology = {"name": "t", "datacenters": datacenters, "links": links, "collective": collective}
    return {"topology": topology, "workload": workload, "strategies": [strategy]}


def check_same(short, full):
    """Demands that the sums of two outcomes agree to 1e-8."""
    length_s = full.timeline.wall_clock_s
    for one, other in zip(short.timeline.workers, full.timeline.workers, strict=True):
        for key, value in (other.sums() | {"peak_bytes": other.peak_bytes, "stalest": other.stalest}).items():
            assert abs(getattr(one, key) - value) <= 1e-8 * abs(value) + (
                1e-9 * length_s if key.endswith("_s") else 0
            ), key
    assert short.sent.keys() == full.sent.keys()
    for pair, size_bytes in full.sent.items():
        assert abs(short.sent[pair] - size_bytes) <= 1e-8 * size_bytes, pair
    for one, other in zip(short.timeline.links, full.timeline.links, strict=True):
        assert abs(one.carried_bytes - other.carried_bytes) <= 1e-8 * other.carried_bytes
        for key in ("busy_s", "full_s"):
            assert abs(getattr(one, key) - getattr(other, key)) <= 1e-8 * length_s, key
        assert abs(one.peak_utilization - other.peak_utilization) <= 1e-9
