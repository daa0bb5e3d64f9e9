"""The reference replay: a scenario in, the figures of each run out; every step, every flow, one moment at a time."""

from collections import Counter
from dataclasses import dataclass, field

from .clock import Clock, Signal
from .exchanges import Flowing, Published, choose_plans
from .hosts import Hosts
from .insides import Inside
from .jobs import Job
from .load import Load
from .mailbox import STORE, Mailbox
from .pipes import Pipes
from .programs import program
from .relay import LocalServer, asked
from .routes import Map
from .syncer import Syncer


@dataclass(eq=False)
class Exchange:
    """One exchange under way.

    `members` join it; `sites` are the workers whose datacenters it uses; `own` is what a member that goes by itself
    (in a chunked ring, or because it came too late) waits for instead.
    """

    done: Signal
    members: tuple
    size: float
    one_way: tuple | None = None
    replica: int | None = None
    behind_s: float = 0.0
    pays_inside: bool = True
    quorum: int | None = None
    grace_s: float = 0.0
    sites: tuple = ()
    job: object = None
    joined: list = field(default_factory=list)
    begun: bool = False
    within: bool = False
    gathers: bool = False
    is_first: bool = False
    stream: tuple | None = None
    in_turn: bool = False
    batch: object = None
    mailbox: object = None
    pending: float | None = None
    legs: list = field(default_factory=list)
    own: dict = field(default_factory=dict)
    chunks: dict = field(default_factory=dict)
    waited: dict = field(default_factory=dict)


class Worker:
    """One datacenter's share of a run, with its sums; every moment of it goes to what it is doing then."""

    def __init__(self, run, job, number):
        self.run, self.job, self.number, self.place = run, job, number, job.first + number
        self.doing, self.waits_for, self.under_way = None, None, 0
        self.s = dict.fromkeys(("compute", "pack", "straggler", "inside", "across", "hidden"), 0.0)
        self.finish_s = self.burst = self.peak = self.crossing_bytes = 0.0
        self.stepping = False
        self.merges = self.late = self.stale = self.stalest = self.knows = 0
        self.waited_for = [0.0] * len(job.everyone)

    def pass_by(self, seconds):
        if self.doing in ("compute", "pack"):
            self.s[self.doing] += seconds
            self.s["hidden"] += seconds if self.under_way else 0.0
        elif self.doing == "wait":
            one = self.waits_for
            if one.begun:
                inside = len(one.sites) == 1 or any(each.within for each in [one, *one.legs])
                self.s["inside" if inside else "across"] += seconds
            elif one.pending is not None:  # who comes next, or nobody, tells what it waited for
                one.pending += seconds
            else:
                self.s["straggler"] += seconds
                one.waited[self] = one.waited.get(self, 0.0) + seconds

    def compute(self, seconds, *, new=False, pack=False):
        """Computes; `new`: a step begins, and with it the time over which a burst is counted."""
        if new and self.stepping:
            self.peak, self.burst = max(self.peak, self.burst), 0.0
        self.stepping = self.stepping or new
        self.doing = "pack" if pack else "compute"
        host = self.run.host_of[self.place]
        yield self.run.hosts.compute(host, seconds) if host else seconds
        self.doing = None

    def exchange(self, name, index, part, size, *, members=None, one_way=None):
        """The exchange of that name, the same for all its members."""
        if one_way:
            members = (self.place,)
        members = members or self.job.everyone
        key = (name, index, part, members)
        if key not in self.run.open:
            one = Exchange(Signal(self.run.clock), members, size, one_way, self.place)
            first = self.job.first_rounds.setdefault(name, index)
            one.is_first = index == first and part == 0 and not one_way and len(members) > 1
            one.sites, one.job = tuple(dict.fromkeys(one_way)) if one_way else members, self.job
            self.run.open[key] = one
        return self.run.open[key]

    def message(self, name, step, part, size, ends):
        """A message from one worker to another, the same for both; its name and ends tell its connection."""
        key = (name, step, part, ends)
        if key not in self.run.open:
            one = Exchange(Signal(self.run.clock), ends, size, ends, sites=ends, job=self.job, pays_inside=False)
            one.stream, one.joined = (name[0], ends), [ends[1]]  # who gets it does not keep it waiting
            one.in_turn = self.job.strategy.bandwidth_sharing == "temporal"
            self.run.open[key] = one
        return self.run.open[key]

    def send(self, one):
        self.run.join(self, one)

    def start(self, one, pack=0.0):
        """Packs so large a share of the parameters, and joins."""
        if pack and self.job.pack_s:
            yield from self.compute(self.job.pack_s * pack, pack=True)
        self.run.join(self, one)

    def put(self, one, pack, most, deadline_s):
        """Packs, and leaves what is exchanged in the store for the others."""
        if pack and self.job.pack_s:
            yield from self.compute(self.job.pack_s * pack, pack=True)
        one.mailbox = one.mailbox or Mailbox(self.run, one, most, deadline_s)
        one.mailbox.enter(self, Exchange(Signal(self.run.clock), (self.place,), one.size, sites=(self.place, STORE)))

    def wait(self, one):
        mine = one.own.get(self.place, one)
        if not mine.done.fired:
            self.doing, self.waits_for = "wait", mine
            yield mine.done
            self.doing = None
        self.s["hidden"] += one.behind_s

    def hand_in(self, pack):
        """Packs so large a share of the parameters, and hands it in to the syncer."""
        if self.job.pack_s:
            yield from self.compute(self.job.pack_s * pack, pack=True)
        new = Exchange(Signal(self.run.clock), (self.place,), self.job.size, sites=(self.place, "syncer"))
        return self.job.syncer.hand_in(self, new)

    def wait_for_syncer(self, one):
        if self.job.syncer.is_open(one):
            yield from self.wait(one)

    def merge(self, places, group=None):
        """One update of what a group shares (unless given all), from some of them, who then know all updates so far."""
        workers = [self.run.workers[place] for place in places]
        for worker in workers:
            stale = self.job.updates[group] - worker.knows
            worker.merges += 1
            worker.stale += stale
            worker.stalest = max(worker.stalest, stale)
            worker.knows = self.job.updates[group] + 1
        self.job.updates[group] += 1

    def settled(self, server):
        return asked(self.run, self, server, Exchange)

    def program(self):
        yield from program(self)
        self.finish_s = self.run.clock.now
        self.peak = self.peak or self.burst


class Replay:
    """One replay of some jobs at the same time.

    Args:
      scenario: as resolved.
      strategies: one for each job.
      advisor: (names of the sites, chips) of all workers -> who is asked which of equally good plans to take.
    """

    def __init__(self, scenario, strategies, advisor=None):
        topology = scenario.topology
        self.clock, self.open = Clock(), {}
        self.algorithm = scenario.collective or topology.collective
        published = self.algorithm in ("published", "ideal")
        self.hosts = Hosts(self.clock, topology.hosts)
        self.roads = roads = Map(topology)
        pipes = Pipes(self.clock, roads.pipes)
        self.jobs, self.workers, sites, insides = [], [], [], []
        for strategy in strategies:
            own = topology.datacenters[: workers_of(strategy, len(topology.datacenters))]
            if getattr(strategy, "sites", None):
                own = [site for name in strategy.sites for site in topology.datacenters if site.name == name]
            load = Load(scenario.workload, own)
            nets = [Inside(site, load.chips[w], backward_s(site, load, w, published)) for w, site in enumerate(own)]
            names = [site.name for site in own]
            job = Job(strategy, load, nets, roads, names, published=published, first=len(sites))
            job.updates, job.first_rounds = Counter(), {}
            job.syncer = Syncer(self, job) if strategy.kind == "decoupled-diloco" else None
            if strategy.kind == "halos":
                regions = [job.everyone[at : at + job.region_size] for at in range(0, load.workers, job.region_size)]
                pushes = [sum(job.pushes(each - job.first) for each in region) for region in regions]
                servers = map(LocalServer, [self] * len(regions), [job] * len(regions), regions, pushes)
                job.servers = {server.place: server for server in servers}
            self.jobs.append(job)
            sites += own
            insides += nets
        self.places = [site.name for site in sites]
        self.host_of = [site.host for site in sites]
        if published:
            self.net = Published(self.clock, roads, self.places, insides)
        else:

            def alone_s(members, phases):
                clock, map_ = Clock(), Map(topology, steady=True)
                net = Flowing(clock, map_, self.places, insides, Pipes(clock, map_.pipes), None, self.algorithm)
                one = Exchange(Signal(clock), members, 0.0, sites=members, pays_inside=False)
                clock.start(net.all_reduce(one, phases))
                clock.run()
                return clock.now

            def names(members):
                return [self.places[w] for w in members]

            advise = advisor(self.places, [inside.chips for inside in insides]) if advisor else None
            choose = choose_plans(alone_s, self.algorithm, names, roads.best_rings, advise, bool(topology.ring_order))
            self.net = Flowing(self.clock, roads, self.places, insides, pipes, choose, self.algorithm)
        self.pipes = [] if published else roads.pipes
        for job in self.jobs:
            self.workers += [Worker(self, job, number) for number in range(job.load.workers)]
        self.clock.watchers += [worker.pass_by for worker in self.workers]
        ends = [self.clock.start(worker.program()) for worker in self.workers]
        self.clock.run()
        if not all(end.fired for end in ends):
            raise RuntimeError(f"somebody waits for ever; stalled: {pipes.stalled()}")

    def leg(self, worker, way, size, batch):
        """One way between a worker and the syncer."""
        sites = tuple(dict.fromkeys(way))
        return Exchange(None, (worker.place,), size, way, worker.place, sites=sites, job=worker.job, batch=batch)

    def join(self, worker, one):
        """One more member has come; the last, or a quorum after its grace, begins it."""
        if one.begun:
            self._catch_up(worker, one)
            return
        size = self.net.crossing_bytes(one)
        if one.one_way:
            self.workers[one.one_way[0]].burst += size
        else:
            worker.burst += size / len(one.members)
        one.joined.append(worker.place)
        apart = getattr(self.net, "chunked", False) and len(one.members) > 1 and one.quorum is None and not one.gathers
        apart = apart and not one.one_way
        if apart:
            mine = one.own[worker.place] = Exchange(Signal(self.clock), one.members, one.size, sites=one.sites)
            self.net.enter(one, worker.place).then(lambda: self._over(mine, [worker.place]))
        if len(one.joined) == len(one.members):
            self._begin(one, apart)
        elif len(one.joined) == one.quorum:
            self.clock.after(one.grace_s, lambda: None if one.begun else self._begin(one, False))

    def _begin(self, one, apart):
        if one.quorum is not None:
            self.workers[one.joined[0]].merge(one.joined)
            one.sites = tuple(sorted(one.joined))
        self.workers[one.joined[0]].crossing_bytes += self.net.crossing_bytes(one)
        for place in one.joined:
            self.workers[place].under_way += 1
        for each in [one, *one.own.values()]:
            each.begun = True
            for worker, seconds in each.waited.items():
                worker.waited_for[self.workers[one.joined[-1]].number] += seconds
        if not apart:
            self.net.begin(one).then(lambda: self._over(one, list(one.joined)))

    def _over(self, one, places):
        for place in places:
            self.workers[place].under_way -= 1
        one.done.fire()

    def _catch_up(self, worker, missed):
        """Who came too late hands its change to the first of the others, and gets the parameters from it."""
        worker.late += 1
        worker.merge([worker.place])
        other = missed.joined[0]
        mine = missed.own[worker.place] = Exchange(Signal(self.clock), (worker.place,), missed.size, begun=True)
        mine.sites = (worker.place, other)
        ways = [(worker.place, other), (other, worker.place)]
        legs = [
            Exchange(None, (worker.place,), missed.size, way, worker.place, sites=way, job=worker.job) for way in ways
        ]
        for leg in legs:
            self.workers[leg.one_way[0]].burst += self.net.crossing_bytes(leg)
        worker.under_way += 1

        def go():
            yield missed.done
            for leg in legs:
                worker.crossing_bytes += self.net.crossing_bytes(leg)
                mine.legs = [leg]
                yield self.net.begin(leg)
            self._over(mine, [worker.place])

        self.clock.start(go())


def workers_of(strategy, datacenters):
    """A datacenter for each of several replicas; all of them where there is one model."""
    if strategy.kind == "pipeline":
        return len(strategy.sites or ()) or strategy.pipelines * (strategy.stages or datacenters // strategy.pipelines)
    replicas = getattr(strategy, "replicas", 1)
    return replicas if replicas > 1 else datacenters


def backward_s(site, load, worker, published):
    """The part of a mean step behind which a worker's gradients are exchanged inside its site; 0: none [s]."""
    how = getattr(site.inside, "overlap", None) or ("none" if published else "backward")
    return (1 - load.forward_share) * load.mean_step_s[worker] if how == "backward" else 0.0
