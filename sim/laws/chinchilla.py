"""Chinchilla's law: the loss from parameters and tokens, and the best division of a compute budget between them.

Source: arXiv 2203.15556 (Hoffmann et al., approach 3), with the unrounded constants of arXiv 2404.10102; and the refit
of the same runs in arXiv 2404.10102 (Besiroglu et al., Epoch), which agrees with approaches 1 and 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..errors import InputError
from .values import Values

Fit = Literal["hoffmann", "epoch"]


@dataclass(frozen=True)
class Constants:
    """L = E + A/N^a + B/D^b."""

    E: float
    A: float
    B: float
    a: float
    b: float


CONSTANTS: dict[str, Constants] = {
    "hoffmann": Constants(E=1.6934, A=406.4, B=410.7, a=0.3392, b=0.2849),
    "epoch": Constants(E=1.8172, A=482.01, B=2_085.43, a=0.3478, b=0.3658),
}
FITTED_PARAMS = (44e6, 16e9)
FLOP_PER_PARAM_AND_TOKEN = 6.0


def chinchilla_loss(params: Values, tokens: Values, fit: Fit = "epoch") -> Values:
    """Training loss of a dense model after one pass over D tokens: E + A/N^a + B/D^b.

    Args:
      params: N, any shape.
      tokens: D, of the same shape or a number [tokens].
      fit: `hoffmann` (approach 3) or `epoch` (the refit).

    Returns:
      Loss [nats per token].

    Raises:
      InputError: the fit is unknown.
    Source: arXiv 2203.15556, section 3.3; arXiv 2404.10102.
    Limits: MassiveText and its tokenizer; losses cannot be compared with those on other data.
    """
    c = _constants(fit)
    value: Values = c.E + c.A * params**-c.a + c.B * tokens**-c.b
    return value


def chinchilla_optimal(flop: Values, fit: Fit = "epoch") -> tuple[Values, Values]:
    """The model size and the tokens with the lowest loss for C flop, C = 6 N D.

    N = G (C/6)^(b/(a+b)), D = (C/6)^(a/(a+b)) / G, G = (a A / (b B))^(1/(a+b)).

    Args:
      flop: C, any shape [flop].
      fit: as in `chinchilla_loss`.

    Returns:
      N and D [tokens], of the shape of `flop`.

    Raises:
      InputError: the fit is unknown.
    Source: arXiv 2203.15556, equation 4.
    Limits: the rounded and unrounded constants of approach 3 give different budgets; Epoch's stays near 20 tokens per
      parameter.
    """
    c = _constants(fit)
    G = (c.a * c.A / (c.b * c.B)) ** (1 / (c.a + c.b))
    work = flop / FLOP_PER_PARAM_AND_TOKEN
    params: Values = G * work ** (c.b / (c.a + c.b))
    tokens: Values = work ** (c.a / (c.a + c.b)) / G
    return params, tokens


def _constants(fit: str) -> Constants:
    if fit not in CONSTANTS:
        raise InputError(f"no fit '{fit}' of Chinchilla's law; write {' or '.join(CONSTANTS)}")
    return CONSTANTS[fit]
