"""Ctrl-C and SIGTERM end a run at once, also during a compilation, with one line and the usual exit code.

JAX compiles in C++: an exception raised there may be lost, and a process that unwinds meanwhile dies of SIGSEGV. So a
thread waits for signals, prints what the run leaves behind, and ends the process. Nothing has to be closed: a trace
consists of whole lines at every moment, and checkpoints are written atomically. Only a checkpoint that is being written
is waited for; a second signal ends the process without it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sim.errors import printable

_SAID = {signal.SIGINT: "interrupted", signal.SIGTERM: "stopped by SIGTERM"}
_SHOW_CURSOR = "\x1b[?25h"
_STDERR = 2


@dataclass
class Ending:
    """The end of a process by a signal.

    Attributes:
      left: returns what the run leaves behind, in a few words; called when the signal comes.
      busy: whether something is being written that is worth waiting for.
      finish: waits for it.
    """

    left: Callable[[], str] = lambda: "nothing was done yet"
    busy: Callable[[], bool] = lambda: False
    finish: Callable[[], None] = lambda: None

    def watch(self) -> None:
        """Installs the handlers that let signals reach the thread; called again after a library replaced them.

        A signal that the process was started to ignore (`nohup`) stays ignored.
        """
        for number in _SAID:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *_: None)

    def end(self, number: int) -> None:
        """Ends the process because of a signal."""
        try:
            _say(f"{_SAID[signal.Signals(number)]}; {self.left()}")
        finally:  # the signal ends the process even if the message fails
            os._exit(128 + number)

    def end_later(self, number: int) -> None:
        """Ends the process because of a signal, when what is being written is on the disk; returns before."""
        _say(f"{_SAID[signal.Signals(number)]}; the last checkpoint is being written (again ends without it)")

        def wait() -> None:
            try:
                self.finish()
            finally:
                self.end(number)

        threading.Thread(target=wait, daemon=True).start()


def _say(words: str) -> None:
    """Writes a line to stderr, but not through sys.stderr: the main thread may be in the middle of writing to it."""
    with suppress(OSError):
        cursor = _SHOW_CURSOR if os.isatty(_STDERR) else ""
        os.write(_STDERR, f"{cursor}\n{printable(words)}\n".encode())  # a path may be no text


@contextmanager
def ending() -> Iterator[Ending]:
    """Lets signals end the process within the context; does nothing outside the main thread, which alone gets them."""
    said = Ending()
    if threading.current_thread() is not threading.main_thread():
        yield said
        return
    inlet, outlet = os.pipe()
    os.set_blocking(outlet, False)
    before = {number: signal.getsignal(number) for number in _SAID}
    woken = signal.set_wakeup_fd(outlet, warn_on_full_buffer=False)
    thread = threading.Thread(target=_wait, args=(inlet, said), daemon=True)
    thread.start()
    said.watch()
    try:
        yield said
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(woken)
        os.close(outlet)
        thread.join()
        os.close(inlet)


def _wait(inlet: int, said: Ending) -> None:
    """Reads the numbers of signals, which Python writes to the pipe, until the pipe is closed."""
    first = True
    while numbers := os.read(inlet, 64):
        for number in numbers:
            if number in _SAID:
                end = said.end_later if first and said.busy() else said.end
                first = False
                end(number)
