"""What repeated data is worth: tokens seen again count for less and less.

Source: arXiv 2305.16264 (Muennighoff et al.), equations 5 and 6.
"""

from __future__ import annotations

from .values import Values

REPEATS_WORTH = 15.387756
"""R*: repeats after which a token has given 1 - 1/e of all that it can still give."""


def effective_tokens(tokens: Values, unique_tokens: Values) -> Values:
    """What D tokens out of U unique ones are worth in fresh tokens.

    D' = U + U R* (1 - exp(-R/R*)), R = D/U - 1 repeats beyond the first pass; D' = D where D <= U.
    Example: four epochs (R = 3): D' = U (1 + 15.39 (1 - e^(-3/15.39))) = 3.73 U, so 4 epochs lose 7% of their tokens.

    Args:
      tokens: D, any shape [tokens].
      unique_tokens: U, of the same shape or a number [tokens].

    Returns:
      D' [tokens], never more than U (1 + R*).
    Source: arXiv 2305.16264, equation 5.
    Limits: fitted on up to 9B parameters and 900B tokens. Excess parameters, which lose worth with little unique data
      in the same law, are not discounted.
    """
    import numpy as np

    unique = np.minimum(tokens, unique_tokens)
    repeats = tokens / unique - 1
    worth = unique * (1 + REPEATS_WORTH * -np.expm1(-repeats / REPEATS_WORTH))
    return worth if isinstance(tokens, np.ndarray) or isinstance(unique_tokens, np.ndarray) else float(worth)
