"""Which engine somebody asks for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ....errors import ArgumentError, brief
from ....shell.other_process import cores
from .engine import Engine
from .here import Here
from .processes import Processes


def engine(
    on: str | None = None,
    workers: int | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    points: int,
    results: Path | None = None,
) -> Engine:
    """Who computes.

    Args:
      on: `processes` of this machine (unless given), `ray`, `ray://host:port` or `slurm`.
      workers: how many compute at once; None: as many as there are processors, or what the engine thinks right.
      options: of the engine.
      points: how many there are.
      results: the file of the rows, beside which an engine may keep what it needs.

    Raises:
      InputError: there is none of that name, what it needs is not installed, or an option has no use.
    """
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise ArgumentError("{workers}: got {got}; write 1 or more", got=brief(workers))
    if on is None or on == "processes":
        if options:
            told = "{on_option} {key}: processes of this machine have no options; leave it out, or write {on:slurm}"
            raise ArgumentError(told, key=next(iter(options)))
        here = min(workers or cores(), points)
        return Here() if here == 1 else Processes(here)
    if on == "ray" or on.startswith("ray://"):
        _installed("ray", "ray")
        from .on_ray import OnRay

        return OnRay(on if on != "ray" else None, workers, options or {})
    if on == "slurm":
        _installed("submitit", "slurm")
        from .on_slurm import OnSlurm

        folder = results.with_name(f"{results.name}.slurm") if results else Path("sweep.slurm")
        return OnSlurm(workers, options or {}, folder)
    told = "{on}: there is no engine {got}; write processes, ray, ray://host:10001 or slurm"
    raise ArgumentError(told, got=brief(on))


def _installed(module: str, extra: str) -> None:
    if find_spec(module) is None:
        told = "{on}: needs {module}; install the extra: pip install 'crosshaul[{extra}]'"
        raise ArgumentError(told, module=module, extra=extra)
