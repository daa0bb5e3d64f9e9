"""The configuration of a run from options, `--set` and the file of `--config`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.documents.settings import split_settings
from sim.documents.validation import validate
from sim.errors import InputError
from sim.laws.model_family import FAMILY, VOCAB

if TYPE_CHECKING:
    from ..config.run import TrainConfig

_SHAPE = ("layers", "width", "heads", "hidden", "vocab")
_EXAMPLE = "learning_rate=4e-3"


def configured(path: Path | None, options: Mapping[str, Any], settings: Sequence[str]) -> TrainConfig:
    """The configuration of a run.

    Args:
      path: the file of `--config`.
      options: fields and keys of the model's shape that options give; they override the file.
      settings: `key=value` or `model.key=value` of `--set`; they override both.

    Raises:
      InputError: a key or value is wrong; the message names it and says what to write.
    """
    from ..config.corpora import corpora_of
    from ..config.run import TrainConfig, read_config

    fields = {key: value for key, value in options.items() if key not in _SHAPE}
    if isinstance(fields.get("corpus"), list):
        fields["corpus"] = corpora_of(fields["corpus"])
    shape = {key: options[key] for key in _SHAPE if key in options}
    inner: dict[str, Any] = {}
    for entry, ((key, *below), value) in zip(settings, split_settings(settings, _EXAMPLE), strict=True):
        if not below:
            fields[str(key)] = value
        elif key == "model" and len(below) == 1:
            inner[str(below[0])] = value
        else:
            raise InputError(f"--set {entry}: only `model` has keys below it; write key=value or model.key=value")
    if path is None or shape or "model" in fields:
        fields["model"] = _model(fields.get("model"), shape | inner, fields.get("tokenizer", "bpe"))
        inner = {}
    if path is not None:
        return read_config(path, fields, inner)
    return validate(TrainConfig, fields, source="options")


def _model(name: Any, shape: dict[str, Any], tokenizer: Any) -> Any:
    """The model's shape: from `--model`, or from `--layers`, `--width` and the like."""
    from ..config.run import BYTE_VOCAB, family_model

    if isinstance(name, str):
        family = family_model(name)
        if shape:
            own = " ".join(f"--{key} {value}" for key, value in family.model_dump(exclude={"name"}).items())
            raise InputError(
                f"--model {name} already gives the shape; leave out --{next(iter(shape))}, "
                f"or leave out --model and change one of {own}"
            )
        return family.model_dump()
    if name is not None:
        return {**name, **shape} if isinstance(name, dict) else name
    missing = [f"--{key}" for key in ("layers", "width", "heads") if key not in shape]
    if missing:
        raise InputError(
            f"no model is given: write --model with one of {', '.join(FAMILY)}, or {', '.join(missing)} of your own"
        )
    hidden = {"hidden": 4 * shape["width"]} if isinstance(shape["width"], int) else {}
    return {**hidden, "vocab": BYTE_VOCAB if tokenizer == "bytes" else VOCAB, **shape}
