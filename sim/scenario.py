"""The scenario: topology, workload and strategies in one YAML document, with every override through one validation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from .document import Frozen, Name, nearest, parse_yaml, read_mapping, read_text, validate
from .errors import InputError
from .models import FAMILY
from .reading import exists, note_read
from .recording import recording_names
from .strategies import STRATEGIES, Strategy
from .topology import PUBLISHED, CollectiveName, Topology, load_topology, read_topology, topology_path
from .workload import AnalyticWorkload, TraceWorkload, Workload


class Scenario(Frozen):
    """One question to the simulator.

    In a file `topology` may also be a name or a path, and `workload` a name or a path; `load_scenario` looks them up.
    """

    name: Name = "scenario"
    topology: Topology
    workload: Workload
    strategies: tuple[Strategy, ...] = Field(min_length=1)
    """What to compare, in the order of the report."""
    collective: CollectiveName | None = None
    """How an all-reduce between datacenters is done; the topology's way unless given."""
    jobs: Literal["alone", "together"] = "alone"
    """`alone`: each strategy has the network to itself; `together`: all run at once and compete for the links."""
    replay: Literal["steady", "full"] = "steady"
    """`steady`: replay until the run repeats itself and continue it exactly; `full`: replay every step."""

    @property
    def algorithm(self) -> str:
        """How an all-reduce between datacenters is done; `ideal` is the old name of `published`."""
        given = self.collective or self.topology.collective
        return PUBLISHED if given == "ideal" else given


def load_scenario(
    path: Path | None = None,
    *,
    topology: str | None = None,
    workload: str | None = None,
    trace: str | None = None,
    strategies: Sequence[str] = (),
    settings: Sequence[str] = (),
) -> Scenario:
    """Reads a scenario and applies what the command line changes in it.

    Args:
      path: a YAML file, or a JSON result, whose scenario is run again; the scenario that ships unless given.
      topology: name or path that replaces the topology.
      workload: name or path that replaces the workload.
      trace: path of a trace that replaces the workload.
      strategies: `kind` or `kind:key=value,key=value`, replacing the strategies.
      settings: `key.path=value`, applied last.

    Raises:
      InputError: anything is wrong in the file or in the options.
    """
    if workload and trace:
        raise InputError("--workload and --trace both name the workload; give one of them")
    source = path or Path(str(resources.files("sim") / "scenarios" / "recorded-35m.yaml"))
    document, text = _read(source)
    folder = source.parent
    if topology:
        document["topology"] = _Elsewhere(topology)
    if workload:
        document["workload"] = _Elsewhere(workload)
    if trace:
        document["workload"] = {"trace": _Elsewhere(trace)}
    if strategies:
        document["strategies"] = [parse_strategy(entry) for entry in strategies]
    paths = [_split_setting(entry) for entry in settings]
    for key, look_up in (("topology", _topology), ("workload", _workload)):
        value = document.get(key)
        with naming(None if isinstance(value, _Elsewhere) else path):
            document[key] = look_up(value, folder, open_up=_enters(paths, key))
    if path is None and not strategies and isinstance(document["topology"], Topology):
        document["strategies"] = _that_fit(document["strategies"], len(document["topology"].datacenters))
    for setting_path, value in paths:
        _assign(document, setting_path, value)
    document = {key: value for key, value in document.items() if value is not None}
    changed = bool(paths or strategies or workload or trace or topology)
    return validate(Scenario, document, source=str(path) if path else "scenario", text=None if changed else text)


def _read(path: Path) -> tuple[dict[str, Any], str | None]:
    """A scenario as plain data, with its text for line numbers (none where it stands inside a result)."""
    text = read_text(path, "scenario")
    result = _result(text)
    if result is None:
        return read_mapping(path, "scenario")
    scenario = result.get("scenario")
    if not isinstance(scenario, dict):
        raise InputError(
            f"{path}: is an answer without a `scenario` to run; give a scenario, or what simulate or explain wrote"
        )
    workload = scenario.get("workload")
    if isinstance(workload, dict) and isinstance(trace := workload.get("trace"), str) and Path(trace).exists():
        workload["trace"] = _Elsewhere(trace)  # a result names a trace as seen from where it was made
    return scenario, None


def _result(text: str) -> dict[str, Any] | None:
    """The JSON that a command printed; None if the text is anything else."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return (
        data if isinstance(data, dict) and ("crosshaul_version" in data or {"scenario", "runs"} <= set(data)) else None
    )


@contextmanager
def naming(path: Path | None) -> Iterator[None]:
    """Says which scenario file led to a mistake (that may stand in a file that it names)."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}" if path else str(error)) from None


class _Elsewhere(str):
    """A name or path from the command line: relative to the working directory, not to the scenario."""

    __slots__ = ()


def _enters(paths: Sequence[tuple[list[str | int], Any]], key: str) -> bool:
    return any(path[0] == key and len(path) > 1 for path, _ in paths)


def _topology(value: Any, folder: Path, *, open_up: bool) -> Any:
    """A topology that is named or a path becomes a checked model; or plain data, when a setting goes into it."""
    if not isinstance(value, str):
        return value
    base = Path() if isinstance(value, _Elsewhere) else folder
    if open_up:
        return read_topology(topology_path(value, folder=base))[0]
    return load_topology(value, folder=base)


def _workload(value: Any, folder: Path, *, open_up: bool) -> Any:
    """Likewise for a workload: a model of the family, a recording that ships, or a YAML file."""
    base = Path() if isinstance(value, _Elsewhere) else folder
    if isinstance(value, str):
        if value in FAMILY:
            return {"model": value}
        if value in recording_names():
            return {"trace": value}
        if not (value.endswith((".yaml", ".yml")) or "/" in value or exists(base / value)):
            known = [*FAMILY, *recording_names()]
            raise InputError(f"workload: there is none named {value!r}; {nearest(value, known)}, or a YAML file")
        where = base / value
        data, text = read_mapping(where, "workload")
        if "trace" in data:
            data["trace"] = _trace(data["trace"], where.parent)
        kind = TraceWorkload if "trace" in data else AnalyticWorkload
        return data if open_up else validate(kind, data, source=str(where), text=text)
    if isinstance(value, Mapping) and "trace" in value:
        return {**value, "trace": _trace(value["trace"], base)}
    return value


def _trace(value: Any, base: Path) -> Any:
    if not isinstance(value, str) or value in recording_names():
        return value
    path = Path(value) if isinstance(value, _Elsewhere) else base / value
    note_read(path)
    return str(path)


def _that_fit(strategies: list[dict[str, Any]], datacenters: int) -> list[dict[str, Any]]:
    """Of the strategies that nobody asked for, those that the topology has datacenters for."""
    return [strategy for strategy in strategies if strategy.get("replicas", 1) <= datacenters]


def parse_strategy(entry: str) -> dict[str, Any]:
    """`diloco:replicas=4,sync_every=100` -> the document of that strategy.

    Raises:
      InputError: an unknown kind, or something that is not `key=value`.
    """
    kind, _, rest = entry.partition(":")
    if kind not in STRATEGIES:
        raise InputError(f"--strategy: there is none named {kind!r}; {nearest(kind, list(STRATEGIES))}")
    document: dict[str, Any] = {"kind": kind}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise InputError(f"--strategy {entry}: {part!r} sets nothing; write {kind}:key=value,key=value")
        document[key.strip()] = parse_yaml(value, f"--strategy {entry}")
    return document


def _split_setting(entry: str) -> tuple[list[str | int], Any]:
    """`strategies[1].sync_every=10` -> (["strategies", 1, "sync_every"], 10)."""
    path, equals, value = entry.partition("=")
    parts = re.findall(r"[^.\[\]]+", path)
    if not equals or not parts:
        raise InputError(f"--set {entry}: sets nothing; write --set key.path=value, such as workload.steps=1000")
    keys = [int(part) if re.fullmatch("[0-9]{1,9}", part) else part.strip() for part in parts]
    return keys, parse_yaml(value, f"--set {entry}")


def _assign(document: dict[str, Any], path: list[str | int], value: Any) -> None:
    """Sets one value deep in plain data; a missing mapping on the way is made, a missing list entry is an error."""
    here: Any = document
    shown = ".".join(map(str, path))
    for depth, part in enumerate(path):
        last = depth == len(path) - 1
        if isinstance(here, list):
            if not isinstance(part, int) or part >= len(here):
                raise InputError(f"--set {shown}: {part!r} is not one of the {len(here)} entries; count from 0")
        elif not isinstance(here, dict):
            raise InputError(f"--set {shown}: {'.'.join(map(str, path[:depth]))} holds no keys; set it as a whole")
        elif not last:
            here.setdefault(str(part), {})
        key = part if isinstance(here, list) else str(part)
        if last:
            here[key] = value
        else:
            here = here[key]


def schema() -> dict[str, Any]:
    """The JSON schema of a scenario file."""
    names: dict[str, Any] = {
        "type": "string",
        "description": "a name that `simulate list` knows, or a path to a YAML file",
    }
    full = Scenario.model_json_schema(by_alias=True)
    for key in ("topology", "workload"):
        full["properties"][key] = {"anyOf": [names, full["properties"][key]]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **full}
