"""Messages that take turns on the links of their way: one has all of it, and the next one waits."""

import math

from .clock import Signal


class Turns:
    """Messages that take turns on links; those of one moment in the order of their senders and receivers.

    For the clock it is a fluid in which nothing ever runs: it is asked when everybody has spoken at a moment.
    """

    def __init__(self, flowing):
        self._flowing, self._asking = flowing, []

    def ask(self, exchange):
        self._asking.append((exchange, Signal(self._flowing.clock)))
        return self._asking[-1][1]

    def settle(self):
        asking, self._asking = self._asking, []
        for exchange, over in sorted(asking, key=lambda each: (each[0].one_way, each[0].stream[0])):
            takes = [exchange.stream, *((exchange.job, pipe) for pipe in self._flowing.way(exchange.one_way).pipes)]
            self._flowing.clock.start(self._flowing.message(exchange, takes)).then(over.fire)

    def wait_s(self):
        return math.inf

    change_s = wait_s

    def pass_by(self, seconds, *, due):
        pass

    def act(self):
        pass
