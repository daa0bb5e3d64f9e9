"""Distillation: the loss of a student that learns from a teacher's distribution instead of the next token.

Source: arXiv 2502.08606 (Busbridge et al., "Distillation Scaling Laws"), equations 1, 8 and 9, Table 6.
Limits: C4, pure distillation at temperature 1, one tokenizer and one family of shapes; N without embeddings.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..values import Values

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SUPERVISED = {"E": 1.220, "A": 3355.0, "B": 18186.0, "a": 0.408, "b": 0.431, "g": 0.452}
STUDENT = {
    "A'": 2243.0, "B'": 24181.0, "a'": 0.321, "b'": 0.637, "g'": 0.764,
    "c0": 2.549, "c1": 522.6, "f1": 0.090, "d1": 1.315,
}  # fmt: skip
FITTED_PARAMS = (143e6, 7.75e9)
"""Students; teachers had up to 12.6e9 parameters."""
MOST_TEACHER_PARAMS = 12.6e9
FITTED_TOKENS = (3.7e9, 512e9)
FITTED_TEACHER_LOSSES = (1.9, 2.8)
_LOWEST, _HIGHEST, _POINTS = 1.0, 4.0, 3_001
"""Losses of teachers among which the best one is looked for, and how many [nats per token]."""
_TOKENS_ENDS, _TOKENS_POINTS, _HALVINGS = (1e8, 1e16), 321, 60


def supervised_loss(params: Values, tokens: Values) -> Values:
    """Loss of a model that is trained on data: E + (A/N^a + B/D^b)^g [nats per token].

    Args:
      params: N, any shape.
      tokens: D, of the same shape or a number; infinity is allowed [tokens].
    Source: arXiv 2502.08606, equation 1.
    """
    c = SUPERVISED
    value: Values = c["E"] + (c["A"] / params ** c["a"] + c["B"] / tokens ** c["b"]) ** c["g"]
    return value


def student_loss(params: Any, tokens: Any, teacher_loss: Any) -> Any:
    """Loss of a student, on data, after distillation from a teacher.

    L_S = L_T + L_T^-c0 [1 + (L_T / (L d1))^(1/f1)]^(-c1 f1) (A'/N^a' + B'/D^b')^g', L = `supervised_loss`(N, D).

    Args:
      params: N of the student, any shape.
      tokens: D that it is distilled on, likewise; infinity is allowed [tokens].
      teacher_loss: L_T of the teacher on the same data, likewise [nats per token].

    Returns:
      L_S, of the shape of its inputs [nats per token].
    Source: arXiv 2502.08606, equation 8.
    Limits: never below L_T, though some students of weak teachers became better than these (appendix E.7).
    """
    import numpy as np

    c = STUDENT
    alone = supervised_loss(params, tokens)
    over = np.log(teacher_loss) - np.log(alone) - math.log(c["d1"])
    apart = -c["c1"] * c["f1"] * np.logaddexp(0.0, over / c["f1"])
    size = np.log(c["A'"] / params ** c["a'"] + c["B'"] / tokens ** c["b'"])
    value = teacher_loss + np.exp(-c["c0"] * np.log(teacher_loss) + apart + c["g'"] * size)
    return value if np.ndim(value) else float(value)


def best_teacher_loss(params: float, tokens: float) -> float:
    """The loss of the teacher from which a student learns most: a better one lies beyond the capacity gap.

    Args:
      params: N of the student.
      tokens: D that it is distilled on [tokens].

    Returns:
      argmin over L_T of `student_loss`, to 1e-6 [nats per token].
    """
    import numpy as np

    low, high = _LOWEST, _HIGHEST
    for _ in range(3):
        losses: NDArray[np.float64] = np.linspace(low, high, _POINTS)
        place = int(np.argmin(student_loss(params, tokens, losses)))
        low, high = float(losses[max(place - 1, 0)]), float(losses[min(place + 1, _POINTS - 1)])
    return (low + high) / 2


def tokens_while_ahead(params: float, teacher_loss: float) -> float | None:
    """Up to how many tokens a student that distils is ahead of the same one that trains on as many.

    Args:
      params: N of the student.
      teacher_loss: L_T [nats per token].

    Returns:
      The D at which both reach the same loss [tokens]; 0 where it is nowhere ahead, None where it still is at 1e16.
    """
    import numpy as np

    def behind(tokens: Any) -> Any:
        return student_loss(params, tokens, teacher_loss) - supervised_loss(params, tokens)

    tokens = np.geomspace(*_TOKENS_ENDS, _TOKENS_POINTS)
    ahead = np.flatnonzero(behind(tokens) < 0)
    if not len(ahead):
        return 0.0
    if ahead[-1] == len(tokens) - 1:
        return None
    low, high = math.log(tokens[ahead[-1]]), math.log(tokens[ahead[-1] + 1])
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if behind(math.exp(middle)) < 0 else (low, middle)
    return math.exp(low)


def flop(
    params: float, tokens: float, teacher_params: float, teacher_tokens: float, *, logits: bool, training: bool
) -> float:
    """Flops of a distillation: 6 N D of the student, 2 N_T D of the teacher's logits, 6 N_T D_T of its training.

    Args:
      params: N of the student.
      tokens: D of the student [tokens].
      teacher_params: N_T.
      teacher_tokens: D_T [tokens].
      logits: whether the teacher's inference is counted (Table 2).
      training: whether its training is.

    Source: arXiv 2502.08606, equation 9.
    Limits: 2 N a token forward; the paper adds attention and embeddings, which are more of a small model.
    """
    return 6 * params * tokens + teacher_params * (2 * tokens * logits + 6 * teacher_tokens * training)


def exponents(constants: str) -> tuple[float, float]:
    """Exponents of the best N and D against N D: b/(a + b) and a/(a + b), `supervised` or `student` (Table 6)."""
    a, b = (SUPERVISED["a"], SUPERVISED["b"]) if constants == "supervised" else (STUDENT["a'"], STUDENT["b'"])
    return b / (a + b), a / (a + b)
