"""The scenario at each point of a sweep. What the point does not change stays the same object, checked once."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from inspect import Parameter, signature
from typing import Any, Protocol

from ...documents.nearest import nearest
from ...documents.settings import assign
from ...documents.validation import Frozen, validate
from ...errors import ArgumentError, InputError, brief
from ...scenario.loading import look_up
from ...scenario.model import Scenario
from ...scenario.overrides import keys_of, parse_strategy, strategy_documents
from ...scenario.variation import FACTORS, INSTEAD_OF
from ...scenario.words import topology_with, workload_with
from .space import Space
from .values import STRATEGY

CHIP = "chip"
PARTS = ("topology", "workload", "strategies")
_WHOLE = ("topology", "workload", STRATEGY)
"""Keys that replace a part of the scenario as a whole, by a name."""
WORDS = tuple(name for name, each in signature(Scenario.vary).parameters.items() if each.kind is Parameter.KEYWORD_ONLY)
_MOST_KEPT = 64
"""Parts of earlier points that are kept, so that a key that varies slowly costs nothing at most points."""


def path_of(key: str) -> list[str | int]:
    """`strategies[1].sync_every` -> `["strategies", 1, "sync_every"]`."""
    return [int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", key)]


def is_path(key: str) -> bool:
    """Whether a key names a place in the scenario, rather than being a word for a change of it."""
    return key not in _WHOLE and (len(path_of(key)) > 1 or key in Scenario.public_keys())


def replaced_by(key: str) -> set[str]:
    """What of a workload or a strategy a varied key sets, or takes out as it says the same in another way."""
    last = str(path_of(key)[-1])
    return set() if key in FACTORS else {last, *INSTEAD_OF.get(last, ())}


def opened_by(keys: Collection[str]) -> frozenset[str]:
    """The parts of a scenario that some keys reach into, which are needed as plain data."""
    return frozenset(str(path_of(key)[0]) for key in keys if is_path(key)) & frozenset(PARTS)


@dataclass(frozen=True)
class Base:
    """What a sweep varies.

    Attributes:
      scenario: as it is without any change.
      plain: parts of it that varied keys reach into, as plain data.
      shared: parameters for all strategies that have them, where `strategy` is varied.
    """

    scenario: Scenario
    plain: Mapping[str, Any] = field(default_factory=dict)
    shared: Mapping[str, Any] = field(default_factory=dict)


def base_of(
    read: Callable[[frozenset[str]], tuple[dict[str, Any], str | None]],
    space: Space,
    shared: Mapping[str, Any],
    source: str,
) -> Base:
    """What a sweep varies, from a document that has not been validated yet.

    Args:
      read: gives the document, with some of its parts as plain data, and its text for line numbers.
      space: the points.
      shared: parameters for all strategies, where `strategy` is varied.
      source: of the document, for messages.

    Raises:
      InputError: something in it is wrong.
    """
    opened = opened_by(space.keys)
    document, text = read(opened - {"strategies"})
    document.pop("sweep", None)
    scenario = validate(Scenario, document, source=source, text=text)
    return Base(scenario, {part: _plain(document[part], part, scenario, space.keys) for part in opened}, shared)


def base_from(scenario: Scenario, space: Space) -> Base:
    """What a sweep varies, from a scenario that a program has made."""
    return Base(scenario, {part: _as_document(scenario, part) for part in opened_by(space.keys)})


def _as_document(scenario: Scenario, part: str) -> Any:
    """A part as plain data, without what nobody gave, so that no default counts as given."""
    if part == "strategies":
        return [{"kind": each.kind} | _dumped(each) for each in scenario.strategies]
    return _dumped(getattr(scenario, part))


def _dumped(model: Frozen) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_none=True, exclude_unset=True)


def _plain(document: Any, part: str, scenario: Scenario, keys: Collection[str]) -> Any:
    """A part as plain data; of a shape that makes sites and links, these, where keys reach into them."""
    generated = part == "topology" and isinstance(document, Mapping) and "generate" in document
    reached = {str(path[1]) for key in keys if is_path(key) and (path := path_of(key))[0] == part and len(path) > 1}
    if generated and reached & {"datacenters", "links", "routers"}:
        return _dumped(scenario.topology)
    return document


class Scenarios:
    """The scenario at each point.

    Args:
      base: what is varied.
      space: the points.

    Raises:
      InputError: there is no such key, or two contradict each other.
    """

    def __init__(self, base: Base, space: Space) -> None:
        self._base, self._space = base, space
        self._paths = {key: path_of(key) for key in space.keys if is_path(key)}
        self._words = [key for key in space.keys if key not in self._paths and key not in (*_WHOLE, CHIP)]
        self._kept: dict[tuple[str, str], Any] = {}
        self._check_keys()

    def at(self, values: Mapping[str, Any]) -> tuple[Scenario, dict[str, Any]]:
        """The scenario with the values of a point, and those of them that it has a place for.

        Raises:
          InputError: the values are out of range, or make no scenario.
        """
        scenario = self._base.scenario
        changes = {part: self._part(part, values) for part in PARTS if self._touches(part)}
        changes |= {key: values[key] for key in self._paths if key in Scenario.public_keys() and key not in PARTS}
        if changes:
            own = {key: getattr(scenario, key) for key in Scenario.model_fields if key in scenario.model_fields_set}
            document = {key: value for key, value in (own | changes).items() if value is not None}
            scenario = validate(Scenario, document, source="vary")
        if CHIP in values:
            scenario = _on_chip(scenario, values[CHIP])
        used = {key: value for key, value in values.items() if self._belongs(key, scenario)}
        words = {key: used[key] for key in self._words if key in used}
        varied: Scenario = scenario.vary(**words) if words else scenario
        return varied, used

    @cached_property
    def _parameters(self) -> frozenset[str]:
        """Words for parameters that some strategy of the sweep has, though not each of them."""
        kinds = {parse_strategy(entry)["kind"] for entry in self._space.values(STRATEGY)}
        known: set[str] = set().union(*map(keys_of, kinds))
        return frozenset(key for key in self._words if key not in WORDS and key in known)

    def _belongs(self, key: str, scenario: Scenario) -> bool:
        """Whether a key has a place at a point: a parameter that only other strategies of the sweep have has none."""
        if STRATEGY not in self._space.keys or key not in self._parameters:
            return True
        return any(key in each.public_keys() for each in scenario.strategies)

    def _touches(self, part: str) -> bool:
        return any(path[0] == part for path in self._paths.values()) or _whole_of(part) in self._space.keys

    def _part(self, part: str, values: Mapping[str, Any]) -> Any:
        """A part of the scenario with the values of a point; the same values give the same object."""
        own = {key: values[key] for key in values if key == _whole_of(part) or self._paths.get(key, [""])[0] == part}
        name = part, repr(own)
        if name not in self._kept:
            while len(self._kept) >= _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[name] = self._made(part, own)
        return self._kept[name]

    def _made(self, part: str, own: Mapping[str, Any]) -> Any:
        paths = {key: self._paths[key] for key in own if key in self._paths}
        made = self._whole(part, own, open_up=bool(paths))
        document = {part: made}
        for key, path in paths.items():
            _assign(document, path, own[key])
        return _checked(part, document[part], self._base.scenario)

    def _whole(self, part: str, own: Mapping[str, Any], *, open_up: bool) -> Any:
        key = _whole_of(part)
        if key not in own:
            return self._base.plain[part]
        if part == "strategies":
            return strategy_documents([own[key]], self._base.shared, asked=())
        if not isinstance(own[key], str):
            raise InputError(f"vary: {key}: got {brief(own[key])}; write a name, or the path of a file")
        return look_up(part, own[key], open_up=open_up)

    def _check_keys(self) -> None:
        for key, path in self._paths.items():
            if path[0] not in Scenario.public_keys():
                known = nearest(str(path[0]), sorted(Scenario.public_keys()))
                raise ArgumentError("{vary} {key}: a scenario has no such part; {known}", key=key, known=known)
            if path[0] == "strategies" and STRATEGY in self._space.keys:
                told = "{vary} {key}: strategy is varied, too, and replaces them; write {vary} {last}=..."
                raise ArgumentError(told, key=key, last=path[-1])
            over = next((word for word in self._words if path[-1] in replaced_by(word) and path[0] != "topology"), None)
            if over is not None:
                raise ArgumentError(
                    "{vary} {key}: {over} is varied, too, and replaces it; keep one of them", key=key, over=over
                )
        unknown = [key for key in self._words if key not in WORDS]
        entries = self._space.values(STRATEGY) if STRATEGY in self._space.keys else []
        strategies = [keys_of(parse_strategy(entry)["kind"]) for entry in entries]
        strategies += [each.public_keys() for each in self._base.scenario.strategies] if not entries else []
        parameters = sorted(set().union(*strategies) - {"kind"} - set(WORDS))
        for key in unknown:
            if key not in parameters:
                known = nearest(key, [*WORDS, *parameters, *_WHOLE, CHIP, *sorted(Scenario.public_keys() - {*PARTS})])
                raise ArgumentError("{vary} {key}: there is no such key; {known}", key=key, known=known)


def _whole_of(part: str) -> str:
    return STRATEGY if part == "strategies" else part


def _assign(document: dict[str, Any], path: Sequence[str | int], value: Any) -> None:
    """Sets one value deep in plain data, in copies of what lies on the way: other points share the rest."""
    here: Any = document
    for part in path[:-1]:
        try:
            here[part] = copy(here[part])
            here = here[part]
        except (KeyError, IndexError, TypeError):
            break  # `assign` makes what is missing, or says what is wrong
    assign(document, list(path), value)


def _checked(part: str, document: Any, scenario: Scenario) -> Any:
    """A part of the scenario as checked models."""
    own = {key: getattr(scenario, key) for key in ("topology", "workload", "strategies")}
    return getattr(validate(Scenario, own | {part: document}, source="vary"), part)


def _on_chip(scenario: Scenario, chip: Any) -> Scenario:
    """The scenario on another chip, wherever it is said which it is."""
    words = {CHIP: chip}
    if not isinstance(chip, str):
        raise InputError(f"vary: chip: got {chip!r}; write the name of a chip, or its useful speed with its unit")
    changes = {"topology": topology_with(scenario.topology, words), "workload": workload_with(scenario.workload, words)}
    own = {key: getattr(scenario, key) for key in Scenario.model_fields if key in scenario.model_fields_set}
    return validate(Scenario, own | changes, source="vary: chip")


class Points(Protocol):
    """What gives whatever a question is asked about, at each point."""

    def at(self, values: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
        """It with the values of a point, and those of them that it has a place for."""


def check(scenarios: Points, space: Space) -> None:
    """Refuses values that no point can have: each is tried with the first and with the last values of the others.

    Raises:
      InputError: a value makes no scenario in either.
    """
    first, last = space.point(0), space.point(space.count - 1)
    for key in space.keys:
        for value in space.values(key)[:_TRIED]:
            try:
                scenarios.at(first | {key: value})
            except InputError as error:
                try:
                    scenarios.at(last | {key: value})
                except InputError:
                    raise error from None


_TRIED = 1_000
"""Values of a key that are tried before the work begins; the others are rows with an error where they are wrong."""
