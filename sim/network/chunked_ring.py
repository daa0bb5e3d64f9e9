"""An all-reduce in chunks that wait for each other: members begin when they come and go on with their own result.

In `collectives` an exchange is a few phases, and all its members end at once. On links that differ they do not: in a
ring only the member behind the slowest link has its last chunk last, and whoever sends over that link has everything
long before its own last chunk has left. The difference matters where members then have something else to do, and
most where they share a host's compute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import simpy

Send = Callable[[int, int, float], tuple[simpy.Event, float]]
"""From one member to another, so many bytes: fires when the last bit has left; and the latency of the way [s]."""


class ChunkedRing:
    """One ring all-reduce under way, each of its chunks by itself.

    A member sends a chunk when it has the one before (to reduce it, or to pass it on) and the next member is ready for
    it, which it is once it has the one before, too: no data leave before the receiver has come (rendezvous). It is done
    when its own last chunk is there, and all of what it sends but a buffer's worth has left.

    Args:
      env: the clock.
      send: what starts a flow.
      order: the members in the order of the ring.
      payload_bytes: S, what each of them contributes [byte].
      count: how many exchanges in a row.
      overhead_s: before the first byte of each, at every member [s].
      buffer_bytes: what a sender hands over before it has left [byte].

    Source: Patarasuk and Yuan, J. Parallel Distrib. Comput. 69 (2009), for the chunks; the rendezvous is that of MPI's
      large messages and of Gloo's buffers.
    Limits: a chunk is passed on whole, so the latency is paid 2 (M - 1) times.
    """

    def __init__(
        self,
        env: simpy.Environment,
        send: Send,
        order: Sequence[int],
        payload_bytes: float,
        *,
        count: int = 1,
        overhead_s: float = 0.0,
        buffer_bytes: float = 0.0,
    ) -> None:
        self._env, self._send = env, send
        self._next = dict(zip(order, (*order[1:], order[0]), strict=True))
        self._of_each = 2 * (len(order) - 1)
        self._chunks = count * self._of_each
        self._chunk_bytes = payload_bytes / len(order)
        self._overhead_s, self._buffer_bytes = overhead_s, buffer_bytes
        self._ready, self._there = (
            {member: [env.event() for _ in range(self._chunks)] for member in order} for _ in range(2)
        )

    def member(self, member: int) -> simpy.events.ProcessGenerator:
        """What one member does, from the moment at which it comes to the one at which it is done."""
        target = self._next[member]
        for number in range(self._chunks):
            if number % self._of_each == 0 and self._overhead_s:
                yield self._env.timeout(self._overhead_s)
            self._ready[member][number].succeed()
            handed_over = self._env.process(self._pass_on(member, target, number))
            yield self._there[member][number]
            yield handed_over

    def _pass_on(self, member: int, target: int, number: int) -> simpy.events.ProcessGenerator:
        """Sends a chunk as soon as the target is ready; over when no more than a buffer's worth is left to leave."""
        yield self._ready[target][number]
        rest = min(self._chunk_bytes, self._buffer_bytes)
        if rest < self._chunk_bytes:
            yield self._send(member, target, self._chunk_bytes - rest)[0]
        self._env.process(self._arrive(member, target, number, rest))

    def _arrive(self, member: int, target: int, number: int, rest_bytes: float) -> simpy.events.ProcessGenerator:
        left, latency_s = self._send(member, target, rest_bytes)
        yield left
        yield self._env.timeout(latency_s)
        self._there[target][number].succeed()
