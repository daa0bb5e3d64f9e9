"""The law of the chip, fitted to the steps that were measured on one GPU, and held against those that were left out.

Claim: six constants give the seconds of all measured steps within some percent, and sizes that were left out too.
Verdict: `python -m experiments.accelerators.law` prints the constants, every step beside its prediction, and the error
on each size that was left out of the fit; it writes `cases.csv`, which `simulate validate` prints.

The sum of squared relative errors is made small, with two weak priors: that products reach the share of the peak that
the largest measured product reached, and fused attention that which the rooflines assume. Steps whose layers stand in
a loop (the cases of the outer step) are another program, and are left out.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import lsq_linear

from sim.laws.chip_step import COPY_SHARE, FITTED, MEASURED_ON, Constants, Step, step_seconds, terms
from sim.shell.delivery import write_atomically
from sim.units.chips import Chip, find_chip
from trainer.parallel.chip_rates import ATTENTION_SHARE

from .cases import LISTS, Training
from .results import Results, Row
from .training import run_of

HERE = Path(__file__).parent
RESULTS, CASES = HERE / "recorded" / "results.jsonl", HERE / "cases.csv"
PRIOR_WEIGHT = 0.1
"""A constant that is off by all of its prior costs as much as a step that is off by a tenth."""
_LARGEST_PRODUCT = "products-4096-8192-bfloat16"


@dataclass(frozen=True)
class Measured:
    """A measured step.

    Attributes:
      case: its name.
      step: its work.
      seconds: the median of its gradients and update [s].
    """

    case: str
    step: Step
    seconds: float

    @property
    def size(self) -> str:
        """The model's size, which is left out as a whole."""
        return self.case.split("-")[0]


def measured(results: Mapping[str, Row]) -> list[Measured]:
    """The steps to fit: all trainings of the list whose layers are written out."""
    found = []
    for case in LISTS["gpu"]:
        seconds = results.get(case.name, {}).get("compute_s")
        if not isinstance(case, Training) or seconds is None or case.run.get("unrolled") is False:
            continue
        config = run_of(case, "gpu")
        model, tokens = config.model, config.sequences * config.sequence_length
        shape = (model.layers, model.width, model.hidden, tokens, model.vocab, config.sequence_length)
        found.append(Measured(case.name, Step(*shape, rematerialised=config.remat == "layer"), seconds))
    return found


def fit(steps: Sequence[Measured], chip: Chip, product_share: float) -> Constants:
    """The constants of some steps.

    Args:
      steps: what was measured.
      chip: where.
      product_share: share of the peak that the largest product reached.
    """
    factors = [terms(each.step, chip) for each in steps]
    seconds = np.array([each.seconds for each in steps])
    fitted = np.array([row for row, _ in factors]) / seconds[:, None]
    left = 1 - np.array([fixed for _, fixed in factors]) / seconds
    priors = np.zeros((2, fitted.shape[1]))
    priors[0, 0], priors[1, 2] = PRIOR_WEIGHT * product_share, PRIOR_WEIGHT * ATTENTION_SHARE
    solved = lsq_linear(np.vstack([fitted, priors]), np.append(left, [PRIOR_WEIGHT] * 2), (0, np.inf))
    return Constants(*(float(each) for each in solved.x))


def left_out(steps: Sequence[Measured], chip: Chip, product_share: float) -> list[float]:
    """The prediction of each step by the law that is fitted to all steps of other sizes [s]."""
    return [
        step_seconds(each.step, chip, fit([other for other in steps if other.size != each.size], chip, product_share))
        for each in steps
    ]


def shares(results: Mapping[str, Row], chip: Chip) -> tuple[float, float]:
    """The shares of the published peak and bandwidth that the largest product and the copy reached."""
    product, copied = results[_LARGEST_PRODUCT]["flop_per_s"], results["copy"]["bytes_per_s"]
    return product / chip.peak_flop_per_s, copied / chip.memory_bytes_per_s


def main() -> int:
    """The command."""
    results, chip = Results(RESULTS).rows, find_chip(MEASURED_ON)
    if chip is None:
        raise RuntimeError(f"{MEASURED_ON} is in the catalogue")
    product_share, copy_share = shares(results, chip)
    steps = measured(results)
    constants = fit(steps, chip, product_share)
    print(f"products {product_share:.3f} of the peak, copy {copy_share:.3f} of the bandwidth (law: {COPY_SHARE})")
    print(f"fitted now:  {', '.join(f'{each:.6g}' for each in astuple(constants))}")
    print(f"in the law:  {', '.join(f'{each:.6g}' for each in astuple(FITTED))}")
    print(f"{'case':20} {'measured':>10} {'law':>10} {'error':>7} {'left out':>10} {'error':>7}")
    out, apart = io.StringIO(), left_out(steps, chip, product_share)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("cases", "case", "theirs", "ours"))
    for each, other in zip(steps, apart, strict=True):
        law = step_seconds(each.step, chip, constants)
        print(
            f"{each.case:20} {each.seconds * 1e3:8.2f}ms {law * 1e3:8.2f}ms {law / each.seconds - 1:+7.1%} "
            f"{other * 1e3:8.2f}ms {other / each.seconds - 1:+7.1%}"
        )
        for claim in ("chip-law", "chip-law-worst"):
            writer.writerow((claim, each.case, f"{each.seconds:.6g}", f"{other:.6g}"))
    errors = np.abs(np.array(apart) / [each.seconds for each in steps] - 1)
    print(f"left out: median {np.median(errors):.1%}, worst {errors.max():.1%}")
    for row in results.values():
        if row.get("peak_bytes") is not None:
            writer.writerow(("planned-memory", row["case"], row["peak_bytes"], row["planned_bytes"]))
    write_atomically(CASES, out.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main())
