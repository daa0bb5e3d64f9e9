"""The smallest bandwidth between datacenters at which a strategy reaches a compute utilisation."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...documents.validation import nearest
from ...errors import ArgumentError, InputError
from ...scenario.model import Scenario
from ...scenario.variation import links_by_name
from ...shell.progress import UNWATCHED, Watch
from ...simulation.long_run import long_run
from ...simulation.without_effect.keys import Reason
from ...strategies.shared.strategy import told_apart
from ...units.in_words import human_quantity
from ...units.quantities import BANDWIDTH
from ..without_effect import Called, in_bandwidth

TARGETS = (0.5, 0.8, 0.9, 0.95, 0.99)
PAPER_GRID_BITS_PER_S = 1e9 * np.logspace(-1, 3, 50)
"""The grid of the published tables. Source: arXiv 2501.18512, Table 4."""
_CURVE_BITS_PER_S = 1e9 * np.logspace(-1, 3, 9)
_UNLIMITED = 1e9
_PRECISION = 1e-9


@dataclass(frozen=True)
class Need:
    """The bandwidth that a strategy needs for a target.

    Attributes:
      strategy, label: its kind; the kind with its parameters, for people.
      replicas, sync_every: M and H.
      fragments, overlap_steps, payload_bits, payload_factor: its parameters; None where the strategy has no such
        parameter, or takes the value of the workload.
      target: the compute utilisation asked for, a share of the time [-].
      bandwidth_bits_per_s: the smallest that reaches it; None if none does, 0 if any bandwidth does [bit/s].
      scale: that bandwidth over the bandwidth in the scenario; None if none reaches the target [-].
      grid_bits_per_s: the first point of the published grid that reaches it; None where its last does not [bit/s].
      unlimited_utilization: utilisation with links a billion times as wide as in the scenario [-].
    """

    strategy: str
    label: str
    replicas: int
    sync_every: int
    fragments: int | None
    overlap_steps: int | None
    payload_bits: float | None
    payload_factor: float
    target: float
    bandwidth_bits_per_s: float | None
    scale: float | None
    grid_bits_per_s: float | None
    unlimited_utilization: float


@dataclass(frozen=True)
class CurvePoint:
    """Compute utilisation of a strategy at one bandwidth."""

    strategy: str
    label: str
    bandwidth_bits_per_s: float
    utilization: float


@dataclass(frozen=True)
class BandwidthAnswer:
    """The answer.

    Attributes:
      scenario: what was asked.
      what: the links whose bandwidth was varied, in words.
      rows: one for each strategy and target.
      curve: compute utilisation over bandwidth, a few points for each strategy.
      notes: sentences on keys and options without effect.
    """

    scenario: Scenario
    what: str
    rows: tuple[Need, ...]
    curve: tuple[CurvePoint, ...]
    notes: tuple[str, ...]


def answer(
    scenario: Scenario,
    targets: Sequence[float] = TARGETS,
    *,
    link: str | None = None,
    rounds: int | None = None,
    called: Called = str,
    ignored: Iterable[Reason] = (),
    watch: Watch = UNWATCHED,
) -> BandwidthAnswer:
    """The bandwidth that each strategy of a scenario needs for each target.

    The bandwidth of every link (or of the one named) is multiplied by the same factor until the utilisation in the
    steady state equals the target. Utilisation is a continuous function of the factor, so a root search on the replay
    finds it.

    Args:
      scenario: what is asked about.
      targets: compute utilisations, between 0 and 1.
      link: `a -> b` or `a <-> b`; None: all links.
      rounds: number of rounds of H steps to replay where a run has no steady state; None: the workload's steps.
      called: the name of a key for the user, for the notes; None for a key that the user did not give.
      ignored: further options without effect, with the reason.
      watch: is told how far the search is.

    Raises:
      InputError: a target is out of range, the link does not exist, or the topology has no links.
    """
    for target in targets:
        if not 0 < target < 1:
            told = "{targets}: got {got:g}; write a share of the time between 0 and 1, such as 0.95"
            raise ArgumentError(told, got=target)
    if scenario.jobs == "together":
        raise InputError("jobs: together: the answer is for one strategy at a time; write jobs: alone")
    topology = scenario.topology
    if not topology.links:
        raise InputError(f"topology {topology.name}: has no links between datacenters; nothing can be made wider")
    if link is not None and link not in (names := links_by_name(topology)):
        known = nearest(link, list(names))
        raise ArgumentError("{link}: there is none named {got!r}; {known}", got=link, known=known)
    rows: list[Need] = []
    mixed: list[str] = []
    curve, settled = [], []
    count = len(scenario.strategies) * (1 + len(targets))
    for position in range(len(scenario.strategies)):
        probe = _Probe(scenario, position, link, rounds)
        watch.doing(f"replaying {probe.label} at nine bandwidths", len(rows) + position, count)
        curve += [probe.point(scale) for scale in probe.curve_scales()]
        for target in targets:
            watch.doing(f"searching {probe.label} for {target:.2%}", len(rows) + position + 1, count)
            rows.append(probe.need(target))
            watch.found(_in_words(rows[-1]))
        settled.append(probe.settled)
        mixed += probe.mixed()
    what = "all links between datacenters by the same factor" if link is None else f"the link {link} alone"
    notes = in_bandwidth(scenario, settled, called, ignored)
    return BandwidthAnswer(scenario, what, tuple(rows), tuple(curve), (*notes, *mixed))


def _in_words(need: Need) -> str:
    wide = need.bandwidth_bits_per_s
    return f"{need.label}, {need.target:.2%}: {'never' if wide is None else human_quantity(wide, BANDWIDTH)}"


class _Probe:
    """Compute utilisation of one strategy as a function of link bandwidth; each bandwidth is replayed once."""

    def __init__(self, scenario: Scenario, position: int, link: str | None, rounds: int | None) -> None:
        self._link = link
        self._strategy = scenario.strategies[position]
        self.label = told_apart([each.label for each in scenario.strategies])[position]
        self._scenario = scenario.replaced(strategies=(self._strategy,))
        if rounds is not None:
            self._scenario = self._scenario.vary(steps=rounds * self._strategy.steps_per_sync)
        self._bandwidth = _bandwidth(scenario, self._strategy.workers(len(scenario.topology.datacenters)), link)
        self._seen: dict[float, float] = {}
        self._settled: list[bool] = []

    def utilization(self, scale: float) -> float:
        if scale not in self._seen:
            varied = self._scenario.vary(bandwidth_across=scale, link=self._link, clip=True)
            self._seen[scale], settled = long_run(varied)
            self._settled.append(settled)
        return self._seen[scale]

    @property
    def settled(self) -> bool:
        """Whether every utilisation so far is that of the steady state."""
        return all(self._settled)

    def mixed(self) -> Iterator[str]:
        """A note where some utilisations are those of the steady state and others are not: the curve is of both."""
        without = self._settled.count(False)
        if 0 < without < len(self._settled):
            yield (
                f"{self.label}: at {without} of {len(self._settled)} bandwidths no steady state was found within 1,024 "
                "periods; there the share is that of the whole run, beginning and end included, and so lower: take "
                "more steps"
            )

    def curve_scales(self) -> Iterator[float]:
        """The factors of nine bandwidths from 0.1 Gbit/s to 1 Tbit/s, the range of the published grid."""
        yield from (float(bits) / self._bandwidth for bits in _CURVE_BITS_PER_S)

    def point(self, scale: float) -> CurvePoint:
        return CurvePoint(self._strategy.kind, self.label, scale * self._bandwidth, self.utilization(scale))

    def need(self, target: float) -> Need:
        unlimited = self.utilization(_UNLIMITED)
        scale = self._root(target) if unlimited >= target else None
        bandwidth = None if scale is None else scale * self._bandwidth
        fields = self._strategy.model_dump()
        return Need(
            strategy=self._strategy.kind,
            label=self.label,
            replicas=self._strategy.replica_count,
            sync_every=self._strategy.steps_per_sync,
            fragments=fields.get("fragments"),
            overlap_steps=fields.get("overlap_steps"),
            payload_bits=self._strategy.payload_bits,
            payload_factor=self._strategy.payload_factor,
            target=target,
            bandwidth_bits_per_s=bandwidth,
            scale=scale,
            grid_bits_per_s=None if bandwidth is None else _on_grid(bandwidth),
            unlimited_utilization=unlimited,
        )

    def _root(self, target: float) -> float:
        """The factor that reaches the target, searched for in 1/scale: 1/utilisation is close to linear in it."""
        from scipy.optimize import brentq

        known = sorted(self._seen)
        while self.utilization(known[0]) >= target:
            if known[0] * _UNLIMITED < 1:
                return 0.0
            known.insert(0, known[0] / 16)
        above = bisect([self._seen[scale] >= target for scale in known], False)
        below_x, above_x = 1 / known[above - 1], 1 / known[above]

        def gap(x: float) -> float:
            difference = 1 / self.utilization(1 / x) - 1 / target
            return difference if abs(difference) > _PRECISION / target else 0.0  # 0 ends the search

        root = brentq(gap, above_x, below_x, xtol=above_x * _PRECISION, rtol=_PRECISION)
        return float(1 / root)


def _bandwidth(scenario: Scenario, workers: int, link: str | None) -> float:
    """Bandwidth of the link that is varied, or of the narrowest route between the datacenters used [bit/s]."""
    topology = scenario.topology
    if link is None:
        share = topology.transport.payload_share if workers > 1 else 1.0
        sites = tuple(site.name for site in topology.datacenters[:workers])
        return topology.narrowest(sites).bandwidth_bits_per_s / share
    return links_by_name(topology)[link].bandwidth_bits_per_s


def _on_grid(bandwidth_bits_per_s: float) -> float | None:
    """The first point of the published grid that is wide enough, up to floating-point rounding."""
    enough = [point for point in PAPER_GRID_BITS_PER_S if point >= bandwidth_bits_per_s * (1 - 1e-7)]
    return float(enough[0]) if enough else None
