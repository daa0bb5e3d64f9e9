"""Pipelines, written out for one worker: what it computes in which order, and the messages from and to its neighbours."""

import copy
import math

from .insides import behind_s


class Stages:
    """How one pipeline strategy cuts the model, over the workers of a job.

    Args:
      strategy, load, insides, published: as derived.
    """

    def __init__(self, strategy, load, insides, *, published):
        self.strategy, self.load, self.published = strategy, load, published
        self.count = load.workers // strategy.pipelines
        self.chunks = (strategy.chunks or 2) if strategy.schedule_name == "interleaved" else 1
        self.shares = self._shares() if self.count > 1 else [1.0]
        late = strategy.weights_share or 0.5 if strategy.schedule_name == "zero-bubble" and self.count > 1 else 0.0
        forward = load.forward_share
        self.parts = {"F": forward, "B": (1 - forward) * (1 - late), "W": (1 - forward) * late}
        self.insides = [self._at_the_end(number, inside) for number, inside in enumerate(insides)]

    def _shares(self):
        """Of the layers, in each stage: as given, else cut as near as can be to where the shares of the sites end."""
        layers, parts, given = self.load.layers, self.count * self.chunks, self.strategy.stage_layers
        if given is None:
            dealt = [sum(self.load.tokens_share[place :: self.count]) for place in range(self.count)]
            ends, upto = [0], [math.fsum(layers[:count]) for count in range(len(layers) + 1)]
            for number in range(1, parts):
                wanted = math.fsum(dealt[each % self.count] / self.chunks for each in range(number))
                nearest = min(range(len(upto)), key=lambda count: (round(abs(upto[count] - wanted), 12), -count))
                ends.append(min(max(nearest, ends[-1] + 1), len(layers) - (parts - number)))
            ends.append(len(layers))
        else:
            ends = [sum(given[:number]) for number in range(parts + 1)]
        return [math.fsum(layers[ends[number] : ends[number + 1]]) for number in range(parts)]

    def tokens_share(self, number):
        first = number - number % self.count
        return sum(self.load.tokens_share[first : first + self.count])

    def chunk_share(self, number, chunk):
        """Compute of a chunk of a worker, as a share of the step that the workload states for it."""
        passing = self.tokens_share(number) / self.load.tokens_share[number]
        return passing * self.shares[chunk * self.count + number % self.count] if self.count > 1 else passing

    def own_share(self, number):
        """Of the parameters, at a worker."""
        return sum(self.shares[number % self.count :: self.count]) if self.count > 1 else 1.0

    def step_s(self, number):
        chunks = range(self.chunks if self.count > 1 else 1)
        return self.load.mean_step_s[number] * sum(self.chunk_share(number, chunk) for chunk in chunks)

    def _at_the_end(self, number, inside):
        """A site whose gradients hide behind the last piece of a step alone."""
        own = copy.copy(inside)
        if own.backward_s:
            last = self.parts["W"] or self.parts["B"]
            whole_s = self.load.mean_step_s[number] * self.chunk_share(number, 0)
            own.backward_s = whole_s * last / self.strategy.microbatches
        return own

    def peers(self, number):
        """The workers with the same layers."""
        return [each for each in range(self.load.workers) if each % self.count == number % self.count]

    def hidden_s(self, number, size):
        """Of the exchange of gradients with them, what runs behind compute [s]."""
        members = self.peers(number)
        if self.load.measured:
            return 0.0
        if len(members) == 1:
            return self.insides[number].hidden_s(size)
        return 0.0 if self.published else behind_s([self.insides[each] for each in members], size)

    def message_bytes(self, number):
        strategy, load = self.strategy, self.load
        width = strategy.width or load.width or math.sqrt(load.params / 12 / len(load.layers))
        tokens = load.batch_tokens * self.tokens_share(number) / strategy.microbatches
        return tokens * width * strategy.activation_bits / 8


def order(name, place, stages, chunks, microbatches):
    """What a worker computes in a step: (kind, microbatch, chunk), each decided by what it has done so far."""
    if name == "interleaved":
        return _interleaved(place, stages, chunks, microbatches)
    done = {"F": 0, "B": 0, "W": 0}
    found = []

    def do(kind):
        found.append((kind, done[kind], 0))
        done[kind] += 1

    while done["B"] < microbatches:
        room = microbatches if name == "gpipe" else stages - place  # that may be under way at a time
        if done["F"] < microbatches and done["F"] - done["B"] < room:
            do("F")
            continue
        do("B")
        if name == "zero-bubble" and done["B"] - done["W"] > place:
            do("W")
    while name == "zero-bubble" and done["W"] < microbatches:
        do("W")
    return found


def _interleaved(place, stages, chunks, microbatches):
    """By Megatron's numbers of virtual microbatches."""
    total = microbatches * chunks

    def virtual(number, *, back):
        group, within = divmod(number, stages * chunks)
        chunk = within // stages
        return group * stages + within % stages, chunks - 1 - chunk if back else chunk

    ahead = total if microbatches == stages else min(total, (stages - place - 1) * 2 + (chunks - 1) * stages)
    found = [("F", *virtual(number, back=False)) for number in range(ahead)]
    for number in range(ahead, total):
        found += [("F", *virtual(number, back=False)), ("B", *virtual(number - ahead, back=True))]
    return found + [("B", *virtual(number, back=True)) for number in range(total - ahead, total)]


def pipeline(w):
    """Microbatches forward and back; a site goes on while it sends; then the gradients, with who has the same layers."""
    cut, strategy, load = w.job.stages, w.job.strategy, w.job.load
    place, first = w.number % cut.count, w.place - w.number % cut.count
    last = cut.count * cut.chunks - 1
    size = cut.message_bytes(w.number) if cut.count > 1 else 0.0
    leaving = []

    def over_border(name, step, stage, microbatch):
        """A message over the border before a stage, forward or back."""
        ends = (first + (stage - 1) % cut.count, first + stage % cut.count)
        return w.message((name, stage), step, microbatch, size, ends if name == "forward" else ends[::-1])

    for step in range(load.steps):
        whole_s = load.step_s(w.number, step)
        pieces = order(strategy.schedule_name, place, cut.count, cut.chunks, strategy.microbatches)
        if cut.count == 1:
            yield from w.compute(whole_s * cut.chunk_share(w.number, 0), new=True)
            pieces = []
        for number, (kind, microbatch, chunk) in enumerate(pieces):
            stage = chunk * cut.count + place
            if kind == "F" and stage > 0:
                yield from w.wait(over_border("forward", step, stage, microbatch))
            if kind == "B" and stage < last:
                yield from w.wait(over_border("back", step, stage + 1, microbatch))
            seconds = whole_s * cut.chunk_share(w.number, chunk) * cut.parts[kind] / strategy.microbatches
            yield from w.compute(seconds, new=number == 0)
            if kind == "F" and stage < last:
                w.send(over_border("forward", step, stage + 1, microbatch))
            if kind == "B" and stage > 0:
                leaving.append(over_border("back", step, stage, microbatch))
                w.send(leaving[-1])
        members = tuple(w.place - w.number + each for each in cut.peers(w.number))
        share = cut.own_share(w.number)
        one = w.exchange("gradients", step, 0, w.job.size * share, members=members)
        one.behind_s, one.pays_inside = cut.hidden_s(w.number, w.job.size * share), not load.measured
        yield from w.start(one, pack=share)
        yield from w.wait(one)
    for one in leaving:  # of all but the last step they have arrived long since
        yield from w.wait(one)
