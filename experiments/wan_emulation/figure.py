"""The tables and the pictures of the emulation, from results.csv, and from delay.csv where it is there.

Run: python -m experiments.wan_emulation.figure. Writes results.png and delay.png (and .pdf), and the tables of this
folder's page and of the project's between their marks.
"""

from __future__ import annotations

import csv
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sim.shell.delivery import write_atomically

from .. import style
from .cases import Case, Plan, read_plan
from .predict import FAR, NEAR, predicted
from .unshaped import Profile, read_profile

HERE = Path(__file__).parent
DELAY = HERE / "delay.csv"
"""The cases with distance between the sites."""
TITLES = {
    "results": "Real training over shaped links, predicted beforehand",
    "delay": "Real training over links with delay and loss, beside what is predicted",
}
LOOKS = {
    "data-parallel": style.DATA_PARALLEL,
    "diloco": replace(style.DILOCO[8], label="DiLoCo"),
    "streaming-diloco": style.STREAMING,
}
NAIVE = {"color": style.DILOCO[2].colour, "linestyle": "none", "marker": "x"}
"""How the prediction by bytes over rate alone is drawn."""
BEGIN, END = "<!-- {}: made by figure.py -->", "<!-- end of {} -->"
SHOWN = (
    "dp-2-20",
    "dp-2-500",
    "dp-4-200",
    "diloco-2-h5-100",
    "diloco-2-h20-20",
    "diloco-4-h20-20",
    "streaming-4-h10-200",
    "diloco-3-h5-uneven",
    "dp-2-change",
    "diloco-2-h20-straggler",
)
"""Cases that the project's page shows, beside the one that is predicted worst."""
WHAT = {
    "headers": "headers: payload is {share:.3f} of what the shaper counts",
    "bucket": "the shaper's bucket: 256 KiB pass at once after a silence",
    "exchange": "an exchange's own cost beside its bytes",
    "sharing": "compute shared by co-located sites",
    "apart": "members that end by themselves, as their chunks arrive",
    "outer": "the outer step's own arithmetic",
    "latency": "latency",
    "asked": "the receiver is asked first: {passes} one-way latencies of 2, 3, 4 sites instead of 2, 4, 6",
    "halves": "half a chunk is under way while the receiver of the other is asked",
    "streams": "parallel streams",
    "loss": "lost packets",
}
Row = dict[str, str]


def rows(path: Path = HERE / "results.csv") -> list[Row]:
    """The finished cases."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def errors(table: Sequence[Row], key: str = "predicted_s") -> list[float]:
    """Predicted over measured wall-clock, less one."""
    return [float(row[key]) / float(row["measured_s"]) - 1 for row in table]


def summary(table: Sequence[Row], key: str = "predicted_s") -> str:
    """Median and worst error in a few words."""
    found = [abs(error) for error in errors(table, key)]
    return f"median {statistics.median(found):.1%}, worst {max(found):.1%}"


def markdown(table: Sequence[Row]) -> Iterator[str]:
    """The table as lines of Markdown."""
    yield "| sites | algorithm | H | links | measured [s] (each run) | predicted [s] | error | bytes over rate alone |"
    yield "|---|---|---|---|---|---|---|---|"
    for row, error, naive in zip(table, errors(table), errors(table, "naive_s"), strict=True):
        what = LOOKS[row["algorithm"]].label + (f", {row['straggler']}" if row["straggler"] else "")
        what += f" P={row['fragments']}" if row["fragments"] else ""
        what += f" tau={tau}" if (tau := row.get("overlap_steps", "0")) != "0" else ""
        what += ", ring" if row.get("exchange") == "ring" else ""
        yield (
            f"| {row['sites']} | {what} | {row['sync_every']} | {row['links']} | {float(row['measured_s']):.2f} "
            f"({_short(row['runs_s'])}) | "
            f"{float(row['predicted_s']):.2f} | {error:+.1%} | {naive:+.1%} |"
        )
    yield ""
    yield told(table)


def far_table(table: Sequence[Row]) -> Iterator[str]:
    """The picture and the table of the cases with distance, and what the relay itself adds, as lines of Markdown."""
    relay = read_profile(HERE / "delay.profile.json", read_plan(HERE / "delay.yaml")).relay
    assert relay is not None
    shares = [float(row["relay_share"]) for row in table]
    yield "![Predicted beside measured, with distance](delay.png)"
    yield ""
    yield from markdown(table)
    yield ""
    yield (
        f"The relay itself: {1e3 * relay.round_trip_s:.2f} ms of a round trip without latency, "
        f"{1e3 * relay.added_s:.2f} ms more than the 50 ms that were set, {relay.bits_per_s / 1e9:.1f} Gbit/s of one "
        f"connection that nothing shapes; {statistics.median(shares):.1%} of a core in the median of the cases, "
        f"{max(shares):.1%} at most."
    )


def excerpt(table: Sequence[Row]) -> Iterator[str]:
    """A few of the cases, and the one that is predicted worst, as lines of Markdown."""
    worst = max(zip(table, errors(table), strict=True), key=lambda pair: abs(pair[1]))[0]
    *lines, _, _ = markdown([row for row in table if row["case"] in SHOWN or row is worst])
    yield from lines
    yield ""
    yield f"All {told(table)}"


def told(table: Sequence[Row]) -> str:
    """How many cases there are, and the errors of both predictions."""
    return f"{len(table)} cases: {summary(table)}. Bytes over rate alone: {summary(table, 'naive_s')}."


def _short(runs_s: str) -> str:
    return " ".join(f"{float(wall_s):.2f}" for wall_s in runs_s.split(" / "))


def terms(table: Sequence[Row], plan_path: Path = HERE / "cases.yaml", name: str = "results") -> Iterator[str]:
    """What each term of the model is worth, as lines of Markdown: the errors without it."""
    plan = read_plan(plan_path)
    profile = read_profile(HERE / f"{name}.profile.json", plan)
    known = (*NEAR, *FAR) if plan.distant else NEAR
    cases = {case.name: case for case in plan.cases}
    yield "| left out | median error | worst error |"
    yield "|---|---|---|"
    passes = ", ".join(f"{profile.passes[count]:.1f}" for count in sorted(profile.passes))
    numbers = {"share": profile.goodput_share, "passes": passes}
    each = {WHAT[term].format(**numbers): (term,) for term in known}
    rows_of = {"nothing": (), **each, "all of these: bytes over rate": known}
    for label, left_out in rows_of.items():
        said = [{**row, "said_s": f"{_wall_s(plan, cases[row['case']], profile, left_out)}"} for row in table]
        found = [abs(error) for error in errors(said, "said_s")]
        yield f"| {label} | {statistics.median(found):.1%} | {max(found):.1%} |"


def _wall_s(plan: Plan, case: Case, profile: Profile, without: Sequence[str]) -> float:
    return predicted(plan, case, profile, without=without).wall_clock_s


def draw(table: Sequence[Row], path: Path) -> None:
    """Predicted against measured, and the signed errors of both predictions by case."""
    figure, (left, right) = style.panels(1, 2, 4.9, width_ratios=[1, 1.45])
    measured = [float(row["measured_s"]) for row in table]
    span = [0.9 * min(measured), 1.1 * max(measured)]
    left.plot(span, span, color=style.GREY, lw=0.8)
    left.fill_between(span, [0.95 * s for s in span], [1.05 * s for s in span], color=style.PALE, lw=0, zorder=0)
    right.axvspan(-5, 5, color=style.PALE, zorder=0)
    right.axvline(0, color=style.GREY, lw=0.8)
    right.plot([100 * e for e in errors(table, "naive_s")], range(len(table)), **NAIVE)
    for place, (row, error) in enumerate(zip(table, errors(table), strict=True)):
        look = LOOKS[row["algorithm"]]
        runs = [float(wall_s) for wall_s in row["runs_s"].split(" / ")]
        left.plot([min(runs), max(runs)], [float(row["predicted_s"])] * 2, color=look.colour, lw=0.6, alpha=0.6)
        left.plot(float(row["measured_s"]), float(row["predicted_s"]), **look.points)
        right.plot(100 * error, place, **look.points)
    left.set(xlabel="measured wall-clock [s]", ylabel="predicted wall-clock [s]", title="predicted and measured")
    right.set(xlabel="error, predicted less measured [%]", title="signed error, by case")
    right.set_yticks(range(len(table)), [row["case"] for row in table], fontsize=5.6)
    right.set_ylim(len(table) - 0.3, -0.7)
    off, naive_off = (statistics.fmean(errors(table, key)) for key in ("predicted_s", "naive_s"))
    style.finish(
        figure,
        path,
        TITLES[path.stem],
        f"{len(table)} cases: {summary(table)}, in the mean {off:+.1%}; bytes over rate alone: "
        f"{summary(table, 'naive_s')}, in the mean {naive_off:+.1%}. Points: median of the runs of a case; "
        "thin lines from its quickest to its slowest run. Grey ground: 5%. All of it was measured here.",
        [
            *(style.key(look.label, **look.points) for look in LOOKS.values()),
            style.key("bytes over rate alone", **NAIVE),
        ],
    )


def fill(page: Path, tables: Mapping[str, Iterator[str]]) -> None:
    """Replaces the tables of a page between their marks."""
    text = page.read_text()
    for name, lines in tables.items():
        before, rest = text.split(BEGIN.format(name))
        after = rest.split(END.format(name))[1]
        text = before + "\n".join([BEGIN.format(name), *lines, END.format(name)]) + after
    write_atomically(page, text)


def main() -> None:
    """Writes picture and tables."""
    table = rows()
    draw(table, HERE / "results.png")
    fill(HERE / "README.md", {"table": markdown(table), "terms": terms(table)})
    if DELAY.exists():
        far = rows(DELAY)
        draw(far, HERE / "delay.png")
        fill(HERE / "README.md", {"delay": far_table(far), "delay terms": terms(far, HERE / "delay.yaml", "delay")})
        print(f"with distance: {summary(far)}")
    fill(HERE.parent.parent / "docs" / "tour.md", {"emulation": excerpt(table)})
    print(summary(table))


if __name__ == "__main__":
    main()
