"""Laws beside the numbers that their papers print: tables of results, and what the authors say of their own law.

The papers' numbers stand here with their tables; ours are computed from the constants.
"""

from __future__ import annotations

import math
from typing import Any

from ...laws import chinchilla_optimal
from ...laws.beyond import distillation, many_experts, tasks
from ...laws.beyond.mixing import left_out
from ...laws.optimal import KAPLAN_FITTED, parametric_exponents
from .evidence_files import Key, read

Pairs = dict[str, dict[str, tuple[float, float]]]
"""Theirs and ours, by claim and case."""

KAPLAN_TIMES = {"parameters": 5.37, "tokens": 1.86}
"""For ten times the compute: 10^0.73, and 10^(0.24 + 0.03) of batch times steps, arXiv 2001.08361, equation 1.8."""
PRINTED_EXPONENTS = {"approach 3": ("hoffmann", 0.46, 0.54), "Epoch's refit": ("epoch", 0.51, 0.49)}
"""arXiv 2203.15556, Table 2; arXiv 2404.10102."""
HALF = 0.50
"""N and D against C by approach 1, arXiv 2203.15556, Table 2."""
GOPHER_FLOP, APPROACH_3_PARAMS = 5.76e23, 40e9
"""Chinchilla's budget, and the best model for it by approach 3, arXiv 2203.15556, figure 4."""
STUDENT_EXPONENTS = {"supervised": (0.513, 0.486), "student": (0.664, 0.335)}
"""arXiv 2502.08606, Table 6."""
ENDLESS = (1e8, 1e9, 1e10, 1e11)
"""Students for which the bounds of training and of distillation are consistent (appendix E.6, Figure 40)."""
TRAINED_TEACHERS = ((3e8, 1e9, 3e9, 1e10), (1e21, 1e23, 1e25))
"""Students and budgets of Figure 8, where training is never worse if the teacher's training is paid for."""
GRANULAR = (
    (100e6, 4.37e9, 8, 3.133),
    (1e9, 28.94e9, 16, 2.491),
    (3e9, 72.90e9, 16, 2.245),
    (7e9, 137.60e9, 32, 2.076),
    (70e9, 941.07e9, 32, 1.694),
    (300e9, 2.96e12, 64, 1.503),
    (1e12, 7.94e12, 64, 1.367),
)
"""Active parameters, tokens, granularity, loss: arXiv 2402.07871, Table 2."""
JOINT = {
    1e20: ((1, 1.7e9, 9.7e9), (2, 1.5e9, 11.4e9), (4, 1.2e9, 13.9e9), (8, 990e6, 17e9), (16, 810e6, 20.7e9),
           (32, 669e6, 24.9e9)),
    1e21: ((1, 5.7e9, 29.3e9), (2, 5e9, 33e9), (4, 4.4e9, 38e9), (8, 3.8e9, 44.3e9), (16, 3.3e9, 51.2e9),
           (32, 2.85e9, 58.4e9)),
    1e22: ((1, 18.8e9, 88.6e9), (2, 17.4e9, 96e9), (4, 15.8e9, 105.4e9), (8, 14.4e9, 115.8e9), (16, 13.2e9, 126.5e9),
           (32, 12.2e9, 136.9e9)),
}  # fmt: skip
"""Experts, best active parameters and tokens by flop: arXiv 2502.05172, Table 1."""
BEST_RATIOS = {"c4": 3.36, "redpajama": 7.42, "refinedweb": 5.85}
"""Best tokens a parameter, arXiv 2403.08540, appendix F."""
MEASURED_ERRORS = {"c4": 0.4796, "redpajama": 0.4716, "refinedweb": 0.4505}
"""Mean top-1 error over the 17 tasks of 6.9B parameters on 138B tokens, from the evaluations that the authors
published."""
STUDIES = {"mixtures-two": "two domains", "mixtures-seven": "seven domains"}
"""Claims, and their rows of `mixtures.csv` (arXiv 2403.16952)."""


def pairs() -> Pairs:
    """All of them."""
    return divisions() | students() | many() | on_tasks() | mixtures()


def numbers() -> dict[Key, float]:
    """Ours alone, by claim and case."""
    return {(claim, case): ours for claim, cases in pairs().items() for case, (_, ours) in cases.items()}


def divisions() -> Pairs:
    """How the best model and its tokens grow with compute."""
    params, batch, steps = KAPLAN_FITTED
    ours = {"parameters": 10**params, "tokens": 10 ** (batch + steps)}
    printed, half = dict[str, tuple[float, float]](), dict[str, tuple[float, float]]()
    for name, (fit, *theirs) in PRINTED_EXPONENTS.items():
        for what, their, our in zip(ours, theirs, parametric_exponents(fit), strict=True):
            printed[f"{name}, {what}"] = float(their), our
    for name, exponent in zip(("parameters", "tokens"), parametric_exponents("epoch"), strict=True):
        half[name] = HALF, exponent
    best, _ = chinchilla_optimal(GOPHER_FLOP, "hoffmann")
    return {
        "kaplan-ten-times": {name: (times, ours[name]) for name, times in KAPLAN_TIMES.items()},
        "chinchilla-exponents": printed,
        "chinchilla-half": half,
        "chinchilla-40b": {"": (APPROACH_3_PARAMS, float(best))},
    }


def students() -> Pairs:
    """The distillation law: its exponents, its bound, and training where the teacher must be trained."""
    exponents, endless, trained = (dict[str, tuple[float, float]]() for _ in range(3))
    for kind, printed in STUDENT_EXPONENTS.items():
        found = distillation.exponents(kind)
        for what, theirs, ours in zip(("parameters", "tokens"), printed, found, strict=True):
            exponents[f"{kind}, {what}"] = theirs, ours
    for size in ENDLESS:
        best = distillation.best_teacher_loss(size, math.inf)
        student = distillation.student_loss(size, math.inf, best)
        endless[f"{size / 1e9:g}B"] = distillation.supervised_loss(size, math.inf), student
    for size in TRAINED_TEACHERS[0]:
        for budget in TRAINED_TEACHERS[1]:
            alone = distillation.supervised_loss(size, budget / (6 * size))
            trained[f"{size / 1e9:g}B, {budget:.0e} flop"] = alone, _with_its_teacher(size, budget)
    return {"distillation-exponents": exponents, "distillation-endless": endless, "distillation-trained": trained}


def _with_its_teacher(params: float, budget: float) -> float:
    """The least loss of a student if its teacher's training and inference are paid for, over teachers and shares."""
    import numpy as np

    teacher: Any = np.geomspace(1e8, 3e11, 121)[:, None]
    share: Any = np.linspace(0.01, 0.99, 99)
    losses = distillation.supervised_loss(teacher, (1 - share) * budget / (6 * teacher))
    return float(distillation.student_loss(params, share * budget / (6 * params + 2 * teacher), losses).min())


def many() -> Pairs:
    """Laws of mixtures of experts."""
    granular, params, tokens = (dict[str, tuple[float, float]]() for _ in range(3))
    whole = 1 / many_experts.granular_active_params(1.0)
    for active, trained, fine, loss in GRANULAR:
        ours = many_experts.granular_loss(active * whole, trained, float(fine))
        granular[f"64 x {active / 1e9:g}B, G = {fine}"] = loss, ours
    for flop, rows in JOINT.items():
        for experts, best, best_tokens in rows:
            found = many_experts.joint_optimal(flop, experts)
            case = f"{flop:.0e} flop, {experts} experts"
            params[case], tokens[case] = (best, found[0]), (best_tokens, found[1])
    return {"granular-losses": granular, "joint-params": params, "joint-tokens": tokens}


def on_tasks() -> Pairs:
    """Tokens a parameter, and the error of the largest models."""
    return {
        "tasks-ratio": {data: (theirs, tasks.best_ratio(data)) for data, theirs in BEST_RATIOS.items()},
        "tasks-error": {
            data: (theirs, tasks.mean_error(tasks.loss(6.9e9, 138e9, data), data))
            for data, theirs in MEASURED_ERRORS.items()
        },
    }


def mixtures() -> Pairs:
    """Every run that was trained on a mixture, beside the law of the others [nats per token]."""
    rows, found = list(read("mixtures.csv")), Pairs()
    for claim, study in STUDIES.items():
        own = [row for row in rows if row["study"] == study]
        shares = [[float(value) for name, value in row.items() if name.startswith("share_") and value] for row in own]
        cases = found.setdefault(claim, {})
        for name in (name for name, value in own[0].items() if name.startswith("loss_") and value):
            measured = [float(row[name]) for row in own]
            for number, (theirs, ours) in enumerate(zip(measured, left_out(shares, measured), strict=True), 1):
                cases[f"{name.removeprefix('loss_')}, run {number}"] = theirs, float(ours)
    return found
