"""The table of formats: the first whose signs a file has is taken, unless the user names one."""

from __future__ import annotations

from pathlib import Path

from ...errors import InputError
from . import chakra, kineto, maxtext, nccl_tests, tables, torchft, wandb_file
from .log import Asked, Log, LogFormat, content_of

FORMATS: tuple[LogFormat, ...] = (
    *wandb_file.FORMATS,
    *kineto.FORMATS,
    *chakra.FORMATS,
    *torchft.FORMATS,
    *maxtext.FORMATS,
    *nccl_tests.FORMATS,
    *tables.FORMATS,
)
"""In the order in which they are tried: what has more signs comes first."""
BY_NAME = {each.name: each for each in FORMATS}


def read_log(path: Path, asked: Asked, name: str | None = None) -> tuple[Log, LogFormat]:
    """Reads a log.

    Args:
      path: of the file.
      asked: what the user says of it.
      name: of the format; None: the one that its content has the signs of.

    Raises:
      InputError: no format has such signs, or the log is damaged; says file and line.
    """
    content = content_of(path)
    if not content.strip():
        raise InputError(f"{path}: is empty; give a log with at least one step")
    if b'"crosshaul-trace"' in content[:4096]:
        raise InputError(f"{path}: is a trace already; write simulate --trace {path}")
    form = BY_NAME[name] if name else next((each for each in FORMATS if each.matches(content)), None)
    if form is None:
        known = "; ".join(f"{each.name}: {each.signs}" for each in FORMATS)
        raise InputError(f"{path}: has the signs of no format ({known}); write --from with the one that it is")
    return form.read(path, content, asked), form
