"""Where the time went: a table of sites or of links for every run."""

from __future__ import annotations

from ...simulation.results import Result, Run, SiteUse
from ...units.in_words import human_seconds
from ..model import Block, Column, Row, Table, sentences
from ..quantities import BANDWIDTH, BYTES, DURATION, NUMBER, SHARE
from .cost import cost_by_site

_MOST_ROWS = 40
_SITE = (
    Column("Site"),
    Column("Waited for", folds=True),
    Column("Chips", NUMBER),
    Column("Tokens", SHARE),
    Column("Computing", DURATION, family="time"),
    Column("Exchanging", DURATION, family="time"),
    Column("Waiting", DURATION, family="time"),
    Column("Others waited", DURATION, family="time"),
    Column("Busy", SHARE),
)
_LINK = (
    Column("Link"),
    Column("Bandwidth", BANDWIDTH),
    Column("Bytes", BYTES),
    *(Column(title, SHARE) for title in ("Mean", "Peak", "Busy", "Full")),
)


def detail_tables(result: Result, detail: str) -> list[Block]:
    """A table for each run.

    Args:
      result: the answer.
      detail: `sites` or `links`.
    """
    if detail == "links":
        return [_links(run) for run in result.runs]
    return [block for run in result.runs for block in (_sites(run), *cost_by_site(run))]


def _sites(run: Run) -> Table:
    rows = [
        Row(
            (
                site.name,
                _waited_for(site),
                site.chips,
                site.tokens_share,
                site.compute_s,
                site.exposed_communication_s,
                site.straggler_wait_s,
                site.held_up_s,
                site.compute_utilization,
            )
        )
        for site in run.sites
    ]
    waited = any(row.cells[1] for row in rows)
    columns = _SITE if waited else (_SITE[0], *_SITE[2:])
    rows = rows if waited else [Row((row.cells[0], *row.cells[2:])) for row in rows]
    return Table(columns, tuple(rows), f"{run.label}: sites")


def _waited_for(site: SiteUse) -> str:
    """The site that it waited for the longest."""
    longest = max(site.waited_for_s, key=lambda name: site.waited_for_s[name], default=None)
    return f"{longest}, {human_seconds(site.waited_for_s[longest])}" if longest else ""


def _links(run: Run) -> Block:
    if not run.links:
        return sentences([f"{run.label}: exchanges are ideal and use no link in particular."])
    busiest = sorted((link for link in run.links if link.bytes), key=lambda link: -link.mean_utilization)
    rows = [
        Row(
            (
                link.name,
                link.bandwidth_bits_per_s,
                link.bytes,
                link.mean_utilization,
                link.peak_utilization,
                link.busy_share,
                link.full_share,
            )
        )
        for link in busiest[:_MOST_ROWS]
    ]
    more, idle = len(busiest) - len(rows), len(run.links) - len(busiest)
    remarks = [
        *([f"{more} more carried something"] if more else []),
        *([f"{idle} carried nothing"] if idle else []),
    ]
    return Table(_LINK, tuple(rows), f"{run.label}: links, the most used first", "; ".join(remarks))
