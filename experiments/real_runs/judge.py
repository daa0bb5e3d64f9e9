"""How far predictions are from what was measured: by stage of the model, source and kind; and the bands of the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from .predict import Prediction
from .runs import Row

WHATS = {"exchange_s": "exchange", "wall_s": "wall-clock"}
"""What is predicted, and what tables call it."""
CLAIMS = {
    "outer steps, 1 Gbit/s": "real-1-g",
    "outer steps, 200 Mbit/s": "real-200-m",
    "Data-Parallel, 1 Gbit/s": "real-ddp",
    "Data-Parallel, 200 Mbit/s": "real-ddp",
}
"""Claims of `simulate validate` about a kind of runs; other kinds are judged with their source."""
_FEWEST = 5
"""Runs of a kind of which a band is made."""


def judged(found: Sequence[Prediction]) -> list[Prediction]:
    """Those whose results are known, without those that gave a number to others."""
    return [each for each in found if each.run.set == "visible" and each.run.measured]


def errors(found: Sequence[Prediction], what: str) -> list[float]:
    """Relative errors of those that are known."""
    return [error for each in judged(found) if (error := each.error(what)) is not None]


def table(stage: str, found: Sequence[Prediction]) -> Iterator[Row]:
    """Median and worst absolute error by source, and by kind of each source, for a stage of the model."""
    for source in dict.fromkeys(each.run.source for each in found):
        own = [each for each in found if each.run.source == source]
        kinds = dict.fromkeys(each.run.kind for each in own)
        for kind, these in (("all", own), *((kind, [e for e in own if e.run.kind == kind]) for kind in kinds)):
            for what, name in WHATS.items():
                if off := errors(these, what):
                    worst = max(off, key=abs)
                    yield {
                        "stage": stage,
                        "source": source,
                        "kind": kind,
                        "what": name,
                        "runs": str(len(off)),
                        "median_error": f"{median(map(abs, off)):.4f}",
                        "worst_error": f"{worst:+.4f}",
                    }


def band(one: Prediction, found: Sequence[Prediction], what: str) -> tuple[float, float] | None:
    """From where to where the measured value is expected [s].

    An exchange: ours times theirs over ours of runs whose results are known, from the tenth to the ninetieth percentile
    of those of the same kind; where fewer than five of a kind are known, from the least to the largest of the source. A
    wall-clock: its exchanges are so much shorter or longer; where it has none, likewise by wall-clocks.
    """
    if what == "wall_s" and one.exchange_s is not None:
        low_s, high_s = band(one, found, "exchange_s") or (0.0, 0.0)
        many = one.run.exchanges / one.run.parts
        return one.wall_s + many * (low_s - one.exchange_s), one.wall_s + many * (high_s - one.exchange_s)
    if (ours := getattr(one, what)) is None:
        return None
    source = [each for each in found if each.run.source == one.run.source]
    own = errors([each for each in source if each.run.kind == one.run.kind], what)
    share = 0.1 if len(own) >= _FEWEST else 0.0
    ratios = sorted(1 / (1 + error) for error in (own if share else errors(source, what)))
    return ours * ratios[int(share * len(ratios))], ours * ratios[-1 - int(share * len(ratios))]


def results(stages: dict[str, Sequence[Prediction]]) -> Iterator[Row]:
    """A line a run whose results are known: measured, and predicted at every stage of the model."""
    for number, last in enumerate(next(iter(stages.values()))):
        if not last.run.measured:
            continue
        line = {"source": last.run.source, "run": last.run.name, "kind": last.run.kind, "set": last.run.set}
        for what, name in WHATS.items():
            key = name.replace("-", "_")
            theirs = last.run.measured.get(what)
            line[f"measured_{key}_s"] = "" if theirs is None else f"{theirs:.6g}"
            for stage, found in stages.items():
                ours = getattr(found[number], what)
                line[f"{stage}_{key}_s"] = "" if ours is None else f"{ours:.6g}"
        yield line


def held_out(found: Sequence[Prediction]) -> Iterator[Row]:
    """A line a run whose results are not known: what is predicted, with bands."""
    for each in found:
        if each.run.set == "held-out":
            line = {"source": each.run.source, "run": each.run.name, "kind": each.run.kind}
            for what, name in WHATS.items():
                key, ours, within = name.replace("-", "_"), getattr(each, what), band(each, found, what)
                low, high = within or (None, None)
                values = {"": ours, "low_": low, "high_": high}
                line |= {f"{key}_{part}s": "" if v is None else f"{v:.6g}" for part, v in values.items()}
            yield line | {"wall_clock_of": each.run.part}


def cases(found: Sequence[Prediction]) -> Iterator[Row]:
    """What `simulate validate` judges: each wall-clock of a known run beside ours, by source and rate, twice."""
    for each in judged(found):
        if "wall_s" in each.run.measured:
            claim = CLAIMS.get(each.run.kind, f"real-{each.run.source}")
            for statistic in ("median", "worst"):
                theirs, ours = f"{each.run.measured['wall_s']:.6g}", f"{each.wall_s:.6g}"
                yield {"cases": f"{claim}-{statistic}", "case": each.run.name, "theirs": theirs, "ours": ours}
    for each in judged(found):
        if each.run.source == "hivemind" and each.exchange_s is not None:
            for statistic in ("median", "worst"):
                theirs, ours = f"{each.run.measured['exchange_s']:.6g}", f"{each.exchange_s:.6g}"
                yield {"cases": f"real-exchange-{statistic}", "case": each.run.name, "theirs": theirs, "ours": ours}
