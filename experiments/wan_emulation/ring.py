"""An exchange beside the compute: a ring over TCP, in a thread of its own, of one or more streams to the next site.

A CPU device of JAX runs one program behind the other, so an exchange that is a program hides nothing. This one is
none: it takes the payload out of JAX, and what came is put back in when the outer step needs it. The bytes and their
order are those of the textbook's ring: 2 (M - 1) chunks of 1 / M each way, a chunk sent on when it has come.
"""

from __future__ import annotations

import dataclasses
import os
import select
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
_PORT = 9890
_LARGEST = 1 << 18
"""Bytes that are handed to one socket at once."""


class Ring:
    """Connections of a site to the next one and from the one before.

    Args:
      addresses: of all sites, in the order of the ring: host and port.
      site: which one this is.
      streams: connections to the next site; each carries its share of every chunk.
    """

    def __init__(self, addresses: Sequence[tuple[str, int]], site: int, *, streams: int = 1) -> None:
        self._count, self._site = len(addresses), site
        with socket.create_server(addresses[site]) as listening:
            onward = [_connected(addresses[(site + 1) % self._count], number) for number in range(streams)]
            came = [listening.accept()[0] for _ in range(streams)]
        self._next = onward
        self._before = [each for _, each in sorted((each.recv(1)[0], each) for each in came)]
        for each in (*self._next, *self._before):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            each.setblocking(False)

    def close(self) -> None:
        """Ends the connections."""
        for each in (*self._next, *self._before):
            each.close()

    def mean(self, own: Vector) -> Vector:
        """The mean of the vectors of all sites, the same to the last bit in each; waits for it.

        Args:
          own: this site's; all sites have the same length.
        """
        count, site = self._count, self._site
        sums = own.copy()
        chunks = np.array_split(sums, count)
        work = [np.empty_like(chunk) for chunk in chunks]
        unsent: list[list[memoryview]] = [[] for _ in self._next]
        for step in range(2 * (count - 1)):
            sent, due = (site - step) % count, (site - step - 1) % count
            for queue, part in zip(unsent, self._parts(chunks[sent]), strict=True):
                queue.append(part)
            adding = step < count - 1
            into = work[due] if adding else chunks[due]
            self._pass(unsent, self._parts(into))
            if adding:
                chunks[due] += into
            if step == count - 2:  # the sum of this chunk is complete, and what goes on from here is the mean
                chunks[due] /= count
        self._pass(unsent, [memoryview(b"")] * len(self._before), to_the_end=True)
        return sums

    def _parts(self, chunk: Vector) -> list[memoryview]:
        """A chunk's bytes, divided among the streams."""
        return [memoryview(part).cast("B") for part in np.array_split(chunk, len(self._next))]

    def _pass(self, unsent: list[list[memoryview]], into: list[memoryview], *, to_the_end: bool = False) -> None:
        """Sends what is unsent and receives a chunk, until that has come; to the end: until nothing is unsent."""
        missing = {each: view for each, view in zip(self._before, into, strict=True) if view.nbytes}
        queues = dict(zip(self._next, unsent, strict=True))
        while missing or (to_the_end and any(unsent)):
            readable, writable, _ = select.select([*missing], [each for each, queue in queues.items() if queue], [])
            for each in readable:
                got = each.recv_into(missing[each])
                if not got:
                    raise ConnectionError("the site before closed its connection")
                missing[each] = missing[each][got:]
                if not missing[each].nbytes:
                    del missing[each]
            for each in writable:
                queue = queues[each]
                queue[0] = queue[0][each.send(queue[0][:_LARGEST]) :]
                if not queue[0].nbytes:
                    queue.pop(0)


def _connected(where: tuple[str, int], number: int) -> socket.socket:
    end = time.monotonic() + 60
    while True:
        try:
            made = socket.create_connection(where, timeout=10)
        except ConnectionRefusedError:  # not there yet
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
            continue
        made.sendall(bytes([number]))
        return made


@dataclasses.dataclass(frozen=True)
class Pending:
    """An exchange that is under way: what will come, and how it becomes arrays again."""

    came: Future[tuple[Vector, float]]
    like: Any


class Beside:
    """Exchanges of outer steps by a ring, one behind the other in a thread of their own.

    Args:
      ring: the connections.
    """

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._thread = ThreadPoolExecutor(1, initializer=_first)
        self.took_s: list[float] = []
        """Seconds of each exchange whose result was used [s]."""

    def instead(self, programs: Any) -> Any:
        """The outer programs of a fragment, their exchange replaced by one that goes on beside the compute."""
        return dataclasses.replace(
            programs,
            exchange=self._begin,
            update=self._after(programs.update),
            finish=self._after(programs.finish),
        )

    def _begin(self, sent: Any) -> Pending:
        leaves = [np.asarray(leaf.addressable_shards[0].data).ravel() for leaf in jax.tree.leaves(sent)]
        return Pending(self._thread.submit(self._timed, np.concatenate(leaves)), sent)

    def _timed(self, own: Vector) -> tuple[Vector, float]:
        begin = time.perf_counter()
        return self._ring.mean(own), time.perf_counter() - begin

    def _after(self, move: Callable[..., Any]) -> Callable[..., Any]:
        def moved(outer: Any, came: Pending, kept: Any, params: Any) -> Any:
            mean, took_s = came.came.result()
            self.took_s.append(took_s)
            return move(outer, _arrays(mean, came.like), kept, params)

        return moved


def _first() -> None:
    """Lets the exchange's thread run as soon as it can: it waits nearly always, and whom it keeps waiting is remote."""
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def _arrays(vector: Vector, like: Any) -> Any:
    """The arrays of a pytree over the whole mesh, from this process's share as one vector."""
    leaves, tree = jax.tree.flatten(like)
    made, begin = [], 0
    for leaf in leaves:
        (shard,) = leaf.addressable_shards
        own = vector[begin : begin + shard.data.size].reshape(shard.data.shape)
        begin += shard.data.size
        made.append(
            jax.make_array_from_single_device_arrays(leaf.shape, leaf.sharding, [jax.device_put(own, shard.device)])
        )
    return jax.tree.unflatten(tree, made)


def addresses(hosts: Sequence[str], port: int = _PORT) -> list[tuple[str, int]]:
    """Where the sites listen."""
    return [(host, port) for host in hosts]
