"""What the command `simulate` begins with: it is there at once, so that Ctrl-C is understood from the first moment."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import NoReturn

_OBJECTS = 200_000
"""New objects after which Python looks for circles of garbage; its own 700 cost a start a tenth of its time."""


def main() -> NoReturn:
    """Loads the program, which takes a moment, and runs it; who loses patience meanwhile sees no traceback."""
    gc.set_threshold(_OBJECTS)
    before = signal.getsignal(signal.SIGINT)
    if before == signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, _: os._exit(128 + number))
    from .app import main as simulate

    try:
        signal.signal(signal.SIGINT, before)
        simulate()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
