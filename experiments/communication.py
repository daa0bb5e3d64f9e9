"""What communicating less costs in loss: H, M beyond the fits, fewer bits, results that are used late.

Every number is a change of the logarithm of a loss between two runs that differ in one thing. Published ones are in
reference/communication.csv, with their sources; the others are runs of the small study (small_scale/runs.csv). Printed
losses are rounded to 0.01, some 0.2% of a change: they are weighted by that, and runs of the study by the difference of
their seeds.

H: the change against the same run with H = 30. Of the forms tried, the one is taken that predicts a source best which
it was not fitted to, in units of the error of each number; of forms that are alike in that (5%), the simplest.

Run: python -m experiments.communication (some seconds). Writes results/communication.csv (constants),
communication_residuals.csv (every number beside its prediction), communication_forms.csv, communication.png and .pdf.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from . import style
from .tables import RESULTS, read_table

FOLDER = Path(__file__).parent
PUBLISHED = FOLDER / "reference" / "communication.csv"
STUDY = FOLDER / "small_scale" / "runs.csv"
OURS = "this study"
STREAMING, EAGER, MULOCO = "arXiv 2501.18512", "arXiv 2502.12996", "arXiv 2505.23725"
BASE_H = 30
_ROUNDING = 0.01 / math.sqrt(12)
"""Of a loss that is printed with two digits [nats]."""
_RESAMPLES = 400
Array = NDArray[np.float64]
Row = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """A change of the logarithm of a loss.

    Attributes:
      source: who measured it.
      run: what was trained, in words.
      params, replicas, sync_every: N, M, H.
      change: log of the loss over that of the run it is compared with.
      error: standard deviation of that, from rounding or seeds.
    """

    source: str
    run: str
    params: float
    replicas: int
    sync_every: int
    change: float
    error: float


def published() -> list[dict[str, str]]:
    """The printed losses that are not doubtful."""
    return [row for row in read_table(PUBLISHED) if row["usable"] == "yes"]


def _change(run: dict[str, str], base: dict[str, str]) -> Point:
    """What one printed loss is above another."""
    loss, other = float(run["loss"]), float(base["loss"])
    what = f"{run['method']} {run['model']} M={run['replicas']} H={run['sync_every']}"
    error = _ROUNDING * math.hypot(1 / loss, 1 / other)
    return Point(
        run["source"], what, float(run["params"]), int(run["replicas"]), int(run["sync_every"]),
        math.log(loss / other), error,
    )  # fmt: skip


def of_cadence() -> list[Point]:
    """Published runs with H = 100 against the same with H = 30."""
    found = []
    runs = [row for row in published() if row["table"] == "6"]
    for run in runs:
        if run["sync_every"] == "100":
            alike = [
                base
                for base in runs
                if base["sync_every"] == "30"
                and all(base[key] == run[key] for key in ("source", "model", "method", "replicas"))
            ]
            found.append(_change(run, alike[0]))
    return found


def fitted_pairs() -> list[Point]:
    """What the price of H is fitted to: published pairs, and those of the study with H above 30."""
    return [*of_cadence(), *(point for point in of_study() if point.sync_every > BASE_H)]


def of_lateness() -> list[Point]:
    """Eager runs (a whole round late) against those of the same H with an overlap of one step."""
    runs = [row for row in published() if row["table"] == "6"]
    found = []
    for run in runs:
        if run["method"] == "eager-diloco":
            alike = [
                base
                for base in runs
                if base["method"] == "streaming-diloco"
                and all(base[key] == run[key] for key in ("model", "replicas", "sync_every"))
            ]
            found.append(_change(run, alike[0]))
    return found


def of_bits() -> list[Point]:
    """Streaming runs with 4 bits and an overlap of one step against DiLoCo with full payloads, M = 2, H = 30."""
    rows = [row for row in published() if row["source"] == STREAMING]
    diloco = {row["model"]: row for row in rows if row["method"] == "diloco"}
    return [
        _change(row, diloco[row["model"]])
        for row in rows
        if row["table"] == "6" and row["replicas"] == "2" and row["sync_every"] == "30"
    ]


def of_many_replicas() -> list[Point]:
    """What 16 replicas cost over 1, less what the law says of it."""
    from sim.laws import FITTED_PARAMS, diloco

    rows = {(row["model"], row["replicas"]): row for row in published() if row["source"] == MULOCO if row["sync_every"]}
    found = []
    for (model, replicas), row in rows.items():
        if replicas == "16":
            point = _change(row, rows[model, "1"])
            law = diloco.loss if point.params <= FITTED_PARAMS[1] else diloco.loss_with_floor
            said = math.log(law(point.params, "diloco", 16) / law(point.params, "diloco", 1))
            found.append(Point(**{**vars(point), "change": point.change - said}))
    return found


def study_error() -> float:
    """Standard deviation of the log of a loss between seeds of the study, over all that have two."""
    seeds: dict[tuple[str, ...], list[float]] = {}
    for row in study():
        key = tuple(value for name, value in row.items() if name in _CASE)
        seeds.setdefault(key, []).append(math.log(float(row["held_out_loss"])))
    pairs = [logs for logs in seeds.values() if len(logs) > 1]
    return math.sqrt(sum(float(np.var(logs, ddof=1)) for logs in pairs) / len(pairs))


_CASE = (
    "size", "algorithm", "replicas", "sync_every", "learning_rate", "sequences", "overtraining", "payload_bits",
    "outer_learning_rate", "outer_momentum",
)  # fmt: skip


def study() -> list[dict[str, str]]:
    """The runs of the study on its text."""
    return [row for row in read_table(STUDY) if row["text"] != "earlier"]


def of_study(name: str = "sync_every", base: str = str(BASE_H)) -> list[Point]:
    """Runs of the study that differ from one with the base in one column and in nothing else, seed by seed."""
    spread = study_error() * math.sqrt(2)
    fixed = [column for column in (*_CASE, "seed") if column != name]
    rows = [row for row in study() if row["algorithm"] == "diloco"]
    found = []
    for row in rows:
        alike = [other for other in rows if other[name] == base and all(other[c] == row[c] for c in fixed)]
        if row[name] != base and alike:
            what = f"{row['size']} M={row['replicas']} H={row['sync_every']}, {row['payload_bits']} bits, "
            what += f"{20 * int(row['overtraining'])} tokens a parameter, seed {row['seed']}"
            change = math.log(float(row["held_out_loss"]) / float(alike[0]["held_out_loss"]))
            numbers = float(row["params"]), int(row["replicas"]), int(row["sync_every"])
            found.append(Point(OURS, what, *numbers, change, spread))
    return found


FORMS: dict[str, tuple[str, Array]] = {
    "none": ("0", np.zeros(0)),
    "line": ("a ln(H/30)", np.array([0.007])),
    "by 1 - 1/M": ("a (1 - 1/M) ln(H/30)", np.array([0.01])),
    "by log M": ("a ln(M) ln(H/30)", np.array([0.01])),
    "by root M": ("a M^0.5 ln(H/30)", np.array([0.005])),
    "by M": ("a M^b ln(H/30)", np.array([0.0035, 0.7])),
    "by M and N": ("a M^b (N/1e9)^c ln(H/30)", np.array([0.0035, 0.7, 0.0])),
    "by N": ("a (N/1e9)^c ln(H/30)", np.array([0.007, 0.0])),
}
"""The forms of the price of H, and where their search begins."""


def predicted(name: str, theta: Array, points: Sequence[Point]) -> Array:
    """The change that a form predicts for each point."""
    span = np.log([point.sync_every / BASE_H for point in points])
    if name == "none":
        return 0.0 * span
    replicas = np.array([float(point.replicas) for point in points])
    size = np.array([point.params / 1e9 for point in points])
    by_m = {
        "by 1 - 1/M": lambda: 1 - 1 / replicas,
        "by log M": lambda: np.log(replicas),
        "by root M": lambda: np.sqrt(replicas),
        "by M": lambda: replicas ** theta[1],
        "by M and N": lambda: replicas ** theta[1],
    }.get(name, lambda: 1.0)()
    by_n = size ** theta[-1] if name in ("by N", "by M and N") else 1.0
    return np.asarray(theta[0] * by_m * by_n * span)


def fitted(name: str, points: Sequence[Point]) -> Array:
    """Least squares, each change by its error."""
    start = FORMS[name][1]
    if not len(start):
        return start
    change, error = (np.array([getattr(point, key) for point in points]) for key in ("change", "error"))
    return np.asarray(least_squares(lambda t: (predicted(name, t, points) - change) / error, start, x_scale="jac").x)


def _score(name: str, theta: Array, points: Sequence[Point]) -> float:
    """Root mean square of the errors of a prediction, each by the error of its point."""
    misses = predicted(name, theta, points) - [point.change for point in points]
    return float(np.sqrt(np.mean((misses / [point.error for point in points]) ** 2)))


def forms(points: Sequence[Point]) -> list[Row]:
    """A row a form: its error on each source that it was not fitted to, and the mean over the sources."""
    sources = list(dict.fromkeys(point.source for point in points))
    table = []
    for name, (formula, start) in FORMS.items():
        errors = {}
        for source in sources:
            others = [point for point in points if point.source != source]
            errors[source] = _score(name, fitted(name, others), [p for p in points if p.source == source])
        mean = sum(errors.values()) / len(errors)
        table.append(
            {"form": name, "formula": formula, "constants": len(start)}
            | {f"left out: {source}": _short(error) for source, error in errors.items()}
            | {"mean": _short(mean), "all": _short(_score(name, fitted(name, points), points))}
        )
    return table


def chosen(table: Sequence[Row]) -> str:
    """The simplest of the forms that are within 5% of the best one."""
    least = min(row["mean"] for row in table)
    good = [row for row in table if row["mean"] <= 1.05 * least]
    return str(min(good, key=lambda row: (row["constants"], row["mean"]))["form"])


def resampled(name: str, points: Sequence[Point]) -> tuple[Array, Array]:
    """95% intervals of the constants: points drawn again within each source."""
    random = np.random.default_rng(0)
    sources = list(dict.fromkeys(point.source for point in points))
    groups = [[point for point in points if point.source == source] for source in sources]
    thetas = [
        fitted(name, [group[i] for group in groups for i in random.integers(len(group), size=len(group))])
        for _ in range(_RESAMPLES)
    ]
    low, high = np.quantile(np.array(thetas), [0.025, 0.975], axis=0)
    return low, high


def eager_fit(points: Sequence[Point]) -> tuple[Array, float]:
    """Constants of a (N/1e9)^c, and 1.96 times the root mean square error of it."""
    size, change = (np.array([getattr(point, key) for point in points]) for key in ("params", "change"))
    found = least_squares(lambda t: t[0] * (size / 1e9) ** t[1] - change, [0.01, -0.3], x_scale="jac")
    return np.asarray(found.x), 1.96 * float(np.sqrt(np.mean(found.fun**2)))


def slopes(points: Sequence[Point], by_replicas: bool) -> list[float]:
    """The change of each point for each e-fold that H is away from 30, over ln(M) if so asked."""
    return [
        point.change / abs(math.log(point.sync_every / BASE_H)) / (math.log(point.replicas) if by_replicas else 1.0)
        for point in points
    ]


def constants() -> list[Row]:
    """What the law takes: every constant, its interval where there is one, and what it comes from."""
    printed, ours = of_cadence(), of_study()
    rarer, every = [point for point in ours if point.sync_every > BASE_H], fitted_pairs()
    name = chosen(forms(every))
    theta, (low, high) = fitted(name, every), resampled(name, every)
    misses = (predicted(name, theta, printed) - [p.change for p in printed]) / math.log(100 / BASE_H)
    table = [
        _row(f"H: {letter}", value, FORMS[name][0], f"{len(every)} pairs of runs, {STREAMING}, {EAGER}, {OURS}", *ends)
        for letter, value, *ends in zip("abc", theta, low, high, strict=False)
    ]
    spread = 1.96 * float(np.sqrt(np.mean(misses**2)))
    steep = max(slopes([point for point in rarer if point.replicas > 1], by_replicas=True))
    often = max(slopes([point for point in ours if point.sync_every < BASE_H], by_replicas=False))
    table += [
        _row("H: spread", spread, "of a slope: 1.96 times the scatter of published runs", f"{STREAMING}, {EAGER}"),
        _row("H: steepest", steep, "largest slope above H = 30, over ln(M)", OURS),
        _row("H: steepest below", often, "largest rise for each e-fold below H = 30", OURS),
    ]
    late, scatter = eager_fit(of_lateness())
    told = "a (N/1e9)^c, M = 2, H = 30 and 100"
    table += [_row(f"eager: {key}", value, told, f"{EAGER}, Table 6") for key, value in zip("ac", late, strict=True)]
    table.append(_row("eager: spread", scatter, "1.96 times the scatter", f"{EAGER}, Table 6"))
    bits = [point.change for point in (*of_bits(), *of_study("payload_bits", "32"))]
    table += [
        _row("bits: low", min(bits), "4 and 8 bits against 16 and more", f"{STREAMING}, {OURS}"),
        _row("bits: high", max(1.96 * p.error for p in of_bits()), "1.96 times the rounding of a change", STREAMING),
    ]
    many = [point.change for point in of_many_replicas()]
    table += [
        _row("M: low", min(many), "16 replicas over 1, less the law", MULOCO),
        _row("M: high", max(many), "16 replicas over 1, less the law", MULOCO),
        _row("widest", math.log(3.01 / 2.67), "one outer step late and not eager, 500M", f"{EAGER}, Table 2"),
    ]
    return table


def _row(name: str, value: float, form: str, data: str, low: float | str = "", high: float | str = "") -> Row:
    return {
        "constant": name, "value": _short(value), "low": _short(low), "high": _short(high), "form": form, "data": data,
    }  # fmt: skip


def _short(value: float | str) -> float | str:
    return value if isinstance(value, str) else float(f"{value:.5g}")


def residuals() -> list[Row]:
    """Every change beside what the law says of it, with its ends."""
    from sim.laws import communication as law

    table = []
    for point in (*of_cadence(), *of_study()):
        ends = law.price_of_cadence(point.params, point.replicas, point.sync_every)
        table.append(_residual("H", point, ends))
    table += [_residual("eager", point, law.price_of_lateness(point.params, 2, 30, 30)) for point in of_lateness()]
    table += [_residual("bits", point, law.price_of_bits(4)) for point in of_bits()]
    return table


def _residual(term: str, point: Point, ends: Any) -> Row:
    said = ends.middle
    inside = ends.low - 1.96 * point.error <= point.change <= ends.high + 1.96 * point.error
    return {
        "term": term, "source": point.source, "run": point.run, "params": f"{point.params:g}",
        "change": _short(point.change), "error": _short(point.error),
        "predicted": "" if said is None else _short(said), "low": _short(ends.low), "high": _short(ends.high),
        "residual": "" if said is None else _short(point.change - said), "inside": "yes" if inside else "no",
    }  # fmt: skip


def draw(path: Path) -> None:
    """Left: the price of H, for 500M parameters. Right: that of lateness over N."""
    from sim.laws import communication as law

    figure, (left, right) = style.panels(1, 2, 3.9)
    line = np.geomspace(5, 1000, 100)
    for replicas in (2, 4):
        look = style.DILOCO[replicas]
        ends = [law.price_of_cadence(5e8, replicas, h) for h in line]
        low, high = ([100 * getattr(end, key) for end in ends] for key in ("low", "high"))
        left.fill_between(line, low, high, color=look.colour, alpha=0.15, lw=0)
        told = [h for h, end in zip(line, ends, strict=True) if end.middle is not None]
        left.plot(told, [100 * end.middle for end in ends if end.middle is not None], **look.line)
        points = [point for point in of_cadence() if point.replicas == replicas]
        left.plot([p.sync_every for p in points], [100 * p.change for p in points], **look.points)
    for point in of_study():
        left.plot(point.sync_every, 100 * point.change, marker="x", color=style.DILOCO[point.replicas].colour)
    left.axvspan(30, 100, color=style.PALE, zorder=0)
    left.set(xscale="log", xlabel="inner steps H between outer steps", ylabel="change of the loss over H = 30 [%]")
    style.plain_ticks(left.xaxis, (5, 15, 30, 100, 300, 1000))
    left.set(ylim=(-6, 12), title="rarer outer steps")
    n = np.geomspace(2e7, 4e9, 60)
    ends = [law.price_of_lateness(size, 2, 30, 30) for size in n]
    right.fill_between(
        n, [100 * e.low for e in ends], [100 * e.high for e in ends], color=style.STREAMING.colour, alpha=0.15, lw=0
    )
    right.plot(n, [100 * e.middle for e in ends if e.middle is not None], **style.STREAMING.line)
    for every, form in ((30, {}), (100, {"marker": "o"})):
        points = [point for point in of_lateness() if point.sync_every == every]
        right.plot([p.params for p in points], [100 * p.change for p in points], **style.STREAMING.points | form)
    right.axvspan(35e6, 1e9, color=style.PALE, zorder=0)
    right.set(xscale="log", xlabel="parameters N", ylabel="change of the loss [%]", title="results a whole round late")
    style.parameter_ticks(right.xaxis)
    style.finish(
        figure,
        path,
        "What communicating less costs in loss",
        "Points: pairs of runs that differ in one thing. arXiv 2501.18512, Table 6 (Streaming DiLoCo, 4 bits, 35M to "
        "1B), 2502.12996, Table 6 (eager against an overlap of one step), and the small study (crosses: 57k and 164k "
        "parameters, at H = 15 to 300). Bands: the ends that every report shows; grey ground: the range of the data.",
        [
            style.key("M = 2, 500M", **style.DILOCO[2].both),
            style.key("M = 4, 500M", **style.DILOCO[4].both),
            style.key("small study, M = 1", marker="x", ls="none", color=style.DILOCO[1].colour),
            style.key("M = 2", marker="x", ls="none", color=style.DILOCO[2].colour),
            style.key("M = 4", marker="x", ls="none", color=style.DILOCO[4].colour),
            style.key("eager, H = 30", **style.STREAMING.both),
            style.key("eager, H = 100", **style.STREAMING.points | {"marker": "o"}),
        ],
    )


def write(name: str, table: Sequence[Row]) -> None:
    """Writes a table to the results."""
    with (RESULTS / name).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


def main() -> None:
    """Writes the tables and the figure."""
    write("communication_forms.csv", forms(fitted_pairs()))
    write("communication.csv", constants())
    write("communication_residuals.csv", residuals())
    draw(RESULTS / "communication.png")


if __name__ == "__main__":
    main()
