"""The evidence that ships with the package: what `simulate validate` prints, gathered from committed results.

Claim: every number that the README or experiments/README.md claims stands beside the number of somebody else, or
docs/claims.md says why it cannot.
Verdict: `simulate validate` computes it; nothing here judges.

`claims.csv` beside this file has the words, kinds, tolerances and reasons; this file puts the numbers to them. A folder
of experiments may bring its own comparisons: `experiments/*/cases.csv` with the columns cases (the id of a claim),
case, theirs, ours. Claims without numbers are left out.
Run: python -m experiments.evidence (some seconds). Writes sim/questions/validate/evidence/*.csv and the table
of docs/claims.md.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sim.questions.validate import live, other_laws
from sim.questions.validate.claims import committed
from sim.questions.validate.published_syncs import predictions
from sim.report.answers.validate import shown

from .tables import read_table

HERE = Path(__file__).parent
RESULTS, REFERENCE, SHIPPED = (
    HERE / "results",
    HERE / "reference",
    HERE.parent / "sim" / "questions" / "validate" / "evidence",
)
DOCUMENT = HERE.parent / "docs" / "claims.md"
COPIED = (
    "compute_utilization.csv",
    "compute_utilization_eager.csv",
    "eval_loss.csv",
    "loss_residuals.csv",
    "mixtures.csv",
    "models.csv",
    "real_runs.csv",
)
"""Published facts that `--live` and `simulate reproduce` compute from."""
NUMBERS = ("theirs", "ours", "cases", "count")
BEGIN, END = "<!-- evidence, written by experiments/evidence.py -->\n", "<!-- end of evidence -->\n"
Row = dict[str, str]
Pairs = dict[str, tuple[float, float]]
"""Theirs and ours by case; a claim with one pair has it under the name ""."""


def gather() -> tuple[list[Row], list[Row]]:
    """The lines of both files that ship: claims with their numbers, and cases."""
    numbers, counts = simgrid()
    gathered = (
        fits(),
        laws(),
        other_laws.pairs(),
        prices(),
        tables(),
        wall_clocks(),
        four_fold(),
        syncs(),
        conformance(),
        wan(),
        failures(),
        folders(),
    )
    for found in gathered:
        numbers |= found
    claims, cases = [], []
    for words in read_table(HERE / "claims.csv"):
        id = words["id"]
        pairs = numbers.get(id)
        if not pairs:
            continue
        theirs, ours = (repr(float(value)) for value in pairs[""]) if "" in pairs else ("", "")
        count = str(counts[id]) if id in counts else ""
        claims.append(words | {"theirs": theirs, "ours": ours, "cases": "" if theirs else id, "count": count})
        cases += [
            {"cases": id, "case": case, "theirs": repr(float(theirs)), "ours": repr(float(ours))}
            for case, (theirs, ours) in pairs.items()
            if case
        ]
    return claims, cases


def fits() -> dict[str, Pairs]:
    """Scaling laws fitted again, beside the published ones."""
    rows = [row for row in read_table(RESULTS / "loss_scaling.csv") if row["objective"] == "least squares"]
    called = [row for row in rows if row["sizes"] == "nominal"]
    joint = next(row for row in called if row["form"] == "joint")
    held_out = [row for row in rows if row["sizes"] == "counted" and row["published_held_out_residual"]]

    def pairs(name: str) -> Pairs:
        own = [row for row in called if row["form"] == "independent"]
        return {row["algorithm"]: (float(row[f"published_{name}"]), float(row[name])) for row in own}

    floors = {
        row["form"]: row
        for row in read_table(RESULTS / "loss_scaling_floor.csv")
        if (row["objective"], row["fitted_up_to"]) == ("least squares", "1.3e+09")
    }
    residuals = floors["joint"]["published_mean_residual_2.4b"], floors["joint"]["mean_residual_2.4b"]
    return {
        "table-7-a": pairs("A"),
        "table-7-alpha": pairs("alpha"),
        "table-10-a": {"": (float(joint["published_A"]), float(joint["A"]))},
        "table-10-exponents": {
            name: (float(joint[f"published_{name}"]), float(joint[name])) for name in ("alpha", "beta")
        },
        "table-11": {
            f"{row['form']}, M = {live.ALGORITHMS[row['algorithm']]}": (
                float(row["published_held_out_residual"]),
                float(row["held_out_2.4b_residual"]),
            )
            for row in held_out
        },
        "table-13": {"": (float(residuals[0]), float(residuals[1]))},
        "floor-from-1.3b": {"": (0.0, float(floors["shared floor"]["mean_error_10b"]))},
    }


def laws() -> dict[str, Pairs]:
    """Measured losses and the numbers of other papers, beside the laws that ship."""
    sizes = {row["name"]: float(row["params"]) for row in read_table(REFERENCE / "models.csv")}
    losses = {
        f"{sizes[row['model']] / 1e9:g}B {algorithm}": float(row[algorithm])
        for row in read_table(REFERENCE / "eval_loss.csv")
        for algorithm in live.ALGORITHMS
        if row[algorithm]
    }
    batches = {
        row["algorithm"] + (f"-{row['replicas']}" if row["algorithm"] == "diloco" else ""): row["derived_batch_tokens"]
        for row in read_table(RESULTS / "best_batch.csv")
        if row["derived_batch_tokens"]
    }
    (slope,) = (
        row["alpha"]
        for row in read_table(REFERENCE / "scaling_fits.csv")
        if (row["quantity"], row["algorithm"]) == ("inner_learning_rate", "diloco")
    )
    printed = {  # arXiv 2401.00448: N, and the share of lifetime flop that it saves; see reference/laws.csv
        name: pair for (name, *_), pair in zip(live.INFERENCE_CHECKS, PRINTED_INFERENCE, strict=True)
    }
    theirs = {
        "best-batch": {case: float(value) for case, value in batches.items()},
        "table-8-slope": {"": float(slope)},
        "inference-params": {case: pair[0] for case, pair in printed.items()},
        "inference-saving": {case: pair[1] for case, pair in printed.items()},
        "experts": {"": 55e6},  # arXiv 2202.01169, section 5.2
    }
    found: dict[str, Pairs] = {}
    for (claim, case), ours in live.laws().items():
        found.setdefault(claim, {})[case] = (theirs.get(claim, losses)[case], ours)
    return found


PRINTED_INFERENCE = ((7e9, 0.17), (13.6e9, 0.28), (41.6e9, 0.12))


def prices() -> dict[str, Pairs]:
    """What rarer outer steps and late results cost, from the pairs of `experiments/communication.py`."""
    ids = {("H", "arXiv 2501.18512"): "price-of-h", ("eager", "arXiv 2502.12996"): "price-of-lateness"}
    found: dict[str, Pairs] = {id: {} for id in ids.values()}
    for row in read_table(RESULTS / "communication_residuals.csv"):
        id = ids.get((row["term"], row["source"]))
        if id:
            found[id][row["run"]] = float(row["change"]), float(row["predicted"])
    return found


def tables() -> dict[str, Pairs]:
    """The published bandwidth tables, by strategy and reading [Gbit/s]."""
    found: dict[str, Pairs] = {}
    for row in read_table(RESULTS / "compute_utilization.csv"):
        method, every = row["method"], int(row["sync_every"])
        claim = "tables-" + (method if method in ("data-parallel", "diloco") else method.partition("-")[0])
        claim += "-30" if every == 30 else ""
        claim += "-read" if row["reading"] != "as defined" else ""
        case = live.cell_name(row["source"], float(row["params"]), method, every, float(row["target"]))
        found.setdefault(claim, {})[case] = (float(row["published_gbit_per_s"]), float(row["ours_gbit_per_s"]))
    for row in read_table(RESULTS / "compute_utilization_factor.csv"):
        if (row["payload_factor"], row["a_cell_is"]) == ("1.0", "the last that falls short"):
            found["tables-factor-1"] = {"": (float(row["cells"]), float(row["within_one"]))}
    return found


def wall_clocks() -> dict[str, Pairs]:
    """How many times sooner than Data-Parallel: the formula in plain arithmetic, beside the replay."""
    own = [
        row
        for row in read_table(RESULTS / "idealised_wall_clock.csv")
        if (row["overtraining"], row["model"]) == ("1.0", "2.4b")
    ]
    first = {row["network"]: row for row in own if row["strategy"] == "Data-Parallel"}
    return {
        "wall-clock": {
            f"{row['network']}, M = {replicas(row)}": (
                appendix_a_s(first[row["network"]]) / appendix_a_s(row),
                float(first[row["network"]]["wall_clock_s"]) / float(row["wall_clock_s"]),
            )
            for row in own
            if row["strategy"] != "Data-Parallel"
        }
    }


def replicas(row: Row) -> int:
    """M, from a strategy's label."""
    found = re.search(r"M=(\d+)", row["strategy"])
    assert found
    return int(found[1])


def appendix_a_s(row: Row) -> float:
    """Idealised wall-clock of arXiv 2503.09799, appendix A, for 2.4B parameters at 16 bits, in plain arithmetic [s]."""
    between = {"high-bw": (400e9, 1e-4), "medium-bw": (100e9, 1e-3), "low-bw": (10e9, 1e-2)}
    (w1, e1), (w0, e0) = between[row["network"]], between["high-bw"]
    params, chips, batch, every = 2.4e9, float(row["chips"]), float(row["batch_tokens"]), 30
    steps, bits = 20 * params / batch, 16 * params
    compute_s = 6 * params * 20 * params / (chips * 300e12)
    outer_s = 2 * bits / w1 * (1 - 1 / chips) + e1
    if row["strategy"] == "Data-Parallel":
        return compute_s + outer_s * steps
    if replicas(row) == 1:
        return compute_s + outer_s * steps * (1 + 1 / every)
    inner_s = 2 * bits / w0 * (1 - replicas(row) / chips) + e0
    return compute_s + inner_s * steps + outer_s * steps / every


def four_fold() -> dict[str, Pairs]:
    """Tokens in Data-Parallel's wall-clock, over four times its own."""
    found: dict[str, Pairs] = {}
    for row in read_table(RESULTS / "four_fold.csv"):
        count, rule = int(float(row["replicas"])), row["rule"]
        if count == 1 or row["sync_every"] != "30.0":
            continue
        claim = f"four-fold-{row['network']}"
        if row["network"] != "low-bw":
            claim += "-equal" if rule == "equal-chips" else "-best"
            claim += f"-{count}" if claim == "four-fold-medium-bw-best" else ""
        pairs = found.setdefault(claim, {})
        pairs[live.four_fold_name(row["model"], count, rule)] = (4.0, float(row["overtraining_multiple"]))
    return found


def syncs() -> dict[str, Pairs]:
    """Measured synchronisations and utilisations, beside the predicted ones."""
    found: dict[str, Pairs] = {}
    for one in predictions(read_table(REFERENCE / "real_runs.csv")):
        for (claim, case), ours in live.sync_numbers(one).items():
            theirs = one.measured_utilization if claim.startswith("use") else one.measured_s
            found.setdefault(claim, {})[case] = (theirs, ours)
    return found


def simgrid() -> tuple[dict[str, Pairs], dict[str, int]]:
    """The flow of each family that is furthest from SimGrid's, and how many flows there are [s]."""
    found, counts = {}, {}
    for row in read_table(HERE / "simgrid_check" / "results.csv"):
        claim, pair = f"simgrid-{row['family']}", (float(row["simgrid_s"]), float(row["ours_s"]))
        counts[claim] = counts.get(claim, 0) + 1
        worst = found.get(claim, {"": pair})[""]
        found[claim] = {"": max(worst, pair, key=lambda each: abs(each[1] / each[0] - 1))}
    return found, counts


def conformance() -> dict[str, Pairs]:
    """Closed forms beside replays [s]."""
    return {"conformance": dict(live.closed_and_replayed())}


def wan(folder: Path = HERE / "wan_emulation") -> dict[str, Pairs]:
    """Real training over shaped links and over a distance, where it was run: measured, predicted wall-clock [s]."""
    found: dict[str, Pairs] = {}
    for claim, name in (("wan", "results.csv"), ("wan-far", "delay.csv")):
        pairs = {
            _wan_case(row): (float(row["measured_s"]), float(row["predicted_s"]))
            for row in (read_table(folder / name) if (folder / name).exists() else [])
        }
        found |= {f"{claim}-median": pairs, f"{claim}-worst": pairs}
    return found


def _wan_case(row: Row) -> str:
    rounds = f", H = {row['sync_every']}" if row["sync_every"] not in ("", "0") else ""
    return f"{row['case']}: {row['algorithm']}, {row['sites']} sites{rounds}, {row['links']}"


def failures() -> dict[str, Pairs]:
    """Efficiencies of measured fault storms, and published goodputs at the inputs that come nearest to them."""
    storms: dict[str, dict[str, float]] = {}
    for row in read_table(HERE / "fault_storms" / "results.csv"):
        storms.setdefault(row["storm"], {})[row["what"]] = float(row["efficiency"])
    replayed = {storm: (each["measured"], each["replayed"]) for storm, each in storms.items()}
    ours: dict[str, float] = {}
    for kind, learners in (("standing", ("0",)), ("elastic", ("1", "8", "16"))):
        rows = [row for row in read_table(RESULTS / "published_goodput.csv") if row["kind"] == kind]
        nearest = min(rows, key=lambda row: float(row["worst"]))
        ours |= {f"{chips}_{m}": float(nearest[f"{chips}_{m}"]) for chips in ("1.2M", "2.4M") for m in learners}
    published = {
        f"{float(row['chips']) / 1e6:g}M_{row['learners']}": float(row["goodput_percent"]) / 100
        for row in read_table(REFERENCE / "published_goodput.csv")
    }
    return {
        "storms-efficiency": replayed,
        "goodput-fitted": {case: (theirs, ours[case]) for case, theirs in published.items()},
    }


def folders() -> dict[str, Pairs]:
    """Comparisons that a folder of experiments brings along."""
    found: dict[str, Pairs] = {}
    for path in sorted(HERE.glob("*/cases.csv")):
        for row in read_table(path):
            found.setdefault(row["cases"], {})[row["case"]] = (float(row["theirs"]), float(row["ours"]))
    return found


def write(path: Path, columns: Iterable[str], rows: Iterable[Row]) -> None:
    """Writes one of the files that ship."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def document(text: str) -> str:
    """The text of docs/claims.md with its table of evidence made anew."""
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    return before + BEGIN + "".join(lines()) + END + after


def lines() -> Iterator[str]:
    """The table of evidence in Markdown, from the files that ship."""
    heads = ("id", "claim", "their number from", "theirs", "ours", "error", "within", "verdict", "ours made by")
    yield f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}\n"
    for claim in committed():
        source = f"{claim.source}; {claim.statistic} of {claim.count}" if claim.statistic else claim.source
        cells = (f"`{claim.id}`", claim.claim, source, *shown(claim), claim.verdict, f"`{claim.made_by}`")
        yield f"| {' | '.join(cells)} |\n"


def main() -> None:
    """Writes everything that ships, and the table of docs/claims.md."""
    for name in COPIED:
        (SHIPPED / name).write_text((REFERENCE / name).read_text())
    claims, cases = gather()
    write(SHIPPED / "claims.csv", (*claims[0],), claims)
    write(SHIPPED / "cases.csv", (*cases[0],), cases)
    DOCUMENT.write_text(document(DOCUMENT.read_text()))


if __name__ == "__main__":
    main()
