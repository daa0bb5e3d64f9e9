"""An observation laid out as tracks, the same for every format: what stands where, under which name, in which unit.

A strategy has a process for each of its sites, in which threads lie under each other: what the site does; exchanges
under way; what it sends, and what it receives. Slices of one thread never overlap, so whatever runs side by side lies
in several threads of one name. A process of its own has a rate and a utilization for each link.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from ...errors import ArgumentError
from ...simulation.observation import Exchange, Flow, Load, Observation, Slice, exchange_in_words, is_message
from ...units.in_words import human_seconds

NS_PER_S = 1e9
_SHORTEST_NS, _LONGEST_NS = 1000, 2**63
"""Formats count whole nanoseconds, in 63 bits."""

Detail = str | float


class Piece(NamedTuple):
    """A slice of a thread.

    Attributes:
      name, category: what people see, and what it is to be summed by.
      start_ns, end_ns: when [ns].
      details: what else is known of it, with units in the names.
      leaves, arrives: number of the arrow that leaves from here or arrives here; 0: none.
    """

    name: str
    category: str
    start_ns: int
    end_ns: int
    details: dict[str, Detail]
    leaves: int = 0
    arrives: int = 0


@dataclass(frozen=True)
class Thread:
    """Slices that follow each other; a process has several of one name where they would overlap in one."""

    name: str
    explained: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Counter:
    """A number over time: what is counted of a link; from each moment [ns] on, a value in a unit."""

    link: str
    what: str
    unit: str
    explained: str
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Process:
    """What a viewer shows as one block: a site of a strategy, or its links."""

    strategy: str
    name: str
    threads: tuple[Thread, ...] = ()
    counters: tuple[Counter, ...] = ()


def processes(observations: Sequence[Observation]) -> list[Process]:
    """Observations as processes, in their order; links that several of them share stand there once.

    Raises:
      InputError: they are too short or too long for a count of nanoseconds.
    """
    found: list[Process] = []
    arrows = 0
    for observed in observations:
        _check_length(observed)
        found += _sites(observed, arrows)
        arrows += len(observed.flows)
        alike = [each for each in observations if each.loads is observed.loads]
        if observed.loads and observed is alike[-1]:
            label = " + ".join(each.label for each in alike)
            found.append(Process(label, "links", counters=tuple(_counters(observed.loads))))
    return found


def _check_length(observed: Observation) -> None:
    seconds = observed.end_s - observed.start_s
    if not _SHORTEST_NS <= seconds * NS_PER_S < _LONGEST_NS:
        raise ArgumentError(
            "{timeline}: {seconds} of {label} cannot be drawn in whole nanoseconds; make it 1 us to 290 years, by "
            "more or fewer {rounds}, or by a larger or smaller workload",
            seconds=human_seconds(seconds),
            label=observed.label,
        )


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)


def _sites(observed: Observation, arrows: int) -> Iterator[Process]:
    """The processes of an observation's sites, and of its store; its arrows have the numbers after `arrows`."""
    flows = list(enumerate(observed.flows, arrows + 1))
    for worker, site in enumerate(observed.sites):
        does = [_doing(each) for each in observed.slices if each.worker == worker]
        under_way = [_exchange(each, observed.sites) for each in observed.exchanges if worker in each.members]
        threads = [
            *_threads("what the site does", "computes, or stands still, and what for", does),
            *_threads("exchanges under way", "from when one could begin until the result is there", under_way),
            *_traffic(site, flows),
        ]
        yield Process(observed.label, site, tuple(threads))
    for store in dict.fromkeys(end for _, flow in flows for end in (flow.source, flow.target)):
        if store not in observed.sites:
            yield Process(observed.label, store, tuple(_traffic(store, flows)))


def _traffic(place: str, flows: Sequence[tuple[int, Flow]]) -> Iterator[Thread]:
    """What a site, or a store, sends and receives."""
    sends = [_sending(number, flow) for number, flow in flows if flow.source == place]
    receives = [_receiving(number, flow) for number, flow in flows if flow.target == place]
    yield from _threads("sends", "from the first byte that leaves to the last, for each site it sends to", sends)
    yield from _threads("receives", "from the first byte that arrives to the last, for each site", receives)


def _threads(name: str, explained: str, pieces: Iterable[Piece]) -> Iterator[Thread]:
    """As many threads as no two slices of one overlap in; what is shorter than a nanosecond is left out."""
    lanes: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda each: each.start_ns):
        if piece.start_ns < piece.end_ns:
            free = next((lane for lane in lanes if lane[-1].end_ns <= piece.start_ns), None)
            if free is None:
                lanes.append([piece])
            else:
                free.append(piece)
    for lane in lanes:
        yield Thread(name, explained, tuple(lane))


def _doing(each: Slice) -> Piece:
    return Piece(each.name, each.doing, _ns(each.start_s), _ns(each.end_s), {"which": each.detail})


def _exchange(each: Exchange, sites: Sequence[str]) -> Piece:
    details: dict[str, Detail] = {"number": each.number + 1}
    if is_message(each.name):
        source, target = (sites[member] for member in each.members)
        details = {"step": each.number + 1, "message": each.part + 1, "from": source, "to": target}
        details |= {"payload [byte]": each.payload_bytes} | _cut_off(each)
        return Piece(f"{exchange_in_words(each.name)} {each.part + 1}", "exchange", *_span(each), details)
    if each.times > 1:
        details = {"numbers": f"{each.number + 1} to {each.number + each.times}"}
    details |= {"part": each.part + 1} if each.part else {}
    details |= {
        "sites": ", ".join(sites[member] for member in each.members),
        "payload of a chip [byte]": each.payload_bytes,
    }
    details |= {"hidden behind compute before [s]": each.behind_s} if each.behind_s else {}
    return Piece(exchange_in_words(each.name), "exchange", *_span(each), details | _cut_off(each))


def _span(each: Exchange) -> tuple[int, int]:
    return _ns(each.start_s), _ns(each.end_s)


def _cut_off(each: Exchange | Flow) -> dict[str, Detail]:
    return {} if each.whole else {"cut off": "goes on after the timeline ends"}


def _has_arrow(flow: Flow) -> bool:
    """Whether both ends of it are seen."""
    return _ns(flow.start_s) < _ns(flow.sent_s) and _ns(flow.start_s + flow.delay_s) < _ns(flow.end_s)


def _sending(number: int, flow: Flow) -> Piece:
    name = f"{exchange_in_words(flow.name)}: to {flow.target}"
    leaves = number if _has_arrow(flow) else 0
    return Piece(name, "send", _ns(flow.start_s), _ns(flow.sent_s), _carried(flow), leaves=leaves)


def _receiving(number: int, flow: Flow) -> Piece:
    name = f"{exchange_in_words(flow.name)}: from {flow.source}"
    start_ns = _ns(flow.start_s + flow.delay_s)
    arrives = number if _has_arrow(flow) else 0
    return Piece(name, "receive", start_ns, _ns(flow.end_s), _carried(flow), arrives=arrives)


def _carried(flow: Flow) -> dict[str, Detail]:
    details: dict[str, Detail] = {
        "bytes [byte]": flow.payload_bytes,
        "over": ", ".join(flow.links),
        "on the way [s]": flow.delay_s,
    }
    return details | _cut_off(flow)


def _counters(loads: Sequence[Load]) -> Iterator[Counter]:
    by_link: dict[str, list[Load]] = {}
    for load in loads:
        by_link.setdefault(load.link, []).append(load)
    for link, own in by_link.items():
        rates = [each.payload_bits_per_s / 1e9 for each in own]
        yield Counter(link, "rate", "Gbit/s", "payload that the link carries", _points(own, rates))
        used = [100 * _used(each) for each in own]
        yield Counter(link, "utilization", "% used", "share of what it could carry at that moment", _points(own, used))
        if any(each.at_once_bytes for each in own):
            passed = accumulate(each.at_once_bytes / 1e6 for each in own)
            explained = "what its shaper let pass in no time, so far: it is in no rate"
            yield Counter(link, "passed at once", "MB at once", explained, _points(own, list(passed)))


def _points(loads: Sequence[Load], values: Sequence[float]) -> tuple[tuple[int, float], ...]:
    """One value for a moment: the last of those that round to the same nanosecond."""
    return tuple({_ns(load.at_s): value for load, value in zip(loads, values, strict=True)}.items())


def _used(load: Load) -> float:
    """The share of the capacity that is used; all of it where more passes, out of a bucket."""
    return min(1.0, load.payload_bits_per_s / load.capacity_bits_per_s) if load.payload_bits_per_s else 0.0
