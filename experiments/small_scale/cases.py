"""What the study runs: cases as data, and which of them are still to be run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace

SIZES = {"57k": (2, 32), "164k": (2, 64), "313k": (3, 80)}
"""Layers and width by name."""
RATES = (2e-3, 4e-3, 8e-3)
"""Peak inner learning rates that are tried; a best one at an end is followed by one more beyond it."""
ALGORITHMS = (("data-parallel", 1), ("diloco", 1), ("diloco", 2), ("diloco", 4))
ABLATED = "164k"
SEEDS = (0, 1)
Row = dict[str, str]


@dataclass(frozen=True)
class Case:
    """One training run.

    Attributes:
      size: name of a model size.
      algorithm, replicas, sync_every: what trains it; H is 0 for Data-Parallel.
      learning_rate: peak inner learning rate.
      seed: of the parameters and of the order of the text.
      sequences: global batch, in sequences of 128 tokens.
      overtraining: lambda; tokens are 20 N lambda.
      payload_bits: bits of a parameter in an outer exchange.
    """

    size: str
    algorithm: str
    replicas: int
    sync_every: int
    learning_rate: float
    seed: int = 0
    sequences: int = 8
    overtraining: int = 1
    payload_bits: int = 32


def key(row: Row | Case) -> tuple[str, ...]:
    """What tells cases apart, whether planned or read back."""
    data = row if isinstance(row, dict) else {name: str(value) for name, value in asdict(row).items()}
    return tuple(data[field.name] for field in fields(Case))


def wanted(done: Sequence[Row]) -> Iterator[Case]:
    """Cases in the order of their worth, as far as what is done says which they are.

    First every size and algorithm on the grid of rates; then, at the best rate of each, a second seed; then, for one
    size, other H, batches, token budgets and payloads.
    """
    for size in SIZES:
        for algorithm, replicas in ALGORITHMS:
            yield from _tuned(done, Case(size, algorithm, replicas, 30 if algorithm == "diloco" else 0, 0.0))
    for size in SIZES:
        for algorithm, replicas in ALGORITHMS:
            best = _best(done, Case(size, algorithm, replicas, 30 if algorithm == "diloco" else 0, 0.0))
            if best is not None:
                yield from (replace(best, seed=seed) for seed in SEEDS)
    yield from _ablations(done)


def _ablations(done: Sequence[Row]) -> Iterator[Case]:
    best = {
        replicas: found
        for replicas in (0, 2)
        if (found := _best(done, Case(ABLATED, *_kind(replicas), 0.0))) is not None
    }
    for base in best.values():
        for sequences in (16, 32, 64):
            scale = (sequences / base.sequences) ** 0.5  # the batch's usual rule; the grid's best rate is the anchor
            yield replace(base, sequences=sequences, learning_rate=float(f"{base.learning_rate * scale:.3g}"))
        for overtraining in (2, 4):
            yield replace(base, overtraining=overtraining)
    if 2 in best:
        yield from (replace(best[2], sync_every=every) for every in (5, 15, 100))
        yield from (replace(best[2], payload_bits=bits) for bits in (8, 4))


def _kind(replicas: int) -> tuple[str, int, int]:
    return ("diloco", replicas, 30) if replicas else ("data-parallel", 1, 0)


def _tuned(done: Sequence[Row], base: Case) -> Iterator[Case]:
    """The grid of rates, and one beyond its end where the best stands there."""
    yield from (replace(base, learning_rate=rate) for rate in RATES)
    best = _best(done, base)
    if best is not None and best.learning_rate == max(RATES):
        yield replace(base, learning_rate=2 * max(RATES))
    if best is not None and best.learning_rate == min(RATES):
        yield replace(base, learning_rate=min(RATES) / 2)


def _best(done: Sequence[Row], base: Case) -> Case | None:
    """The case of the least held-out loss among the rates tried, once the grid is done."""
    found = {
        float(row["learning_rate"]): float(row["held_out_loss"])
        for row in done
        if key(row) == key(replace(base, learning_rate=float(row["learning_rate"])))
    }
    if not set(RATES) <= set(found):
        return None
    return replace(base, learning_rate=min(found, key=lambda rate: found[rate]))
