"""What `record-trace` and `evaluate-checkpoint` begin with: it is there at once, so that Ctrl-C is understood."""

from __future__ import annotations

import os
import signal


def record_trace() -> None:
    """Loads the trainer, which takes a moment, and runs it."""
    _end_quietly()
    from .record_trace import main

    main()


def evaluate_checkpoint() -> None:
    """Loads the evaluation, which takes a moment, and runs it."""
    _end_quietly()
    from .evaluate_checkpoint import main

    main()


def _end_quietly() -> None:
    """Who loses patience before a run says what it leaves, or behind its end, sees no traceback.

    A SIGINT that the process was started to ignore, as in the background, stays ignored.
    """
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, _: os._exit(128 + number))
