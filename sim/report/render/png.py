"""Whether a picture can be drawn as PNG, said before the work begins."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from ...errors import InputError


def check_drawable(path: Path) -> None:
    """Says before the work begins that a picture could not be drawn.

    Raises:
      InputError: matplotlib is not there, the file would be no PNG, or it cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise InputError(f"--plot {path}: is drawn as PNG; write a name such as {path.stem or 'curve'}.png")
    if not path.parent.is_dir():
        raise InputError(f"--plot {path}: there is no folder {path.parent}; make it first")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InputError(f"--plot {path}: may not be written; choose another place")
    if find_spec("matplotlib") is None:
        raise InputError("--plot: needs matplotlib; install the extra: pip install 'crosshaul[plot]'")
