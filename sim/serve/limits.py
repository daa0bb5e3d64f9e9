"""Answers in worker processes, so that one that takes too long, or that nobody waits for any more, is really ended."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import sys
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from ..errors import InputError
from ..shell.options import as_option
from ..shell.printing import tell
from .answer import Part, Task, parts

_MEMORY_BYTES = 4 * 2**30
"""Address space of a worker; a question that fits the page needs a tenth of it [byte]."""


class StoppedError(Exception):
    """There is no answer: why, and what to do, in a sentence."""


def work(connection: Connection) -> None:
    """What a worker process does until its parent is gone: takes a task, sends the parts of its answer, then None."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, who ends us
    _bound_memory()
    with suppress(EOFError, OSError):
        while True:
            task: Task = connection.recv()
            try:
                for part in parts(task):
                    connection.send(part)
                connection.send(None)
            except InputError as error:
                connection.send(InputError(error.told(as_option)))  # in words: its parts would not come over
            except MemoryError:
                connection.send(StoppedError("There is not enough memory for this; take fewer steps or strategies."))
            except Exception:
                tell(traceback.format_exc().rstrip())
                connection.send(StoppedError("This is a fault of crosshaul; please report what the terminal shows."))


def _bound_memory() -> None:
    if sys.platform == "linux":
        import resource

        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, resource.RLIM_INFINITY))


class Worker:
    """A process that answers one task at a time.

    Args:
      context: how processes are started.
    """

    def __init__(self, context: Any) -> None:
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs,), daemon=True, name="crosshaul worker")
        self._process.start()
        theirs.close()

    def send(self, task: Task) -> None:
        """Hands it a task."""
        self._ours.send(task)

    def receive(self, within_s: float) -> Any:
        """What it sends next: a part, None at the end, or an error.

        Raises:
          TimeoutError: nothing came in time [s].
          EOFError: the process has gone.
        """
        if not self._ours.poll(max(0.0, within_s)):
            raise TimeoutError
        return self._ours.recv()

    def end(self) -> None:
        """Ends the process, whatever it is at."""
        self._process.kill()
        self._process.join()


class Workers:
    """Some worker processes, and who may have one.

    Args:
      count: how many.
      limit_s: what an answer may take [s].
    """

    def __init__(self, count: int, limit_s: float) -> None:
        method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        self._context = multiprocessing.get_context(method)
        if method == "forkserver":  # it imports once; a new worker is there in some milliseconds
            self._context.set_forkserver_preload([__name__])
        self._count, self.limit_s = count, limit_s
        self._idle: asyncio.Queue[Worker] = asyncio.Queue()
        self._all: set[Worker] = set()

    async def start(self) -> None:
        """Starts all of them."""
        for _ in range(self._count):
            await self._add()

    async def stop(self) -> None:
        """Ends all of them."""
        for worker in self._all:
            worker.end()
        self._all.clear()

    async def _add(self) -> None:
        worker = await asyncio.to_thread(Worker, self._context)
        self._all.add(worker)
        self._idle.put_nowait(worker)

    async def ask(self, task: Task) -> AsyncIterator[Part]:
        """The parts of an answer as they get ready.

        A worker that does not finish (out of time, gone, or the asker went away and closes this iterator) is killed,
        and another takes its place.

        Raises:
          InputError: what was asked does not fit together.
          StoppedError: it took too long, or all workers were busy for too long.
        """
        try:
            worker = await asyncio.wait_for(self._idle.get(), self.limit_s)
        except TimeoutError:
            raise StoppedError("Too many answers are being worked out at once; try again in a moment.") from None
        finished, end_s = False, time.monotonic() + self.limit_s
        try:
            worker.send(task)
            while not finished:
                found = await asyncio.to_thread(worker.receive, end_s - time.monotonic())
                finished = not isinstance(found, dict)
                if isinstance(found, Exception):
                    raise found
                if found is not None:
                    yield found
        except TimeoutError:
            raise StoppedError(self._too_long()) from None
        except (EOFError, OSError):
            raise StoppedError(
                "The process that worked it out has ended (out of memory?); take a smaller run."
            ) from None
        finally:
            if finished:
                self._idle.put_nowait(worker)
            else:
                await asyncio.shield(self._replace(worker))

    async def _replace(self, worker: Worker) -> None:
        self._all.discard(worker)
        worker.end()
        await self._add()

    def _too_long(self) -> str:
        return (
            f"This takes longer than {self.limit_s:g} s, so it was ended. Leave out a strategy (async-diloco is "
            "replayed step by step) or take fewer replicas; or run the command below, which has no limit."
        )
