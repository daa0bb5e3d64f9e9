"""Compute that workers share: while n of them are at it, each takes slowdown(n) times as long."""

import math

from .clock import TIE, Signal


def slowdown(host, count):
    """The number in the list; beyond it the last one grows in proportion."""
    listed = host.slowdown
    return listed[count - 1] if count <= len(listed) else listed[-1] * count / len(listed)


class Hosts:
    """Everybody who computes on a host that others may use; a fluid of the clock."""

    def __init__(self, clock, hosts):
        self.clock, self.hosts = clock, {host.name: host for host in hosts}
        self.present = []  # [host name, seconds of work left, signal]
        self._due = False
        clock.fluids.append(self)

    def compute(self, name, seconds):
        done = Signal(self.clock)
        self.present.append([name, seconds, done])
        return done

    def _slow(self, name):
        host = self.hosts[name]
        slow = slowdown(host, sum(other == name for other, _, _ in self.present))
        if host.part_of:
            busy = {other for other, _, _ in self.present if self.hosts[other].part_of == host.part_of}
            slow *= slowdown(self.hosts[host.part_of], len(busy))
        return slow

    def settle(self):
        self.slow = [self._slow(name) for name, _, _ in self.present]

    def wait_s(self):
        waits = [max(0.0, left) * slow for (_, left, _), slow in zip(self.present, self.slow, strict=True)]
        soonest = min(waits, default=math.inf)
        self._over = [each for each, s in zip(self.present, waits, strict=True) if s <= soonest * (1 + TIE)]
        return soonest

    def change_s(self):
        return math.inf

    def pass_by(self, seconds, due):
        self._due = due
        for each, slow in zip(self.present, self.slow, strict=True):
            each[1] -= seconds / slow

    def act(self):
        if self._due:
            for each in self._over:
                self.present.remove(each)
                each[2].fire()
        self._due = False
