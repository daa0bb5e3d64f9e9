"""Answers that take too long, or that nobody waits for, are ended; the next one is worked out as if nothing were."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from sim.errors import InputError
from sim.serve.answer import Task
from sim.serve.limits import StoppedError, Workers
from sim.serve.state import State, read

SLOW = read([("topology", "swarm-16"), ("workload", "10b"), ("strategy", "async-diloco"), ("replicas", "16")])
"""Replayed step by step, for longer than any limit here."""


def pids(workers: Workers) -> set[int]:
    return {worker._process.pid for worker in workers._all}


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def collected(workers: Workers, task: Task) -> dict[str, str]:
    found: dict[str, str] = {}
    async for part in workers.ask(task):
        found |= part
    return found


def tried(story, limit_s: float) -> None:
    async def whole() -> None:
        workers = Workers(1, limit_s)
        await workers.start()
        try:
            await story(workers)
        finally:
            processes = pids(workers)
            await workers.stop()
            assert not any(map(is_alive, processes))

    asyncio.run(whole())


def test_what_takes_too_long_is_ended_and_its_process_is_gone():
    async def story(workers):
        (before,) = pids(workers)
        with pytest.raises(StoppedError, match=r"longer than 1.5 s.*Leave out a strategy"):
            await collected(workers, Task(SLOW))
        assert not is_alive(before)
        assert "text" in await collected(workers, Task(State(), "yaml"))

    tried(story, 1.5)


def test_what_nobody_waits_for_is_ended():
    async def story(workers):
        (before,) = pids(workers)
        asking = asyncio.create_task(collected(workers, Task(SLOW)))
        await asyncio.sleep(0.5)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert not is_alive(before)
        assert "text" in await collected(workers, Task(State(), "yaml"))

    tried(story, 30.0)


def test_a_mistake_leaves_the_worker_as_it_is():
    async def story(workers):
        before = pids(workers)
        with pytest.raises(InputError, match="needs 8 datacenters"):
            await collected(workers, Task(read([("replicas", "8")])))
        assert pids(workers) == before
        assert "verdict" in await collected(workers, Task(State()))

    tried(story, 30.0)


def test_a_worker_that_dies_is_replaced():
    async def story(workers):
        (before,) = pids(workers)
        asking = asyncio.create_task(collected(workers, Task(SLOW)))
        await asyncio.sleep(0.5)
        os.kill(before, 9)
        with pytest.raises(StoppedError, match="has ended"):
            await asking
        assert "text" in await collected(workers, Task(State(), "yaml"))

    tried(story, 30.0)


def test_who_waits_too_long_for_a_worker_is_told():
    async def story(workers):
        asking = asyncio.create_task(collected(workers, Task(SLOW)))
        await asyncio.sleep(0.1)
        workers.limit_s = 0.3
        with pytest.raises(StoppedError, match="try again"):
            await collected(workers, Task(State()))
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    tried(story, 30.0)


def test_no_thread_is_left_waiting():
    async def story(workers):
        began = time.monotonic()
        for _ in range(8):  # more than the threads that there are
            asking = asyncio.create_task(collected(workers, Task(SLOW)))
            await asyncio.sleep(0.1)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        assert "verdict" in await collected(workers, Task(State()))
        assert time.monotonic() - began < 25  # none waited for the limit

    tried(story, 30.0)
