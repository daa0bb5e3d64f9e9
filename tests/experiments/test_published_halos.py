"""The example of HALoS: the page has the table, and what it calls theirs follows from the rules of that simulator."""

import heapq
from itertools import count, pairwise, permutations

import pytest

from experiments.published_halos import (
    BEGIN,
    BITS,
    END,
    GBITS,
    PAGE,
    PARAMS,
    REGIONS,
    SPEEDS,
    STEP_S,
    STEPS,
    THEIRS_S,
    halos,
    local_steps,
    table,
)

WORKERS = range(len(SPEEDS))
TOTAL = STEPS * len(SPEEDS)


def transfer_s(one, other):
    return PARAMS * BITS / (GBITS[one][other] * 1e9)


def round_s(worker, every, server):
    """Fetches the parameters, makes its steps, and hands in its change [s]."""
    computes_s = STEP_S * local_steps(every)[worker] * max(SPEEDS) / SPEEDS[worker]
    return 2 * transfer_s(server, worker // REGIONS) + computes_s


class Events:
    """What happens next, until somebody stops it."""

    def __init__(self):
        self.now_s, self.queue, self.numbers, self.over = 0.0, [], count(), False

    def after(self, seconds, action, *of):
        heapq.heappush(self.queue, (self.now_s + seconds, next(self.numbers), action, of))

    def run(self):
        while not self.over:
            self.now_s, _, action, of = heapq.heappop(self.queue)
            action(*of)
        return self.now_s


def theirs_of_halos(every=8, across=32):
    """A local server counts changes; after 32 since it heard from above it sends, and goes on meanwhile."""
    events, steps = Events(), local_steps(every)
    changes, heard, unsent = [0] * REGIONS, [0] * REGIONS, [0] * REGIONS
    known = 0

    def begin(worker):
        events.after(round_s(worker, every, worker // REGIONS), hand_in, worker)

    def hand_in(worker):
        region = worker // REGIONS
        changes[region] += 1
        unsent[region] += steps[worker]
        if changes[region] == heard[region] + across:
            events.after(transfer_s(region, 0), above, region, unsent[region])
            unsent[region] = 0
        begin(worker)

    def above(region, more):
        nonlocal known
        known += more
        events.over = known >= TOTAL
        events.after(transfer_s(0, region), back, region)

    def back(region):
        heard[region] = changes[region]

    for worker in WORKERS:
        begin(worker)
    return events.run()


def theirs_alone(every=32):
    events, steps, known = Events(), local_steps(every), 0

    def hand_in(worker):
        nonlocal known
        known += steps[worker]
        events.over = known >= TOTAL
        events.after(round_s(worker, every, 0), hand_in, worker)

    for worker in WORKERS:
        events.after(round_s(worker, every, 0), hand_in, worker)
    return events.run()


def theirs_together(every=32):
    """Rounds of the slowest worker, and a ring over all workers at the narrowest link of the best ring of regions."""
    ends = [[GBITS[a][b] for a, b in pairwise((*ring, ring[0]))] for ring in permutations(range(REGIONS))]
    ring_s = 2 * (len(WORKERS) - 1) / len(WORKERS) * PARAMS * BITS / (max(map(min, ends)) * 1e9)
    return STEPS // every * (every * STEP_S * max(SPEEDS) / min(SPEEDS) + ring_s)


def test_the_page_has_the_table():
    text = PAGE.read_text(encoding="utf-8")
    assert text.split(BEGIN)[1].split(END)[0] == table(), "run python -m experiments.published_halos"


@pytest.mark.parametrize(
    ("kind", "rules"), [("halos", theirs_of_halos), ("async-diloco", theirs_alone), ("diloco", theirs_together)]
)
def test_what_is_called_theirs_follows_from_the_rules(kind, rules):
    assert rules() == pytest.approx(THEIRS_S[kind], abs=5e-4)


def test_halos_is_within_half_a_percent_of_theirs():
    own = halos()
    assert own.wall_clock_s == pytest.approx(THEIRS_S["halos"], rel=5e-3)
    assert own.mean_staleness == pytest.approx(len(SPEEDS) / REGIONS - 1, rel=0.01)  # of four at a server: three
