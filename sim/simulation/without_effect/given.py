"""Paths of the keys of a document that were given, for notes that name them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from ...scenario.model import Scenario
from ...topology.model import Topology


def given(model: BaseModel, path: str, *keys: str) -> Iterator[str]:
    """Paths of those public keys of a model that were given a value which is not the default."""
    for name, field in type(model).model_fields.items():
        key = field.alias or name
        if (
            key in keys
            and name in model.model_fields_set
            and getattr(model, name) != field.get_default(call_default_factory=True)
        ):
            yield f"{path}.{key}".lstrip(".")


def insides(topology: Topology, positions: Iterable[int], *keys: str) -> Iterator[str]:
    """Keys of the network inside some datacenters, by their positions."""
    for position in positions:
        yield from given(topology.datacenters[position].inside, f"topology.datacenters[{position}].inside", *keys)


def links(topology: Topology, *keys: str) -> Iterator[str]:
    """Keys of links."""
    for position, link in enumerate(topology.links):
        yield from given(link, f"topology.links[{position}]", *keys)


def strategies(scenario: Scenario, wanted: Callable[[Any], bool], *keys: str) -> Iterator[str]:
    """Keys of those strategies that are wanted."""
    for position, strategy in enumerate(scenario.strategies):
        if wanted(strategy):
            yield from given(strategy, f"strategies[{position}]", *keys)
