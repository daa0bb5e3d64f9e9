"""What a scenario's workload comes to at each worker: chips, seconds of every step, bytes of an exchange."""

import functools
import itertools
import json
import math
from pathlib import Path


class Load:
    """The workload of one job, spread over its sites.

    Args:
      workload: as resolved.
      sites: the datacenter of each worker.
    """

    def __init__(self, workload, sites):
        self.workers = len(sites)
        recorded = getattr(workload, "trace", None)
        trace = Trace(workload.trace) if recorded else None
        self.params = float(trace.model["params"] if recorded else workload.params)
        default_speed = workload.chip_flop_per_s or 300e12
        speeds = [site.chip_flop_per_s or default_speed for site in sites]
        self.chips = self._chips(workload, sites, trace)
        total = sum(self.chips)
        as_recorded = recorded and not workload.rescale
        per_chip = workload.tokens_per_chip or (trace.tokens_per_chip if as_recorded else 4096.0)
        self.batch_tokens = workload.batch_tokens or per_chip * total
        power = [chips * speed for chips, speed in zip(self.chips, speeds, strict=True)]
        even = workload.split == "even"
        self.tokens_share = [1 / len(sites) if even else each / sum(power) for each in power]
        active = (trace.model.get("active_params") if recorded else workload.active_params) or self.params
        per_token = 6 * active + (0 if recorded else attention(workload, self.params))
        flops = [per_token * self.batch_tokens * s / c for s, c in zip(self.tokens_share, self.chips, strict=True)]
        step_s = [flop / speed for flop, speed in zip(flops, speeds, strict=True)]
        self.measured = not recorded and workload.step_time_s is not None
        if self.measured:
            step_s = [workload.step_time_s] * len(sites)
        self.series = [[s] for s in step_s]
        if not recorded and workload.variation:
            self.series = [[s * each for each in drawn(workload.variation, w)] for w, s in enumerate(step_s)]
        if recorded:
            self.series = trace.dealt(len(sites))
            if workload.rescale:
                factors = [s / trace.mean_s for s in step_s]
                self.series = [[f * s for s in each] for f, each in zip(factors, self.series, strict=True)]
        self.outer_step_s = trace.outer_step_s if recorded else 0.0
        if recorded and workload.rescale:  # the same arithmetic on chips that are so much faster
            self.outer_step_s *= 6 * active * trace.tokens_per_chip / trace.mean_s / min(speeds)
        self.mean_step_s = [math.fsum(each) / len(each) for each in self.series]
        tokens = workload.tokens or 20 * self.params * (workload.overtraining or 1.0)
        self.steps = workload.steps or max(1, math.ceil(tokens / self.batch_tokens * (1 - 1e-12)))
        asked = self.params * workload.payload_bits / 8 if workload.payload_bits else None
        self.gradient_bytes = asked or trace.bytes("gradient", "outer")
        self.outer_bytes = asked or trace.bytes("outer", "gradient")
        count = workload.layers or (trace.model["layers"] if recorded else 0)
        sizes = workload.layer_params or [1.0] * count
        self.layers = [size / sum(sizes) for size in sizes]
        self.forward_share = workload.forward_share
        self.width = trace.model["width"] if recorded else None

    def _chips(self, workload, sites, trace):
        if workload.chips is None and workload.tokens_per_chip is None and all(site.chips for site in sites):
            return [float(site.chips) for site in sites]
        if workload.chips is not None:
            return [workload.chips / len(sites)] * len(sites)
        if trace and not workload.batch_tokens:
            wanted = trace.device_count
        else:
            per_chip = workload.tokens_per_chip or (trace.tokens_per_chip if trace and not workload.rescale else 4096.0)
            wanted = workload.batch_tokens / per_chip
        return [float(max(1, math.ceil(wanted / len(sites) * (1 - 1e-12))))] * len(sites)

    def step_s(self, worker, step):
        """Compute of one step with a host to itself [s]."""
        series = self.series[worker]
        return series[step % len(series)]


def drawn(variation, worker):
    """Multiples of the time of each step; what is drawn is the product's to say, what it comes to is not."""
    sums = variation.series(worker).cumulative_s
    return [after - before for before, after in itertools.pairwise(sums)]


def attention(workload, params):
    """Training flops of a token's attention, position by position: two products forward, and twice as much backward."""
    if workload.attention is None:
        return 0
    length, layers = workload.attention.sequence_tokens, workload.layers or len(workload.layer_params)
    width = workload.attention.width or math.sqrt(params / 12 / layers)
    seen = length if workload.attention.mask == "full" else length / 2
    forward = 2 * (2 * width * seen)
    return layers * (forward + 2 * forward)


class Trace:
    """The lines of a trace file."""

    def __init__(self, path):
        header, *records = read_lines(path)
        self.model, self.device_count = header["model"], header["device"]["count"]
        self.tokens_per_chip = header["batch_tokens"] / self.device_count
        own = [[] for _ in range(header["replicas"])]
        self._parts, outer, sent = {}, {}, {}
        for record in records:
            if record.get("warmup"):
                continue
            if record["record"] == "step":
                own[record["replica"]].append(record["compute_s"])
            elif record["record"] == "exchange":
                self._parts[record["kind"], record["fragment"]] = record["payload_bytes"] * header.get("shards", 1)
                if record["kind"] == "outer":
                    sent[record["fragment"]] = sent.get(record["fragment"], 0) + 1
            elif record["record"] == "outer-step":
                outer.setdefault(record["fragment"], []).append(record["compute_s"])
        self.outer_step_s = sum(sum(each) / sent.get(fragment, len(each)) for fragment, each in outer.items())
        length = min(map(len, own))
        self.replicas = [each[:length] for each in own]
        self.mean_s = math.fsum(math.fsum(each) for each in self.replicas) / length / len(self.replicas)

    def bytes(self, kind, other):
        for name in (kind, other):
            parts = [size for (own, _), size in self._parts.items() if own == name]
            if parts:
                return float(sum(parts))
        return 4.0 * self.model["params"]

    def dealt(self, workers):
        """Recorded replicas in turn; workers of the same one enter it at different steps."""
        count = len(self.replicas)
        turns = math.ceil(workers / count)
        found = []
        for worker in range(workers):
            series = self.replicas[worker % count]
            entry = (worker // count) * len(series) // turns
            found.append(series[entry:] + series[:entry])
        return found


@functools.cache
def read_lines(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]
