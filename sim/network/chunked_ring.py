"""A ring all-reduce chunk by chunk: each member begins when it arrives, and continues when it has its own result.

In `collectives` an exchange consists of a few phases, and all its members end together. On links of different speed
members end at different times: the member that receives over the slowest link ends last, and the member that sends
over that link has its whole result long before its own last chunk has left. The difference matters if members compute
meanwhile, most of all if they share a host's compute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import simpy

Send = Callable[[int, int, float], tuple[simpy.Event, float]]
"""(source, target, bytes) -> an event that fires when the last bit has left, and the latency of the path [s]."""


class ChunkedRing:
    """One ring all-reduce under way, chunk by chunk.

    A member sends a chunk when it has received the chunk before (to reduce it or to pass it on) and the next member has
    received its chunk before, too. So no data leave before the receiver has arrived (rendezvous). A member is done when
    it has received its last chunk, and all but a buffer of what it sends has left.

    Args:
      env: the clock.
      send: starts a flow.
      order: the members in the order of the ring.
      payload_bytes: S, the contribution of each member [byte].
      count: number of exchanges, one after the other.
      overhead_s: time before the first byte of each exchange, at every member [s].
      buffer_bytes: size of a sender's buffer: bytes that it need not wait for [byte].

    Source: Patarasuk and Yuan, J. Parallel Distrib. Comput. 69 (2009), for the chunks; MPI (large messages) and Gloo
      (buffers) for the rendezvous.
    Limits: a chunk is forwarded after all of it has arrived, so the latency is paid 2 (M - 1) times.
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
        """The process of one member, from its arrival until it is done."""
        target = self._next[member]
        for number in range(self._chunks):
            if number % self._of_each == 0 and self._overhead_s:
                yield self._env.timeout(self._overhead_s)
            self._ready[member][number].succeed()
            handed_over = self._env.process(self._pass_on(member, target, number))
            yield self._there[member][number]
            yield handed_over

    def _pass_on(self, member: int, target: int, number: int) -> simpy.events.ProcessGenerator:
        """Sends a chunk as soon as the target is ready; ends when the rest of the chunk fits into the buffer."""
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
