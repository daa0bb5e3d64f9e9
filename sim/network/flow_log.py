"""What flows and links did in a replay, moment by moment, for somebody who looks on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import simpy

from ..engine.ops import Collective
from ..engine.watching import check_room
from .fluid.max_min import Floats
from .fluid.wire import Wire


@dataclass(slots=True)
class Sent:
    """A flow.

    Attributes:
      collective: what its bytes belong to.
      source, target: names of the sites.
      wires: positions of the links on the way.
      size_bytes: how many bytes [byte].
      begin_s: when the first of them leaves [s].
      delay_s: how long each is on its way; with dependent messages, how late the last one comes [s].
      left_s: when the last has left; None: it has not yet [s].
    """

    collective: Collective
    source: str
    target: str
    wires: tuple[int, ...]
    size_bytes: float
    begin_s: float
    delay_s: float
    left_s: float | None = None


class Rate(NamedTuple):
    """What a link carries from a moment on.

    Attributes:
      wire: its position.
      at_s: the moment [s].
      bits_per_s, capacity_bits_per_s: what it carries, and could carry of payload [bit/s].
      at_once_bits: what it let pass at that very moment, out of its bucket [bit].
    """

    wire: int
    at_s: float
    bits_per_s: float
    capacity_bits_per_s: float
    at_once_bits: float = 0.0


class FlowLog:
    """Keeps every flow, and every change of what a link carries.

    Args:
      wires: L, the links.
    """

    def __init__(self, wires: Sequence[Wire]) -> None:
        self.wires = wires
        self.flows: list[Sent] = []
        self.rates: list[Rate] = []
        self._load = np.zeros(len(wires))
        self._capacity = np.array([wire.profile.capacity_at(0.0) for wire in wires])

    def sends(self, flow: Sent, sent: simpy.Event) -> None:
        """A flow begins; `sent` fires when its last byte has left."""

        def left(event: simpy.Event) -> None:
            flow.left_s = float(event.env.now)

        assert sent.callbacks is not None, "a flow has not been sent when it begins"
        sent.callbacks.append(left)
        self.flows.append(flow)

    def divided(self, now_s: float, load: Floats, capacity: Floats) -> None:
        """The links carry this from now on, and could carry that, shape (L + 1,) [bit/s]."""
        changed = (load[:-1] != self._load) | ((load[:-1] > 0) & (capacity[:-1] != self._capacity))
        for wire in np.flatnonzero(changed).tolist():
            self.rates.append(Rate(wire, now_s, float(load[wire]), float(capacity[wire])))
        self._load, self._capacity = load[:-1].copy(), capacity[:-1].copy()
        check_room(len(self.rates) + len(self.flows))

    def passed_at_once(self, now_s: float, bits: Floats) -> None:
        """The links let this pass just now out of their buckets, shape (L + 1,) [bit]."""
        for wire in np.flatnonzero(bits[:-1] > 0).tolist():
            now = float(self._load[wire]), float(self._capacity[wire])
            self.rates.append(Rate(wire, now_s, *now, at_once_bits=float(bits[wire])))
