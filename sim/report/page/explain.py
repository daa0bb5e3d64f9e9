"""The page of one run, taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...questions.explain.explain import ENDED, PARTS, Explanation, Site
from ...simulation.observation import Observation
from ...units.in_words import human_seconds
from ..figures import Bar, Bars, Series, Tone
from ..model import Report, sentences
from ..quantities import PERCENT
from .shared import behind_tables, map_of, rounds, scenario_source, with_blocks

_TONES: dict[str, Tone] = dict(
    zip((*PARTS, ENDED), ("compute", "across", "inside", "waiting", "packing", "idle"), strict=True)
)
_NONE = 1e-9
"""A share of the wall-clock that is only what rounding left over."""
_SITES = 24
"""Datacenters up to which each has a bar of its own."""


def page(report: Report, answer: Explanation, observed: Sequence[Observation], why_not: str) -> Report:
    """The report on one run with everything that can be drawn of it.

    Args:
      report: as it is read in a terminal.
      answer: what it reports.
      observed: a round of the run, moment by moment.
      why_not: why there is none.
    """
    run = answer.run
    bars = by_sites(answer.sites)
    used = {link.name: link.mean_utilization for link in run.links}
    remark = "Colours: how far the run uses each link, in the mean." if used else ""
    drawn = [bars, *rounds(observed, why_not)]
    finding = sentences([_finding(answer)], "strong")
    lead = replace(report, blocks=(finding, *behind_tables(report.blocks, drawn)))
    before = [map_of(answer.scenario.topology, used, remark)]
    return with_blocks(lead, before, [scenario_source(answer.scenario, "explain ")], [bars])


def _finding(answer: Explanation) -> str:
    """How long it takes, what it mostly does, and what would help most."""
    first, second = sorted(answer.parts, key=lambda part: -part.share)[:2]
    text = f"{answer.run.label} takes {human_seconds(answer.run.wall_clock_s)}: {first.share:.1%} of it {first.what}"
    text += f", {second.share:.1%} {second.what}." if second.share > _NONE else "."
    found = [(abs(each.elasticity), each) for each in answer.elasticities if each.elasticity is not None]
    if not found:
        return text
    most = max(found, key=lambda pair: pair[0])[1]
    return f"{text} It depends most on {most.input}: 1% more changes it by {most.elasticity:+.2f}%."


def by_sites(sites: Sequence[Site]) -> Bars:
    """What each site does, as shares of the wall-clock."""
    names = [part.what for part in sites[0].parts]
    shares = [tuple(part.share if part.share > _NONE else 0.0 for part in site.parts) for site in sites]
    bars = [Bar(site.name, own) for site, own in zip(sites, shares, strict=True)]
    if len(bars) > _SITES:
        means = tuple(sum(column) / len(shares) for column in zip(*shares, strict=True))
        bars = [Bar(f"mean of {len(sites)} sites", means)]
    used = [number for number in range(len(names)) if any(bar.values[number] for bar in bars)]
    kept = tuple(bar._replace(values=tuple(bar.values[number] for number in used)) for bar in bars)
    series = tuple(Series(names[number], _TONES[names[number]]) for number in used)
    return Bars("Where the time goes, site by site", "share of the wall-clock [%]", PERCENT, series, kept)
