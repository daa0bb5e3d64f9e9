"""How a strategy is written in one word: by `--strategy`, and as an entry of a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..documents.nearest import LETTERS, nearest
from ..documents.settings import read_value, split_at_commas
from ..errors import ArgumentError, InputError
from ..strategies import STRATEGIES


def parse_strategy(entry: str) -> dict[str, Any]:
    """`diloco:replicas=4,sync_every=100` -> the document of that strategy; a list stands in brackets, `[30,20]`.

    Raises:
      InputError: an unknown kind, or something that is not `key=value`.
    """
    kind, _, rest = entry.partition(":")
    if kind not in STRATEGIES:
        if labelled := _labelled(entry):
            return labelled
        known = nearest(kind, list(STRATEGIES))
        raise ArgumentError("{strategies}: there is none named {kind!r}; {known}", kind=kind, known=known)
    pairs = []
    for part in filter(None, split_at_commas(rest)):
        key, equals, value = part.partition("=")
        if not equals:
            told = "{strategies} {entry}: {part!r} sets nothing; write {kind}:key=value,key=value"
            raise ArgumentError(told, entry=entry, part=part, kind=kind)
        pairs.append((key.strip(), read_value(value, "{strategies} {entry}", entry)))
    return _document(entry, kind, pairs)


def spelled_out(listed: Any) -> Any:
    """The strategies of a file; those that are written as on the command line become plain data.

    Raises:
      InputError: as for `parse_strategy`; names the entry of the list.
    """
    if not isinstance(listed, list):
        return listed
    return [_spelled_out(entry, place) if isinstance(entry, str) else entry for place, entry in enumerate(listed)]


def _spelled_out(entry: str, place: int) -> dict[str, Any]:
    try:
        return parse_strategy(entry)
    except ArgumentError as error:
        raise InputError(error.told(lambda *_: f"strategies[{place}]")) from None


def _document(entry: str, kind: str, pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A strategy as plain data; of a key that is there twice, one value would be dropped without a word."""
    document: dict[str, Any] = {"kind": kind}
    for key, value in pairs:
        if key == "kind":
            told = "{strategies} {entry}: the kind is {kind}, which stands in front; leave out kind="
            raise ArgumentError(told, entry=entry, kind=kind)
        if key in document:
            raise ArgumentError("{strategies} {entry}: {key} is there twice; keep one of them", entry=entry, key=key)
        document[key] = value
    return document


_WORDS = {
    "by layer": ("overlap", "layers"),
    "sequential": ("pattern", "sequential"),
    "open end": ("closing_exchange", False),
    "by-speed": ("local_steps", "by-speed"),
}
_LABEL = re.compile(rf"(?: (?:[A-Za-z]+=[0-9.]+|H=[0-9]+(?:/[0-9]+)+|[0-9.]+-bit|{'|'.join(_WORDS)}))*")


def _labelled(label: str) -> dict[str, Any] | None:
    """`DiLoCo M=2 H=30` -> the document of the strategy that reports call so; None if it is no such label.

    Raises:
      InputError: it begins like one, and something in it stands for no key.
    """
    plain = " ".join(label.split())
    kinds = {kind.replace("-", " "): kind for kind in sorted(STRATEGIES, key=len)}
    named = [words for words in kinds if f"{plain.lower().replace('-', ' ')} ".startswith(f"{words} ")]
    if not named:
        return None
    words = max(named, key=len)
    rest = plain[len(words) :]
    if not _LABEL.fullmatch(rest):
        told = (
            "{strategies} {label}: not all of this label stands for a key; write {kind}:key=value,key=value, "
            "with the keys that `simulate list strategies` shows"
        )
        raise ArgumentError(told, label=label, kind=kinds[words])
    numbers = re.findall(r"([A-Za-z]+)=([0-9.]+)(?![0-9./])", rest)
    values = [(LETTERS.get(name, (name,))[0], value) for name, value in numbers]
    values += [("local_steps", f"[{each.replace('/', ',')}]") for each in re.findall(r"H=([0-9]+(?:/[0-9]+)+)", rest)]
    values += [("payload_bits", bits) for bits in re.findall(r"([0-9.]+)-bit", rest)]
    pairs = [(key, read_value(value, "{strategies} {entry}", label)) for key, value in values]
    return _document(label, kinds[words], [*pairs, *(pair for word, pair in _WORDS.items() if word in rest)])


def strategy_documents(entries: Sequence[str], shared: Mapping[str, Any], asked: Iterable[str]) -> list[dict[str, Any]]:
    """Strategies as plain data, with shared parameters for those that have them.

    Raises:
      InputError: no strategy has one of the parameters that were asked for.
    """
    documents = [parse_strategy(entry) for entry in entries]
    known = [keys_of(document["kind"]) for document in documents]
    for key in asked:
        if not any(key in keys for keys in known):
            instead = ", or write {datacenters} for how many sites there are" if key == "replicas" else ""
            told = f"{{{key}}}: none of {{entries}} has it; leave it out{instead}"
            raise ArgumentError(told, entries=", ".join(entries))
    return [
        {key: value for key, value in shared.items() if key in keys} | document
        for document, keys in zip(documents, known, strict=True)
    ]


def keys_of(kind: str) -> set[str]:
    """The keys that strategies of a kind have."""
    return {field.alias or name for name, field in STRATEGIES[kind].model_fields.items()}
