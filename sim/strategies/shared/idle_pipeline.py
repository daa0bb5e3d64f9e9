"""Pipelines on links that carry nothing else: when each piece of a step is over, one after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from ...engine.ops import Collective
from ...network.closed_forms import ideal_all_reduce_s
from .pipelining import Turn
from .setting import Setting

_STEPS, _PIECES = 8, 20_000
"""At most so many steps are followed, and fewer where they have more pieces than that together; the rest goes on so."""


@dataclass
class IdlePipelines:
    """Pipelines whose messages wait for the one before on their connection, and for nothing else.

    Exact where no two messages share a link, but for exchanges of gradients across sites, which are counted as rings.

    Attributes:
      setting: of all pipelines.
      orders: what the site at each place of a pipeline computes in a step.
      piece_s: the time of a piece of a worker in a step [s].
      sizes: of a message of each worker [byte].
      exchanges: of gradients, of each worker, after every step.
      packing_s: of each worker, before it [s].
    """

    setting: Setting
    orders: Sequence[Sequence[Turn]]
    piece_s: Callable[[int, int, Turn], float]
    sizes: Sequence[float]
    exchanges: Sequence[Collective]
    packing_s: Sequence[float]
    _free_s: list[float] = field(default_factory=list)
    _left_s: dict[tuple[str, int, int], float] = field(default_factory=dict)

    @property
    def _stages(self) -> int:
        return len(self.orders)

    def run_s(self, steps: int) -> float:
        """The wall-clock of so many steps [s].

        Limits: after eight steps the others are as long as the last two were on average.
        """
        pieces = sum(map(len, self.orders)) * self.setting.workers // self._stages
        followed = min(steps, max(3, min(_STEPS, _PIECES // pieces)))
        self._free_s, self._left_s = [0.0] * self.setting.workers, {}
        ends_s = [0.0]
        for step in range(followed):
            arrived_s = max(self._step(step, first) for first in range(0, self.setting.workers, self._stages))
            self._exchange()
            ends_s.append(max(arrived_s, *self._free_s))
        before = max(0, followed - 2)
        idle_s = ends_s[-1] + (steps - followed) * (ends_s[-1] - ends_s[before]) / max(1, followed - before)
        return max(idle_s, steps * self._busiest_s())

    def _busiest_s(self) -> float:
        """The longest time for which messages and rings of gradients keep a link busy in a step [s]."""
        hops, bits = self.setting.hops, defaultdict[tuple[Hashable, float], float](float)
        if hops is None:
            return 0.0
        for first in range(0, self.setting.workers, self._stages):
            passed = sum(turn.kind == "forward" for turn in self.orders[-1])
            borders = pairwise(range(first, first + self._stages))
            for pair in (ends for one, other in borders for ends in ((one, other), (other, one))):
                for hop in hops(*pair).items():
                    bits[hop] += 8 * passed * self.sizes[first]
        for one in {one.members: one for one in self.exchanges if len(one.members) > 1}.values():
            for pair in zip(one.members, (*one.members[1:], one.members[0]), strict=True):
                for hop in hops(*pair).items() if self.setting.parts_inside else ():
                    bits[hop] += 2 * 8 * one.payload_bytes * (1 - 1 / len(one.members))
        return max(each / bits_per_s for (_, bits_per_s), each in bits.items())

    def _step(self, step: int, first: int) -> float:
        """A step of the pipeline from one worker on; when its last message has arrived [s]."""
        last = self._stages * (1 + max(turn.chunk for turn in self.orders[0])) - 1
        arrived: dict[tuple[str, int, int], float] = {}
        ways = {pair: self._way(*pair, self.sizes[first]) for pair in self._borders(first)}
        todo = [iter(order) for order in self.orders]
        waiting: list[tuple[int, Turn | None]] = [(place, next(todo[place])) for place in range(self._stages)]
        while waiting:
            left: list[tuple[int, Turn | None]] = []
            for place, turn in waiting:
                while turn is not None:
                    stage, worker = turn.chunk * self._stages + place, first + place
                    there = stage if turn.kind == "forward" else stage + 1
                    if turn.kind != "weights" and 0 < there <= last:
                        if (turn.kind, there, turn.microbatch) not in arrived:
                            break
                        self._free_s[worker] = max(self._free_s[worker], arrived[turn.kind, there, turn.microbatch])
                    self._free_s[worker] += self.piece_s(worker, step, turn)
                    onto, at = (1, stage + 1) if turn.kind == "forward" else (-1, stage)
                    if turn.kind != "weights" and 0 < at <= last:
                        target = first + (place + onto) % self._stages
                        sending_s, late_s = ways[worker, target]
                        key = turn.kind, worker, target
                        self._left_s[key] = max(self._free_s[worker], self._left_s.get(key, 0.0)) + sending_s
                        arrived[turn.kind, at, turn.microbatch] = self._left_s[key] + late_s
                    turn = next(todo[place], None)
                if turn is not None:
                    left.append((place, turn))
            waiting = left
        return max(arrived.values())

    def _borders(self, first: int) -> list[tuple[int, int]]:
        ring = [*range(first, first + self._stages), first]
        return [pair for one, other in pairwise(ring) for pair in ((one, other), (other, one))]

    def _way(self, source: int, target: int, size_bytes: float) -> tuple[float, float]:
        """For how long a message occupies its way, and how much later it arrives [s]."""
        bandwidth, latency_s, overhead_s = self.setting.route(source, target)[:3]
        return 8 * size_bytes / bandwidth + overhead_s, latency_s

    def _exchange(self) -> None:
        """The sites with the same layers exchange, when all of them are there."""
        for (members, _), took_s in self._exchange_s.items():
            begin_s = max(self._free_s[worker] + self.packing_s[worker] for worker in members)
            for worker in members:
                self._free_s[worker] = begin_s + took_s

    @cached_property
    def _exchange_s(self) -> dict[tuple[tuple[int, ...], float], float]:
        """What an exchange takes, by its members and what runs behind compute [s]."""
        found = {(one.members, one.behind_s): one for one in self.exchanges}
        return {key: self._taken_s(one) for key, one in found.items()}

    def _taken_s(self, one: Collective) -> float:
        setting, members, chips = self.setting, one.members, self.setting.load.deal.worker_chips
        if len(members) == 1:
            whole_s = ideal_all_reduce_s(one.payload_bytes, chips[members[0]], *setting.inside[members[0]])
            return whole_s - one.behind_s if one.parts_inside else 0.0
        ways = [setting.route(*pair) for pair in zip(members, (*members[1:], members[0]), strict=True)]
        chunk_s = 8 * one.payload_bytes / len(members) / min(way.bandwidth_bits_per_s for way in ways)
        across_s = 2 * (len(members) - 1) * (chunk_s + max(way.latency_s for way in ways)) + ways[0].overhead_s
        if not (setting.parts_inside and one.parts_inside):
            return across_s
        return across_s + 2 * max(setting.scatter_s(each, one.payload_bytes) for each in members) - one.behind_s
