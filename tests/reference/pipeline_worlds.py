"""Random pipelines, for `worlds`."""


def pipeline(rng, count, layers):
    """A pipeline over some of so many datacenters, for a model of so many layers."""
    stages = rng.randint(1, min(count, layers))
    pipelines = rng.randint(1, count // stages)
    keys = {"kind": "pipeline", "stages": stages, "pipelines": pipelines, "microbatches": rng.choice([1, 2, 3, 5, 8])}
    keys["schedule"] = rng.choice(["gpipe", "1f1b", "1f1b", "interleaved", "zero-bubble"])
    chunks = 1
    if keys["schedule"] == "interleaved":
        chunks = rng.randint(2, 3)
        keys |= {"chunks": chunks, "microbatches": stages * rng.choice([1, 2, 3])}
        if stages * chunks > layers:
            keys = {key: value for key, value in keys.items() if key not in ("schedule", "chunks")}
            chunks = 1
    if keys.get("schedule") == "zero-bubble" and rng.random() < 0.5:
        keys["weights_share"] = 0.1 + 0.8 * rng.random()
    if rng.random() < 0.3:
        ends = sorted(rng.sample(range(1, layers), stages * chunks - 1))
        keys["stage_layers"] = [b - a for a, b in zip([0, *ends], [*ends, layers], strict=True)]
    if rng.random() < 0.3:
        keys["sites"] = [f"s{number}" for number in rng.sample(range(count), keys.pop("stages") * pipelines)]
    if rng.random() < 0.4:
        keys["width"] = rng.choice([100, 5000, 100_000])
    keys |= {"activation_bits": rng.choice([4, 32])} if rng.random() < 0.3 else {}
    return keys | ({"bandwidth_sharing": "temporal"} if rng.random() < 0.5 else {})
