"""What somebody has chosen on the page, and how it stands in the address: `?topology=low-bw&replicas=4`.

The address holds all of it, so a link shares it, and the server keeps nothing. What is read here is checked here: names
of what ships, numbers within ranges, so many strategies at most; nothing in it can name a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from ..errors import InputError, brief
from ..laws.model_family import FAMILY
from ..scenario.overrides import parse_strategy
from ..strategies import STRATEGIES
from ..topology.model import topology_names
from ..trace.series import recording_names
from ..units.in_words import human_count
from ..units.quantities import BANDWIDTH, LATENCY, Unit, parse, read_count, to_text

OWN_SIZE, OWN_PARAMS = "own-size", 7e9
"""The workload that is a model of `params` parameters, and how many these are unless given."""
MOST_STRATEGIES = 8
_LONGEST = 300
"""Characters of one value."""
_RANGES = {"bandwidth": (1e3, 1e15), "latency": (0.0, 60.0)}
_FACTORS = (1e-3, 1e3)
_FACTOR = re.compile(r"(?:[x\u00d7]\s*([0-9.eE+-]{1,20})|([0-9.eE+-]{1,20})\s*[x\u00d7])")


class WrongStateError(Exception):
    """Some of what was chosen cannot be: what to write instead, by field.

    Args:
      errors: a message for each field that is wrong; the empty name stands for the address as a whole.
    """

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


@dataclass(frozen=True)
class Amount:
    """A bandwidth or a latency of all links.

    Attributes:
      number: of every link [bit/s or s], or how many times as much as the topology says.
      factor: whether it is the latter.
    """

    number: float
    factor: bool = False

    def of(self, before: float) -> float:
        """What a link has then, of what the topology says."""
        return before * self.number if self.factor else self.number


@dataclass(frozen=True)
class State:
    """What was chosen; None leaves it to the topology or to the workload.

    Attributes:
      topology, workload: names of what ships; `own-size` for a model of `params` parameters.
      params: N, for `own-size`.
      strategies: as the command writes them: a kind, or `kind:key=value`.
      replicas, sync_every: M and H of all strategies that have them.
      payload_bits: bits of a parameter in outer steps.
      bandwidth, latency: of all links.
      chips: in all datacenters together.
    """

    topology: str = "h100-two-sites"
    workload: str = "10b"
    params: float | None = None
    strategies: tuple[str, ...] = ("data-parallel", "diloco")
    replicas: int | None = None
    sync_every: int | None = None
    payload_bits: float | None = None
    bandwidth: Amount | None = None
    latency: Amount | None = None
    chips: int | None = None


def workload_names() -> list[str]:
    """Names that a workload may have, the one of a model of one's own last."""
    return [*FAMILY, *recording_names(), OWN_SIZE]


def texts(state: State) -> dict[str, str]:
    """Every field that is given, as a person would write it."""
    written = {
        "params": None if state.params is None else count_text(state.params),
        "replicas": state.replicas,
        "sync-every": state.sync_every,
        "payload-bits": None if state.payload_bits is None else f"{state.payload_bits:.12g}",
        "bandwidth": amount_text(state.bandwidth, BANDWIDTH),
        "latency": amount_text(state.latency, LATENCY),
        "chips": state.chips,
    }
    return {key: str(value) for key, value in written.items() if value is not None}


def address(state: State) -> str:
    """The query string that `read` makes the same state of."""
    pairs = [("topology", state.topology), ("workload", state.workload)]
    pairs += [("strategy", entry) for entry in state.strategies]
    return urlencode([*pairs, *texts(state).items()])


def amount_text(amount: Amount | None, unit: Unit) -> str | None:
    """`25 Gbit/s`, or `x2` for twice as much; None for nothing."""
    if amount is None:
        return None
    return f"x{amount.number!r}".removesuffix(".0") if amount.factor else to_text(amount.number, unit)


def count_text(number: float) -> str:
    """`7e9` -> `7B`, or all digits where that would not be the same number."""
    short = human_count(number)
    return short if read_count(short) == number else repr(number)


def read(pairs: Iterable[tuple[str, str]]) -> State:
    """The state of an address.

    Args:
      pairs: names and values of its query, in order; an empty value is none.

    Raises:
      WrongStateError: names every field that is wrong, with what to write instead.
    """
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value.strip())
    errors: dict[str, str] = {}
    if unknown := [name for name in given if name not in _READERS and name != "strategy"]:
        known = ", ".join(["strategy", *_READERS])
        errors[""] = f"{brief(unknown[0])} is nothing that this page knows; leave it out (known: {known})"
    found: dict[str, Any] = {}
    for name, reader in _READERS.items():
        values = [value for value in given.get(name, []) if value]
        try:
            if len(values) > 1:
                raise InputError(f"is given {len(values)} times; keep one of them")
            if values:
                found[name.replace("-", "_")] = reader(_short(values[0]))
        except InputError as error:
            errors[name] = str(error)
    try:
        if "strategy" in given:
            found["strategies"] = _strategies(given["strategy"])
    except InputError as error:
        errors["strategy"] = error.told(lambda argument, _: "" if argument == "strategies" else argument).lstrip(": ")
    errors |= _contradictions(found) if not errors else {}
    if errors:
        raise WrongStateError(errors)
    return State(**found)


def _contradictions(found: dict[str, Any]) -> dict[str, str]:
    """What no value by itself is wrong in; fills in the size of a model of one's own where nobody says it."""
    if found.get("workload") == OWN_SIZE:
        found.setdefault("params", OWN_PARAMS)
    elif "params" in found:
        return {"params": f"goes with the workload {OWN_SIZE} alone; leave it empty, or choose that workload"}
    return {}


def _strategies(values: list[str]) -> tuple[str, ...]:
    """Entries, one a line, each of them once; kinds as such in the order of the list of kinds."""
    entries = [_short(line.strip()) for value in values for line in value.splitlines() if line.strip()]
    if not entries:
        raise InputError("choose at least one strategy")
    kinds = [kind for kind in STRATEGIES if kind in entries]
    wanted = [*kinds, *dict.fromkeys(entry for entry in entries if entry not in STRATEGIES)]
    if len(wanted) > MOST_STRATEGIES:
        raise InputError(f"{len(wanted)} strategies are more than fit here; choose at most {MOST_STRATEGIES}")
    for entry in wanted:
        parse_strategy(entry)
    return tuple(wanted)


def _short(text: str) -> str:
    if len(text) > _LONGEST:
        raise InputError(f"{len(text)} characters are more than anything here needs; write at most {_LONGEST}")
    return text


def _name_of(what: str, names: Callable[[], list[str]]) -> Callable[[str], str]:
    def read_name(text: str) -> str:
        known = names()
        if text not in known:
            raise InputError(f"there is no {what} {brief(text)} here; choose one of {', '.join(known)}")
        return text

    return read_name


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read_whole(text: str) -> int:
        number = read_count(text)
        if number != int(number) or not least <= number <= most:
            raise InputError(f"{brief(text)} cannot be; write a whole number from {least} to {most:,}")
        return int(number)

    return read_whole


def _within(least: float, most: float) -> Callable[[str], float]:
    return lambda text: read_count(text, least, most)


def _amount(name: str, unit: Unit) -> Callable[[str], Amount]:
    def read_amount(text: str) -> Amount:
        if found := _FACTOR.fullmatch(text):
            return Amount(read_count(found[1] or found[2], *_FACTORS), factor=True)
        least, most = _RANGES[name]
        value = parse(text, unit, zero=least == 0)
        if not least <= value <= most:
            span = f"{to_text(least, unit)} to {to_text(most, unit)}"
            raise InputError(f"{brief(text)} is outside of what this page takes; write {unit.noun} of {span}")
        return Amount(value)

    return read_amount


_READERS: dict[str, Callable[[str], Any]] = {
    "topology": _name_of("topology", topology_names),
    "workload": _name_of("workload", workload_names),
    "params": _within(1e5, 1e14),
    "replicas": _whole(1, 1_024),
    "sync-every": _whole(1, 100_000),
    "payload-bits": _within(0.01, 64),
    "bandwidth": _amount("bandwidth", BANDWIDTH),
    "latency": _amount("latency", LATENCY),
    "chips": _whole(1, 10_000_000),
}
"""How each field but the strategies is read, by its name in the address."""
