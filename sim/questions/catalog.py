"""Everything that has a name: the rows of `simulate list`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import get_args

from ..laws.model_family import FAMILY, ModelShape
from ..strategies import STRATEGIES, AbstractStrategy
from ..topology.model import load_topology, topology_names
from ..trace.series import read_recording, recording_names, recording_path
from ..units.chips import Chip, chips
from ..units.in_words import human_count
from .reproduce.names import PUBLISHED

Row = tuple[str, str]

_HOW = (
    "A key without = has no value by default. Example: --strategy streaming-diloco:replicas=4,overlap=layers; "
    "docs/reference.md describes each key."
)


def rows(kind: str) -> list[Row]:
    """Names and descriptions of one kind: `topologies`, `workloads`, `strategies`, `chips` or `reproductions`."""
    listings: dict[str, Callable[[], list[Row]]] = {
        "topologies": _topologies,
        "workloads": _workloads,
        "strategies": _strategies,
        "chips": _chips,
        "reproductions": _reproductions,
    }
    return listings[kind]()


def _topologies() -> list[Row]:
    return [(name, load_topology(name).description) for name in topology_names()]


def _workloads() -> list[Row]:
    return [_recorded(name) for name in recording_names()] + [_analytic(shape) for shape in FAMILY.values()]


def _reproductions() -> list[Row]:
    return [(name, f"{published.title} ({published.source})") for name, published in PUBLISHED.items()]


def _chips() -> list[Row]:
    return [(chip.name, _chip(chip)) for chip in chips()]


def _chip(chip: Chip) -> str:
    """Peaks, memory and power in a line, and where the numbers were read."""
    others = {"fp8": chip.fp8_flop_per_s, "tf32": chip.tf32_flop_per_s, "fp32": chip.fp32_flop_per_s}
    peaks = {"bf16": chip.peak_flop_per_s} | {name: peak for name, peak in others.items() if peak}
    seen = "read at the maker's" if chip.first_hand else "read in copies"
    return (
        f"{', '.join(f'{name} {peak / 1e12:g}' for name, peak in peaks.items())} Tflop/s; "
        f"{chip.memory_bytes / 1e9:.3g} GB at {chip.memory_bytes_per_s / 1e12:.3g} TB/s; "
        f"{f'{chip.watts:g} W' if chip.watts else 'watts not published'} ({chip.source}; {seen}, {chip.read_on})"
    )


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
    """Each strategy with its own parameters; the common parameters are listed once, at the end."""
    common = list(AbstractStrategy.model_fields)
    rows = [
        (name, f"{(strategy.__doc__ or '').splitlines()[0]}\n{_parameters(strategy, but=['kind', *common])}")
        for name, strategy in STRATEGIES.items()
    ]
    first = next(iter(STRATEGIES.values()))
    own = [key for key in first.model_fields if key not in common]
    return [
        *rows,
        ("all of them", f"The payload of an exchange across datacenters.\n{_parameters(first, but=own)}\n{_HOW}"),
    ]


def _parameters(strategy: type[AbstractStrategy], but: Sequence[str]) -> str:
    """Keys as the user types them, with default and alternatives; only the key if it has no default."""
    defaults = strategy().model_dump(mode="json", by_alias=True)
    words = []
    for name, field in strategy.model_fields.items():
        if name in but:
            continue
        key = field.alias or name
        default = defaults[key]
        others = [other for other in get_args(field.annotation) if isinstance(other, str) and other != default]
        words.append(" or ".join([key if default is None else f"{key}={_written(default)}", *others]))
    return ", ".join(words)


def _written(default: object) -> str:
    """A default as it can be typed: `1` and not `1.0`, and a quantity in quotes."""
    if isinstance(default, float):
        return f"{default:g}"
    return f'"{default}"' if isinstance(default, str) and " " in default else str(default)
