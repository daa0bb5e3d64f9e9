"""One writer at a time: a lock on a file, which ends with the process that holds it, however that ends."""

from __future__ import annotations

import sys

if sys.platform != "win32":
    import fcntl


def lock(handle: int) -> bool:
    """Takes the lock of an open file until it is closed.

    Args:
      handle: its descriptor.

    Returns:
      Whether this process has it now; False where another process does.

    Limits: everybody gets it on Windows, and on file systems that have no locks (Lustre without `-o flock`).
    """
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
