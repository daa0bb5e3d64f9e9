"""What is known by name, for completion in a shell and for hints: read from file names, since a key press is quick."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources


def topologies() -> list[str]:
    """Names of the topologies that ship."""
    return sorted(_stems("topologies", ".yaml"))


def workloads() -> list[str]:
    """Names of the models of the family, and of the recordings that ship."""
    from ..laws.model_family import FAMILY

    return [*FAMILY, *recordings()]


def recordings() -> list[str]:
    """Names of the recordings that ship."""
    return sorted({*_stems("sim.trace.shipped", ".jsonl")})


def strategies() -> list[str]:
    """Kinds of strategies: a file each."""
    return sorted(stem.replace("_", "-") for stem in _stems("sim.strategies", ".py") if not stem.startswith("_"))


def topologies_from(incomplete: str) -> list[str]:
    """Topologies whose names begin so."""
    return [name for name in topologies() if name.startswith(incomplete)]


def workloads_from(incomplete: str) -> list[str]:
    """Workloads whose names begin so."""
    return [name for name in workloads() if name.startswith(incomplete)]


def recordings_from(incomplete: str) -> list[str]:
    """Recordings whose names begin so."""
    return [name for name in recordings() if name.startswith(incomplete)]


def strategies_from(incomplete: str) -> list[str]:
    """Strategies whose names begin so."""
    return [name for name in strategies() if name.startswith(incomplete)]


def option_for(word: str) -> str | None:
    """The option that takes a name, for who typed the name alone."""
    named = {"--topology": topologies, "--workload": workloads, "--strategy": strategies}
    return next((option for option, known in named.items() if word.lower() in known()), None)


def _stems(package: str, ending: str) -> Iterator[str]:
    folder = resources.files(package.partition(".")[0]).joinpath(*package.split(".")[1:])
    return (path.name.removesuffix(ending) for path in folder.iterdir() if path.name.endswith(ending))
