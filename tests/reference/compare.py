"""Random scenarios, replayed by the product and by the reference: `python -m tests.reference.compare --count 20000`.

Each difference is shrunk and printed as a scenario to run by hand. A scenario that both refuse counts as agreement;
one that the product alone refuses (or the other way round) is a difference.
"""

import argparse
import copy
import json
import math
import random
import signal
import sys
import tempfile
import time
from collections import Counter

from ruamel.yaml import YAML

from sim.engine.ops import STORE
from sim.errors import InputError
from sim.network.over_links import LinkNetwork
from sim.network.placement import Placement
from sim.scenario.model import Scenario
from sim.simulation.run import run

from .figures import figures, product
from .worlds import world, write_traces

_AT_OWN_PACE = ("async-diloco", "elastic-diloco", "decoupled-diloco", "halos")
TOLERANCE = 1e-9


def differences(document):
    """What differs between the product and the reference: {figure: (product, reference)}; None: not a valid scenario."""
    try:
        scenario = Scenario.model_validate(document)
    except ValueError:
        return None
    try:
        theirs = [product(each) for each in run(scenario).runs]
    except InputError as error:
        if "never return" not in str(error) and "for ever" not in str(error):
            return None
        theirs = [{"refused": True}] * len(scenario.strategies)
    try:
        ours = figures(scenario, lambda sites, chips: _advice(scenario, sites, chips))
    except RuntimeError:
        ours = [{"refused": True}] * len(scenario.strategies)
    found = {}
    for number, (one, other) in enumerate(zip(theirs, ours, strict=True)):
        found |= {f"runs[{number}].{key}": values for key, values in _unlike(one, other).items()}
    return found


def _advice(scenario, sites, chips):
    """Which of several plans that are equally good the product takes: rounding decides that."""
    network = LinkNetwork(Placement(scenario.topology, tuple(sites), tuple(chips)), scenario.algorithm)

    def advise(members, size, gathers):
        _, phases = network.plan(members, size, "all-gather" if gathers else "all-reduce")
        return [([(_end(t.source), _end(t.target), t.size_bytes) for t in p.transfers], p.rounds) for p in phases]

    return advise


def _end(end):
    return "store" if end == STORE else end


def _unlike(theirs, ours):
    scale_s = ours.get("wall_clock_s", 1.0)
    found = {}
    for key in dict.fromkeys([*theirs, *ours]):
        one, other = theirs.get(key), ours.get(key)
        if one is None or other is None:
            if one is not other:
                found[key] = (one, other)
            continue
        scale = scale_s if key.endswith("_s") and "per_s" not in key else max(abs(one), abs(other))
        scale = max(scale, 1.0) if key.endswith(("share", "peak_utilization")) else scale
        if not abs(one - other) <= TOLERANCE * scale:
            found[key] = (one, other)
    return found


def is_tie(document, unlike, excused):
    """Whether a difference goes away once every number of the topology is another one, by a millionth or less.

    Then two things happened at the very same moment, and which of them counts as the first (who was the last to come,
    who is in whose way) is decided by rounding. Recorded seconds are as they are: there the sum must be the same.
    """
    if all(excused(document, key) for key in differences(jittered(document))):
        return True
    decoupled = any(strategy["kind"] == "decoupled-diloco" for strategy in document["strategies"])
    # fragments come to a syncer and leave it at the same moment: which of them is within the site first is not said
    among = ("held_up_s", "exposed_inside_s", "exposed_across_s") if decoupled else ("held_up_s",)
    if not all(key.endswith(among) for key in unlike):
        return False
    sums = [math.fsum(values[side] for values in unlike.values()) for side in (0, 1)]
    return math.isclose(*sums, rel_tol=TOLERANCE)


def jittered(document, seed=0):
    """The document with every number of its links, datacenters and hosts moved by a millionth or less.

    Recorded or given seconds of a step are the same for many workers. Where replicas go on by themselves, which is
    always replayed step by step, a host of its own makes each of them slower by a millionth or less.
    """
    rng = random.Random(seed)
    moved = copy.deepcopy(document)
    speed = document["workload"].get("chip_speed", "300 Tflop/s")
    for site in moved["topology"]["datacenters"]:
        site.setdefault("chip_speed", speed)
        site.setdefault("inside", {}).setdefault("latency", "0.1 ms")
    for strategy in moved["strategies"]:
        if strategy.get("grace") == "0 s":  # who comes at the very end of it is in, or is not
            strategy["grace"] = "1e-7 s"
    if any(strategy["kind"] in ("decoupled-diloco", "halos") for strategy in moved["strategies"]):
        moved["topology"]["links"] = [one for link in moved["topology"]["links"] for one in _both_ways(link)]
        for host in moved["topology"].get("hosts", []):
            host.pop("part_of", None)  # so that each datacenter gets a host of its own
    if any(strategy["kind"] in _AT_OWN_PACE for strategy in moved["strategies"]):
        _give_hosts(moved["topology"], rng)
    for path in list(paths(moved["topology"])):
        value, parent = at(moved["topology"], path), at(moved["topology"], path[:-1])
        if isinstance(value, str) and " " in value:
            number, unit = value.split(" ", 1)
            parent[path[-1]] = f"{float(number) * (1 + 1e-6 * rng.random())!r} {unit}"
    return moved


def _both_ways(link):
    """A link as two, one for each direction, as what goes to a syncer and from it may arrive at the same moment."""
    if "between" not in link or link.get("duplex") == "half":
        return [link]
    same = {key: copy.deepcopy(value) for key, value in link.items() if key not in ("between", "duplex")}
    return [{"from": a, "to": b, **copy.deepcopy(same)} for a, b in (link["between"], link["between"][::-1])]


def _give_hosts(topology, rng):
    """A host for each datacenter, a part of the one where it was, that makes its steps a little longer."""
    hosts = topology.setdefault("hosts", [])
    parts = {host["name"] for host in hosts if host.get("part_of")}
    for site in topology["datacenters"]:
        before = site.get("host")
        if before not in parts:
            own = {"name": f"of-{site['name']}", "slowdown": [1 + 1e-6 * rng.random()]}
            hosts.append(own | ({"part_of": before} if before else {}))
            site["host"] = own["name"]


def shrink(document, is_bad):
    """A smaller document that is still bad: one change after the other, as long as any helps."""
    shrinking = True
    while shrinking:
        shrinking = False
        for candidate in _smaller(document):
            if is_bad(candidate):
                document, shrinking = candidate, True
                break
    return document


def _smaller(document):
    """The document with something left out, or a simpler number."""
    places = sorted(paths(document), key=len)
    for path in places:
        without = copy.deepcopy(document)
        if path[-1] in ("step_time", "steps", "chips", "batch_tokens"):  # what takes their place makes the run long
            continue
        parent = at(without, path[:-1])
        if isinstance(parent, list) and len(parent) == 1:
            continue
        if isinstance(parent, list) and path[-2] == "datacenters":
            name = parent[path[-1]]["name"]
            links = without["topology"]["links"]
            ends = [link.get("between", [link.get("from"), link.get("to")]) for link in links]
            without["topology"]["links"] = [link for link, own in zip(links, ends, strict=True) if name not in own]
        del parent[path[-1]]
        yield without
    for path in places:
        value = at(document, path)
        for simpler in _simpler(value, path[-1]):
            changed = copy.deepcopy(document)
            at(changed, path[:-1])[path[-1]] = simpler
            yield changed


def _simpler(value, key):
    if key == "collective" and value != "ring":
        yield "ring"
    elif isinstance(value, str) and " " in value:
        number, unit = value.split(" ", 1)
        for digits in ("1", f"{float(number):.1g}", f"{float(number):.2g}"):
            if digits != number and len(digits) < len(number):
                yield f"{digits} {unit}"
    elif isinstance(value, float):
        for simpler in (1.0, float(f"{value:.1g}")):
            if simpler != value and len(repr(simpler)) < len(repr(value)):
                yield simpler
    elif isinstance(value, int) and not isinstance(value, bool):
        yield from (smaller for smaller in (1, value // 2, value - 1) if 0 < smaller < value)


def paths(value, path=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from paths(inner, (*path, key))


def at(document, path):
    for key in path:
        document = document[key]
    return document


def by_the_round(document, figure):
    """The one figure that the product counts otherwise, as its docs say: the peak of who serves others while it computes.

    A round without an exchange of its own is one op there, so what an asynchronous server, or who helps a late replica,
    is given to send meanwhile counts as one burst, where the reference cuts at every inner step.
    """
    strategy = document["strategies"][int(figure[figure.index("[") + 1 : figure.index("]")])]
    return "peak_bandwidth" in figure and strategy["kind"] in _AT_OWN_PACE


def compare(seeds, folder, *, report=print, shrinking=True, most=20, excused=by_the_round):
    """Compares the scenarios of some seeds; gives back how many agreed, tied or were refused, and the differences."""
    counts, found = Counter(), []
    for number, seed in enumerate(seeds, start=1):
        document = world(seed, folder)
        unlike = differences(document)
        if unlike:
            unlike = {key: values for key, values in unlike.items() if not excused(document, key)}
        kind = (
            "refused"
            if unlike is None
            else "equal"
            if not unlike
            else "tie"
            if is_tie(document, unlike, excused)
            else "different"
        )
        counts[kind] += 1
        if kind == "different":
            worst = next(iter(unlike)).split(".")[-1]

            def is_bad(candidate, worst=worst):
                return any(key.endswith(worst) for key in _quietly(candidate) or ())

            small = shrink(document, is_bad) if shrinking and len(found) < most else document
            found.append((seed, small, _quietly(small) or unlike))
            report(f"\nseed {seed} differs:")
            YAML(typ="safe", pure=True).dump(json.loads(json.dumps(small)), sys.stdout)
            for key, (theirs, ours) in list((_quietly(small) or unlike).items())[:12]:
                report(f"  {key}: product {theirs!r}, reference {ours!r}")
        if number % 100 == 0:
            report(f"{number} scenarios: {dict(counts)}", file=sys.stderr)
    return counts, found


def _quietly(document, most_s=10):
    """Differences of a candidate of the shrinker, which may make no sense at all, or take for ever."""

    def stop(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(most_s)
    try:
        return differences(document)
    except Exception:
        return None
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="where the recordings are written; a temporary one unless given")
    parser.add_argument("--no-shrink", action="store_true")
    options = parser.parse_args()
    folder = options.folder or tempfile.mkdtemp()
    write_traces(folder)
    began = time.perf_counter()
    seeds = range(options.seed * 1_000_000, options.seed * 1_000_000 + options.count)
    counts, found = compare(seeds, folder, shrinking=not options.no_shrink)
    seconds = time.perf_counter() - began
    print(f"{options.count} scenarios, {dict(counts)}, {seconds / options.count * 100:.1f} s per hundred")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
