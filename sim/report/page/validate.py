"""The page of what others measured beside what we say."""

from __future__ import annotations

from dataclasses import replace

from ...questions.validate.claims import Validation
from ..answers.validate import TOPICS
from ..figures import Bar, Bars, Series
from ..model import Report
from ..quantities import NUMBER
from .shared import with_blocks

_VERDICTS = ("agrees", "misses", "no verdict")


def page(report: Report, answer: Validation) -> Report:
    """The report on claims with a bar for each topic."""
    bars = verdicts(answer)
    lead, *rest = report.blocks
    return with_blocks(replace(report, blocks=(lead, bars, *rest)), [], [], [bars])


def verdicts(answer: Validation) -> Bars:
    """How many claims of each topic agree, miss, or have no verdict."""
    found: dict[str, list[str]] = {}
    for claim in answer.claims:
        found.setdefault(claim.topic, []).append(claim.verdict)
    bars = tuple(
        Bar(
            TOPICS.get(topic, topic),
            tuple(float(words.count(verdict)) for verdict in _VERDICTS),
            f"{words.count('agrees')} of {len(words)} agree",
        )
        for topic, words in found.items()
    )
    series = (Series("agrees", "good"), Series("misses", "bad"), Series("no verdict", "unknown"))
    return Bars("Verdicts by topic", "claims", NUMBER, series, bars)
