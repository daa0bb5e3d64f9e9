"""The end of a command: an exit code for every outcome, one message, and a traceback only for a defect of ours.

0: an answer; 1: a defect of crosshaul; 2: wrong input, or a file that cannot be written; 130 and 143: a signal.
"""

from __future__ import annotations

import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from ..documents.reading import noting_reads
from ..errors import CrosshaulError
from .options import in_options
from .printing import abandon_stdout, tell

INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM


def run_and_exit(command: Callable[[], Any]) -> NoReturn:
    """Runs a command and ends the process with the exit code of its outcome."""
    with _terminable(), noting_reads():
        code = _outcome(command)
    sys.exit(code)


def _outcome(command: Callable[[], Any]) -> int:
    try:
        command()
    except SystemExit as end:
        if end.code == 1 and _nobody_reads():  # `simulate --help | true`
            abandon_stdout()
            return 0
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return INTERRUPTED
    except CrosshaulError as error:
        tell(f"error: {in_options(error)}", red=True)
        return error.exit_code
    except MemoryError:
        tell("error: there is not enough memory for this; take fewer datacenters, layers or steps", red=True)
        return 2
    except OSError as error:
        abandon_stdout()
        where, why = error.filename or "the system says", error.strerror or error
        tell(f"error: {where}: {why}; check the name, the permissions and the free space on the disk", red=True)
        return 2
    except Exception:
        tell(traceback.format_exc().rstrip())
        tell("this is a defect of crosshaul, not a mistake in your input: please report it with the lines above")
        return 1
    return 0


@contextmanager
def _terminable() -> Iterator[None]:
    """Lets SIGTERM end the command as Ctrl-C does, so that clean-up code runs."""

    def end(*_: object) -> NoReturn:
        raise SystemExit(TERMINATED)

    before = signal.getsignal(signal.SIGTERM)
    with suppress(ValueError):  # not the main thread
        if before == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        with suppress(ValueError):
            if before == signal.SIG_DFL:
                signal.signal(signal.SIGTERM, before)


def _nobody_reads() -> bool:
    """Whether standard output is a pipe whose reader has gone."""
    with suppress(AttributeError, OSError, ValueError):  # no pipe, closed, or a system without poll
        poller = select.poll()
        poller.register(sys.stdout.fileno(), select.POLLOUT)
        return any(events & select.POLLERR for _, events in poller.poll(0))
    return False
