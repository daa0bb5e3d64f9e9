"""The strategies, written out step by step for one worker.

A program is a generator over a `Worker` (`replay`): `yield from w.compute(...)`, `yield from w.start(...)`, which may
pack first, and `yield from w.wait(...)`. Steps count from 0.
"""

import math
import random

from .pipeline import pipeline
from .syncer import fragment_count as fragment_count_of
from .syncer import handed_in, overlap_steps


def program(w):
    """The program of a worker."""
    kind, strategy = w.job.strategy.kind, w.job.strategy
    if kind == "data-parallel":
        yield from spanning(w, range(w.job.load.steps), w.job.size, by_layer=w.job.by_layer, packed=True)
    elif kind == "pipeline":
        yield from pipeline(w)
    elif kind in ("diloco", "async-diloco") and strategy.replicas == 1:
        yield from one_replica(w)
    elif kind in ("async-diloco", "halos"):
        yield from asynchronous(w)
    elif kind == "decoupled-diloco":
        yield from decoupled(w)
    elif kind in ("streaming-diloco", "eager-diloco") or w.job.by_layer:
        yield from streaming(w)
    else:
        yield from rounds(w)


def is_round_over(w, step, steps):
    """Whether an outer exchange follows a step: at the end of a round, and of the run."""
    return is_over(w.job, step, steps)


def is_over(job, step, steps):
    return (step + 1) % job.strategy.sync_every == 0 or (step == steps - 1 and job.closing)


def inner_step(w, step):
    """A step of a replica in one site: compute, then what is left of the exchange of gradients inside."""
    yield from w.compute(w.job.load.step_s(w.number, step), new=True)
    yield from inside_exchange(w, step)


def inside_exchange(w, step):
    load = w.job.load
    if w.job.insides[w.number].chips > 1 and not load.measured:
        one = w.exchange("gradients", step, 0, load.gradient_bytes, members=(w.place,))
        one.behind_s = w.job.inside_hidden_s(w.number)
        yield from w.start(one)
        yield from w.wait(one)


def rounds(w):
    """DiLoCo; Elastic DiLoCo, whose exchange goes ahead without those who are late; and those among some at a time."""
    strategy, step, dealt = w.job.strategy, 0, w.job.rounds()
    quorum = getattr(strategy, "quorum", strategy.replicas)
    last = max((number for number, (_, ends) in enumerate(dealt) if ends), default=None)
    for number, (steps, ends) in enumerate(dealt):
        for _ in range(steps[w.number]):
            yield from inner_step(w, step)
            step += 1
        if ends:
            members = among(w, number, last)
            if len(members) < 2:
                continue
            one = w.exchange("outer", number, 0, w.job.size * parts_due(w.job, number), members=members)
            one.gathers, one.is_first = strategy.kind in ("sparseloco", "demo"), number == 0
            if quorum < strategy.replicas:
                one.quorum, one.grace_s = quorum, strategy.grace_s
            if getattr(strategy, "through", "sites") == "store":
                yield from w.put(one, 1.0, strategy.gather or strategy.replicas, strategy.deadline_s)
            else:
                yield from w.start(one, pack=1.0)
            yield from w.wait(one)


def parts_due(job, number):
    """How many times the parameters go: with moments of the optimizer, each of which is due now and then."""
    strategy, nth = job.strategy, number + 1
    if strategy.kind != "des-loc":
        return 1
    return 1 + (nth % strategy.first_moment_every == 0) + (nth % strategy.second_moment_every == 0)


def among(w, number, last):
    """Who exchanges with a worker after a round, itself among them; after the last one all do."""
    job, strategy = w.job, w.job.strategy
    everyone, mine = list(job.everyone), w.place - job.first
    if strategy.kind == "gossip-diloco":
        dealt = list(range(len(everyone)))
        random.Random(f"{strategy.seed}:{number}").shuffle(dealt)
        place = dealt.index(mine)
        found = sorted(dealt[place - place % 2 : place - place % 2 + 2])
    elif strategy.kind == "two-level-diloco" and (number + 1) % strategy.across_every and number != last:
        size = len(everyone) // strategy.regions
        found = [other for other in range(len(everyone)) if other // size == mine // size]
    else:
        found = range(len(everyone))
    return tuple(everyone[other] for other in found)


def one_replica(w):
    """DiLoCo with M = 1: gradients cross the sites at every step, and a round ends with an exchange besides."""
    strategy, load = w.job.strategy, w.job.load
    for first in range(0, load.steps, strategy.sync_every):
        steps = range(first, min(first + strategy.sync_every, load.steps))
        yield from spanning(w, steps, load.gradient_bytes, by_layer=w.job.by_layer, packed=False)
        if is_round_over(w, steps[-1], load.steps):
            one = w.exchange("outer", first, 0, w.job.size)
            yield from w.start(one, pack=1.0)
            yield from w.wait(one)


def spanning(w, steps, size, *, by_layer, packed):
    """Steps of a model that spans all sites, its gradients exchanged as a whole, or layer by layer."""
    load = w.job.load
    if not by_layer:
        for step in steps:
            yield from w.compute(load.step_s(w.number, step), new=True)
            one = w.exchange("gradients", step, 0, size)
            one.behind_s, one.pays_inside = w.job.spanning_hidden_s(size), not load.measured
            yield from w.start(one, pack=1.0 if packed else 0.0)
            yield from w.wait(one)
        return
    under_way = []
    for step in steps:
        begins = {}
        for number, (layers, share) in enumerate(w.job.buckets(range(len(load.layers)), size)):
            one = w.exchange("gradients", step, number, size * share)
            one.pays_inside = not load.measured
            begins[min(layers)] = [(one, share if packed else 0.0, number)]
        yield from layered_step(w, step, under_way, begins)
        # what was queued later arrives later, so all of it is waited for where its lowest layer is needed
        under_way = [(min(begins), one) for each in begins.values() for one, _, _ in each]
    for _, one in under_way:
        yield from w.wait(one)


def layered_step(w, step, needed, begins, again=None):
    """Forward from layer to layer, each after the wait for what it needs; backward, each then sends what is ready.

    Args:
      needed: (layer, exchange) that its forward pass waits for.
      begins: at each layer, the exchanges that begin when its backward pass is done: (exchange, share to pack, part).
      again: exchanges under way by part, waited for before the same part goes again.
    """
    load = w.job.load
    forward_s = load.step_s(w.number, step) * load.forward_share
    backward_s = load.step_s(w.number, step) - forward_s
    stops = {layer for layer, _ in needed}
    piece_s, new = 0.0, True
    for layer in range(len(load.layers)):
        if layer in stops:
            if piece_s:
                yield from w.compute(piece_s, new=new)
                piece_s, new = 0.0, False
            for lowest, one in needed:
                if lowest == layer:
                    yield from w.wait(one)
        piece_s += forward_s * load.layers[layer]
    for layer in reversed(range(len(load.layers))):
        piece_s += backward_s * load.layers[layer]
        if layer in begins or layer == 0:
            yield from w.compute(piece_s, new=new)
            piece_s, new = 0.0, False
            for one, share, part in begins.get(layer, []):
                if again and part in again:
                    yield from w.wait(again.pop(part)[-1])
                yield from w.start(one, pack=share)


def streaming(w):
    """Streaming and Eager DiLoCo, and DiLoCo layer by layer: exchanges that are needed some steps after they began."""
    job, load = w.job, w.job.load
    steps, delay = load.steps, delay_of(job.strategy)
    fragments = fragments_of(job)
    times = dict.fromkeys(range(len(fragments)), 0)
    under_way = {}  # part -> (step that needs it, layer, exchange)
    for step in range(steps):
        begins = {}  # layer (None: after the step) -> exchanges
        for fragment in sent_after(job, step, len(fragments)):
            for part, layer, share in fragments[fragment]:
                one = w.exchange("outer", times[fragment], part, job.size * share)
                begins.setdefault(layer if job.by_layer else None, []).append((one, share, part))
            times[fragment] += 1
        due = [(part, under_way.pop(part)) for part in list(under_way) if under_way[part][0] <= step]
        needed = [(layer, one) for _, (_, layer, one) in due]
        if job.by_layer:
            yield from layered_step(w, step, needed, begins, under_way)
            yield from inside_exchange(w, step)
        else:
            for _, one in needed:
                yield from w.wait(one)
            yield from inner_step(w, step)
            for one, share, part in begins.get(None, []):
                if part in under_way:
                    yield from w.wait(under_way.pop(part)[-1])
                yield from w.start(one, pack=share)
        for each in begins.values():
            lowest = min(begins) if job.by_layer else None
            under_way.update({part: (step + 1 + delay, lowest, one) for one, _, part in each})
    for _, _, one in under_way.values():
        yield from w.wait(one)


def delay_of(strategy):
    """Steps that still begin without the result."""
    return {"diloco": 0, "eager-diloco": getattr(strategy, "sync_every", 0)}.get(
        strategy.kind, getattr(strategy, "overlap_steps", 0)
    )


def fragment_count(job):
    if job.strategy.kind == "diloco":
        return 1
    return job.strategy.fragments or math.ceil(len(job.load.layers) / 3) or 8


def fragments_of(job):
    """For each fragment its parts: (number, lowest layer, share)."""
    count, layers = fragment_count(job), len(job.load.layers)
    if not layers:
        return [[(p, 0, 1 / count)] for p in range(count)]
    found, number = [], 0
    for p in range(count):
        chosen = range(p, layers, count)
        if getattr(job.strategy, "pattern", "strided") == "sequential":
            chosen = range(p * layers // count, (p + 1) * layers // count)
        parts = job.buckets(chosen, job.size)
        if not job.by_layer:
            parts = [(list(chosen), sum(job.load.layers[layer] for layer in chosen))]
        found.append([(number + i, min(together), share) for i, (together, share) in enumerate(parts)])
        number += len(parts)
    return found


def sent_after(job, step, count):
    """Fragments whose exchange begins in a step: p of P in step round(p H/P) of a round; all behind the last step."""
    every = job.strategy.sync_every
    if step == job.load.steps - 1 and job.closing:
        return range(count)
    place = (step % every) + 1  # 1 to H within the round
    moments = [max(1, int(p * every / count + 0.5)) if p else every for p in range(count)]
    return [p for p in range(count) if moments[p] == place]


def asynchronous(w):
    """H steps (or fewer, by speed), a push to the server, a merge, a pull; nobody waits for anybody."""
    job = w.job
    steps, server, every = job.steps[w.number], job.first + job.server_of(w.number), job.round_steps(w.number)
    for step in range(steps):
        yield from inner_step(w, step)
        if (step + 1) % every == 0 or (step == steps - 1 and job.closing):
            push = w.exchange("push", step, 0, job.size, one_way=(w.place, server))
            yield from w.start(push, pack=1.0)
            yield from w.wait(push)
            if job.strategy.kind == "async-diloco":
                w.merge([w.place])
            else:
                job.servers[server].merge(w)
                if step == steps - 1 and job.closing:
                    yield from w.wait(w.settled(job.servers[server]))
            pull = w.exchange("pull", step, 0, job.size, one_way=(server, w.place))
            yield from w.start(pull)
            yield from w.wait(pull)


def decoupled(w):
    """A fragment handed in to the syncer every H/P steps, and waited for tau steps later."""
    job, strategy = w.job, w.job.strategy
    steps, count = job.steps[w.number], fragment_count_of(strategy)
    moments, under_way, number = handed_in(strategy, steps, job.closing), {}, 0
    for step in range(steps):
        for part in [part for part, (due, _) in under_way.items() if due <= step]:
            yield from w.wait_for_syncer(under_way.pop(part)[1])
        yield from inner_step(w, step)
        begun = {}
        for _ in range(moments.count(step)):
            number += 1
            part = number % count
            if part in under_way:
                yield from w.wait_for_syncer(under_way.pop(part)[1])
            begun[part] = step + 1 + overlap_steps(strategy), (yield from w.hand_in(1 / count))
        under_way |= begun
    for _, one in under_way.values():
        yield from w.wait_for_syncer(one)
