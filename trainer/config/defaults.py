"""Defaults of a run's configuration, and the fields that its algorithm does not have.

Source: arXiv 2503.09799 (recipe), arXiv 2501.18512 (fragments and mixing).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from sim.defaults import LAYERS_PER_FRAGMENT, REPLICAS, SYNC_EVERY
from sim.errors import InputError
from sim.laws.model_family import FAMILY, SEQUENCE_TOKENS
from sim.pairing import regions_mistake

from ..config import recipe
from .kinds import KINDS, AlgorithmName, Kind, find_kind, owner_of
from .model_shape import ModelConfig, family_model

OWN_SEQUENCE_TOKENS = 256
"""Tokens in a sequence of a model that is not of the family."""
OVERLAPPED_MIXING = 0.5
"""Default share of the local parameters that is kept if exchanges overlap inner steps (arXiv 2501.18512)."""
_PLACEHOLDERS = {
    "replicas": 1,
    "steps": 1,
    "sequence_length": 1,
    "sequences": 1,
    "learning_rate": 1.0,
    "outer_learning_rate": 1.0,
}
"""Values for fields that cannot be filled in because of a mistake, so that only the mistake is reported."""


_Few = Annotated[int, Field(gt=0, le=10**6)]
_Many = Annotated[int, Field(gt=0, le=10**12)]


class _Basis(BaseModel):
    """The fields that the recipe needs; all others are ignored."""

    model: ModelConfig
    algorithm: AlgorithmName
    replicas: _Few
    devices_per_replica: _Few = 1
    sync_every: _Many = SYNC_EVERY
    overtraining: Annotated[float, Field(gt=0, le=1e9)] = 1.0
    steps: _Many | None = None
    sequence_length: _Many | None = None
    sequences: _Few | None = None


def filled(data: Mapping[str, Any]) -> dict[str, Any]:
    """Fills in the fields that depend on the model's size, the algorithm and the batch.

    In this order: replicas, by the algorithm; L = 2,048 for a model of the family (256 for any other); sequences of a
    device from the fitted batch; steps T = 20 N lambda / B with `overtraining` lambda (instead of `steps`); learning
    rates from the fits; H; fragments of three layers, and how long their exchange overlaps steps; the algorithm's own.

    Args:
      data: a configuration as written; the validation that follows reports mistakes in it.

    Returns:
      The configuration with every field that has no fixed default.

    Raises:
      InputError: both `steps` and `overtraining` are given, or `model` is not a name of the family.
    """
    given = {key: value for key, value in data.items() if value is not None}
    if isinstance(given.get("model"), str):
        given["model"] = family_model(given["model"]).model_dump()
    if "steps" in given and "overtraining" in given:
        raise InputError("overtraining: steps are given, too; leave out one of them")
    named = find_kind(given.get("algorithm"))
    given.setdefault("replicas", named.replicas if named else REPLICAS)
    if named and named.outer_steps:
        given.setdefault("sync_every", named.sync_every)
    try:
        basis = _Basis.model_validate(given)
    except ValidationError:
        return {**_PLACEHOLDERS, **given}
    params, replicas, kind = basis.model.nominal_params, basis.replicas, KINDS[basis.algorithm]
    of_family = basis.model.name in FAMILY
    length = basis.sequence_length or (SEQUENCE_TOKENS if of_family else OWN_SEQUENCE_TOKENS)
    devices = replicas * basis.devices_per_replica
    best = recipe.batch_tokens(params, kind.law, replicas)
    sequences = basis.sequences or max(1, round(best / (devices * length)))
    batch_tokens = devices * sequences * length
    budget = recipe.token_budget(params, basis.overtraining)
    defaults: dict[str, Any] = {
        "sequence_length": length,
        "sequences": sequences,
        "steps": max(1, round(budget / batch_tokens)),
        "learning_rate": recipe.inner_learning_rate(params, kind.law, replicas),
        "outer_learning_rate": recipe.outer_learning_rate(params, replicas),
    }
    if kind.together:
        defaults["replicas_per_device"] = replicas
    if kind.fragments:
        fragments = -(-basis.model.layers // LAYERS_PER_FRAGMENT)
        overlap = min(kind.overlap_steps, max(1, basis.sync_every - 1))
        defaults |= {"fragments": min(fragments, basis.sync_every), "overlap_steps": overlap}
    given.pop("overtraining", None)
    return {**defaults, **kind.own, **kind.defaults, **given}


def algorithm_mistake(fields: Mapping[str, Any]) -> str | None:
    """A message about a field that the algorithm does not have, or None.

    Args:
      fields: a filled-in configuration.

    Returns:
      The field, what is wrong with it, and what to write instead.
    """
    algorithm = fields["algorithm"]
    if fields["fully_sharded"] and algorithm != "data-parallel":
        return (
            f"fully_sharded: the outer steps of {algorithm} need whole replicas; leave it out, or write --algorithm "
            "data-parallel"
        )
    kind = KINDS[algorithm]
    if not kind.outer_steps:
        if fields["replicas"] != 1:
            count = fields["replicas"]
            return (
                f"replicas: got {count}; {algorithm} trains one replica: write --devices-per-replica "
                f"{count} to spread it, or --algorithm diloco"
            )
        for name in ("sync_every", "payload_bits", "error_feedback"):
            if fields[name]:
                return f"{name}: {algorithm} has no outer steps; leave it out, or write --algorithm diloco"
    mistake = _own_mistake(algorithm, kind, fields)
    if mistake:
        return mistake
    if not kind.fragments:
        for name, default in (("fragments", None), ("overlap_steps", 0), ("mixing", None), ("pattern", "strided")):
            if fields[name] != default:
                return f"{name}: {algorithm} does not have it; leave it out, or write --algorithm streaming-diloco"
        return None
    return _streaming_mistake(fields)


def _own_mistake(algorithm: str, kind: Kind, fields: Mapping[str, Any]) -> str | None:
    for name, value in fields.items():
        owner = owner_of(name)
        if owner is not None and owner != algorithm and value is not None:
            return f"{name}: {algorithm} does not have it; leave it out, or write --algorithm {owner}"
    if not kind.alone and fields["replicas"] == 1:
        return f"replicas: got 1; {algorithm} exchanges between replicas: write --replicas 2 or more"
    if kind.whole and fields["shards"] > 1:
        return f"shards: {algorithm} exchanges whole copies of the model; leave it out, or write --algorithm diloco"
    mistake = _merged_mistake(fields)
    if mistake:
        return mistake
    if kind.together and fields["replicas_per_device"] != fields["replicas"]:
        return (
            f"replicas_per_device: who exchanges with whom changes in {algorithm}, so that its {fields['replicas']} "
            f"replicas share a device: write --replicas-per-device {fields['replicas']}, or leave it out"
        )
    if mistake := regions_mistake(fields["replicas"], fields["regions"] or 1):
        return mistake
    if kind.outer_steps and not kind.feedback and fields["error_feedback"]:
        return f"error_feedback: {algorithm} decides by itself what is sent when; leave it out"
    if (fields["payload_bits"] or 32) < kind.least_bits:
        return (
            f"payload_bits: got {fields['payload_bits']}; {algorithm} sends {kind.least_bits} bits or more: write "
            f"--payload-bits {kind.least_bits}"
        )
    if fields["chunk"] and fields["top"] > fields["chunk"]:
        return f"top: got {fields['top']} of the {fields['chunk']} values of a chunk; write {fields['chunk']} or less"
    return None


def _merged_mistake(fields: Mapping[str, Any]) -> str | None:
    learners, paces = fields["replicas"], fields["paces"]
    if (fields["quorum"] or 1) > learners:
        return f"quorum: got {fields['quorum']} of {learners} learners; write {learners} or less"
    if paces and len(paces) != learners:
        like = ",".join(["1"] * (learners - 1) + ["0.5"])
        return f"paces: got {len(paces)} for {learners} learners; write one for each, such as --paces {like}"
    return None


def _streaming_mistake(fields: Mapping[str, Any]) -> str | None:
    most = min(fields["model"]["layers"], fields["sync_every"])
    if fields["fragments"] > most:
        return (
            f"fragments: got {fields['fragments']}; each needs a layer and a step of a round for itself: "
            f"write {most} at most"
        )
    if fields["overlap_steps"] >= fields["sync_every"]:
        return (
            f"overlap_steps: got {fields['overlap_steps']}; must be less than the {fields['sync_every']} inner steps "
            f"between two exchanges of a fragment: write {fields['sync_every'] - 1} or less"
        )
    return None
