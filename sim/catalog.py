"""What is known by name: the rows behind `simulate list`."""

from __future__ import annotations

from collections.abc import Callable

from .models import FAMILY, ModelShape
from .recording import read_recording, recording_names, recording_path
from .strategies import STRATEGIES
from .topology import load_topology, topology_names
from .units import human_count

Row = tuple[str, str]


def rows(kind: str) -> list[Row]:
    """Name and description of everything of a kind: `topologies`, `workloads` or `strategies`."""
    listings: dict[str, Callable[[], list[Row]]] = {
        "topologies": _topologies,
        "workloads": _workloads,
        "strategies": _strategies,
    }
    return listings[kind]()


def _topologies() -> list[Row]:
    return [(name, load_topology(name).description) for name in topology_names()]


def _workloads() -> list[Row]:
    return [_recorded(name) for name in recording_names()] + [_analytic(shape) for shape in FAMILY.values()]


def _recorded(name: str) -> Row:
    recording = read_recording(recording_path(name))
    header = recording.header
    return (
        name,
        f"recorded: {recording.steps} steps of {header.model.name}, {header.algorithm}, on {header.device.kind}",
    )


def _analytic(shape: ModelShape) -> Row:
    sizes = f"{human_count(shape.params)} parameters, {shape.layers} layers, {human_count(shape.token_budget)} tokens"
    return shape.name, f"analytic: {sizes}"


def _strategies() -> list[Row]:
    rows = []
    for name, strategy in STRATEGIES.items():
        parameters = [f"{key}={field.default}" for key, field in strategy.model_fields.items() if key != "kind"]
        summary = (strategy.__doc__ or "").splitlines()[0]
        rows.append((name, summary + (f" Parameters: {', '.join(parameters)}" if parameters else "")))
    return rows
