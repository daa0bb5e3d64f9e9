"""The request for a plan at each point of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...documents.nearest import nearest
from ...documents.validation import validate
from ...errors import ArgumentError, InputError
from ...scenario.loading import look_up
from ...scenario.variation import Capacities
from ...topology.model import Topology
from ...units.quantities import read_chip_speed, read_count
from ...workload.documents import AnalyticWorkload
from ..plan.options import Ask
from .space import Group, Space

_CAPACITIES = ("bandwidth_across", "latency_across", "bandwidth_inside", "latency_inside", "link", "site")
"""Words of `Scenario.vary` for what a topology offers."""


def _whole(value: Any) -> int:
    number = read_count(value)
    if number != int(number):
        raise InputError(f"got {value!r}; write a whole number")
    return int(number)


_AMOUNTS: dict[str, Callable[[Any], Any]] = {
    "days": read_count,
    "chips": _whole,
    "sync_every": lambda value: (_whole(value),),
    "params": lambda value: (read_count(value),) * 2,
    "tokens_per_param": read_count,
    "unique_tokens": read_count,
    "inference_tokens": read_count,
    "loss_slack": float,
    "price_chip_hour": float,
    "price_gb": float,
    "max_cost": read_count,
    "payload_bits": read_count,
    "layers": _whole,
}
_OTHERS = ("topology", "strategy", "chip")


class Asks:
    """The request at each point.

    Args:
      base: the request that is varied.
      space: the points.

    Raises:
      InputError: there is no such key.
    """

    def __init__(self, base: Ask, space: Space) -> None:
        self._base = base
        known = [*_AMOUNTS, *_OTHERS, *_CAPACITIES]
        for key in space.keys:
            if key not in known:
                told = "{vary} {key}: a plan has no such key; {known}"
                raise ArgumentError(told, key=key, known=nearest(key, known))

    def at(self, values: Mapping[str, Any]) -> tuple[Ask, Mapping[str, Any]]:
        """The request with the values of a point, all of which it has a place for.

        Raises:
          InputError: a value is out of range; names the key.
        """
        changes: dict[str, Any] = {}
        for key, value in values.items():
            try:
                if key in _AMOUNTS:
                    changes[key] = _AMOUNTS[key](value)
                elif key == "strategy":
                    changes["strategies"] = (str(value),)
                elif key == "chip":
                    changes["chip_flop_per_s"] = read_chip_speed(str(value))
                elif key == "topology":
                    changes[key] = look_up(key, str(value), open_up=False)
            except (InputError, TypeError, ValueError) as error:
                raise InputError(f"vary: {key}: {error}") from None
        topology = changes.get("topology", self._base.topology)
        factors = {key: value for key, value in values.items() if key in _CAPACITIES}
        if factors:
            changes["topology"] = _with(topology, factors)
        return replace(self._base, **changes), values


def ask_of(space: Space, fixed: Mapping[str, Any], strategies: Sequence[str] | None) -> Ask:
    """The request that a sweep varies.

    Args:
      space: the points; what they set at all points needs no value here.
      fixed: values of keys, as of a point.
      strategies: to choose from; those of a plan unless given.

    Raises:
      InputError: there is no topology or no deadline, or a value is wrong.
    """
    if "topology" not in (*fixed, *space.keys):
        raise ArgumentError("{topology:NAME}: a plan needs a topology; write it, or vary it")
    if "days" not in (*fixed, *space.keys):
        raise ArgumentError("{days:30}: how long may the run of a plan take? write it, or vary it")
    for key in fixed:
        if key not in (*_AMOUNTS, *_OTHERS):
            raise ArgumentError(f"{{{key}}}: a plan chooses it; leave it out")
    first = {**space.point(0), **fixed}
    place = first["topology"]
    topology = look_up("topology", place, open_up=False) if isinstance(place, str) else place
    if not isinstance(topology, Topology):
        topology = validate(Topology, topology, source="topology")
    rest = {key: value for key, value in fixed.items() if key != "topology"}
    stub = Ask(topology=topology, days=1.0)  # what is left at its default here is varied, or a plan's own default
    asked, _ = Asks(stub, Space((Group(tuple(rest), (tuple(rest.values()),)),))).at(rest)
    return replace(asked, strategies=tuple(strategies)) if strategies else asked


def _with(topology: Topology, factors: Mapping[str, Any]) -> Topology:
    anything = validate(AnalyticWorkload, {"params": 1e9}, source="workload")  # a topology's links depend on none
    return Capacities(**factors).topology(topology, anything)
