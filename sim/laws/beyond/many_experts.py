"""Mixtures of experts with tokens in the law: how fine the experts are, and how many there are.

Source: arXiv 2402.07871 (Krajewski et al.), equation 9 and Table 1, for granularity; arXiv 2502.05172 (Ludziejewski et
al.), equations 4, 6, 7, 9 and 10, Table 3, for the number of experts.
"""

from __future__ import annotations

from ..values import Values, log

GRANULAR = {"c": 0.47, "g": 2.1, "gamma": 0.58, "a": 18.1, "alpha": 0.115, "b": 30.8, "beta": 0.147}
DENSE = {"c": 0.47, "a": 16.3, "alpha": 0.126, "b": 26.7, "beta": 0.127}
"""The dense models of the same study."""
EXPANSION = 64
"""E of every model with granularity: parameters of its experts over those of a dense feed-forward layer."""
GRANULAR_PARAMS, GRANULAR_TOKENS, GRANULAR_RANGE = (129e6, 3.7e9), (16e9, 130e9), (1.0, 16.0)

JOINT = {
    "a": 35.91, "alpha": -0.1889, "delta": -0.2285, "gamma": 0.0098,
    "b": 35.98, "beta": -0.1775, "omega": 0.5529, "zeta": -0.0259,
    "E_start": 2.0732, "E_max": 290.4521, "c": 1.3637,
}  # fmt: skip
JOINT_ACTIVE, JOINT_TOKENS, JOINT_EXPERTS = (79e6, 2.7e9), (0.5e9, 80e9), (1.0, 32.0)
_VOCABULARY, _WIDTH_PER_BLOCK = 50_257, 64


def granular_loss(params: Values, tokens: Values, granularity: Values) -> Values:
    """Loss of a mixture of experts of granularity G: c + (g/G^gamma + a)/N^alpha + b/D^beta [nats per token].

    Args:
      params: N, all parameters without embeddings, of a model with 64 times the experts' parameters of a dense one.
      tokens: D, of the same shape or a number [tokens].
      granularity: G: a dense feed-forward layer is G times as wide as an expert, and a token goes to G experts.
    Source: arXiv 2402.07871, equation 9 and Table 1.
    Limits: expansion rate 64; beyond G = 16, and above 3.7e9 parameters, the paper extrapolates, too.
    """
    c = GRANULAR
    size = (c["g"] / granularity ** c["gamma"] + c["a"]) / params ** c["alpha"]
    value: Values = c["c"] + size + c["b"] / tokens ** c["beta"]
    return value


def granular_dense_loss(params: Values, tokens: Values) -> Values:
    """Loss of a dense model of the same study: c + a/N^alpha + b/D^beta [nats per token].

    Source: arXiv 2402.07871, equation 1 and Table 1.
    """
    c = DENSE
    value: Values = c["c"] + c["a"] / params ** c["alpha"] + c["b"] / tokens ** c["beta"]
    return value


def granular_active_params(params: float) -> float:
    """The parameters that work on a token, of all those without embeddings: 12 of 8 E + 4 d^2 a block.

    Source: arXiv 2402.07871, section 6.1.
    """
    return params * 12 / (8 * EXPANSION + 4)


def effective_experts(experts: Values) -> Values:
    """E': the effective number of experts, 1/E' = 1/(E - 1 + 1/(1/E_start - 1/E_max)) + 1/E_max."""
    start, most = JOINT["E_start"], JOINT["E_max"]
    value: Values = 1 / (1 / (experts - 1 + 1 / (1 / start - 1 / most)) + 1 / most)
    return value


def reduced(experts: Values) -> tuple[Values, Values, Values, Values]:
    """m, mu, n, nu of L = m N^mu + n D^nu + c, the joint law for E experts (Table 4 of the paper)."""
    c, many = JOINT, effective_experts(experts)
    return (
        c["a"] * many ** c["delta"],
        c["alpha"] + c["gamma"] * log(many),
        c["b"] * many ** c["omega"],
        c["beta"] + c["zeta"] * log(many),
    )


def joint_loss(active_params: Values, tokens: Values, experts: Values) -> Values:
    """Loss of a model with E experts, one of which works on a token; E = 1 is dense.

    L = a E'^delta N^(alpha + gamma ln E') + b E'^omega D^(beta + zeta ln E') + c.

    Args:
      active_params: N, the parameters that work on a token, with embeddings; any shape.
      tokens: D, of the same shape or a number [tokens].
      experts: E, likewise.

    Returns:
      Loss [nats per token].
    Source: arXiv 2502.05172, equation 6 and Table 3.
    Limits: granularity 1, up to 32 experts, 2.7e9 active and 5e9 parameters in all, 8e10 tokens.
    """
    m, mu, n, nu = reduced(experts)
    value: Values = m * active_params**mu + n * tokens**nu + JOINT["c"]
    return value


def joint_optimal(flop: Values, experts: float) -> tuple[Values, Values]:
    """Active parameters and tokens of the lowest loss for 6 N D = C flop with E experts.

    Source: arXiv 2502.05172, equation 7.
    """
    m, mu, n, nu = reduced(experts)
    scale = (mu * m / (nu * n)) ** (-1 / (mu + nu))
    params: Values = scale * (flop / 6) ** (nu / (mu + nu))
    return params, flop / 6 / params


def active_params(params: float, experts: float) -> float:
    """The parameters that work on a token, of all those with embeddings, in the shapes of the joint law.

    N = 2 d V + (4 + 9 E) L d^2 in all and 2 d V + 13 L d^2 at work, with L = d/64 blocks and V = 50,257.

    Args:
      params: all parameters.
      experts: E.
    Source: arXiv 2502.05172, equations 9 and 10, appendix A.3.
    """
    low, high = 0.0, (params * _WIDTH_PER_BLOCK) ** (1 / 3) + 1
    for _ in range(100):
        width = (low + high) / 2
        over = 2 * width * _VOCABULARY + (4 + 9 * experts) * width**3 / _WIDTH_PER_BLOCK > params
        low, high = (low, width) if over else (width, high)
    return 2 * low * _VOCABULARY + 13 * low**3 / _WIDTH_PER_BLOCK
