"""The training algorithms by name, and what a configuration depends on of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sim.defaults import (
    ACROSS_EVERY,
    MERGED_EVERY,
    MERGED_OVERLAP_STEPS,
    OVERLAP_STEPS,
    QUORUM,
    REGIONS,
    REPLICAS,
    SPARSE_BITS,
    SPARSE_CHUNK,
    SPARSE_TOP,
    SYNC_EVERY,
)

AlgorithmName = Literal[
    "data-parallel",
    "diloco",
    "streaming-diloco",
    "eager-diloco",
    "sparseloco",
    "gossip-diloco",
    "two-level-diloco",
    "decoupled-diloco",
]


@dataclass(frozen=True)
class Kind:
    """What the fields of a run depend on, of its algorithm.

    Attributes:
      law: whose published fits give its batch and its rates (`recipe.py`).
      outer_steps: whether there are outer steps, and so replicas that train by themselves.
      fragments: whether the parameters are exchanged in fragments, which may overlap inner steps.
      alone: whether one replica is a run of it; else two or more are needed.
      whole: whether it exchanges whole copies of the model, of which none is sharded.
      together: whether all replicas share a device, as they exchange within groups that change, or make steps at
        their own paces (`algorithms/outer/groups.py`, `own_paces.py`).
      replicas: M, where it is not given.
      sync_every: H, likewise.
      overlap_steps: tau, likewise, where H is more than that; of an algorithm with fragments.
      feedback: whether `error_feedback` is a choice.
      least_bits: the fewest bits of a value that is sent [bit].
      own: the fields that no other algorithm has, with their defaults.
      defaults: of fields that others have, too, where the recipe's would not be its own.
    """

    law: Literal["data-parallel", "diloco"]
    outer_steps: bool = True
    fragments: bool = False
    alone: bool = True
    whole: bool = False
    together: bool = False
    replicas: int = REPLICAS
    sync_every: int = SYNC_EVERY
    overlap_steps: int = OVERLAP_STEPS
    feedback: bool = True
    least_bits: int = 4
    own: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)


KINDS: dict[AlgorithmName, Kind] = {
    "data-parallel": Kind("data-parallel", outer_steps=False, replicas=1),
    "diloco": Kind("diloco"),
    "streaming-diloco": Kind("diloco", fragments=True),
    "eager-diloco": Kind("diloco"),
    "sparseloco": Kind(
        "diloco",
        alone=False,
        whole=True,
        replicas=4,
        feedback=False,
        least_bits=2,
        own={"chunk": SPARSE_CHUNK, "top": SPARSE_TOP, "feedback_decay": 0.95},
        defaults={"payload_bits": SPARSE_BITS, "outer_learning_rate": 1.0, "outer_momentum": 0.0},
    ),
    "gossip-diloco": Kind(
        "diloco",
        alone=False,
        whole=True,
        together=True,
        replicas=4,
        feedback=False,
        least_bits=16,
        own={"pull": None},
        defaults={"outer_learning_rate": 0.7, "outer_momentum": 0.5},
    ),
    "two-level-diloco": Kind(
        "diloco",
        alone=False,
        whole=True,
        together=True,
        replicas=4,
        own={"regions": REGIONS, "across_every": ACROSS_EVERY},
    ),
    "decoupled-diloco": Kind(
        "diloco",
        fragments=True,
        alone=False,
        whole=True,
        together=True,
        replicas=4,
        feedback=False,
        sync_every=MERGED_EVERY,
        overlap_steps=MERGED_OVERLAP_STEPS,
        own={"quorum": QUORUM, "paces": None},
        defaults={"mixing": 0.0},
    ),
}
"""Source: arXiv 2508.15706 (decay of the feedback, outer rate); github.com/jkolehm/noloco (rates of gossip)."""


def find_kind(name: Any) -> Kind | None:
    """That of an algorithm's name as somebody wrote it; None if it is no name of one."""
    return next((kind for known, kind in KINDS.items() if known == name), None)


def owner_of(name: str) -> AlgorithmName | None:
    """The algorithm that alone has a field; None if several have it."""
    return next((known for known, kind in KINDS.items() if name in kind.own), None)
