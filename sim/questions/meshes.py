"""Meshes of chips that can be had, and the links along their axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from ..laws.inference_latency import Lane
from ..topology.inside import PRESETS
from ..units.quantities import BANDWIDTH, parse

HOP_S = 1e-6
"""Time that a message takes from chip to chip, beside its bytes [s].

Limits: an assumption, the order of magnitude of links on a board. It matters for tokens one by one, and hardly for a
prompt.
"""
MOST = 256
"""Chips of the largest mesh that is tried where no list of meshes is published."""


@dataclass(frozen=True)
class _Kind:
    """How chips of a kind are joined.

    Attributes:
      preset: the published bandwidth, a key of `sim.topology.inside.PRESETS`.
      shapes: meshes that can be had, the smallest first; none: any number behind a switch.
      wraps: axes of this length, or of a multiple of it, are closed to rings.
      whole: whether only where all axes are.
    """

    preset: str
    shapes: tuple[tuple[int, ...], ...] = ()
    wraps: int = 0
    whole: bool = False

    def rings(self, axes: tuple[int, ...]) -> tuple[bool, ...]:
        """Which axes of a mesh are rings."""
        closed = tuple(size % self.wraps == 0 for size in axes)
        return closed if all(closed) or not self.whole else (False,) * len(axes)


_FLAT = ((1, 1), (2, 2), (2, 4), (4, 4), (4, 8), (8, 8), (8, 16), (16, 16))
_CUBES = ((1, 1, 1), (2, 2, 1), (2, 2, 2), (2, 4, 4), (4, 4, 4), (4, 4, 8), (4, 8, 8))
_KINDS = {
    "tpu-v5e": _Kind("tpu-v5e", _FLAT, 16),
    "tpu-v5p": _Kind("tpu-v5p", _CUBES, 4, whole=True),
    "h100": _Kind("dgx-h100"),
    "a100": _Kind("dgx-a100"),
}
"""Source: docs.cloud.google.com/tpu/docs/v5e and /v5p (slices, and the bandwidth of a chip to all its neighbours, half
of the bidirectional number); on v5e only axes of 16 chips are rings, on v5p those of whole cubes of four by four by
four: said by others, and not read at the maker's. A lone chip of v5p is no slice that can be had. GPUs: of one node,
behind its switch."""


@dataclass(frozen=True)
class Mesh:
    """Chips that are joined.

    Attributes:
      name: `4x8`, or the number of chips behind a switch.
      axes: chips along each.
      link_bytes_per_s: of a chip to one neighbour, one way; behind a switch: to all others; None: unknown [byte/s].
      wraps: whether each axis is closed to a ring.
      switched: whether any chip reaches any other at full bandwidth.
    """

    name: str
    axes: tuple[int, ...]
    link_bytes_per_s: float | None
    wraps: tuple[bool, ...]
    switched: bool

    @property
    def chips(self) -> int:
        """All of them."""
        return math.prod(self.axes)

    def lanes(self) -> Iterator[tuple[Lane, Lane]]:
        """Every way to share the weights along some axes, or parts of them, and the tokens along the rest."""
        for parts in product(*([part for part in range(size, 0, -1) if size % part == 0] for size in self.axes)):
            yield self._weights(parts), self._tokens(parts)

    def _weights(self, parts: Sequence[int]) -> Lane:
        """Neighbours that share the weights: a part of each axis, closed to a ring if it is the whole of one."""
        whole = [ring and part == size for part, ring, size in zip(parts, self.wraps, self.axes, strict=True)]
        return self._lane([(part, ring, 1) for part, ring in zip(parts, whole, strict=True)])

    def _tokens(self, parts: Sequence[int]) -> Lane:
        """Those that share the tokens: one of each part, so that as many groups as a part has chips use a link."""
        along = zip(self.axes, self.wraps, parts, strict=True)
        return self._lane([(size // part, ring, part) for size, ring, part in along])

    def _lane(self, axes: Sequence[tuple[int, bool, int]]) -> Lane:
        """The links of a group of chips along axes: its chips, whether that is a ring, and how many share a link."""
        used = [axis for axis in axes if axis[0] > 1]
        chips = math.prod(size for size, _, _ in used)
        if not used or self.link_bytes_per_s is None:
            return Lane(chips)
        if self.switched:
            return Lane(chips, self.link_bytes_per_s, 2 * HOP_S)
        # a chip at the end of an open axis has one link along it; there and back, a ring both ways around
        links = sum((2 if ring else 1) / apart for _, ring, apart in used)
        hops = sum(apart * (size if ring else 2 * (size - 1)) for size, ring, apart in used)
        return Lane(chips, links * self.link_bytes_per_s, hops * HOP_S)


def meshes(chip: str, bits_per_s: float | None) -> tuple[Mesh, ...]:
    """The meshes of a kind of chip, the smallest first.

    Args:
      chip: its name in the catalogue.
      bits_per_s: that a chip sends to all others together, one way; None: the published bandwidth [bit/s].
    """
    kind = _KINDS.get(chip)
    if kind is not None and kind.shapes:
        rate = bits_per_s or parse(PRESETS[kind.preset].bandwidth, BANDWIDTH)
        link = rate / 8 / (2 * len(kind.shapes[0]))
        return tuple(
            Mesh("x".join(map(str, axes)), axes, link, kind.rings(axes), switched=False) for axes in kind.shapes
        )
    most, told = MOST, bits_per_s
    if kind is not None and bits_per_s is None:
        preset = PRESETS[kind.preset]
        most, told = preset.node_chips, parse(str(preset.node_bandwidth), BANDWIDTH)
    counts = [2**power for power in range(round(math.log2(most)) + 1)]
    return tuple(Mesh(str(n), (n,), told / 8 if told else None, (False,), switched=True) for n in counts)


def source_of(chip: str) -> str | None:
    """Where the bandwidth between chips of a kind comes from; None where nobody says."""
    kind = _KINDS.get(chip)
    return PRESETS[kind.preset].source if kind else None
