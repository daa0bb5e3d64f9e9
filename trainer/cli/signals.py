"""Ctrl-C and SIGTERM end a run at once, in the middle of a compilation too, with one line and the usual exit code.

JAX compiles in C++: an exception raised there may be lost, and a process that unwinds meanwhile dies of SIGSEGV. So a
thread waits for signals, says what is left, and ends the process. There is nothing to close: a trace is whole lines at
every moment, and a checkpoint is whole or not there.
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
    """How a process says that a signal ended it.

    Attributes:
      left: what is left, in a few words; asked for when the signal comes.
    """

    left: Callable[[], str] = lambda: "nothing was done yet"

    def watch(self) -> None:
        """Sees to it that signals reach the thread (again, where a library has put itself in the way).

        One that the process was started to ignore, as `nohup` does, stays ignored.
        """
        for number in _SAID:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *_: None)

    def end(self, number: int) -> None:
        """Ends the process because of a signal."""
        try:
            # not through sys.stderr: the thread that is stopped may be in the middle of writing to it
            with suppress(OSError):
                cursor = _SHOW_CURSOR if os.isatty(_STDERR) else ""
                said = printable(f"{_SAID[signal.Signals(number)]}; {self.left()}")  # a path may be no text
                os.write(_STDERR, f"{cursor}\n{said}\n".encode())
        finally:  # whatever is wrong with the words, the signal counts
            os._exit(128 + number)


@contextmanager
def ending() -> Iterator[Ending]:
    """Signals end the process inside; does nothing in a thread that is not the main one, which gets none."""
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
    """Reads the numbers of signals, which Python writes as they come, until there can be no more."""
    while numbers := os.read(inlet, 64):
        for number in numbers:
            if number in _SAID:
                said.end(number)
