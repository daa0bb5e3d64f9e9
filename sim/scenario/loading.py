"""A scenario from names, paths and files, with what the command line changes in it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from importlib import resources
from pathlib import Path
from typing import Any

from ..documents.reading import exists, note_read
from ..documents.settings import assign, split_settings
from ..documents.validation import nearest, read_mapping, validate
from ..errors import ArgumentError, InputError
from ..laws.model_family import FAMILY
from ..topology.model import Topology, load_topology, read_topology, topology_path
from ..trace.file import read_header
from ..trace.series import recording_names, recording_path
from ..workload.documents import AnalyticWorkload, TraceWorkload
from .files import Elsewhere, read_scenario
from .model import Scenario
from .overrides import spelled_out
from .words import check_mfu, strategies_with, topology_with, workload_with


def load_scenario(
    path: Path | None = None,
    *,
    topology: str | None = None,
    workload: str | None = None,
    trace: str | None = None,
    strategies: Sequence[str] = (),
    words: Mapping[str, Any] | None = None,
    settings: Sequence[str] = (),
) -> Scenario:
    """Reads a scenario and applies what the command line changes in it.

    Args:
      path: a YAML file, or a JSON result, whose scenario is run again; the scenario that ships unless given.
      topology: name or path that replaces the topology.
      workload: name or path that replaces the workload.
      trace: path of a trace that replaces the workload.
      strategies: `kind` or `kind:key=value,key=value`, replacing the strategies.
      words: `params`, `tokens`, `steps`, `chips`, `chip`, `mfu`, `replicas`, `sync_every`, `price_chip_hour`,
        `price_gb`, whichever were given.
      settings: `key.path=value`, applied last.

    Raises:
      InputError: anything is wrong in the file or in the options.
    """
    document, text = scenario_document(
        path, topology=topology, workload=workload, trace=trace, strategies=strategies, words=words, settings=settings
    )
    return validate(Scenario, document, source=str(path) if path else "scenario", text=text)


def scenario_document(
    path: Path | None = None,
    *,
    topology: str | None = None,
    workload: str | None = None,
    trace: str | None = None,
    strategies: Sequence[str] = (),
    words: Mapping[str, Any] | None = None,
    settings: Sequence[str] = (),
    opened: Collection[str] = (),
    sweep: bool = False,
) -> tuple[dict[str, Any], str | None]:
    """A scenario before it is validated as a whole.

    Args:
      path: as of `load_scenario`, like the next six.
      topology: likewise.
      workload: likewise.
      trace: likewise.
      strategies: likewise.
      words: likewise.
      settings: likewise.
      opened: parts (`topology`, `workload`) to read as plain data, because keys inside them are changed later.
      sweep: whether the section `sweep` is asked for, and stays in the document.

    Returns:
      The document; and the text for line numbers, none where something was changed in it.

    Raises:
      InputError: as for `load_scenario`.
    """
    if workload and trace:
        raise ArgumentError("{workload} and {trace} both name the workload; give one of them")
    source = path or Path(str(resources.files("sim.scenario") / "shipped" / "recorded-35m.yaml"))
    document, text = read_scenario(source)
    if "sweep" in document and not sweep:
        raise InputError(
            f"{path}: sweep: asks about many scenarios; write simulate sweep {path}, or take the section out"
        )
    if trace:
        document["workload"] = {"trace": Elsewhere(trace)}
    names, paths = _split_names(settings)
    chosen = {"topology": topology, "workload": workload} | names
    document |= {key: Elsewhere(name) for key, name in chosen.items() if name}
    said = dict(words or {})
    if trace and path is None and not strategies:
        document["strategies"], said = _as_recorded(trace, document["strategies"], said)
    if "params" in said and (workload or trace):
        raise ArgumentError("{params}: {workload} or {trace} has a model of its own; leave out one of them")
    for key, find in (("topology", _topology), ("workload", _workload)):
        value = document.get(key)
        with naming(None if isinstance(value, Elsewhere) else path):
            document[key] = find(value, source.parent, open_up=key in opened or _enters(paths, key))
    if path is None and not strategies:
        document["strategies"] = _that_fit(document["strategies"], _datacenters(document["topology"], paths))
    with naming(path):
        document["strategies"] = spelled_out(document.get("strategies"))
    document["strategies"] = strategies_with(document["strategies"], strategies, said)
    document["topology"] = topology_with(document["topology"], said)
    document["workload"] = workload_with(document["workload"], said)
    check_mfu(document["topology"], document["workload"], said)
    for setting_path, value in paths:
        assign(document, setting_path, value)
    document["strategies"] = spelled_out(document["strategies"])
    document = {key: value for key, value in document.items() if value is not None}
    changed = bool(settings or strategies or workload or trace or topology or said)
    return document, None if changed else text


def _split_names(settings: Sequence[str]) -> tuple[dict[str, str], list[tuple[list[str | int], Any]]]:
    """Of the settings the topology and the workload that they name, and all others in their parts."""
    names, others = {}, []
    for path, value in split_settings(settings):
        if path in (["topology"], ["workload"]) and isinstance(value, str):
            names[str(path[0])] = value
        else:
            others.append((path, value))
    return names, others


def look_up(key: str, name: str, *, open_up: bool) -> Any:
    """A topology or a workload by its name, or by its path from the working directory, as part of a document.

    Args:
      key: `topology` or `workload`.
      name: the name or path.
      open_up: whether to give it as plain data, because keys inside it are changed later.

    Raises:
      InputError: there is none.
    """
    find = _topology if key == "topology" else _workload
    return find(Elsewhere(name), Path(), open_up=open_up)


@contextmanager
def naming(path: Path | None) -> Iterator[None]:
    """Says which scenario file led to a mistake (that may stand in a file that it names)."""
    try:
        yield
    except InputError as error:
        raise (error.within(path) if path else error) from None


def _enters(paths: Sequence[tuple[list[str | int], Any]], key: str) -> bool:
    return any(path[0] == key and len(path) > 1 for path, _ in paths)


def _topology(value: Any, folder: Path, *, open_up: bool) -> Any:
    """A topology that is named or a path becomes a checked model; or plain data, when a setting goes into it."""
    if not isinstance(value, str):
        return value
    base = Path() if isinstance(value, Elsewhere) else folder
    if open_up:
        return read_topology(topology_path(value, folder=base))[0]
    return load_topology(value, folder=base)


def _workload(value: Any, folder: Path, *, open_up: bool) -> Any:
    """Likewise for a workload: a model of the family, a recording that ships, or a YAML file."""
    base = Path() if isinstance(value, Elsewhere) else folder
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
    path = Path(value) if isinstance(value, Elsewhere) else base / value
    note_read(path)
    return str(path)


def _datacenters(topology: Any, settings: Sequence[tuple[list[str | int], Any]]) -> float:
    """How many a topology has with its settings; without bound where these are wrong, which is told later."""
    if isinstance(topology, Topology):
        return len(topology.datacenters)
    document = {"topology": deepcopy(topology)}
    try:
        for path, value in settings:
            if path[0] == "topology":
                assign(document, path, value)
        return len(validate(Topology, document["topology"], source="topology").datacenters)
    except InputError:
        return math.inf


def _as_recorded(
    trace: str, strategies: list[dict[str, Any]], said: dict[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Of the strategies that nobody asked for, M and H of the recorded run, unless H is said."""
    where = recording_path(trace)
    header = read_header(where) if where.is_file() else None  # what is wrong with it is told later
    if header is None or header.sync_every is None:
        return strategies, said
    if all(each.get("replicas", 1) != header.replicas for each in strategies):
        strategies = [*strategies, {"kind": "diloco", "replicas": header.replicas}]
        strategies.sort(key=lambda each: each.get("replicas", 0))
    return strategies, {"sync_every": header.sync_every} | said


def _that_fit(strategies: list[dict[str, Any]], datacenters: float) -> list[dict[str, Any]]:
    """Of the strategies that nobody asked for, those that the topology has datacenters for."""
    return [strategy for strategy in strategies if strategy.get("replicas", 1) <= datacenters]
