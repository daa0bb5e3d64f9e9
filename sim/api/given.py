"""What a question is asked about: a workload, a topology by its name, a scenario of both, the flows of a network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from ..documents.validation import validate
from ..errors import InputError, brief
from ..questions.flows import FlowSpec
from ..scenario.loading import load_scenario
from ..scenario.model import Scenario
from ..strategies import AbstractStrategy, Default, Reference
from ..topology.model import Topology, load_topology
from ..trace.given import GivenSeconds
from ..units.quantities import Quantity
from ..workload.documents import AnalyticWorkload, TraceWorkload
from ..workload.extent import AbstractWorkload

Where = Scenario | Topology | str
"""A scenario, a topology, or the name or path of a topology."""


class TraceKeys(TypedDict, total=False):
    """What else a recorded workload takes; docs/reference.md says what each does."""

    tokens: float | str
    overtraining: float
    steps: int
    tokens_per_chip: float
    split: Literal["even", "by-speed"]
    layers: int
    layer_params: Sequence[float]
    forward_share: float
    rescale: bool
    mfu: float
    chip_speed: Quantity
    payload_bits: float


class Workload(AnalyticWorkload):
    """A model of any size: compute is 6 N_active flops a token at the chips' useful speed.

    `Workload(params=7e9, tokens=140e9, chips=256, chip="h100")`; `from_trace` and `from_seconds` are recorded ones.
    Defaults: 20 N tokens; the power of two nearest to Data-Parallel's best batch; 4,096 tokens per chip.
    """

    @classmethod
    def from_trace(cls, trace: str | Path, *, chip: str | None = None, **keys: Unpack[TraceKeys]) -> TraceWorkload:
        """A run that `record-trace` recorded, or one that ships, by its name.

        Args:
          trace: a path, or a name of `simulate list workloads`.
          chip: rescale the recorded seconds to this kind of chip, by its name.
          keys: as of a trace workload in a scenario: `tokens`, `steps`, `rescale`, `chip_speed`, ...

        Raises:
          InputError: a key is wrong; the trace itself is read when it is run.
        """
        return _recorded("Workload.from_trace", {"trace": str(trace)}, chip, keys)

    @classmethod
    def from_seconds(
        cls,
        seconds: Sequence[float] | Sequence[Sequence[float]],
        *,
        params: float | str,
        batch_tokens: float | str,
        chips: int = 1,
        active_params: float | str | None = None,
        chip: str | None = None,
        **keys: Unpack[TraceKeys],
    ) -> TraceWorkload:
        """A run of which the seconds of some steps were measured, without a file of them.

        Args:
          seconds: compute of every step; or a list of them for each replica [s].
          params: parameters N of the model.
          batch_tokens: global batch of these steps [tokens].
          chips: that they were measured on, all replicas together.
          active_params: parameters that work on a token, where they differ (mixture-of-experts).
          chip: rescale the seconds to this kind of chip, by its name.
          keys: as of `from_trace`.

        Raises:
          InputError: there are no seconds, or a number is out of range.
        """
        given = {"seconds": _as_lists(seconds), "params": params, "batch_tokens": batch_tokens, "chips": chips}
        given |= {} if active_params is None else {"active_params": active_params}
        measured = validate(GivenSeconds, given, source="Workload.from_seconds", in_si=True)
        return _recorded("Workload.from_seconds", {"trace": measured}, chip, keys)


def _as_lists(seconds: Any) -> Any:
    """Arrays and tuples as lists of floats; what is no number stays, for the validation to name it."""
    if isinstance(seconds, str) or not isinstance(seconds, Iterable):
        try:
            return float(seconds)
        except (TypeError, ValueError, OverflowError):
            return seconds
    return [_as_lists(each) for each in seconds]


def _recorded(source: str, trace: dict[str, Any], chip: str | None, keys: TraceKeys) -> TraceWorkload:
    document: dict[str, Any] = {**trace, **keys}
    if chip is not None:
        document |= {"chip": chip, "rescale": True}
    return validate(TraceWorkload, document, source=source, in_si=True)


def topology(name: str | Path) -> Topology:
    """A topology that ships, by its name (`simulate list topologies`), or one of your own, by the path of its file.

    Raises:
      InputError: there is none of that name, or the file is wrong.
    """
    return load_topology(str(name))


def load(path: str | Path) -> Scenario:
    """A scenario from its file: YAML, or the JSON that a command printed, which is asked again.

    Raises:
      InputError: there is no such file, or something in it is wrong.
    """
    return load_scenario(Path(path))


def flow(source: str, target: str, size: Quantity, *, start: Quantity = 0.0, streams: int | None = None) -> FlowSpec:
    """Bytes to send from one datacenter or router to another, for `flows`.

    Args:
      source: where from.
      target: where to.
      size: how much [byte].
      start: when the first bit may leave [s].
      streams: parallel streams, its weight in the fair share; those of the topology's transport unless given.

    Raises:
      InputError: the two are the same, or a number is out of range.
    """
    document = {"from": source, "to": target, "size": size, "start": start, "streams": streams}
    return validate(FlowSpec, document, source="flow", in_si=True)


def scenario(
    where: Where,
    workload: AbstractWorkload | None = None,
    strategies: Sequence[AbstractStrategy] | AbstractStrategy | None = None,
    **keys: Any,
) -> Scenario:
    """The scenario that a question is asked about.

    Args:
      where: a topology, its name or path; or a whole scenario, whose parts the other arguments replace.
      workload: what is trained; needed with a topology.
      strategies: what to compare, Data-Parallel and DiLoCo unless given.
      keys: `collective`, `jobs`, `replay` and `name` of the scenario.

    Raises:
      InputError: something is missing, or of another kind than it must be.
    """
    if isinstance(strategies, AbstractStrategy):
        strategies = [strategies]
    given: dict[str, Any] = {"workload": workload, "strategies": strategies, **keys}
    document = {key: value for key, value in given.items() if value is not None}
    if workload is not None and not isinstance(workload, AbstractWorkload):
        raise InputError(f'workload: got {brief(workload)}; write for instance Workload(model="10b")')
    if isinstance(where, Scenario):
        own = {name: getattr(where, name) for name in type(where).model_fields}
        return validate(Scenario, own | document, source="scenario", in_si=True)
    if not isinstance(where, Topology | str | Path):
        kind = type(where).__name__
        raise InputError(f'topology: got {kind}; write a Topology, a name such as "open-diloco", or a Scenario')
    if workload is None:
        raise InputError("workload: what is trained? write for instance Workload(params=7e9, chips=256)")
    place = where if isinstance(where, Topology) else topology(where)
    return validate(
        Scenario,
        {"strategies": (Reference(), Default()), **document, "topology": place},
        source="scenario",
        in_si=True,
    )


def strategy_entry(strategy: AbstractStrategy) -> str:
    """A strategy as a plan takes it: what is not given is left open."""
    given: dict[str, Any] = strategy.model_dump(mode="json", exclude_unset=True)
    kind = given.pop("kind", None) or strategy.kind
    return f"{kind}:" + ",".join(f"{key}={json.dumps(value)}" for key, value in given.items())
