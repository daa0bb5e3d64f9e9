"""Notes on runs that the published fits do not cover, each beginning with its subject."""

from __future__ import annotations

from .published import (
    FITTED_PARAMS,
    FITTED_REPLICAS,
    MEASURED_PARAMS,
    MISPRINTED_SLOPE,
    TOKENS_PER_PARAM,
)


def coverage(params: float, tokens: float, algorithm: str, replicas: int) -> tuple[str, ...]:
    """Notes on the parts of a run that the published fits do not cover; empty if they cover all of it.

    Args:
      params: N.
      tokens: D [tokens].
      algorithm: `data-parallel` or `diloco`.
      replicas: M; ignored for Data-Parallel.

    Returns:
      Notes, each beginning with its subject.
    """
    notes: list[str] = []
    low, high = FITTED_PARAMS
    if params < low * 0.95:
        notes.append(f"params: extrapolated below the fitted range ({low / 1e6:g}M to {high / 1e9:g}B)")
    elif params > high * 1.05:
        beyond = (
            "measured to 10B" if params <= MEASURED_PARAMS * 1.05 else "extrapolated beyond every measured model (10B)"
        )
        notes.append(
            f"params: above the fitted range ({low / 1e6:g}M to {high / 1e9:g}B), where the plain power law is too low "
            f"(3.4% at 10B); continued with an irreducible term, {beyond}"
        )
    per_param = tokens / params
    if abs(per_param / TOKENS_PER_PARAM - 1) > 0.05:
        notes.append(
            f"tokens: {per_param:.3g} per parameter, fitted at {TOKENS_PER_PARAM:g}; converted by Chinchilla's law "
            "(arXiv 2404.10102), an extrapolation"
        )
    if algorithm == "data-parallel":
        return tuple(notes)
    if replicas > FITTED_REPLICAS[-1]:
        notes.append(f"replicas: {replicas} is extrapolated beyond the fitted 1, 2, 4 and 8")
    elif replicas not in FITTED_REPLICAS:
        notes.append(f"replicas: {replicas} is interpolated between the fitted 1, 2, 4 and 8")
    elif replicas == FITTED_REPLICAS[-1] and params > high * 1.05:
        notes.append(f"replicas: {replicas} was measured to {high / 1e9:g}B parameters only")
    return tuple(notes)


def learning_rate_notes(algorithm: str, replicas: int, form: str = "independent") -> tuple[str, ...]:
    """Notes on a predicted inner learning rate; empty if there are none.

    Args:
      algorithm: `data-parallel` or `diloco`.
      replicas: M.
      form: `independent` or `joint`.
    """
    if algorithm == "data-parallel" or form == "joint" or replicas <= FITTED_REPLICAS[-2]:
        return ()
    return (
        "inner learning rate: the printed exponent for 8 replicas (-1.102) contradicts the joint fit of the same data, "
        f"which gives {MISPRINTED_SLOPE}, and leads to rates that are too low; use the joint form",
    )
