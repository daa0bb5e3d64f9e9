"""A phase of an exchange in simulated time: all its transfers at once, until the last of them has arrived."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import simpy

from .collectives import Phase


class Send(Protocol):
    """What starts a flow: fires when its last bit has left; and how much later that has arrived [s]."""

    def __call__(self, source: int, target: int, size_bytes: float, rounds: int, /) -> tuple[simpy.Event, float]:
        """From one worker to another, as so many dependent messages, each of which pays the latency."""
        ...


def together(env: simpy.Environment, phase: Phase, send: Send) -> simpy.Event:
    """All transfers of a phase at once; the event fires when the last has arrived."""
    arrived = env.event()
    missing = len(phase.transfers)

    def landed(_: simpy.Event) -> None:
        nonlocal missing
        missing -= 1
        if not missing:
            arrived.succeed()

    def on_its_way(delay_s: float) -> Callable[[simpy.Event], None]:
        return lambda _: _then(env.timeout(delay_s), landed)

    for transfer in phase.transfers:
        sent, delay_s = send(transfer.source, transfer.target, transfer.size_bytes, phase.rounds)
        _then(sent, on_its_way(delay_s))
    return arrived


def _then(event: simpy.Event, callback: Callable[[simpy.Event], None]) -> None:
    assert event.callbacks is not None, "the event has not fired yet"
    event.callbacks.append(callback)
