"""Where the time went: a table of sites or of links for every run."""

from __future__ import annotations

from rich.table import Table

from ..simulation.results import Result, Run, SiteUse
from ..units.in_words import human_bytes, human_quantity, human_seconds
from ..units.quantities import BANDWIDTH

_MOST_ROWS = 40


def detail_tables(result: Result, detail: str) -> list[Table]:
    """A table for each run.

    Args:
      result: the answer.
      detail: `sites` or `links`.
    """
    make = {"sites": _sites, "links": _links}[detail]
    return [make(run) for run in result.runs]


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title, box=None, padding=(0, 1, 0, 0), pad_edge=False, title_justify="left", header_style="bold"
    )
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=number > 0)
    return table


def _sites(run: Run) -> Table:
    table = _table(
        f"{run.label}: sites", "Site", "Chips", "Tokens", "Computing", "Exchanging", "Waiting", "Others\nwaited", "Busy"
    )
    for site in run.sites:
        table.add_row(
            site.name,
            f"{site.chips:g}",
            f"{site.tokens_share:.1%}",
            human_seconds(site.compute_s),
            human_seconds(site.exposed_communication_s),
            _waiting(site),
            human_seconds(site.held_up_s),
            f"{site.compute_utilization:.1%}",
        )
    return table


def _waiting(site: SiteUse) -> str:
    """How long a site waited, and under it the one that it waited for the longest."""
    longest = max(site.waited_for_s, key=lambda name: site.waited_for_s[name], default=None)
    waited = human_seconds(site.straggler_wait_s)
    return f"{waited}\nfor {longest}" if longest else waited


def _links(run: Run) -> Table:
    if not run.links:
        return _table(f"{run.label}: exchanges are ideal and use no link in particular", "")
    table = _table(
        f"{run.label}: links, the most used first", "Link", "Bandwidth", "Bytes", "Mean", "Peak", "Busy", "Full"
    )
    busiest = sorted((link for link in run.links if link.bytes), key=lambda link: -link.mean_utilization)
    for link in busiest[:_MOST_ROWS]:
        table.add_row(
            link.name,
            human_quantity(link.bandwidth_bits_per_s, BANDWIDTH),
            human_bytes(link.bytes),
            f"{link.mean_utilization:.1%}",
            f"{link.peak_utilization:.1%}",
            f"{link.busy_share:.1%}",
            f"{link.full_share:.1%}",
        )
    if len(busiest) > _MOST_ROWS:
        table.add_row(f"... and {len(busiest) - _MOST_ROWS} more that carried something")
    if len(busiest) < len(run.links):
        table.add_row(f"({len(run.links) - len(busiest)} carried nothing)")
    return table
