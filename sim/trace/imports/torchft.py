"""The log of a replica that torchft trains with DiLoCo: one line when a fragment is sent, one when it is committed.

Source: torchft's `local_sgd.py` and `manager.py`, whose lines these are, under Python's logging with `%(asctime)s` in
front.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from ...errors import InputError
from .log import Asked, Found, Log, LogFormat, LoggedStep, text_of

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)[,.](\d{1,6})")
_SYNC = re.compile(r"Syncing fragment=(\d+) step=(\d+) manager_step=(\d+)")
_COMMIT = re.compile(r"\[(?P<who>[^\s:\]]+)\S* - step \d+\] should_commit=(?P<done>True|False)")


def matches(content: bytes) -> bool:
    """Whether a fragment is sent in it."""
    return _SYNC.search(content.decode("utf-8", "replace")) is not None


def read(path: Path, content: bytes, asked: Asked) -> Log:
    """The inner steps between two commits, equally long, and what the last of them waited for the exchange."""
    steps: list[LoggedStep] = []
    fragments: set[str] = set()
    who: set[str] = set()
    inner = failed = 0
    began_us: int | None = None
    sent: tuple[int, int] | None = None
    for line, text in enumerate(text_of(path, content).split("\n"), 1):
        if said := _SYNC.search(text):
            fragments.add(said[1])
            inner = int(said[2])
            sent = _moment(path, line, text), inner
        elif (done := _COMMIT.search(text)) and sent:
            now_us = _moment(path, line, text)
            who.add(done["who"])
            failed += done["done"] == "False"
            steps += _round(began_us, sent, now_us, len(steps))
            began_us, sent = now_us, None
    if len(who) > 1:
        raise InputError(f"{path}: has lines of {len(who)} replicas ({', '.join(sorted(who))}); give a log of each")
    if not steps:
        raise InputError(f"{path}: has no two commits, between which steps could be timed; give a longer log")
    notes = [
        "the first round is left out: when it began is not in the log",
        "what a round waited for its quorum, before it sent a fragment, counts as compute",
    ]
    if failed:
        notes.append(f"{failed} exchanges were not committed; their seconds count as exchange")
    kind = "diloco" if len(fragments) == 1 else "streaming-diloco"
    found = {
        "algorithm": Found(kind, f"{len(fragments)} fragment{'s'[: len(fragments) > 1]}"),
        "sync_every": Found(float(inner * len(fragments)), "steps at which a fragment is sent, times the fragments"),
    }
    took = (
        "seconds of a step: from a commit to the next fragment that is sent, over the steps between",
        "exchanges: from sending a fragment to its commit",
    )
    return Log(tuple(steps), found, took, notes=tuple(notes))


def _round(began_us: int | None, sent: tuple[int, int], now_us: int, before: int) -> list[LoggedStep]:
    sent_us, count = sent
    if began_us is None or sent_us <= began_us:
        return []
    each = (sent_us - began_us) * 1e-6 / count
    waited = max(0, now_us - sent_us) * 1e-6
    steps = [LoggedStep(before + 1 + number, each) for number in range(count - 1)]
    return [*steps, LoggedStep(before + count, each + waited, waited)]


def _moment(path: Path, line: int, text: str) -> int:
    """The time of a line, in whole microseconds."""
    said = _TIME.search(text)
    if said is None:
        raise InputError(
            f'{path}:{line}: has no time; log with logging.basicConfig(format="%(asctime)s %(name)s %(message)s")'
        )
    moment = datetime.fromisoformat(f"{said[1]} {said[2]}").replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000 + int(said[3].ljust(6, "0"))


FORMATS = (
    LogFormat("torchft", "the log of a replica of torchft's DiLoCo", "lines `Syncing fragment=`", matches, read),
)
