"""The drawings of docs/concepts.md: `python docs/drawings/draw.py` writes them again beside itself.

What they show is replayed or solved by the simulator; no length in them is drawn by hand. A test compares the files
with what this script makes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from paint import Bar, Row, bars, box, page, text, timeline, told_below
from replays import rows

import crosshaul as ch
from sim.network.fluid.max_min import max_min_rates
from sim.questions.explain.explain import PARTS


def exchanges() -> str:
    """What Data-Parallel and DiLoCo exchange, and when."""
    every, every_s = rows(ch.DataParallel(), steps=8, bandwidth="8 Gbit/s")
    fourth, fourth_s = rows(ch.DiLoCo(replicas=2, sync_every=4), steps=8, bandwidth="8 Gbit/s")
    groups = [
        (f"Data-Parallel exchanges after each step: {every_s:g} s", every),
        (f"DiLoCo with H = 4 after every fourth: {fourth_s:g} s", fourth),
    ]
    told = "Both make 8 steps of 1\u00a0s at two sites, and an exchange takes 2\u00a0s: 8 exchanges against 2."
    return timeline("The same steps, fewer exchanges", told, groups, every_s)


def streaming() -> str:
    """One fragment at a time, behind the next step."""
    whole, whole_s = rows(ch.DiLoCo(replicas=2, sync_every=4), steps=12, bandwidth="8 Gbit/s")
    strategy = ch.StreamingDiLoCo(replicas=2, sync_every=4, fragments=2, overlap_steps=1)
    parts, parts_s = rows(strategy, steps=12, bandwidth="8 Gbit/s")
    groups = [(f"DiLoCo: {whole_s:g} s", whole), (f"Streaming DiLoCo, 2 fragments: {parts_s:g} s", parts)]
    told = (
        "Half of the parameters every second step, 1\u00a0s on the link, used one step later (tau = 1). The same "
        "bytes, half as many at once. Only the exchange that makes all replicas equal at the end is waited for."
    )
    return timeline("Streaming: one fragment at a time", told, groups, whole_s)


def eager() -> str:
    """A whole outer step behind the next round."""
    whole, whole_s = rows(ch.DiLoCo(replicas=2, sync_every=4), steps=12, bandwidth="8 Gbit/s")
    hidden, hidden_s = rows(ch.EagerDiLoCo(replicas=2, sync_every=4), steps=12, bandwidth="8 Gbit/s")
    groups = [(f"DiLoCo: {whole_s:g} s", whole), (f"Eager DiLoCo: {hidden_s:g} s", hidden)]
    told = (
        "A replica goes on with its own change and takes in those of the others when the next round is over. All bytes "
        "still leave at once, and the last exchange has nothing to hide behind."
    )
    return timeline("Eager: behind the next round", told, groups, whole_s)


def asynchronous() -> str:
    """Nobody waits for anybody."""
    seconds = ([1.0], [1.0], [1.5])
    together, together_s = rows(ch.DiLoCo(replicas=3, sync_every=4), steps=12, bandwidth="32 Gbit/s", seconds=seconds)
    apart, apart_s = rows(ch.AsyncDiLoCo(replicas=3, sync_every=4), steps=12, bandwidth="32 Gbit/s", seconds=seconds)
    groups = [(f"DiLoCo: {together_s:.3g} s", together), (f"Asynchronous DiLoCo: {apart_s:.3g} s", apart)]
    told = (
        "Site 3 needs 1.5\u00a0s for a step. At a barrier the others wait for it; with a server beside site 1 each "
        "sends its change and fetches the parameters when its own round is over. A fast site makes more of the steps."
    )
    return timeline("Asynchronous: nobody waits", told, groups, max(together_s, apart_s))


def where_time_goes() -> str:
    """Every second of three uneven sites."""
    world = ch.Topology(
        name="uneven",
        datacenters=[
            {"name": "north", "chips": 64},
            {"name": "east", "chips": 64},
            {"name": "south", "chips": 64, "chip_speed": "300 Tflop/s"},
        ],
        links=[
            {"between": ["north", "east"], "bandwidth": "25 Gbit/s", "latency": "10 ms"},
            {"between": ["east", "south"], "bandwidth": "10 Gbit/s", "latency": "20 ms"},
        ],
    )
    work = ch.Workload(params=7e9, tokens=140e9, batch_tokens=2**20, chip="h100")
    found = ch.explain(world, work, ch.DiLoCo(replicas=3, sync_every=30))
    kinds = {
        "compute_s": "compute",
        "exposed_across_s": "across",
        "exposed_inside_s": "inside",
        "straggler_wait_s": "wait",
    }
    words = {words: kinds[field] for words, field in PARTS.items() if field in kinds}
    made = []
    for site in found.sites:
        day, stretches = 0.0, []
        for part in site.parts:
            if part.seconds:
                end = day + part.share * 100
                label = f"{part.share:.0%}" if part.share > 0.07 else ""
                stretches.append(Bar(words[part.what], day, end, label))
                day = end
        made.append(Row(site.name, tuple(stretches)))
    told = (
        f"DiLoCo, M = 3, H = 30, 7B parameters, 64 H100 a site: {found.run.wall_clock_s / 86400:.2f}\u00a0days. South "
        "has slower chips, so the others wait for it; its link of 10\u00a0Gbit/s holds all of them up."
    )
    parts, y = bars([("", made)], 100.0, 36, "%", 20)
    below, end = told_below(told, y)
    return page("Where the time of each site goes", told, end, [*parts, *below])


def fair_share() -> str:
    """Three flows over two links."""
    wide, narrow = 10.0, 4.0
    routes = np.array([[0, 0, 1], [1, 2, 2]])  # a: both links; b: the wide one; c: the narrow one; 2 is no link
    a, b, c = max_min_rates(np.array([wide, narrow, np.inf]), routes, np.ones(3), np.full(3, np.inf))
    scale, top = 8.0, 48.0
    parts = []
    for number, (name, capacity, inside) in enumerate(
        [
            ("wide", wide, (("a", a, "compute"), ("b", b, "inside"))),
            ("narrow", narrow, (("a", a, "compute"), ("c", c, "across"))),
        ]
    ):
        x, y = 10 + 225.0 * number, top + 22
        parts.append(text(x, top + 14, f"{name}: {capacity:g} Gbit/s", "strong"))
        for flow, rate, kind in inside:
            parts += [
                box(kind, x, y, 210, rate * scale),
                text(x + 105, y + rate * scale / 2 + 5, f"{flow}: {rate:g}", "on", "middle"),
            ]
            y += rate * scale
        parts.append(box("box", x, top + 22, 210, capacity * scale))
    told = (
        f"Flow a crosses both links, b only the wide one, c only the narrow one. On the narrow link a and c get half "
        f"each, {a:g}\u00a0Gbit/s; b takes the {b:g} that a leaves on the wide one. Nobody can have more without "
        "taking from a flow that has less: that is max-min fair."
    )
    below, end = told_below(told, top + 22 + wide * scale + 8)
    return page("How flows share links", told, end, [*parts, *below])


def inside_across_inside() -> str:
    """The three parts of an exchange between sites."""
    parts = []
    steps = [
        "1  inside: the chips of a site add up, each keeps a part",
        "2  across: one copy of the sum leaves each site",
    ]
    steps.append("3  inside: each chip gathers the parts of the others")
    for number, words in enumerate(steps):
        y = 40 + 104 * number
        parts.append(text(10, y + 14, words))
        for x in (10, 270):
            parts.append(f'<rect class="box" x="{x}" y="{y + 24}" width="180" height="58" rx="6"/>')
            for chip in range(4):
                parts.append(
                    f'<rect class="chip" x="{x + 14 + 42 * chip}" y="{y + 48}" width="26" height="26" rx="4"/>'
                )
                if number != 1 and chip < 3:
                    left = x + 27 + 42 * chip
                    parts.append(f'<path class="link" d="M{left} {y + 46}q21 -22 42 0"/>')
        if number == 1:
            for line, (tail, tip, way) in enumerate([(192, 258, 1), (268, 202, -1)]):
                height = y + 46 + 16 * line
                parts.append(f'<path class="arrow" d="M{tail} {height}H{tip}"/>')
                parts.append(f'<path class="head" d="M{tip + 9 * way} {height}l{-9 * way} -6v12z"/>')
    told = (
        "The chips of a site share one way out, so only one copy of the payload crosses a link. Parts 1 and 3 use the "
        "network inside the site, part 2 the links between sites."
    )
    below, end = told_below(told, 40 + 104 * 3)
    return page("Inside, across, inside", told, end, [*parts, *below])


DRAWINGS = {
    "exchanges.svg": exchanges,
    "inside-across-inside.svg": inside_across_inside,
    "where-time-goes.svg": where_time_goes,
    "fair-share.svg": fair_share,
    "streaming.svg": streaming,
    "eager.svg": eager,
    "async.svg": asynchronous,
}
"""Files, and what makes each."""

if __name__ == "__main__":
    for name, draw in DRAWINGS.items():
        (Path(__file__).parent / name).write_text(draw())
