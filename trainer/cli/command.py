"""Entry points of `record-trace` and `evaluate-checkpoint`; they load at once, so that Ctrl-C works from the start."""

from __future__ import annotations

import os
import signal


def record_trace() -> None:
    """Imports the trainer, which takes a moment, and runs it."""
    _end_quietly()
    from .record_trace import main

    main()


def evaluate_checkpoint() -> None:
    """Imports the evaluation, which takes a moment, and runs it."""
    _end_quietly()
    from .evaluate_checkpoint import main

    main()


def _end_quietly() -> None:
    """Ends the process on Ctrl-C without a traceback, before the run handles signals itself and after its end.

    A SIGINT that the process was started to ignore (a background job) stays ignored.
    """
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, _: os._exit(128 + number))
