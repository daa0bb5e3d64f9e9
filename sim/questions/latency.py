"""How long a model takes to answer on a number of chips, and which mesh answers within a deadline."""

from __future__ import annotations

from dataclasses import dataclass

from ..documents.chip_keys import known_name
from ..errors import ArgumentError, InputError
from ..laws.inference_latency import (
    Layout,
    Pass,
    Served,
    chip_bytes,
    decode,
    prefill,
    served,
    served_by_size,
    served_like,
)
from ..laws.shapes import TransformerShape
from ..units.chips import UTILIZATION, Chip, find_chip
from .meshes import HOP_S, Mesh, meshes, source_of

MEMORY_SHARE = 0.9
"""Assumed share of the bandwidth of memory that reading weights and cache reaches, that of large copies."""


@dataclass(frozen=True)
class Ask:
    """What is served, and how.

    Attributes:
      chip: the kind, by its name.
      shape: of the model; None: only its size is known.
      params: N, where there is no shape.
      like_llama_3: whether that model has the dimensions of Llama 3, scaled to its size; else nothing is known of them.
      prompt_tokens: of a prompt [tokens].
      output_tokens: generated, the first of which comes from the prefill [tokens].
      batch: sequences at once.
      chips: only this mesh; None: all.
      deadline_s: for the whole answer [s].
      mfu, memory_share: shares of the peaks that are assumed.
      weight_bytes: of a parameter [byte].
      cache_bytes: of a number in the cache; None: 2 [byte].
      interconnect_bits_per_s: of a chip to all others, one way; None: as published [bit/s].
    """

    chip: str
    shape: TransformerShape | None = None
    params: float | None = None
    like_llama_3: bool = False
    prompt_tokens: int = 8192
    output_tokens: int = 1
    batch: int = 1
    chips: int | None = None
    deadline_s: float | None = None
    mfu: float = UTILIZATION
    memory_share: float = MEMORY_SHARE
    weight_bytes: float = 2.0
    cache_bytes: float | None = None
    interconnect_bits_per_s: float | None = None


@dataclass(frozen=True)
class OnMesh:
    """One mesh, in the layout that fits and has the shortest assumed answer; where none fits, that of least bytes.

    Attributes:
      mesh, chips: its name, and how many there are.
      model_chips, token_groups: chips that share the weights, and groups that share the tokens.
      chip_bytes: weights and cache on a chip [byte].
      fits: whether that is no more than its memory.
      prefill, decode: the passes at the peaks; `decode` is None where one token alone is asked for.
      prefill_bound, decode_bound: what takes longest in them.
      prefill_least_s, prefill_assumed_s: until the first token [s].
      decode_least_s, decode_assumed_s: for each further token [s].
      answer_least_s, answer_assumed_s: for the whole answer [s].
    """

    mesh: str
    chips: int
    model_chips: int
    token_groups: int
    chip_bytes: float
    fits: bool
    prefill: Pass
    decode: Pass | None
    prefill_bound: str
    decode_bound: str | None
    prefill_least_s: float
    prefill_assumed_s: float
    decode_least_s: float | None
    decode_assumed_s: float | None
    answer_least_s: float
    answer_assumed_s: float


@dataclass(frozen=True)
class Latency:
    """The answer.

    Attributes:
      asked, chip: what was asked, and the chip.
      params: N.
      one_chip_rule_s: 2 N T B over the peak of one chip [s].
      rows: by mesh.
      least_mesh: the smallest mesh that fits and answers in time at the peaks, in any layout; None: none does, or
        there is no deadline.
      assumed_mesh: the same at the assumed shares.
      notes: what is assumed, and what is not counted.
    """

    asked: Ask
    chip: Chip
    params: float
    one_chip_rule_s: float
    rows: tuple[OnMesh, ...]
    least_mesh: str | None
    assumed_mesh: str | None
    notes: tuple[str, ...]


def answer(asked: Ask) -> Latency:
    """Prefill and decode on every mesh of a kind of chip, in the layout that is quickest.

    Args:
      asked: the question.

    Raises:
      InputError: the chip is unknown, a number is out of range, or has no effect.
    """
    try:
        chip = find_chip(known_name(asked.chip))
    except InputError:
        known = "; `simulate list chips` has their names"
        raise ArgumentError("{chip}: there is none named {got!r}{known}", got=asked.chip, known=known) from None
    assert chip is not None
    _check(asked)
    cache_bytes = 2.0 if asked.cache_bytes is None else asked.cache_bytes
    if asked.shape is not None:
        model, params = served(asked.shape, asked.weight_bytes, cache_bytes), float(asked.shape.params)
    else:
        params = asked.params or 0.0
        like = asked.like_llama_3
        model = (
            served_like(params, asked.weight_bytes, cache_bytes) if like else served_by_size(params, asked.weight_bytes)
        )
    tried = [_layouts(mesh, model, chip, asked) for mesh in _meshes(asked, chip)]
    rows = tuple(min(each, key=_worse) for each in tried)
    most_s = asked.deadline_s or 0.0
    least = [row for each in tried for row in each if row.fits and row.answer_least_s <= most_s]
    assumed = [row for row in rows if row.fits and row.answer_assumed_s <= most_s]
    return Latency(
        asked=asked,
        chip=chip,
        params=params,
        one_chip_rule_s=2 * params * asked.prompt_tokens * asked.batch / chip.peak_flop_per_s,
        rows=rows,
        least_mesh=least[0].mesh if least else None,
        assumed_mesh=assumed[0].mesh if assumed else None,
        notes=tuple(_notes(asked, chip, rows)),
    )


def _check(asked: Ask) -> None:
    """Raises an InputError where a number is out of range or has no effect."""
    if (asked.shape is None) == (asked.params is None):
        raise ArgumentError("{shape}: give the model by {shape:llama-3-70b}, or by its size alone, {params:70B}")
    ranges: tuple[tuple[str, float | None, float, float], ...] = (
        ("prompt_tokens", asked.prompt_tokens, 1, 1e8),
        ("output_tokens", asked.output_tokens, 1, 1e8),
        ("batch", asked.batch, 1, 1e6),
        ("chips", asked.chips, 1, 1e6),
        ("params", asked.params, 1e-3, 1e18),
        ("mfu", asked.mfu, 1e-6, 1),
        ("memory_share", asked.memory_share, 1e-6, 1),
        ("weight_bytes", asked.weight_bytes, 0.1, 16),
        ("cache_bytes", asked.cache_bytes, 0.1, 16),
        ("deadline", asked.deadline_s, 1e-9, 1e9),
    )
    for name, value, low, high in ranges:
        if value is not None and not low <= value <= high:
            raise ArgumentError(f"{{{name}}}: got {value:g}; write {low:g} to {high:g}")
    if asked.shape is None:
        for name, value in (("cache_bytes", asked.cache_bytes), ("interconnect", asked.interconnect_bits_per_s)):
            if value is not None:
                why = "has no effect on a model of unknown shape; write {shape:llama-3-70b}, or leave it out"
                raise ArgumentError(f"{{{name}}}: {why}")
    if asked.chips == 1 and asked.interconnect_bits_per_s is not None:
        raise ArgumentError("{interconnect}: one chip exchanges nothing; leave it out")


def _meshes(asked: Ask, chip: Chip) -> tuple[Mesh, ...]:
    every = meshes(chip.name, asked.interconnect_bits_per_s)
    if asked.chips is None:
        return every
    found = tuple(mesh for mesh in every if mesh.chips == asked.chips)
    if not found:
        counts = ", ".join(str(mesh.chips) for mesh in every)
        told = "{chips}: there is no mesh of {got} {name}; write one of {counts}"
        raise ArgumentError(told, got=asked.chips, name=chip.name, counts=counts)
    return found


def _layouts(mesh: Mesh, model: Served, chip: Chip, asked: Ask) -> list[OnMesh]:
    """A mesh in every layout."""
    lanes = mesh.lanes()
    return [
        _in(Layout(*each, chip.peak_flop_per_s, chip.memory_bytes_per_s), mesh, model, chip, asked) for each in lanes
    ]


def _worse(row: OnMesh) -> tuple[bool, float]:
    """What makes a layout the worse one."""
    return not row.fits, row.answer_assumed_s if row.fits else row.chip_bytes


def _in(layout: Layout, mesh: Mesh, model: Served, chip: Chip, asked: Ask) -> OnMesh:
    further = asked.output_tokens - 1
    first = prefill(model, layout, asked.batch, asked.prompt_tokens)
    # the mean cache of all further passes, each of which reads one token more than the one before
    later = decode(model, layout, asked.batch, asked.prompt_tokens + (further + 1) / 2) if further else None
    held = chip_bytes(model, layout, asked.batch, asked.prompt_tokens + further)
    first_s = first.assumed_s(asked.mfu, asked.memory_share)
    later_s = later.assumed_s(asked.mfu, asked.memory_share) if later else 0.0
    return OnMesh(
        mesh=mesh.name,
        chips=layout.chips,
        model_chips=layout.model.chips,
        token_groups=layout.tokens.chips,
        chip_bytes=held,
        fits=held <= chip.memory_bytes,
        prefill=first,
        decode=later,
        prefill_bound=first.bound,
        decode_bound=later.bound if later else None,
        prefill_least_s=first.least_s,
        prefill_assumed_s=first_s,
        decode_least_s=later.least_s if later else None,
        decode_assumed_s=later_s if later else None,
        answer_least_s=first.least_s + further * (later.least_s if later else 0.0),
        answer_assumed_s=first_s + further * later_s,
    )


def _notes(asked: Ask, chip: Chip, rows: tuple[OnMesh, ...]) -> list[str]:
    notes = [
        f"least: the peaks of {chip.name} ({chip.peak_flop_per_s / 1e12:g} Tflop/s in bfloat16, "
        f"{chip.memory_bytes_per_s / 1e9:,.0f} GB/s of memory), and compute, memory and exchanges all at once",
        f"assumed: {asked.mfu:.0%} of the peak of compute, {asked.memory_share:.0%} of the bandwidth of memory, and "
        "exchanges after compute",
        f"weights: {asked.weight_bytes:g} bytes a parameter; a chip also needs room for activations, not counted",
    ]
    if asked.shape is None:
        notes.append(
            "the shape of the model is not known: attention, cache and exchanges between chips are not counted, so all "
            "times are too short, and the more so the more chips; write --shape, such as llama-3-70b"
        )
    elif all(row.chips == 1 for row in rows):
        pass
    elif asked.interconnect_bits_per_s is not None:
        notes.append(f"exchanges: {asked.interconnect_bits_per_s / 8e9:,.0f} GB/s a chip as given, {_HOPS}")
    elif source := source_of(chip.name):
        notes.append(f"exchanges: two all-reduces a layer, {_HOPS} ({source})")
    else:
        notes.append(
            f"exchanges: nobody says how fast {chip.name} sends to its neighbours, so they take no time here, and "
            "times on several chips are too short; write --interconnect"
        )
    return notes


_HOPS = f"{HOP_S * 1e6:g} us a hop (an assumption)"
