"""What all workers of one strategy know: sizes, buckets of layers, what is hidden inside, and who makes how many steps."""

import math
from fractions import Fraction

from .insides import behind_s, hidden_by_layer_s
from .pipeline import Stages
from .syncer import steps_of


class Job:
    """What all workers of one strategy know.

    Args:
      strategy, load, insides, published: as derived.
      first: number of the first worker among those of all jobs.
      closing: whether an exchange follows the last step, should it come before the end of a round.
    """

    def __init__(self, strategy, load, insides, roads, sites, *, published, first=0):
        self.strategy, self.load, self.insides = strategy, load, insides
        self.roads, self.sites, self.published = roads, sites, published
        self.everyone = tuple(range(first, first + load.workers))
        self.first = first
        self.closing = getattr(strategy, "closing_exchange", True)
        self.by_layer = getattr(strategy, "overlap", "none") == "layers"
        spans = strategy.kind in ("data-parallel", "pipeline")
        self.stages = Stages(strategy, load, insides, published=published) if strategy.kind == "pipeline" else None
        self.pack_s = self._pack_s()
        self.size = self._packed(load.gradient_bytes if spans else load.outer_bytes) * getattr(strategy, "copies", 1.0)
        served = strategy.kind in ("async-diloco", "halos") and strategy.replicas > 1
        self.steps = self._async_steps() if served else None
        if strategy.kind == "decoupled-diloco":
            self.steps = steps_of(self)

    def step_s(self, worker):
        """Compute of a mean step [s]."""
        return self.stages.step_s(worker) if self.stages else self.load.mean_step_s[worker]

    def _pack_s(self):
        """Compute for one exchange of everything: as asked for, else what the outer optimizer took in a recording."""
        if self.strategy.compression_time is not None:
            return self.strategy.compression_time
        return self.load.outer_step_s if self.outer_steps() else 0.0

    def outer_steps(self):
        """Rounds that end with an exchange; a last one of fewer than H steps may have none."""
        if self.strategy.kind in ("data-parallel", "pipeline"):
            return 0
        if getattr(self.strategy, "local_steps", "even") != "even" and self.strategy.kind not in (
            "async-diloco",
            "halos",
        ):
            return sum(ends for _, ends in self.rounds())
        whole, rest = divmod(self.load.steps, self.strategy.sync_every)
        return whole + (rest > 0 and self.closing)

    def rounds(self):
        """Of every round the steps of each worker, and whether an exchange follows; M T steps in all.

        Those that are left for the last one go, one by one, to the worker that is then least far in its round.
        """
        whole = [self.round_steps(worker) for worker in range(self.load.workers)]
        left, found = self.load.workers * self.load.steps, []
        while left >= sum(whole):
            found.append((whole, True))
            left -= sum(whole)
        dealt = [0] * len(whole)
        for _ in range(left):
            far = [Fraction(made + 1, own) for made, own in zip(dealt, whole, strict=True)]
            dealt[far.index(min(far))] += 1
        return [*found, (dealt, self.closing)] if left else found

    def _packed(self, asked):
        strategy = self.strategy
        own_bits = {"sparseloco": 2, "demo": 16}.get(strategy.kind)
        if own_bits:  # of each chunk some values, with their places
            places = math.ceil(math.log2(strategy.chunk)) if strategy.index_bits is None else strategy.index_bits
            sent_bytes = (
                self.load.params * strategy.top / strategy.chunk * ((strategy.payload_bits or own_bits) + places) / 8
            )
            return sent_bytes * strategy.payload_factor / strategy.compression_ratio
        whole = self.load.params * strategy.payload_bits / 8 if strategy.payload_bits else asked
        return whole * strategy.payload_factor / strategy.compression_ratio

    def inside_hidden_s(self, worker):
        """Of a worker's exchange of gradients inside its site, what runs behind its backward pass [s]."""
        inside, load, size = self.insides[worker], self.load, self.load.gradient_bytes
        if not self.by_layer:
            return inside.hidden_s(size)
        parts = [(min(layers), share) for layers, share in self.buckets(range(len(load.layers)), size)]
        step_s = load.mean_step_s[worker]
        return hidden_by_layer_s(inside, size, parts, load.layers, step_s, load.forward_share)

    def spanning_hidden_s(self, size):
        """Of an exchange of gradients among all workers, what of the parts inside runs behind the backward pass [s]."""
        if self.load.measured:
            return 0.0
        if self.load.workers == 1:
            return self.insides[0].hidden_s(size)
        return 0.0 if self.published else behind_s(self.insides, size)

    def buckets(self, layers, size):
        """Layers that go together, from the last one down: until they make up the bucket."""
        found, together = [], []
        for layer in sorted(layers, reverse=True):
            together.append(layer)
            share = sum(self.load.layers[each] for each in together)
            if share * size >= (self.strategy.bucket_bytes or 0.0) or layer == min(layers):
                found.append((together, share))
                together = []
        return found

    def _async_steps(self):
        """M T steps, one after the other to the replica that would be done with it first, nobody in its way."""
        load = self.load
        pace = [self._pace(worker) for worker in range(load.workers)]

        def ends_s(worker, steps):
            step_s, sync_s = pace[worker]
            every = self.round_steps(worker)
            rounds = math.ceil(steps / every) if self.closing else steps // every
            return steps * step_s + rounds * sync_s

        steps = [0] * load.workers
        for _ in range(load.workers * load.steps):
            steps[min(range(load.workers), key=lambda w: ends_s(w, steps[w] + 1))] += 1
        return steps

    def server_of(self, worker):
        """Beside whom the server of a worker is: the same for all, or the first of its region."""
        if self.strategy.kind == "async-diloco":
            return self.strategy.server
        return worker // self.region_size * self.region_size

    @property
    def region_size(self):
        return self.load.workers // self.strategy.regions

    def pushes(self, worker):
        """Rounds of a worker that end with a push."""
        every = self.round_steps(worker)
        return math.ceil(self.steps[worker] / every) if self.closing else self.steps[worker] // every

    def round_steps(self, worker):
        """Steps of a worker between two exchanges; where they go by speed the fastest makes H, one half as fast H/2."""
        every = self.strategy.sync_every
        given = getattr(self.strategy, "local_steps", "even")
        if given == "even" or self.strategy.replicas == 1:
            return every
        if given != "by-speed":
            return given[worker]
        speeds = [1 / self._step_s(other) for other in range(self.load.workers)]
        whole = every * speeds[worker] / max(speeds)
        return max(1, round(whole) if math.isclose(whole, round(whole), rel_tol=1e-10) else math.floor(whole))

    def _step_s(self, worker):
        """Compute of a mean step, and what is left of the exchange inside [s]."""
        step_s = self.load.mean_step_s[worker]
        if not self.load.measured:
            step_s += self.insides[worker].all_reduce_s(self.load.gradient_bytes) - self.inside_hidden_s(worker)
        return step_s

    def _pace(self, worker):
        """Seconds of an inner step, and of an exchange with the server there and back."""
        inside, server = self.insides[worker], self.server_of(worker)
        sync_s = self.pack_s
        if worker == server or not self.published:
            sync_s += 2 * inside.scatter_s(self.size)
        if worker != server:
            for ends in ((worker, server), (server, worker)):
                names = [self.sites[w] for w in ends]
                way = self.roads.way(*names)
                bandwidth = way.bandwidth if self.published else self.roads.idle(*names)
                late_s = way.latency_s * (1 if self.published else self.roads.transport.messages)
                sync_s += 8 * self.size / bandwidth + late_s + self.roads.transport.exchange_overhead_s
        return self._step_s(worker), sync_s
