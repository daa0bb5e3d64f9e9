"""HALoS: a server for each region, which now and then exchanges with the one above all of them."""

from .clock import Signal


class LocalServer:
    """The server of a region.

    Args:
      run: the replay.
      job: the job.
      region: its workers, the first of which it is beside.
      pushes: how many they make in the whole run.
    """

    def __init__(self, run, job, region, pushes):
        self.run, self.job, self.region, self.pushes = run, job, region, pushes
        self.place = region[0]
        self.above = job.first + job.strategy.server * len(region)
        self.merged = self.heard = self.sent = 0
        self.busy, self.last, self.asked = False, None, None

    def merge(self, worker):
        worker.merge([worker.place], self.region)
        self.merged += 1
        self.last = worker
        if not self.busy and self.merged == self.heard + self.job.strategy.across_every:
            self._send()

    def settle(self, worker, one):
        """Fires an exchange when there is nothing left that the server above does not have."""
        if self.merged < self.pushes or worker is not self.last:
            one.done.fire()
            return
        self.asked = one
        if not self.busy:
            self._look()

    def _look(self):
        if self.asked and self.sent < self.merged:
            self._send()
        elif self.asked:
            self.asked.done.fire()

    def _send(self):
        self.busy, self.sent = True, self.merged
        if self.place == self.above:
            self._heard()
        else:
            self.run.clock.start(self._exchange())

    def _exchange(self):
        own = self.run.workers[self.place]
        own.under_way += 1
        for way in ((self.place, self.above), (self.above, self.place)):
            leg = self.run.leg(own, way, self.job.size, None)
            leg.stream, leg.pays_inside = ("global", way), False
            size = self.run.net.crossing_bytes(leg)
            self.run.workers[way[0]].burst += size
            own.crossing_bytes += size
            yield self.run.net.begin(leg)
        own.under_way -= 1
        self._heard()

    def _heard(self):
        self.busy, self.heard = False, self.merged
        self._look()


def asked(run, worker, server, exchange):
    """An exchange that is over when a server has nothing left to send."""
    one = exchange(Signal(run.clock), (worker.place,), 0.0, sites=(server.place, "above"), begun=True)
    server.settle(worker, one)
    return one
