"""Workload documents: analytic (a model of any size), or a recorded trace.

Both become a `Load` for a given set of sites: the compute time of a step, the bytes of an exchange and the tokens of a
batch, with which strategies and the engine work.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from .analytic import AnalyticWorkload
from .recorded import TraceWorkload

__all__ = ["AnalyticWorkload", "TraceWorkload", "Workload"]


def _kind(data: Any) -> str | None:
    """The tag of a workload; tags in brackets are left out of the paths in error messages."""
    if isinstance(data, dict):
        return "(trace)" if "trace" in data else "(analytic)"
    return (
        "(trace)" if isinstance(data, TraceWorkload) else "(analytic)" if isinstance(data, AnalyticWorkload) else None
    )


Workload = Annotated[
    Annotated[AnalyticWorkload, Tag("(analytic)")] | Annotated[TraceWorkload, Tag("(trace)")], Discriminator(_kind)
]
