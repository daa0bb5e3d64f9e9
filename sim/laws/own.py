"""A law of one's own, fitted by `simulate fit`: what its file holds, and what it predicts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ..documents.validation import Frozen, Words, read_mapping, validate
from ..errors import InputError
from .forms import FORMS, Form

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SCHEMA: Literal["crosshaul-law"] = "crosshaul-law"
LEVEL = 0.95
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Range = tuple[Positive, Positive]


@dataclass(frozen=True)
class Constant:
    """A fitted constant with the 95% interval of its refits."""

    name: str
    value: float
    low: float
    high: float


class OwnLaw(Frozen):
    """A fitted law, as its file holds it."""

    schema_name: Literal["crosshaul-law"] = Field(default=SCHEMA, alias="schema")
    schema_version: Literal[1] = 1
    form: Literal["power", "floor", "chinchilla", "steps", "steps-batch"]
    formula: Words
    coefficients: dict[str, Number]
    """By name."""
    samples: tuple[tuple[Number, ...], ...] = Field(min_length=1)
    """Refits to resampled residuals: coefficients in the order of the form, logarithms where those are positive."""
    scatter: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Root mean square of the residuals of log L."""
    freedom: int | None = Field(default=None, ge=1)
    """Losses of the fit less its coefficients; null in files of earlier versions, whose bands are those of many."""
    params: Range
    """Smallest and largest N of the fit."""
    tokens: Range
    """Smallest and largest D of the fit [tokens]."""
    batch_tokens: Range | None = None
    """Smallest and largest B of the fit; null where it is not known [tokens]."""
    sources: tuple[Words, ...] = ()
    notes: tuple[Words, ...] = ()

    @property
    def family(self) -> Form:
        """Its form."""
        return FORMS[self.form]

    def columns(self, params: float, tokens: float, batch_tokens: float | None) -> dict[str, Array]:
        """What the form is a function of, for one run.

        Raises:
          InputError: the law asks for a batch, and there is none.
        """
        import numpy as np

        names = self.family.columns
        if batch_tokens is None and ("S" in names or "B" in names):
            raise InputError("the fitted law is one of steps at a batch; write --batch-tokens, too")
        batch = batch_tokens or 1.0
        known = {"N": params, "D": tokens, "S": tokens / batch, "B": batch}
        return {name: np.asarray([known[name]], dtype=float) for name in names}

    def predict(self, params: float, tokens: float, batch_tokens: float | None = None) -> tuple[float, float, float]:
        """The loss of a run, and its 95% band: the spread of the refits and the scatter of single runs.

        Args:
          params: N.
          tokens: D [tokens].
          batch_tokens: B, for a law of steps [tokens].

        Returns:
          Loss, low and high end [nats per token].

        Raises:
          InputError: a size is not positive, or the law asks for a batch.
        """
        import numpy as np

        for name, value in (("params", params), ("tokens", tokens), ("batch_tokens", batch_tokens)):
            if value is not None and not value > 0:
                raise InputError(f"{name} is {value}; write a number above 0")
        form, x = self.family, self.columns(params, tokens, batch_tokens)
        logs = np.array([float(form.log_value(np.asarray(theta), x)[0]) for theta in self.samples])
        own = float(form.log_value(self._sought(), x)[0])
        drawn = logs + self.scatter * np.random.default_rng(0).standard_normal(len(logs))
        low, high = self._widened(np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]), own)
        return float(np.exp(own)), float(np.exp(min(low, own))), float(np.exp(max(high, own)))

    def _widened(self, ends: Array, middle: float) -> Array:
        """The ends of a band that few losses make too narrow, as Student's t has it for their scatter."""
        if self.freedom is None:
            return ends
        from scipy.special import ndtri, stdtrit

        tail = (1 + LEVEL) / 2
        widened: Array = middle + (ends - middle) * float(stdtrit(self.freedom, tail) / ndtri(tail))
        return widened

    def _sought(self) -> Array:
        import numpy as np

        form = self.family
        return np.array(
            [
                np.log(self.coefficients[name]) if name in form.positive else self.coefficients[name]
                for name in form.coefficients
            ]
        )

    def outside(self, params: float, tokens: float, batch_tokens: float | None) -> tuple[str, ...]:
        """Notes on what of a run is outside of the fit."""
        found = []
        for name, value, ends in (
            ("params", params, self.params),
            ("tokens", tokens, self.tokens),
            ("batch_tokens", batch_tokens, self.batch_tokens),
        ):
            if value is not None and ends is not None and not ends[0] * 0.99 <= value <= ends[1] * 1.01:
                times = value / ends[1] if value > ends[1] else ends[0] / value
                side = "above" if value > ends[1] else "below"
                found.append(
                    f"{name}: extrapolated, {times:.3g} times {side} the fitted {ends[0]:.4g} to {ends[1]:.4g}"
                )
        return tuple(found)


def constants_of(law: OwnLaw) -> tuple[Constant, ...]:
    """The coefficients with the intervals of the refits, and for laws of steps those that Kaplan prints, too."""
    import numpy as np

    form = law.family
    sampled = np.array(law.samples)
    columns = {
        name: np.exp(sampled[:, place]) if name in form.positive else sampled[:, place]
        for place, name in enumerate(form.coefficients)
    }
    values = {name: law.coefficients[name] for name in form.coefficients}
    if law.form in ("steps", "steps-batch"):
        for told, amount, power in (("Nc", "A", "a"), ("Sc", "C", "s")):
            columns[told] = columns[amount] ** (1 / columns[power])
            values[told] = values[amount] ** (1 / values[power])
    if law.form == "steps-batch":
        columns["aB"], values["aB"] = 1 / columns["k"], 1 / values["k"]
    ends = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    found = []
    for name, column in columns.items():
        low, high = (float(end) for end in np.quantile(column, ends))
        found.append(Constant(name, values[name], low, high))
    return tuple(found)


def read_law(path: Path) -> OwnLaw:
    """A law from its file.

    Raises:
      InputError: it cannot be read, or holds something else.
    """
    data, text = read_mapping(path, "law")
    law = validate(OwnLaw, data, source=str(path), text=text)
    form = FORMS[law.form]
    if set(law.coefficients) != set(form.coefficients):
        needed = ", ".join(form.coefficients)
        raise InputError(f"{path}: coefficients: {law.form} has {needed}; write a number for each of them")
    if any(len(sample) != len(form.coefficients) for sample in law.samples):
        raise InputError(
            f"{path}: samples: each needs {len(form.coefficients)} numbers; let simulate fit write the file"
        )
    if any(law.coefficients[name] <= 0 for name in form.positive):
        raise InputError(f"{path}: coefficients: {', '.join(sorted(form.positive))} must be above 0")
    return law
