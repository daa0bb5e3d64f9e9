"""A mailbox: who comes uploads at once, and fetches what counts when the window has closed."""

from .clock import Signal

STORE = "store"


class Mailbox:
    """One exchange through a store.

    Args:
      run: the replay.
      one: the exchange; who comes gets one of its own in it.
      most: uploads after which the window closes.
      deadline_s: how long after the first came it closes anyway; None: never.
    """

    def __init__(self, run, one, most, deadline_s):
        self.run, self.one, self.most, self.deadline_s = run, one, most, deadline_s
        self.came, self.there, self.closed = [], [], False
        self.over = Signal(run.clock)

    def enter(self, worker, own):
        self.one.own[worker.place] = own
        worker.under_way += 1
        if self.closed:
            worker.late += 1
            own.begun = True
        else:
            if not self.came and self.deadline_s is not None:
                self.run.clock.after(self.deadline_s, self.close)
            for other in self.came:  # they have waited for this one, until now
                mine = self.one.own[other.place]
                other.s["straggler"] += mine.pending
                mine.waited[other] = mine.waited.get(other, 0.0) + mine.pending
                mine.pending = 0.0
            self.came.append(worker)
            own.pending = 0.0
        self.run.clock.start(self.visit(worker, own, uploads=not self.closed))

    def visit(self, worker, own, *, uploads):
        if uploads:
            worker.burst += own.size
            yield self.carry(worker, (worker.place, STORE), own.size)
            if not self.closed:
                self.there.append(worker)
                if len(self.there) == self.most:
                    self.close()
        yield self.over
        count = sum(other is not worker for other in self.there)
        if count:
            yield self.carry(worker, (STORE, worker.place), count * own.size)
        worker.under_way -= 1
        own.done.fire()

    def carry(self, worker, way, size):
        leg = self.run.leg(worker, way, size, STORE)
        leg.gathers = True
        worker.crossing_bytes += size
        return self.run.net.begin(leg)

    def close(self):
        if self.closed:
            return
        self.closed = True
        for worker in self.came:
            own = self.one.own[worker.place]
            worker.late += worker not in self.there
            worker.s["across"] += own.pending
            own.begun, own.pending = True, None
            for other, seconds in own.waited.items():
                other.waited_for[self.came[-1].number] += seconds
        self.over.fire()
