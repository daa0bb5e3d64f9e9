"""C4 and Dolma as streams from the Hugging Face hub, through `datasets`.

A stream is too long to be read to its end, so a corpus consists of its first documents: `c4:500000` is the first
500,000. C4 is published shuffled and is read in its own order. Dolma is published source by source, so its files are
put into a fixed random order, and documents are taken from the first 64 of them in turn.

Source: arXiv 1910.10683 (C4; the copy `allenai/c4`); arXiv 2402.00159 (Dolma; `allenai/dolma`, whose repository lists
the addresses of its files).
Limits: Dolma's sources then count by their number of files, not of tokens.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from sim.errors import InputError

from .files import FIELD

DEFAULT_DOCUMENTS = 1_000_000
_C4 = "allenai/c4"
_DOLMA = "allenai/dolma"
_DOLMA_VERSION = "v1_7"
_DOLMA_FILES = 64
"""Files that are read in turn; more files mix better and open more connections."""


def parse_hub(spec: str) -> tuple[str, int] | None:
    """Reads `c4`, `dolma`, or one of them with a number of documents.

    Args:
      spec: `NAME` or `NAME:DOCUMENTS`.

    Returns:
      The name and the number of documents; None for anything else.

    Raises:
      InputError: the number of documents is not a number.
    """
    name, _, number = spec.partition(":")
    if name not in _STREAMS:
        return None
    if ":" not in spec:
        return name, DEFAULT_DOCUMENTS
    digits = number.replace("_", "")
    if not digits.isdecimal() or int(digits) == 0:
        raise InputError(f"--corpus {spec}: {number!r} is not a number of documents; write {name}:{DEFAULT_DOCUMENTS}")
    return name, int(digits)


def hub_documents(name: str, documents: int, first: int = 0) -> Iterator[str]:
    """Documents of a corpus on the hub, as they arrive.

    Args:
      name: `c4` or `dolma`.
      documents: number of documents in the corpus.
      first: number of documents to skip.

    Raises:
      InputError: `datasets` is missing, or the hub cannot be reached.
    """
    try:
        import datasets
    except ModuleNotFoundError:
        raise InputError(
            f"--corpus {name}: streaming it needs the package datasets; pip install 'crosshaul[c4]', "
            "or give local files"
        ) from None

    try:
        for row in _STREAMS[name](datasets).skip(first).take(documents - first):
            yield row[FIELD]
    except (OSError, RuntimeError) as error:  # ConnectionError is an OSError; the client's own errors are either
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(
            f"--corpus {name}: the hub could not be read ({reason}); check the connection, or give local files "
            "of the same layout, such as --corpus 'c4-train.*.json.gz'"
        ) from None


def _c4(datasets: Any) -> Any:
    return datasets.load_dataset(_C4, "en", split="train", streaming=True)


def _dolma(datasets: Any) -> Any:
    from huggingface_hub import hf_hub_download

    with open(hf_hub_download(_DOLMA, f"urls/{_DOLMA_VERSION}.txt", repo_type="dataset"), encoding="utf-8") as file:  # noqa: PTH123
        addresses = sorted(line.strip() for line in file if line.strip())
    random.Random(0).shuffle(addresses)
    parts = [
        datasets.load_dataset("json", data_files=[address], split="train", streaming=True).select_columns([FIELD])
        for address in addresses[:_DOLMA_FILES]
    ]
    return datasets.interleave_datasets(parts, stopping_strategy="all_exhausted_without_replacement")


_STREAMS: dict[str, Callable[[Any], Any]] = {"c4": _c4, "dolma": _dolma}
