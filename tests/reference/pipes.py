"""Links as pipes, and flows through them: max-min fair shares by filling, credit of token buckets, capacity over time."""

import heapq
import itertools
import math

from .clock import TIE, Signal

FULL = 1 - 1e-9
EMPTY = 1e-9


class Pipe:
    """One direction of a link, or both of a half-duplex one; in bits of payload."""

    def __init__(self, name, link, payload_share, steady=False):
        self.name, self.link, self.payload_share = name, link, payload_share
        self.burst = self.credit = 8 * link.burst_bytes * payload_share
        self.bits = self.busy_s = self.full_s = self.peak = 0.0
        self._edges = iter(()) if steady else heapq.merge(self._points(), *self._outages(), key=lambda edge: edge[0])
        self._scheduled, self._cuts = self._always if steady else link.bandwidth_bits_per_s, 0
        self.next_edge = next(self._edges, None)
        self.read(0.0)

    @property
    def _always(self):
        """What is written, or the one bandwidth that a schedule ever has."""
        full = self.link.bandwidth_bits_per_s
        if self.link.outages or not self.link.schedule:
            return full
        ever = {min(full, point.bandwidth_bits_per_s) for point in self.link.schedule.points}
        return max(ever) if len(ever) == 1 else full

    @property
    def idle(self):
        """For payload, as if it never changed."""
        return self._always * self.payload_share

    def _points(self):
        """Every change of the schedule: (when, what kind, value)."""
        if self.link.schedule:
            repeat_s = self.link.schedule.repeat_s
            for turn in itertools.count() if repeat_s else [0]:
                for point in self.link.schedule.points:
                    yield turn * (repeat_s or 0.0) + point.at_s, "bandwidth", point.bandwidth_bits_per_s

    def _outages(self):
        for outage in self.link.outages:
            yield iter([(outage.start_s, "cut", 1)])
            if outage.duration_s is not None:
                yield iter([(outage.start_s + outage.duration_s, "cut", -1)])

    def read(self, now_s):
        """Takes in all that has changed by now."""
        while self.next_edge and self.next_edge[0] <= now_s:
            _, kind, value = self.next_edge
            if kind == "cut":
                self._cuts += value
            else:
                self._scheduled = value
            self.next_edge = next(self._edges, None)
        bandwidth = min(self.link.bandwidth_bits_per_s, self._scheduled)
        self.capacity = 0.0 if self._cuts else bandwidth * self.payload_share

    @property
    def open(self):
        """A bucket with credit holds nobody back; a cut link does, whatever its bucket has."""
        return self.credit > EMPTY * self.burst and self.capacity > 0


class Flow:
    def __init__(self, pipes, bits, weight, cap, clock):
        self.pipes, self.left, self.size, self.weight, self.cap = pipes, bits, bits, weight, cap
        self.sent = Signal(clock)
        self.rate = 0.0


def fill(room, flows, caps):
    """Max-min fair amounts: all rise together, each in proportion to its weight, until a pipe is full or a cap reached.

    Args:
      room: what each pipe can take (a mapping).
      flows: with `pipes` and `weight`.
      caps: the most of each flow.

    Source: Bertsekas and Gallager, Data Networks, section 6.5.2.
    """
    room, amounts, rising = dict(room), [0.0] * len(flows), set(range(len(flows)))
    while rising:
        weight = dict.fromkeys(room, 0.0)
        for f in rising:
            for pipe in flows[f].pipes:
                weight[pipe] += flows[f].weight
        rises = {pipe: room[pipe] / weight[pipe] for pipe in room if weight[pipe]}
        tops = {f: (caps[f] - amounts[f]) / flows[f].weight for f in rising}
        rise = max(0.0, min([*rises.values(), *tops.values()]))
        full = {pipe for pipe, least in rises.items() if least <= rise * (1 + TIE)}
        for f in rising:
            amounts[f] += rise * flows[f].weight
        for pipe in rises:
            room[pipe] -= rise * weight[pipe]
        rising = {f for f in rising if tops[f] > rise * (1 + TIE) and full.isdisjoint(flows[f].pipes)}
    return amounts


class Pipes:
    """All links of a run and all flows on them; a fluid of the clock."""

    def __init__(self, clock, pipes):
        self.clock, self.pipes, self.flows = clock, pipes, []
        self._over, self._empty, self._due = [], [], False
        clock.fluids.append(self)

    def send(self, pipes, size_bytes, weight, cap):
        """A flow that begins now; its signal tells when its last bit has left."""
        flow = Flow(pipes, 8 * size_bytes, weight, cap, self.clock)
        if size_bytes > 0 and pipes:
            self.flows.append(flow)
        else:
            flow.sent.fire()
        return flow.sent

    def settle(self):
        """Pours what buckets have credit for, and gives everybody a rate."""
        self._pour()
        limits = {pipe: math.inf if pipe.open else pipe.capacity for pipe in self.pipes}
        for flow, rate in zip(self.flows, fill(limits, self.flows, [f.cap for f in self.flows]), strict=True):
            flow.rate = rate
        for pipe in self.pipes:
            pipe.load = sum(flow.rate for flow in self.flows if pipe in flow.pipes)

    def _pour(self):
        """Without a cap, and with credit all the way, a flow has no bound to its rate: it passes in no time."""
        free = [f for f in self.flows if f.cap == math.inf and all(pipe.open for pipe in f.pipes)]
        if not free:
            return
        credit = {pipe: pipe.credit for pipe in self.pipes if pipe.open}
        for flow, bits in zip(free, fill(credit, free, [f.left for f in free]), strict=True):
            flow.left -= bits
            for pipe in flow.pipes:
                pipe.credit -= bits
                pipe.bits += bits
                pipe.peak = 1.0
            if flow.left <= TIE * flow.size:
                self.flows.remove(flow)
                flow.sent.fire()
        for pipe in credit:
            if pipe.credit <= EMPTY * credit[pipe]:
                pipe.credit = 0.0

    def wait_s(self):
        """Until the next flow is through, or a bucket empty; infinite if nothing moves and nothing will."""
        if not self.flows:
            return math.inf
        moving = [(flow.left / flow.rate, flow) for flow in self.flows if flow.rate > 0]
        draining = [
            (pipe.credit / (pipe.load - pipe.capacity), pipe)
            for pipe in self.pipes
            if pipe.open and pipe.load > pipe.capacity
        ]
        soonest = max(0.0, min((s for s, _ in [*moving, *draining]), default=math.inf))
        self._over = [flow for s, flow in moving if s <= soonest * (1 + TIE)]
        self._empty = [pipe for s, pipe in draining if s <= soonest * (1 + EMPTY)]
        if soonest == math.inf:  # all stand still: only a change of capacity can help
            return max(0.0, self.change_s() - self.clock.now)
        return soonest

    def change_s(self):
        """When the next capacity changes."""
        return min((pipe.next_edge[0] for pipe in self.pipes if pipe.next_edge), default=math.inf)

    def pass_by(self, seconds, due):
        self._due = due
        for flow in self.flows:
            flow.left -= flow.rate * seconds
        for pipe in self.pipes:
            pipe.bits += pipe.load * seconds
            if pipe.load > 0 and seconds > 0:
                full = not pipe.open and pipe.load > FULL * pipe.capacity
                pipe.busy_s += seconds
                pipe.full_s += seconds if full else 0.0
                pipe.peak = max(pipe.peak, min(pipe.load / pipe.capacity, 1.0))
            if pipe.burst:
                gain = pipe.capacity - pipe.load
                if pipe.open or gain > TIE * pipe.capacity:
                    pipe.credit = min(pipe.burst, max(0.0, pipe.credit + gain * seconds))

    def act(self):
        for pipe in self.pipes:
            pipe.read(self.clock.now)
        if self._due and self.flows:
            for pipe in self._empty:
                pipe.credit = 0.0
            for flow in self._over:
                self.flows.remove(flow)
                flow.sent.fire()
        self._over, self._empty, self._due = [], [], False

    def stalled(self):
        """Pipes without capacity that somebody waits on."""
        return sorted({pipe.name for flow in self.flows for pipe in flow.pipes if pipe.capacity == 0})
