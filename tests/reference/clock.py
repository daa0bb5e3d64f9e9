"""A clock that is plainly right: go to the next moment at which anything happens, do it, and look again.

Nothing is kept from one moment to the next but what is really there: timers, and *fluids*, in which something runs at a
rate (bits on links, seconds of work on a host). Rates are worked out anew at every moment, for whoever is there then.
"""

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator

TIE = 1e-12
"""What is over within this share of the time to it is over together with it."""


class Signal:
    """Something that happens once, and that processes wait for."""

    def __init__(self, clock):
        self.clock = clock
        self.fired = False
        self._waiting = []

    def fire(self):
        self.fired = True
        self.clock.soon.extend(self._waiting)
        self._waiting = []

    def then(self, action: Callable[[], None]):
        if self.fired:
            self.clock.soon.append(action)
        else:
            self._waiting.append(action)


class Clock:
    """Time, timers and fluids."""

    def __init__(self):
        self.now = 0.0
        self.soon = deque()
        """What happens at this very moment, in turn."""
        self.fluids = []
        """Each has settle(), wait_s(), change_s(), pass_by(seconds) and act()."""
        self.watchers = []
        """Told how much time has passed."""
        self._timers = []
        self._numbers = itertools.count()

    def after(self, seconds: float, action: Callable[[], None]):
        heapq.heappush(self._timers, (self.now + seconds, next(self._numbers), action))

    def start(self, process: Iterator) -> Signal:
        """Runs a process, which yields seconds to sleep or a signal to wait for; the signal given back tells its end."""
        over = Signal(self)

        def go():
            wanted = next(process, over)
            if wanted is over:
                over.fire()
            elif isinstance(wanted, Signal):
                wanted.then(go)
            else:
                self.after(wanted, go)

        go()
        return over

    def run(self):
        """Until nothing can happen any more."""
        while True:
            while self.soon or (self._timers and self._timers[0][0] <= self.now):
                while self.soon:
                    self.soon.popleft()()
                if self._timers and self._timers[0][0] <= self.now:
                    heapq.heappop(self._timers)[2]()
            for fluid in self.fluids:
                fluid.settle()
            if self.soon:
                continue
            timer_s = self._timers[0][0] if self._timers else math.inf
            waits_s = [fluid.wait_s() for fluid in self.fluids]
            if timer_s == math.inf and min(waits_s, default=math.inf) == math.inf:
                return
            changes_s = min((fluid.change_s() for fluid in self.fluids), default=math.inf)
            wait_s = min([timer_s - self.now, changes_s - self.now, *waits_s])
            for watcher in self.watchers:
                watcher(wait_s)
            for fluid, own_s in zip(self.fluids, waits_s, strict=True):
                fluid.pass_by(wait_s, due=own_s <= wait_s * (1 + TIE))
            exact = min(timer_s, changes_s)
            self.now = exact if exact - self.now <= wait_s else self.now + wait_s
            for fluid in self.fluids:
                fluid.act()
