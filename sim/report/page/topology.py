"""The page of a topology."""

from __future__ import annotations

from dataclasses import replace

from ...questions.topology import TopologyAnswer
from ...units.in_words import human_quantity
from ...units.quantities import BANDWIDTH
from ..model import Report, sentences
from .shared import as_yaml, map_of, with_blocks


def page(report: Report, answer: TopologyAnswer) -> Report:
    """The report on a topology with its map."""
    shown = map_of(answer.topology)
    remark = "Saved as mine.yaml, it is used by: simulate --topology mine.yaml"
    blocks = (sentences([_finding(answer)], "strong"), *report.blocks)
    source = as_yaml("The topology", answer.topology, remark)
    return with_blocks(replace(report, blocks=blocks), [shown], [source], [shown])


def _finding(answer: TopologyAnswer) -> str:
    sites, links = len(answer.topology.datacenters), len(answer.topology.links)
    text = f"{sites} site{'s'[: sites > 1]}, {links} link{'s'[: links != 1]}."
    cut, ring = answer.bottleneck_cut, answer.best_ring
    if cut is not None and cut.links:
        bandwidth = human_quantity(cut.bandwidth_bits_per_s, BANDWIDTH)
        text += f" The narrowest cut between two groups of sites lets {bandwidth} through."
    if ring is not None:
        bandwidth = human_quantity(ring.narrowest_bits_per_s, BANDWIDTH)
        text += f" The best ring through all sites has {bandwidth} on its narrowest hop."
    return text
