"""Changes of a scenario that have a word of their own on the command line, whatever its workload and strategies are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..documents.validation import validate
from ..errors import ArgumentError, InputError
from ..topology.model import Topology
from ..units.chips import find_chip
from ..units.quantities import read_count
from ..workload.documents import AnalyticWorkload, TraceWorkload
from .overrides import keys_of, parse_strategy, strategy_documents

Document = dict[str, Any]
_EXTENT = ("tokens", "overtraining", "steps")
_OF_A_MODEL = ("step_time", "active_params", "layers", "layer_params", "attention")
"""Keys of a workload that are true of its own model alone."""
_OF_A_CHIP = ("chip", "mfu", "chip_speed")
_PRICES = {"price_chip_hour": "price_chip_hour", "price_gb": "egress"}
"""The key of a datacenter for the word of a price."""
_SHARED = ("replicas", "sync_every")


def workload_with(workload: Any, words: Mapping[str, Any]) -> Any:
    """A workload with what the words say of it: `params`, `tokens`, `steps`, `chips`, `chip`, `mfu`.

    Args:
      workload: plain data, or a checked model.
      words: what was given.

    Raises:
      InputError: `params` where the workload has keys that only go with its own model, or a number that is none.
    """
    if not words.keys() & {"params", "tokens", "steps", "chips", "chip", "mfu"}:
        return workload
    if not isinstance(workload, AnalyticWorkload | TraceWorkload | Mapping | None):
        return workload  # the validation says what is wrong
    document = _plain(workload)
    if "params" in words:
        document = _of_params(document, words["params"])
    if words.keys() & {"tokens", "steps"}:
        document = {key: value for key, value in document.items() if key not in _EXTENT}
    if "tokens" in words:
        document["tokens"] = _count("tokens", words["tokens"])
    if "steps" in words:
        document["steps"] = words["steps"]
    if "chips" in words:
        document.pop("tokens_per_chip", None)
        document["chips"] = words["chips"]
    if "chip" in words:
        document = {key: value for key, value in document.items() if key not in _OF_A_CHIP}
        document["chip" if find_chip(words["chip"]) else "chip_speed"] = words["chip"]
        if "trace" in document:
            document["rescale"] = True
    if "mfu" in words and _names_a_chip(document):
        named = document.get("chip") or document["chip_speed"]
        kept = {key: value for key, value in document.items() if key not in _OF_A_CHIP}
        document = kept | {"chip": named, "mfu": words["mfu"]} | ({"rescale": True} if "trace" in document else {})
    return document


def topology_with(topology: Any, words: Mapping[str, Any]) -> Any:
    """A topology whose datacenters leave the chip to the workload, or have another share or prices, as words say."""
    if not words.keys() & {"chip", "mfu", *_PRICES}:
        return topology
    if isinstance(topology, Topology):
        document = topology.model_dump(mode="json", exclude_none=True)
        changed = {"datacenters": _sites(document["datacenters"], words)}
        return validate(Topology, _without_pairs(document, words) | changed, source="topology")
    document = dict(topology) if isinstance(topology, Mapping) else {}
    if isinstance(document.get("datacenters"), list):
        return _without_pairs(document, words) | {"datacenters": _sites(document["datacenters"], words)}
    if "generate" in document:
        return _without_pairs(document, words) | {"generate": _sites([document["generate"]], words)[0]}
    return topology


def check_mfu(topology: Any, workload: Any, words: Mapping[str, Any]) -> None:
    """Demands a chip for a share of its peak.

    Raises:
      InputError: there is a word for the share, and nobody names a chip.
    """
    if "mfu" not in words:
        return
    plain = topology.model_dump(mode="json", exclude_none=True) if isinstance(topology, Topology) else topology
    sites = plain if isinstance(plain, Mapping) else {}
    whole = [*_mappings(sites.get("datacenters")), *_mappings([sites.get("generate")]), _plain(workload)]
    if not any(_names_a_chip(each) for each in whole):
        raise ArgumentError(
            "{mfu}: is a share of a chip's peak, and nobody names the chip; write {chip} with its name, such as h100"
        )


def strategies_with(documents: Any, entries: Sequence[str], words: Mapping[str, Any]) -> Any:
    """Strategies with the replicas and the inner steps between outer steps that the words say.

    Args:
      documents: those of the scenario, for which the words win; equal ones become one.
      entries: those of the command line, whose own parameters win over the words; they replace the scenario's.
      words: what was given.

    Raises:
      InputError: no strategy takes one of the words.
    """
    shared = {key: words[key] for key in _SHARED if key in words}
    if entries:
        parsed = [parse_strategy(entry) for entry in entries]
        for key in shared:
            if all(key in document for document in parsed if key in keys_of(document["kind"])):
                raise ArgumentError(f"{{{key}}}: each {{strategies}} says its own, or has none; leave out one of them")
        return strategy_documents(entries, shared, asked=())
    if not shared or not isinstance(documents, list) or not all(_is_strategy(each) for each in documents):
        return documents
    kinds = [each["kind"] for each in documents]
    for key in shared:
        if not any(key in keys_of(kind) for kind in kinds):
            known = ", ".join(dict.fromkeys(kinds))
            raise ArgumentError(f"{{{key}}}: none of {{known}} has it; leave it out", known=known)
    merged = [old | new for old, new in zip(documents, strategy_documents(kinds, shared, asked=()), strict=True)]
    return [each for place, each in enumerate(merged) if each not in merged[:place]]


def _is_strategy(document: Any) -> bool:
    from ..strategies import STRATEGIES

    kind = document.get("kind") if isinstance(document, dict) else None
    return isinstance(kind, str) and kind in STRATEGIES  # else the validation says what is wrong


def _plain(workload: Any) -> Document:
    if isinstance(workload, AnalyticWorkload | TraceWorkload):
        return workload.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    return dict(workload) if isinstance(workload, Mapping) else {}


def _of_params(document: Document, params: str) -> Document:
    if "trace" in document or "model" in document:  # another model's: nothing of it says anything about this one
        return {"params": _count("params", params)}
    if own := [key for key in _OF_A_MODEL if key in document]:
        told = (
            "{params}: the workload says {own} of its own model; leave out {params}, or change both with "
            "{settings:workload.params=...}"
        )
        raise ArgumentError(told, own=", ".join(own))
    return document | {"params": _count("params", params)}


def _of_chips(sites: list[Any], words: Mapping[str, Any]) -> list[Any]:
    """Datacenters without chips of their own, where there is a word for the chip; else those with one at the share."""

    def changed(site: Any) -> Any:
        if not isinstance(site, dict):
            return site
        if "chip" in words:
            return {key: value for key, value in site.items() if key not in _OF_A_CHIP}
        if "mfu" not in words or not _names_a_chip(site):
            return site
        kept = {key: value for key, value in site.items() if key not in _OF_A_CHIP}
        return kept | {"chip": site.get("chip") or site.get("chip_speed"), "mfu": words["mfu"]}

    return [changed(site) for site in sites]


def _sites(sites: list[Any], words: Mapping[str, Any]) -> list[Any]:
    """Datacenters with the chips and the prices that the words say."""
    prices = {key: words[word] for word, key in _PRICES.items() if word in words}
    return [each | prices if isinstance(each, dict) else each for each in _of_chips(sites, words)]


def _without_pairs(topology: Document, words: Mapping[str, Any]) -> Document:
    """A topology without prices between two datacenters, where a word says the price between all of them."""
    return {key: value for key, value in topology.items() if key != "egress" or "price_gb" not in words}


def _names_a_chip(document: Mapping[str, Any]) -> bool:
    speed = document.get("chip_speed")
    return document.get("chip") is not None or (isinstance(speed, str) and find_chip(speed) is not None)


def _mappings(listed: Any) -> list[Mapping[str, Any]]:
    return [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []


def _count(argument: str, value: str | float) -> float:
    try:
        return read_count(value)
    except InputError as error:
        raise ArgumentError(f"{{{argument}}}: {{reason}}", reason=error) from None
