"""The question: which links do ping and iperf between sites make, and how far are they to be trusted?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ...errors import InputError
from ...topology.model import Topology
from .exchanges_fit import idle_seconds, middle
from .links_fit import Ends, Groups, Network, fitted, grouped, topology_of
from .pairs import read_pairs


@dataclass(frozen=True)
class LinksAsk:
    """What was measured, and what is to be predicted.

    Attributes:
      file: the table of pairs.
      sizes: all-reduces among all sites to predict [byte].
      resamples, seed: of the refits behind the intervals.
    """

    file: Path
    sizes: tuple[float, ...] = ()
    resamples: int = 200
    seed: int = 0


@dataclass(frozen=True)
class Interval:
    """A fitted number with the middle 95% of the refits; no ends where nothing was measured twice."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class FittedLink:
    """One way between two sites, or within one.

    Attributes:
      source, target: its ends.
      rtt_s: round trip [s].
      bandwidth: of the link [bit/s].
      told_by: `streams` (more of them brought no more), `one number of streams` (a window would let it have more),
        `the way back`, `inside` (what machines reach inside its ends) or `at least` (the most that was measured).
      loss: what makes a stream slower than its window, as a probability; 0: nothing does.
    """

    source: str
    target: str
    rtt_s: float
    bandwidth: Interval
    told_by: str
    loss: float


@dataclass(frozen=True)
class Group:
    """What was measured between two sites with a number of streams.

    Attributes:
      source, target, streams, samples: whose, with how many, how often.
      measured_bits_per_s: the median [bit/s].
      fitted_bits_per_s, error: of the topology; over the measured one - 1.
      left_out_error: the same of a fit that did not see this group; None where no other row speaks of it.
    """

    source: str
    target: str
    streams: int
    samples: int
    measured_bits_per_s: float
    fitted_bits_per_s: float
    error: float
    left_out_error: float | None


@dataclass(frozen=True)
class PredictedExchange:
    """An all-reduce among all sites on the fitted links: seconds, and the middle 95% of the refits, with scatter."""

    size_bytes: float
    seconds: float
    low_s: float | None
    high_s: float | None


@dataclass(frozen=True)
class FittedLinks:
    """The answer: the topology, its numbers, the rows beside it, predictions, and what is assumed."""

    topology: Topology
    window: Interval | None
    links: tuple[FittedLink, ...]
    rows: tuple[Group, ...]
    predicted: tuple[PredictedExchange, ...]
    notes: tuple[str, ...]


def answer(ask: LinksAsk) -> FittedLinks:
    """Makes links of pings and iperfs.

    A pair's bandwidth with n streams is min(link, n x min(window / round trip, what loss lets through)). Intervals are
    of refits to the rows of each pair and number of streams, drawn with replacement.

    Raises:
      InputError: the table is unfit for this.
    """
    rows = read_pairs(ask.file)
    groups, rtts = grouped(rows)
    network = fitted(groups, rtts)
    sites = list(dict.fromkeys(site for row in rows for site in (row.source, row.target)))
    refits = _refits(ask, groups, rtts)
    told = f"Fitted to {len(rows)} measurements of {ask.file.name} (ping, iperf)."
    topology = topology_of(ask.file.stem, network, sites, told)
    window = [each.window_bytes for each in refits if each.window_bytes is not None]
    found = tuple(_groups(groups, rtts, network))
    wanted = [(size, None, None) for size in ask.sizes]
    try:
        seconds = idle_seconds(topology, wanted)
    except InputError as error:
        raise InputError(f"{ask.file}: a predicted exchange is one among all sites: {error}") from None
    drawn_s = [idle_seconds(topology_of(topology.name, each, sites, told), wanted) for each in refits] if wanted else []
    scatter = _scatter(groups, rtts, network)
    return FittedLinks(
        topology=topology,
        window=None if network.window_bytes is None else _interval(network.window_bytes, window),
        links=tuple(_links(groups, network, refits)),
        rows=found,
        predicted=tuple(_predicted(ask, seconds, drawn_s, scatter)),
        notes=tuple(_notes(network, sites, found, refits)),
    )


def _refits(ask: LinksAsk, groups: Groups, rtts: Mapping[Ends, float]) -> list[Network]:
    """Fits to rows that are drawn with replacement; none where nothing was measured twice."""
    import numpy as np

    if all(len(bits) == 1 for by_streams in groups.values() for bits in by_streams.values()):
        return []
    generator = np.random.default_rng(ask.seed)

    def again(bits: Sequence[float]) -> list[float]:
        return [bits[int(place)] for place in generator.integers(0, len(bits), len(bits))]

    return [
        fitted({ends: {n: again(bits) for n, bits in own.items()} for ends, own in groups.items()}, rtts)
        for _ in range(ask.resamples)
    ]


def _interval(value: float, refits: Sequence[float]) -> Interval:
    return Interval(value, *(middle(refits) if refits else (None, None)))


def _links(groups: Groups, network: Network, refits: Sequence[Network]) -> list[FittedLink]:
    found = []
    for ends, wire in network.wires.items():
        bits, told_by = network.link(ends)
        assert bits is not None  # the most that was measured, if nothing else
        if told_by == "measured":
            told_by = "streams" if len(groups[ends]) > 1 else "one number of streams"
        drawn = [value for each in refits if (value := each.link_bits_per_s(ends)) is not None]
        interval = _interval(bits, drawn)
        found.append(FittedLink(*ends, wire.rtt_s, interval, told_by, network.loss.get(ends, 0.0)))
    return found


def _groups(groups: Groups, rtts: Mapping[Ends, float], network: Network) -> list[Group]:
    found = []
    for ends, by_streams in groups.items():
        for streams, bits in by_streams.items():
            measured = median(bits)
            ours = network.bits_per_s(ends, rtts[ends], streams)
            others = {
                each: {n: own for n, own in all_own.items() if (each, n) != (ends, streams)}
                for each, all_own in groups.items()
            }
            unseen = _unseen(others, rtts, ends, streams)
            left_out = None if unseen is None else unseen / measured - 1
            found.append(Group(*ends, streams, len(bits), measured, ours, ours / measured - 1, left_out))
    return found


def _unseen(others: Groups, rtts: Mapping[Ends, float], ends: Ends, streams: int) -> float | None:
    """What a fit says of rows that it did not see; None where no other row speaks of them [bit/s]."""
    if not any(others.values()) or (ends[0] == ends[1] and not others[ends]):
        return None
    found = fitted(others, rtts)
    stream = found.wires[ends].stream_bits_per_s if ends in found.wires else None
    bits = found.bits_per_s(ends, rtts[ends], streams)
    if found.window_bytes is None and stream is None and ends not in found.wires:
        return None
    return bits if math.isfinite(bits) else None


def _scatter(groups: Groups, rtts: Mapping[Ends, float], network: Network) -> float:
    """Root mean square of the logarithms of fitted over measured, of all rows [-]."""
    errors = [
        math.log(network.bits_per_s(ends, rtts[ends], streams) / each)
        for ends, own in groups.items()
        for streams, bits in own.items()
        for each in bits
    ]
    return math.sqrt(math.fsum(error**2 for error in errors) / len(errors))


def _predicted(
    ask: LinksAsk, seconds: Sequence[float], drawn_s: Sequence[Sequence[float]], scatter: float
) -> list[PredictedExchange]:
    import numpy as np

    generator = np.random.default_rng(ask.seed + 1)
    found = []
    for place, (size, taken_s) in enumerate(zip(ask.sizes, seconds, strict=True)):
        noise = np.exp(scatter * generator.standard_normal(len(drawn_s)))
        drawn = [float(each[place] * factor) for each, factor in zip(drawn_s, noise, strict=True)]
        found.append(PredictedExchange(size, taken_s, *(middle(drawn) if drawn else (None, None))))
    return found


def _notes(network: Network, sites: Sequence[str], rows: Sequence[Group], refits: Sequence[Network]) -> list[str]:
    pairs = {frozenset(ends) for ends in network.wires if ends[0] != ends[1]}
    missing = len(sites) * (len(sites) - 1) // 2 - len(pairs)
    notes = [
        "A link for each pair, which shares nothing with other links: pairs that were measured one after another do "
        "not tell what they share."
    ]
    if missing:
        notes.append(f"{missing} pairs of sites have no row: what they exchange goes through other sites.")
    if network.window_bytes is None:
        several = len({(row.source, row.target) for row in rows}) < len(rows)
        why = "more streams brought no more" if several else "measure some pair with several streams, such as 1, 4, 16"
        notes.append(f"No window of a stream is told: {why}.")
    unknown = [ends for ends, wire in network.wires.items() if wire.link_bits_per_s is None]
    if unknown:
        notes.append(
            f"{len(unknown)} ways were limited by their streams in all rows: their links are taken from the way "
            "back, else from machines inside both ends, else as the most that was measured; measure with more streams."
        )
    if network.loss:
        notes.append("A loss here is one that would make a stream as slow as it was: nobody counted lost packets.")
    if refits:
        notes.append(
            "The intervals say how far repeats differ, and not what the model leaves out: the rows left out say that."
        )
    else:
        notes.append("Nothing was measured twice, so there are no intervals: repeat each measurement.")
    if any(row.left_out_error is None for row in rows):
        notes.append("Left out, - : no other row speaks of this pair.")
    return notes
