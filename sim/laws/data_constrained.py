"""The worth of repeated data: with each repeat a token counts less.

Source: arXiv 2305.16264 (Muennighoff et al.), equations 5 and 6.
"""

from __future__ import annotations

from .values import Values, expm1, lesser

REPEATS_WORTH = 15.387756
"""R*: repeats after which a token has given the share 1 - 1/e of all that repeats can give."""


def effective_tokens(tokens: Values, unique_tokens: Values) -> Values:
    """The number of fresh tokens that are worth as much as D tokens with U unique ones.

    D' = U + U R* (1 - exp(-R/R*)), R = D/U - 1 repeats after the first pass; D' = D if D <= U.
    Example: four epochs (R = 3): D' = U (1 + 15.39 (1 - e^(-3/15.39))) = 3.73 U, so 4 epochs lose 7% of their tokens.

    Args:
      tokens: D, any shape [tokens].
      unique_tokens: U, of the same shape or a number [tokens].

    Returns:
      D' [tokens], never more than U (1 + R*).
    Source: arXiv 2305.16264, equation 5.
    Limits: fitted up to 9B parameters and 900B tokens. The discount of the same law for excess parameters is left out.
    """
    unique = lesser(tokens, unique_tokens)
    repeats = tokens / unique - 1
    worth: Values = unique * (1 + REPEATS_WORTH * -expm1(-repeats / REPEATS_WORTH))
    return worth
