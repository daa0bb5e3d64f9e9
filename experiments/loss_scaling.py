"""Loss against model size for Data-Parallel and DiLoCo with 1, 2, 4 and 8 replicas: the published fits, made again.

Claim (arXiv 2503.09799, section 6): loss falls as a power of N, steeper with more replicas; fits up to 1.3B predict
2.4B.

Verdict:
- Least squares on log L (what the paper describes) gives Tables 7 and 10: A within 0.3%, alpha within 0.0001, beta
  within 0.00002, with models sized as they are called. Huber with delta = 1e-3 lies up to 1.8% and 0.001 off: with
  residuals of 0.4% it is nearly a sum of absolute values, which the curvature of the data pulls elsewhere. It is not
  what was used.
- 2.4B held out: residuals 0.0088, 0.0077, 0.0097, 0.0121 for M = 1, 2, 4, 8 against 0.011, 0.0099, 0.012, 0.014 in
  Table 11. With parameters counted from the models' shapes (one embedding of 32,768 tokens) they are 0.0112, 0.0101,
  0.0122, 0.0147, and those of the joint fit 0.0190, 0.0130, 0.0083, 0.0078 against 0.019, 0.013, 0.0082, 0.0076: the
  paper's.
- Table 13's residual of the joint power law, 0.0044, contradicts Table 11's mean, 0.012 (ours 0.0096): there the
  coefficients were chosen by the held-out losses. Chosen without them, forms with a floor reach 0.0046 to 0.0073.
- The plain laws bend: at 10B the measured losses lie 3.4% (Data-Parallel) to 4.0% above our fits. With one floor for
  all algorithms (0.97 to 2.4B, 1.10 to 10B) a fit to 1.3B predicts 2.4B to 0.4% and 10B to 0.2%; one to 2.4B is 1.0%
  low at 10B. The floor therefore is known to a tenth or two of a nat, and losses far beyond 10B no better than that
  lets them.

Run: python -m experiments.loss_scaling (half a minute). Writes results/loss_scaling.csv, loss_scaling_floor.csv,
.png and .pdf.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np

from sim.laws import diloco
from sim.laws.fitting import HUBER_DELTA, Fitted, bootstrap, fit, minimise
from sim.laws.forms import FormName

from . import style
from .tables import read_table

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results"
Row = dict[str, str | float]
ALGORITHMS = {"data-parallel": 1, "diloco-1": 1, "diloco-2": 2, "diloco-4": 4, "diloco-8": 8}
OBJECTIVES = {"least squares": math.inf, "Huber": HUBER_DELTA}
VOCABULARY = 32_768
JOINT_FORMS: tuple[FormName, ...] = ("joint", "joint-floor", "exponent-floor", "sum-floor")


def reference(name: str) -> list[dict[str, str]]:
    """Rows of a file of published numbers."""
    return read_table(FOLDER / "reference" / name)


def sizes(how: str) -> dict[str, float]:
    """N of each model: as it is called (`nominal`), or counted from its shape with one embedding (`counted`)."""
    found = {}
    for row in reference("models.csv"):
        width, hidden, layers = (int(row[key]) for key in ("qkv_dim", "hidden_dim", "layers"))
        counted = layers * (4 * width**2 + 2 * width * hidden) + VOCABULARY * width
        found[row["name"]] = float(row["params"]) if how == "nominal" else float(counted)
    return found


def losses(how: str, largest: float) -> list[tuple[str, float, float]]:
    """(algorithm, N, loss) of all published runs of models called up to `largest`."""
    called, params = sizes("nominal"), sizes(how)
    rows = reference("eval_loss.csv")
    return [
        (algorithm, params[row["model"]], float(row[algorithm]))
        for algorithm in ALGORITHMS
        for row in rows
        if row[algorithm] and called[row["model"]] <= largest
    ]


def _fit(name: FormName, runs: list[tuple[str, float, float]], delta: float, intervals: bool = False) -> Fitted:
    columns = {"N": [n for _, n, _ in runs]}
    if name != "power":
        columns["M"] = [ALGORITHMS[algorithm] for algorithm, _, _ in runs]
    fitted = fit(name, [loss for _, _, loss in runs], delta=delta, **columns)
    return bootstrap(fitted, delta=delta, **columns) if intervals else fitted


def _of(runs: list[tuple[str, float, float]], form: str, algorithm: str) -> list[tuple[str, float, float]]:
    """The runs that a fit for this algorithm takes: its own, or all of DiLoCo."""
    return [run for run in runs if (run[0] == algorithm if form == "independent" else run[0] != "data-parallel")]


def rows() -> list[Row]:
    """One row a fit and algorithm: coefficients beside the published ones, 2.4B held out, 10B predicted."""
    published = {row["algorithm"]: row for row in reference("scaling_fits.csv") if row["quantity"] == "loss"}
    residuals = {(row["form"], row["replicas"]): row["residual"] for row in reference("loss_residuals.csv")}
    table: list[Row] = []
    for how in ("nominal", "counted"):
        up_to = {largest: losses(how, largest) for largest in (1.3e9, 2.4e9, 1e10)}
        for objective, delta in OBJECTIVES.items():
            for form, name in (("independent", "power"), ("joint", "joint")):
                members = [
                    algorithm for algorithm in ALGORITHMS if form == "independent" or algorithm != "data-parallel"
                ]
                fits: dict[str, tuple[Fitted, Fitted]] = {}
                for algorithm in members:
                    shared = algorithm if form == "independent" else "diloco"
                    if shared not in fits:
                        runs = [_of(up_to[largest], form, algorithm) for largest in (2.4e9, 1.3e9)]
                        squares = math.isinf(delta) and how == "nominal"
                        fits[shared] = _fit(name, runs[0], delta, intervals=squares), _fit(name, runs[1], delta)
                    key = (form, str(ALGORITHMS[algorithm])) if algorithm != "data-parallel" else ("", "")
                    printed = residuals.get(key, "")
                    table.append(
                        _row(how, objective, form, algorithm, fits[shared], up_to[1e10], published[shared], printed)
                    )
    return table


def _row(
    how: str,
    objective: str,
    form: str,
    algorithm: str,
    fits: tuple[Fitted, Fitted],
    runs: list[tuple[str, float, float]],
    published: dict[str, str],
    printed_residual: str,
) -> Row:
    whole, without = fits
    measured = {n: loss for name, n, loss in runs if name == algorithm}
    params = sizes(how)

    def log_residual(fitted: Fitted, model: str) -> float | str:
        at = {"N": params[model]} | ({"M": float(ALGORITHMS[algorithm])} if "M" in fitted.form.columns else {})
        return math.log(float(fitted.predict(**at)) / measured[params[model]]) if params[model] in measured else ""

    numbers: Row = {"A": whole.coefficients["A"], "published_A": float(published["A"])}
    for name in ("alpha", "beta"):
        numbers[name] = whole.coefficients.get(name, "")
        numbers[f"published_{name}"] = float(published[name]) if published[name] else ""
    for name in ("A", "alpha", "beta"):
        low, high = whole.intervals.get(name, ("", ""))
        numbers[f"{name}_low"], numbers[f"{name}_high"] = low, high
    held_out = log_residual(without, "2.4b")
    assert isinstance(held_out, float)
    return {
        "sizes": how,
        "objective": objective,
        "form": form,
        "algorithm": algorithm,
        **{name: _short(value) for name, value in numbers.items()},
        "rms_residual": _short(whole.rms),
        "held_out_2.4b_residual": _short(abs(held_out)),
        "published_held_out_residual": printed_residual,
        "error_at_10b": _short(log_residual(whole, "10b")),
    }


def _short(value: float | str) -> float | str:
    return value if isinstance(value, str) else float(f"{value:.8g}")


def shared_floor(runs: list[tuple[str, float, float]]) -> tuple[float, dict[str, tuple[float, float]], float]:
    """C + A (N/1e9)^alpha by least squares on logarithms, C the same for all algorithms, A and alpha of each its own.

    Returns:
      C, (A, alpha) by algorithm, and the root mean square residual.
    """
    names = list(dict.fromkeys(algorithm for algorithm, _, _ in runs))
    which = np.array([names.index(algorithm) for algorithm, _, _ in runs])
    log_n = np.log([n / 1e9 for _, n, _ in runs])
    log_loss = np.log([loss for _, _, loss in runs])

    def law(theta: np.ndarray) -> np.ndarray:
        own = theta[1:].reshape(2, -1)[:, which]
        return np.logaddexp(theta[0], own[0] + own[1] * log_n)

    starts = [
        np.concatenate([[math.log(floor)], np.full(len(names), math.log(2.55 - floor)), np.full(len(names), slope)])
        for floor in (0.1, 0.5, 1.0, 1.5)
        for slope in (-0.1, -0.2, -0.3)
    ]
    theta, _ = minimise(law, np.array(starts), log_loss, math.inf)
    own = theta[1:].reshape(2, -1)
    laws = {name: (float(np.exp(own[0, i])), float(own[1, i])) for i, name in enumerate(names)}
    return float(np.exp(theta[0])), laws, float(np.sqrt(np.mean((law(theta) - log_loss) ** 2)))


def floors() -> list[Row]:
    """One row a form in N and M, fitted without and with the largest models, held against those that it did not see."""
    printed = {row["form"]: row["residual"] for row in reference("loss_residuals.csv") if row["table"] == "13"}
    table: list[Row] = []
    for largest in (1.3e9, 2.4e9, 1e10):
        runs = losses("nominal", largest)
        everything = losses("nominal", 1e10)
        of_diloco = [run for run in runs if run[0] != "data-parallel"]
        for objective, delta in OBJECTIVES.items():
            for name in JOINT_FORMS:
                fitted = _fit(name, of_diloco, delta)
                errors = {
                    (algorithm, n): math.log(float(fitted.predict(N=n, M=ALGORITHMS[algorithm])) / loss)
                    for algorithm, n, loss in everything
                    if algorithm != "data-parallel"
                }
                floor = fitted.coefficients.get("C", 0.0)
                own = printed.get(name, "") if largest == 1.3e9 else ""
                table.append(_floor_row(name, objective, largest, floor, fitted.rms, errors, own))
        floor, laws, rms = shared_floor(runs)
        errors = {(a, n): math.log((floor + laws[a][0] * (n / 1e9) ** laws[a][1]) / loss) for a, n, loss in everything}
        table.append(_floor_row("shared floor", "least squares", largest, floor, rms, errors, ""))
    return table


def _floor_row(
    form: str,
    objective: str,
    largest: float,
    floor: float,
    rms: float,
    errors: dict[tuple[str, float], float],
    printed: str,
) -> Row:
    diloco_at = {
        size: [abs(e) for (a, n), e in errors.items() if n == size and a != "data-parallel"] for size in (2.4e9, 1e10)
    }
    at_10b = [e for (_, n), e in errors.items() if n == 1e10]
    return {
        "form": form,
        "objective": objective,
        "fitted_up_to": f"{largest:g}",
        "floor": _short(floor),
        "rms_residual": _short(rms),
        "mean_residual_2.4b": _short(sum(diloco_at[2.4e9]) / len(diloco_at[2.4e9])),
        "published_mean_residual_2.4b": printed,
        "mean_error_10b": _short(sum(at_10b) / len(at_10b)),
    }


def draw(path: Path) -> None:
    """Left: losses and laws over N. Right: how far the laws lie from the measured losses, and the mean of that."""
    figure, (left, right) = style.panels(1, 2, 3.9)
    line = np.geomspace(30e6, 14e9, 100)
    runs = losses("nominal", 1e10)
    errors: dict[str, list[float]] = {"plain": [], "floor": []}
    for algorithm, replicas in ALGORITHMS.items():
        kind = "data-parallel" if algorithm == "data-parallel" else "diloco"
        look = style.look_of(kind, replicas)
        n = np.array([params for name, params, _ in runs if name == algorithm])
        measured = np.array([loss for name, _, loss in runs if name == algorithm])
        left.plot(line, diloco.loss(line, kind, replicas), **look.line, label=look.label)
        left.plot(n, measured, **look.points | style.PUBLISHED)
        for name, law in (("plain", diloco.loss), ("floor", diloco.loss_with_floor)):
            error = 100 * (law(n, kind, replicas) / measured - 1)
            errors[name] += list(error)
            filled = {} if name == "plain" else {"mfc": "w", "lw": 0.6}
            right.plot(n, error, **look.both | filled)
    for axes in (left, right):
        axes.axvspan(2.6e9, 14e9, color=style.PALE, zorder=0)
        axes.set(xscale="log", xlabel="parameters N", xlim=(27e6, 14e9))
        style.parameter_ticks(axes.xaxis)
    left.set(yscale="log", ylabel="evaluation loss [nats per token]", title="losses, and the published power laws")
    style.plain_ticks(left.yaxis, (2, 2.5, 3, 3.5))
    right.axhline(0, color=style.GREY, lw=0.8)
    right.set(ylabel="error, law less published [%]", title="signed error of the laws")
    ring = {"marker": "o", "markeredgecolor": style.GREY}
    plain, floor = (float(np.mean(errors[name])) for name in ("plain", "floor"))
    style.finish(
        figure,
        path,
        "C4 losses at 20 tokens per parameter, and their laws",
        "Published losses: arXiv 2503.09799, Tables 4, 5, 12; laws A N^alpha: Table 7. Grey ground: beyond the sizes "
        "that the published laws were fitted to; the law with a floor, C + A N^alpha, is ours and was fitted to all. "
        f"Mean signed error {plain:+.2f}% (power law), {floor:+.2f}% (with a floor).",
        [
            *left.lines[::2],
            style.key("published loss", **style.PUBLISHED | ring),
            style.key("error of the power law", marker="o", color=style.GREY),
            style.key("error with a floor", marker="o", color=style.GREY, mfc="w", lw=0.6),
        ],
    )


def _write(name: str, table: list[Row]) -> None:
    with (RESULTS / name).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


def main() -> None:
    """Writes the tables and the figure."""
    _write("loss_scaling.csv", rows())
    _write("loss_scaling_floor.csv", floors())
    draw(RESULTS / "loss_scaling.png")


if __name__ == "__main__":
    main()
