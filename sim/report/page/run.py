"""The page of the main job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...questions.illustration import Illustration, Pace
from ...questions.verdict import fastest
from ...simulation.results import Result, Run, SiteUse
from ...units.in_words import human_count, human_quantity, human_seconds
from ...units.quantities import BANDWIDTH
from ..answers.run import describe
from ..figures import Bar, Bars, Series
from ..model import Axis, Block, Curve, Drawn, Mark, Picture, Report, sentences
from ..quantities import DURATION, PERCENT, common_scale
from .shared import behind_tables, map_of, rounds, scenario_source, with_blocks

_PARTS = (
    (Series("computing", "compute"), "compute_s"),
    (Series("exchanges across datacenters", "across"), "exposed_across_s"),
    (Series("exchanges inside datacenters", "inside"), "exposed_inside_s"),
    (Series("waiting for slower replicas", "waiting"), "straggler_wait_s"),
    (Series("packing payloads", "packing"), "packing_s"),
    (Series("ended before the last", "idle"), "ended_early_s"),
)
_SITE_PARTS = (
    Series("computing", "compute"),
    Series("exchanges", "across"),
    Series("waiting for slower replicas", "waiting"),
    Series("packing, or ended before the last", "idle"),
)
_NONE = 1e-9
"""A share of the wall-clock that is only what rounding left over."""
_SITES = 16
"""Datacenters up to which each has a bar of its own."""


def page(report: Report, result: Result, more: Illustration) -> Report:
    """The report on some runs with everything that can be drawn of them.

    Args:
      report: as it is read in a terminal.
      result: the answer.
      more: what was replayed for the drawings.
    """
    curves = against_bandwidth(result, more)
    where, by_site = wall_clocks(result.runs), by_sites(result.runs)
    ends = losses(result, more)
    drawn: list[list[Block]] = [[where, *ends], [by_site, *rounds(more.rounds, more.no_rounds), *curves]]
    lead, *rest = report.blocks
    woven = replace(report, blocks=(lead, *behind_tables(rest, *drawn)))
    before = [sentences(in_words(result), title="What was simulated"), used_links(result)]
    return with_blocks(woven, before, [scenario_source(result.scenario)], curves or [where, by_site])


def in_words(result: Result) -> list[str]:
    """What was simulated, for somebody who has not asked."""
    scenario, runs = result.scenario, result.runs
    first = runs[0]
    labels = [run.label for run in runs]
    named = labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"
    compared = f"{len(runs)} ways to train it are compared: {named}." if len(runs) > 1 else f"It is trained by {named}."
    return [
        f"A language model of {human_count(first.params)} parameters is trained on {human_count(first.tokens)} tokens "
        f"by {first.chips:,} chips. They stand in {describe(scenario.topology)}. {compared}",
    ]


def used_links(result: Result) -> Drawn:
    """The topology, with its links as the fastest run used them."""
    best = fastest(result.runs)
    used = {link.name: link.mean_utilization for link in best.links}
    remark = f"Colours: how far {best.label} uses each link, in the mean over its run." if used else ""
    return map_of(result.scenario.topology, used, remark)


def wall_clocks(runs: Sequence[Run]) -> Bars:
    """How long each run takes, and what that is made of: means over its sites."""
    used = [
        (series, name) for series, name in _PARTS if any(getattr(run, name) > _NONE * run.wall_clock_s for run in runs)
    ]
    bars = [
        Bar(run.label, tuple(getattr(run, name) for _, name in used), human_seconds(run.wall_clock_s)) for run in runs
    ]
    title = "How long each takes, and where the time goes"
    return Bars(title, "wall-clock", DURATION, tuple(series for series, _ in used), tuple(bars))


def by_sites(runs: Sequence[Run]) -> Bars:
    """What each site does in each run, as shares of the run's wall-clock."""
    bars = [bar for run in runs for bar in _site_bars(run)]
    used = [number for number in range(len(_SITE_PARTS)) if any(bar.values[number] for bar in bars)]
    kept = tuple(bar._replace(values=tuple(bar.values[number] for number in used)) for bar in bars)
    title = "Where the time goes, site by site"
    return Bars(title, "share of the run's wall-clock [%]", PERCENT, tuple(_SITE_PARTS[n] for n in used), kept)


def _site_bars(run: Run) -> Iterator[Bar]:
    shares = [_shares(site, run.wall_clock_s) for site in run.sites]
    if len(shares) > _SITES:
        means = tuple(sum(column) / len(shares) for column in zip(*shares, strict=True))
        yield Bar(f"mean of {len(shares)} sites", means, group=run.label)
        return
    for site, found in zip(run.sites, shares, strict=True):
        yield Bar(site.name, found, group=run.label)


def _shares(site: SiteUse, wall_clock_s: float) -> tuple[float, ...]:
    parts = (site.compute_s, site.exposed_communication_s, site.straggler_wait_s)
    shares = [part / wall_clock_s for part in parts]
    found = (*shares, 1 - sum(shares))
    return tuple(share if share > _NONE else 0.0 for share in found)


def against_bandwidth(result: Result, more: Illustration) -> list[Picture]:
    """Utilisation and wall-clock over narrower and wider links; nothing where no links are between the sites."""
    if not more.paces:
        return []
    bandwidths = {link.bandwidth_bits_per_s for link in result.scenario.topology.links}
    alike = bandwidths.pop() / 1e9 if len(bandwidths) == 1 else None
    words = "bandwidth of every link [Gbit/s]" if alike else "all links, times as wide as they are"
    here = Mark(alike or 1.0, f"as asked: {human_quantity(alike * 1e9, BANDWIDTH)}" if alike else "as they are")
    x = Axis(words, log=True)
    remark = ""
    if more.shortened:
        names = ", ".join(more.shortened)
        remark = f"{names}: 400 rounds were replayed at each bandwidth, and stand for the whole run."
    slowest_s = max(pace.wall_clock_s for pace in more.paces)
    unit = common_scale([pace.wall_clock_s for pace in more.paces], DURATION)

    def lines(value: str, scale: float) -> tuple[Curve, ...]:
        return tuple(_curve(label, more.paces, value, scale, alike or 1.0) for label in _labels(more.paces))

    far_apart = slowest_s > 20 * min(pace.wall_clock_s for pace in more.paces)
    wall = Axis(f"wall-clock [{unit.unit}]", None if far_apart else 0.0, log=far_apart)
    busiest = max(pace.utilization for pace in more.paces)
    busy = Axis("time spent computing [%]", 0.0, 100.0 if busiest > 0.5 else None)
    return [
        Picture("Utilisation against bandwidth", x, busy, lines("utilization", 100.0), (here,), remark),
        Picture("Wall-clock against bandwidth", x, wall, lines("wall_clock_s", 1 / unit.factor), (here,), remark),
    ]


def _labels(paces: Sequence[Pace]) -> list[str]:
    return list(dict.fromkeys(pace.label for pace in paces))


def _curve(label: str, paces: Sequence[Pace], value: str, scale: float, width: float) -> Curve:
    own = [pace for pace in paces if pace.label == label]
    return Curve(label, tuple((pace.factor * width, getattr(pace, value) * scale) for pace in own))


def losses(result: Result, more: Illustration) -> list[Picture]:
    """Predicted losses by when one stops, and the time that Data-Parallel needs; nothing where there is no law."""
    if not more.stops:
        return []
    unit = common_scale([stop.wall_clock_s for stop in more.stops], DURATION)
    curves = tuple(
        Curve(
            f"{label}: {human_count(_tokens(result, label))} tokens",
            tuple((stop.wall_clock_s / unit.factor, stop.loss) for stop in more.stops if stop.label == label),
        )
        for label in dict.fromkeys(stop.label for stop in more.stops)
    )
    times = {run.speedup * run.wall_clock_s for run in result.runs}
    marks = (Mark(max(times) / unit.factor, "Data-Parallel's time"),) if max(times) <= min(times) * (1 + 1e-9) else ()
    return [
        Picture(
            "Loss in equal time",
            Axis(f"wall-clock of the run [{unit.unit}]", 0.0),
            Axis("predicted loss [nats per token]"),
            curves,
            marks,
            "Each point is a run of its own that is planned to end then; the legend says how many tokens fit into "
            "Data-Parallel's time. By the scaling laws, within the limits that are noted below.",
        )
    ]


def _tokens(result: Result, label: str) -> float:
    return next(run.overtraining_tokens for run in result.runs if run.label == label)
