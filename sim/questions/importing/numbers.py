"""Numbers about a run: given, read or guessed, or missing with the option that gives them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...errors import ArgumentError
from ...strategies import STRATEGIES
from ...trace.imports.log import Found
from ...units.chips import Chip, chip_of_kind, chips
from ...units.in_words import human_count

GIVEN = "given"
NEEDED = {
    "params": "parameters of the model",
    "tokens_per_step": "tokens of a step, of all replicas",
    "chips": "chips that computed it",
}
USEFUL = {
    "chip": "kind of chip",
    "payload_bits": "bits of an exchanged parameter",
    "algorithm": "what it was trained with",
    "sync_every": "inner steps between outer steps",
}
_OTHERWISE = {
    "chip": "unknown: no peak to compare with, and no other chips by its law",
    "payload_bits": "unknown: a replay takes 32",
    "algorithm": "unknown",
    "sync_every": "unknown",
}


@dataclass(frozen=True)
class Number:
    """A number about the run.

    Attributes:
      name: the option that gives it, without its dashes.
      value: None where nobody says it.
      origin: `given`, where it was read, or what holds without it.
      missing: whether a trace cannot be made without it.
      about: what it is.
    """

    name: str
    value: float | str | None
    origin: str
    missing: bool
    about: str


@dataclass(frozen=True)
class Said:
    """What the user says of the run; None: to be read, or unknown."""

    params: float | None = None
    active_params: float | None = None
    tokens_per_step: float | None = None
    chips: float | None = None
    chip: str | None = None
    payload_bits: float | None = None
    algorithm: str | None = None
    sync_every: float | None = None


def check(said: Said) -> None:
    """Refuses what cannot be meant.

    Raises:
      InputError: an algorithm is unknown, or a number not above nothing.
    """
    if said.algorithm is not None and said.algorithm not in STRATEGIES:
        raise ArgumentError("{algorithm}: there is none called {name}; write one of {known}",
                            name=said.algorithm, known=", ".join(STRATEGIES))  # fmt: skip
    if said.chip is not None and chip_of_kind(said.chip) is None:
        known = ", ".join(chip.name for chip in chips())
        told = "{chip}: {name} is not in the catalogue ({known}); leave {chip} out"
        raise ArgumentError(told, name=said.chip, known=known)
    for name in ("params", "active_params", "tokens_per_step", "chips", "payload_bits", "sync_every"):
        value = getattr(said, name)
        if value is not None and not 0 < value < math.inf:
            raise ArgumentError(f"{{{name}}}: got {value:g}; write a number above 0")


def numbers_of(said: Said, found: Sequence[Mapping[str, Found]]) -> Iterator[Number]:
    """Each number that a trace needs or can use: as given, else from the first log that tells it."""
    for name, about in (NEEDED | USEFUL).items():
        given = getattr(said, name)
        if given is None and name == "payload_bits" and (counted := _counted_bits(said, found)):
            yield counted
            continue
        read = next((each[name] for each in found if name in each), None)
        if given is not None:
            beside = f"; the log says {_shown(read.value)} ({read.where})" if read and read.value != given else ""
            yield Number(name, given, GIVEN + beside, False, about)
        elif read is not None:
            how = "read" if read.sure else "guessed by its name"
            yield Number(name, read.value, f"{how}: {read.where}", False, about)
        else:
            yield Number(name, None, _OTHERWISE.get(name, "missing"), name in NEEDED, about)


def _counted_bits(said: Said, found: Sequence[Mapping[str, Found]]) -> Number | None:
    """Bits of a parameter, from the bytes of a step's exchange and the parameters; None where one is not known."""
    size = next((each["payload_bytes"] for each in found if "payload_bytes" in each), None)
    params = said.params or next((each["params"].value for each in found if "params" in each), None)
    if size is None or not params:
        return None
    bits = 8 * float(size.value) / float(params)
    return Number("payload_bits", bits, f"read: {size.where}, over the parameters", False, USEFUL["payload_bits"])


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else human_count(value)


def chip_of(values: Mapping[str, float | str | None]) -> Chip | None:
    """The kind of chip among the numbers; None where it is not said, or not in the catalogue."""
    return chip_of_kind(str(values["chip"])) if values["chip"] else None
