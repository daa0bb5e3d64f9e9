"""Outer synchronisations that others measured, beside what a ring of flows predicts for them.

Claim: bytes over bandwidth is most of the answer, and where it is not, we can say what is missing.

Verdict, for 16 runs of one cluster (4 nodes, NCCL over TCP, egress shaped) and the OpenDiLoCo run:
- 1 Gbit/s: bytes at the goodput that iperf3 measured (0.9927 of the rate: what 9,001-byte frames leave for payload)
  fall 0.9% and 1.1% short for H = 1 and 8. For H = 32 and 128 they fall 8% and 19% short, because one of the four, and
  the only one, of the synchronisations counted there is the first of the run, which takes some 0.36 s more at 5 and at
  1 Gbit/s (NCCL opens its connections on first use). The costs of an exchange beside its bytes, taken from the two runs
  at 5 Gbit/s with H = 1 and 128 and carried over as they are, bring all four to within 1.2%, and utilisations to within
  0.003.
- 200 and 50 Mbit/s: 9% to 11% and 17% to 22% short, corrected 6% to 10% and 16% to 22%. What an exchange takes beyond
  its bytes is 0.02 s at 5 and at 1 Gbit/s, 0.8 s at 200 and 6 to 8 s at 50 Mbit/s: neither bytes nor a latency a
  message. iperf3 reached 99% of the same links. What remains is likely the shaper: it drops what its queue cannot hold,
  and each of the model's 57 tensors, summed one after another, may end with a wait for what was lost. A topology's
  `loss` slows flows by as much as one says, but nothing published says how much; nothing was fitted.
- OpenDiLoCo: predicted from links published as a range only, placed by assumption; its 298 s would be a narrowest hop
  of 89 Mbit/s, below that range, so a third of its time is not bytes over bandwidth.
Run: python -m experiments.published_syncs (a second). Writes results/published_syncs.csv, .png and .pdf.
"""

from __future__ import annotations

import csv
from pathlib import Path
from statistics import fmean

from sim.questions.validate.published_syncs import SyncPrediction, predictions

from . import style
from .tables import read_table

HERE = Path(__file__).parent
LINKS = dict(zip(("5 Gbit/s", "1 Gbit/s", "200 Mbit/s", "50 Mbit/s"), style.DILOCO.values(), strict=True))
"""How runs over links of each rate are drawn."""
Row = dict[str, str | float]


def published() -> list[dict[str, str]]:
    """The rows of reference/real_runs.csv."""
    return read_table(HERE / "reference" / "real_runs.csv")


def rows() -> list[Row]:
    """One row a published run: measured and predicted, each prediction with one thing more in it."""
    return [_row(found) for found in predictions(published())]


def _row(found: SyncPrediction) -> Row:
    line: Row = {key: found.published[key] for key in ("source", "nodes", "link", "sync_every", "syncs", "first")}
    line |= {"measured_sync_s": found.measured_s, "measured_utilization": found.measured_utilization}
    named = {
        "bare": (found.bare_s, found.bare_utilization),
        "overhead": (found.overhead_s, found.overhead_utilization),
        "corrected": (found.corrected_s, found.corrected_utilization),
    }
    for name, (sync_s, use) in named.items():
        line |= {
            f"{name}_sync_s": _rounded(sync_s),
            f"{name}_sync_error": "" if sync_s is None else round(sync_s / found.measured_s - 1, 4),
            f"{name}_utilization": _rounded(use),
            f"{name}_utilization_error": "" if use is None else round(use - found.measured_utilization, 5),
        }
    return line | {"calibrates": "yes" if found.calibrates else "no", "reason": found.reason}


def _rounded(value: float | None) -> str | float:
    return "" if value is None else float(f"{value:.6g}")


def draw(table: list[Row], path: Path) -> None:
    """Measured and predicted seconds of a synchronisation and utilisation over H, and the signed errors."""
    figure, (seconds, use, off) = style.panels(1, 3, 3.7)
    clusters = [row for row in table if row["nodes"] and "-" not in str(row["link"])]
    for link, look in LINKS.items():
        own = [row for row in clusters if row["link"] == link]
        every = [float(row["sync_every"]) for row in own]
        ring = style.PUBLISHED | {"marker": look.marker, "markeredgecolor": look.colour}
        for axes, name, factor in ((seconds, "sync_s", 1.0), (use, "utilization", 100.0)):
            axes.plot(every, [factor * float(row[f"measured_{name}"]) for row in own], **ring)
            axes.plot(every, [factor * float(row[f"corrected_{name}"]) for row in own], **look.both)
        off.plot(every, [100 * float(row["bare_sync_error"]) for row in own], **look.line, lw=0.6)
        off.plot(every, [100 * float(row["corrected_sync_error"]) for row in own], **look.both)
    for axes in (seconds, use, off):
        axes.set(xscale="log", xlabel="inner steps H between outer steps")
        style.plain_ticks(axes.xaxis, (1, 8, 32, 128))
    seconds.set(yscale="log", title="a synchronisation [s]")
    style.plain_ticks(seconds.yaxis, (0.3, 1, 3, 10, 30))
    use.set(ylim=(0, 100), title="compute utilisation [%]")
    off.axhspan(-5, 5, color=style.PALE, zorder=0)
    off.axhline(0, color=style.GREY, lw=0.8)
    off.set(title="signed error of its seconds [%]")
    style.finish(
        figure,
        path,
        "Outer synchronisations that others measured (four nodes, 30M parameters), and ours",
        "Measured: diloco-measured on GitHub, one run a ring. Ours: a ring of flows, and the costs of an exchange "
        "beside its bytes as measured at 5 Gbit/s (H = 1 and 128 there are no prediction). Thin lines: bytes over the "
        f"rate alone. Grey ground: 5%. Mean signed error {bias(clusters)}. Why thin links fall short: "
        "experiments/published_syncs.py.",
        [
            *(style.key(f"ours, {link}", **look.both) for link, look in LINKS.items()),
            style.key("measured", **style.PUBLISHED, marker="o", markeredgecolor=style.GREY),
        ],
    )


def bias(table: list[Row]) -> str:
    """Mean signed error of the predicted seconds of each link, in words; runs that gave the costs are left out."""
    own = [row for row in table if row["calibrates"] == "no"]
    return ", ".join(
        f"{fmean(float(row['corrected_sync_error']) for row in own if row['link'] == link):+.1%} at {link}"
        for link in LINKS
    )


def main() -> None:
    """Writes the CSV and the figure, and prints the rows."""
    table = rows()
    with (HERE / "results" / "published_syncs.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    draw(table, HERE / "results" / "published_syncs.png")
    for row in table:
        ours = [f"{name} {row[f'{name}_sync_error']:+.1%}" for name in ("bare", "overhead")]
        ours += [f"corrected {row['corrected_sync_error']:+.1%}"] if row["corrected_sync_error"] != "" else []
        print(f"{row['link']:>16} H={row['sync_every']:>3}  measured {row['measured_sync_s']:>8} s", *ours, sep="  ")


if __name__ == "__main__":
    main()
