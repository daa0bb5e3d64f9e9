"""The published losses and their laws: fitted again, and predicted."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ...laws import diloco
from ...laws.fitting import fit
from ...laws.forms import FormName
from ..validate.claims import committed
from ..validate.evidence_files import Key, read
from ..validate.live import ALGORITHMS, coefficients, held_out, published_losses, published_sizes
from .model import Kind, Pair, Part

LARGEST_FITTED, HELD_OUT = 1.3e9, "2.4b"
_FITTED = "Ours: least squares on log L over the published losses, models sized as they are called."


def shapes() -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Parameters counted from the shapes of the models, beside what the models are called."""
    called, counted = published_sizes("nominal"), published_sizes("counted")
    pairs = tuple(Pair(name, params, counted[name]) for name, params in called.items())
    note = "Ours: layers (4 d^2 + 2 d f), and one embedding of 32,768 tokens. Theirs: the name, of two digits."
    return (Part("Parameters N", "parameters", "relative", pairs),), (note,)


def losses() -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Published losses up to 2.4B, beside the laws that were fitted to them."""
    runs = [(name, n, loss) for name, n, loss in published_losses("nominal", 2.4e9)]
    pairs = _by_law(runs, floor=False)
    note = "Ours: the power laws of Table 7 (C4, 20 tokens per parameter), which were fitted to these losses."
    return (Part("Loss, by the power law", "nats per token", "relative", pairs),), (note,)


def larger_losses() -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Published losses of 4B and 10B, beside laws that have not seen them, and the one that has."""
    runs = [run for run in published_losses("nominal", 1e10) if run[1] > 2.4e9]
    return (
        Part(
            "Loss, by the power laws of Table 7, which were fitted up to 2.4B",
            "nats per token",
            "relative",
            _by_law(runs, floor=False),
            remark="A plain power law falls too fast beyond the sizes that it was fitted to.",
        ),
        Part(
            "Loss, by the law with a floor",
            "nats per token",
            "relative",
            _by_law(runs, floor=True),
            remark="No prediction: it was fitted to these losses, too. Predictions and plans use it beyond 2.4B.",
        ),
    ), ()


def _by_law(runs: list[tuple[str, float, float]], *, floor: bool) -> tuple[Pair, ...]:
    law = diloco.loss_with_floor if floor else diloco.loss
    return tuple(
        Pair(f"{_called(n)} {name}", loss, float(law(n, name.removesuffix(f"-{replicas}"), replicas)))
        for name, n, loss in runs
        if (replicas := ALGORITHMS[name])
    )


def _called(params: float) -> str:
    return f"{params / 1e9:g}B" if params >= 1e9 else f"{params / 1e6:g}M"


def own_laws() -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """A and alpha of each algorithm's law, fitted again."""
    ours = coefficients()
    return (
        _of_claim("A", "table-7-a", "relative", ours, 3),
        _of_claim("Exponent alpha", "table-7-alpha", "absolute", ours, 4),
    ), (_FITTED,)


def joint_law() -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """A, alpha and beta of the law in N and M, fitted again."""
    ours = coefficients()
    return (
        _of_claim("A", "table-10-a", "relative", ours, 3),
        _of_claim("Exponents", "table-10-exponents", "absolute", ours, 4),
    ), (_FITTED,)


def residuals() -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """How far fits to 1.3B miss the losses of 2.4B."""
    part = _of_claim("|log predicted - log measured| at 2.4B", "table-11", "absolute", held_out(), 4)
    return (part,), ("Ours: least squares on log L up to 1.3B, parameters counted from the shapes of the models.",)


def residuals_by_form() -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """The same for four forms of the joint law, the mean over the replica counts."""
    runs = [run for run in published_losses("nominal", LARGEST_FITTED) if run[0] != "data-parallel"]
    size = published_sizes("nominal")[HELD_OUT]
    measured = {
        ALGORITHMS[name]: loss
        for name, n, loss in published_losses("nominal", size)
        if n == size and name != "data-parallel"
    }
    counts = [ALGORITHMS[name] for name, *_ in runs]
    pairs = []
    for row in read("loss_residuals.csv"):
        if row["table"] == "13":
            form: FormName = FORMS[row["form"]]
            law = fit(form, [loss for *_, loss in runs], delta=math.inf, N=[n for _, n, _ in runs], M=counts)
            errors = [abs(math.log(float(law.predict(N=size, M=m)) / loss)) for m, loss in measured.items()]
            pairs.append(Pair(row["form"], float(row["residual"]), sum(errors) / len(errors)))
    notes = (
        "Ours: least squares on log L up to 1.3B. Theirs were chosen by the losses that they are held against, so that "
        "they are lower than predictions can be: their joint law has 0.0044 here and 0.012 in Table 11.",
    )
    return (Part("Mean |log predicted - log measured| at 2.4B", "", "absolute", tuple(pairs), digits=4),), notes


FORMS: dict[str, FormName] = {name: name for name in ("joint", "joint-floor", "exponent-floor", "sum-floor")}
"""Forms of the joint law in Table 13."""


def _of_claim(title: str, claim: str, kind: Kind, ours: Mapping[Key, float], digits: int) -> Part:
    """The published numbers of a claim of the evidence, beside ours."""
    (found,) = (each for each in committed() if each.id == claim)
    pairs = tuple(Pair(case.name or title, case.theirs, ours[claim, case.name]) for case in found.cases)
    return Part(title, "", kind, pairs, digits=digits)
