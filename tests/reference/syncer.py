"""Decoupled DiLoCo: where the syncer is, how many steps each learner makes, and what the syncer does when one hands in."""

from itertools import pairwise

MOST_SYNCERS = 64


def handed_in(strategy, steps, closing):
    """The steps after which a learner hands in, in order: P times a round, and P times after its last step."""
    every, count = strategy.sync_every, fragment_count(strategy)
    moments = {max(1, int(p * every / count + 0.5)) for p in range(1, count + 1)}
    found = [step for step in range(steps) if step % every + 1 in moments]
    if closing and steps:
        found = [step for step in found if step < steps - 1] + [steps - 1] * count
    return found


def fragment_count(strategy):
    return strategy.fragments or min(24, strategy.sync_every)


def overlap_steps(strategy):
    return min(2, strategy.sync_every - 1) if strategy.overlap_steps is None else strategy.overlap_steps


def step_s(job, worker):
    """A step of a learner by itself, with its part of the packing [s]."""
    seconds = job.load.mean_step_s[worker] + job.pack_s / job.strategy.sync_every
    if not job.load.measured:
        seconds += job.insides[worker].all_reduce_s(job.load.gradient_bytes) - job.inside_hidden_s(worker)
    return seconds


def steps_of(job):
    """M T steps, one after the other to the learner that would be done with it first.

    Of x exchanges a second a learner is in as many as it hands in, and each needs K of them.
    """
    alone_s = [step_s(job, worker) for worker in range(job.load.workers)]
    low, high = 0.0, sum(1 / seconds for seconds in alone_s)
    for _ in range(200):
        rate = (low + high) / 2
        enough = sum(min(rate, 1 / seconds) for seconds in alone_s) >= job.strategy.quorum * rate * (1 - 1e-13)
        low, high = (rate, high) if enough else (low, rate)
    paces_s = [max(seconds, 1 / low) for seconds in alone_s]
    if max(paces_s) <= min(paces_s) * (1 + 1e-12):
        return [job.load.steps] * job.load.workers
    steps = [0] * job.load.workers
    for _ in range(job.load.workers * job.load.steps):
        steps[min(range(len(steps)), key=lambda w: ((steps[w] + 1) * paces_s[w], w))] += 1
    return steps


def place_of(job):
    """The learner beside the syncer, and what an exchange of a fragment takes there [s]."""
    if job.strategy.syncer is not None:
        place = job.sites.index(job.strategy.syncer)
        return place, exchange_s(job, place)
    times = [exchange_s(job, place) for place in range(min(MOST_SYNCERS, job.load.workers))]
    best = next(place for place, taken_s in enumerate(times) if taken_s <= min(times) * (1 + 1e-9))
    return best, times[best]


def exchange_s(job, place):
    """All to the syncer, and back.

    At the published cost what goes over the same hop waits for what goes there before; as flows all share the hop.
    """
    size = job.size / fragment_count(job.strategy)
    total_s = 0.0
    for back in (False, True):
        over_s, free_s, crowd = [job.insides[place].scatter_s(size)], {}, {}
        others = [worker for worker in range(job.load.workers) if worker != place]
        names = {w: [job.sites[each] for each in ((place, w) if back else (w, place))] for w in others}
        for worker in others:
            for hop in pairwise(job.roads.path(*names[worker])):
                crowd[hop] = crowd.get(hop, 0) + 1
        for worker in others:
            way, hops = job.roads.way(*names[worker]), list(pairwise(job.roads.path(*names[worker])))
            fixed_s = job.roads.transport.exchange_overhead_s
            if job.published:
                left_s = max(free_s.get(hop, 0.0) for hop in hops) + 8 * size / way.bandwidth + fixed_s
                free_s.update(dict.fromkeys(hops, left_s))
            else:
                fixed_s += job.insides[worker].scatter_s(size)
                shares = [job.roads.link[h].bandwidth_bits_per_s * job.roads.share / crowd[h] for h in hops]
                left_s = 8 * size / min(job.roads.idle(*names[worker]), *shares) + fixed_s
            over_s.append(left_s + way.latency_s * (1 if job.published else job.roads.transport.messages))
        total_s += max(over_s)
    return total_s


class Syncer:
    """The syncer of a job: its rounds, in the order in which they opened, each with who is in it."""

    def __init__(self, run, job):
        self.run, self.job = run, job
        self.place, taken_s = place_of(job)
        self.place += job.first
        steps = [step_s(job, worker) for worker in range(job.load.workers)]
        self.slack_s = overlap_steps(job.strategy) * min(steps) - taken_s
        self.to_come = [len(handed_in(job.strategy, each, job.closing)) for each in job.steps]
        self.done = [0] * len(self.to_come)
        self.rounds, self.early = [], {}
        self.versions = [0] * fragment_count(job.strategy)
        self.has = [list(self.versions) for _ in self.to_come]
        self.before = {}

    def hand_in(self, worker, new):
        """A learner hands in; gives back what it waits for when that is due."""
        number, fragments = worker.number, len(self.versions)
        last_ones = fragments if self.job.closing else 1
        left = self.to_come[number] - self.done[number]
        self.done[number] += 1
        mine = [each for each in self.rounds if worker in each.who]
        waiting = [each for each in self.rounds if not each.begun and (not mine or each.number > mine[-1].number)]
        own = self.early.pop(worker, new)
        before, self.before[worker] = self.before.get(worker), own
        coming = {worker: own}
        if not waiting:
            ahead = self.done[number] > len(self.rounds)
            over = self.rounds and all(self.is_over(other) for other in self.rounds[-1].who)
            if not (ahead or over or left <= last_ones):
                self.early[worker] = own
                return before or own
            waiting = [Round(len(self.rounds), self.run.clock.now)]
            self.rounds += waiting
            coming, self.early = {**self.early, **coming}, {}
        for other, each in coming.items():
            each.joined = waiting[0].joined
            waiting[0].who[other] = each
            waiting[0].joined.append(other.place)
        self.look(waiting[0])
        return own

    def is_open(self, one):
        return all(one is not each for each in self.early.values())

    def is_over(self, worker):
        return self.done[worker.number] == self.to_come[worker.number]

    def look(self, changed):
        if not changed.timed and len(changed.who) >= self.job.strategy.quorum:
            changed.timed = True
            left_s = self.slack_s - (self.run.clock.now - changed.opened_s)
            self.run.clock.after(max(0.0, self.job.strategy.margin * left_s), lambda: self.begin(changed))
        workers = [self.run.workers[place] for place in self.job.everyone]
        for each in self.rounds:
            if not each.begun and all(other in each.who or self.is_over(other) for other in workers):
                self.begin(each)

    def begin(self, round_):
        if round_.begun:
            return
        round_.begun = True
        fragment = (round_.number + 1) % len(self.versions)
        for worker, own in round_.who.items():
            stale = self.versions[fragment] - self.has[worker.number][fragment]
            worker.merges += 1
            worker.stale += stale
            worker.stalest = max(worker.stalest, stale)
            own.begun = True
            worker.under_way += 1
            for other, seconds in own.waited.items():
                other.waited_for[self.run.workers[round_.joined[-1]].number] += seconds
        self.versions[fragment] += 1
        self.run.clock.start(self.exchange(round_, fragment, self.versions[fragment]))

    def exchange(self, round_, fragment, version):
        pushes = [self.transfer(worker, own, round_.number, back=False) for worker, own in round_.who.items()]
        yield from pushes
        for place in self.job.everyone:
            worker = self.run.workers[place]
            own = round_.who.get(worker)
            arrived = self.transfer(worker, own, round_.number, back=True)
            arrived.then(lambda worker=worker, own=own: self.arrive(worker, own, fragment, version))

    def transfer(self, worker, own, number, *, back):
        way = (self.place, worker.place) if back else (worker.place, self.place)
        leg = self.run.leg(worker, way, self.job.size / len(self.versions), (self.job.first, number, back))
        size = self.run.net.crossing_bytes(leg)
        self.run.workers[way[0]].burst += size
        worker.crossing_bytes += size
        if own:
            own.legs = [leg]
        return self.run.net.begin(leg)

    def arrive(self, worker, own, fragment, version):
        self.has[worker.number][fragment] = max(self.has[worker.number][fragment], version)
        if own:
            worker.under_way -= 1
            own.done.fire()


class Round:
    """An exchange of the syncer."""

    def __init__(self, number, opened_s):
        self.number, self.opened_s = number, opened_s
        self.who, self.joined = {}, []
        self.begun = self.timed = False
