"""What the study runs: cases as data, and which of them are still to be run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace

SIZES = {"57k": (2, 32), "104k": (2, 48), "164k": (2, 64)}
"""Layers and width by name."""
TEXT = "76b83285"
"""The text that all is trained and measured on (requirements.txt): the first digits of its fingerprint."""
EARLIER = "earlier"
"""A text that some inner rates were found on, with a release of one of the packages before; no loss of it is shown."""
RATES = (2e-3, 4e-3, 8e-3)
"""Peak inner learning rates that are tried; a best one at an end is followed by one more beyond it."""
REPLICAS = (0, 1, 2, 4)
"""DiLoCo's replicas; 0 stands for Data-Parallel."""
ABLATED = "164k"
SMALLEST = "57k"
OUTER_STEPS = {0.5: (0.5, 1.0), 0.0: (0.6,), 0.8: (0.2, 0.6), 0.9: (1.0,)}
"""Outer rates that are tried there with one replica, by momentum."""
SEEDS = (0, 1)
OUTER_RATE = 0.6
"""The published outer rate for M = 1, 2, 4."""
OUTER_MOMENTUM = 0.9
"""Likewise, of Nesterov's kind."""
OTHER_OUTER_RATES = (0.1, 0.2, 0.4, 0.8)
OUTER_SIZES = ("57k", ABLATED)
"""The sizes at which they are tried."""
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
      outer_learning_rate, outer_momentum: of Nesterov's kind; Data-Parallel has none.
      text: what it is trained and measured on.
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
    outer_learning_rate: float | None = None
    outer_momentum: float | None = None
    text: str = TEXT


def key(row: Row | Case) -> tuple[str, ...]:
    """What tells cases apart, whether planned or read back."""
    data = row if isinstance(row, dict) else cells(row)
    return tuple(data[field.name] for field in fields(Case))


def cells(case: Case) -> Row:
    """The case as cells of the table; what it has not is empty."""
    return {name: "" if value is None else str(value) for name, value in asdict(case).items()}


def wanted(done: Sequence[Row]) -> Iterator[Case]:
    """Cases in the order of their worth, as far as what is done says which they are.

    First every size and algorithm on the grid of rates; then, at the best rate of each, two seeds; then, for one size,
    other H, batches, token budgets and payloads; then, for the smallest size, what tells why one replica is behind, and
    for the largest, whether that lasts; at last, other H by replicas and sizes.
    """
    bases = [_base(size, replicas) for size in SIZES for replicas in REPLICAS]
    for base in bases:
        yield from _tuned(done, base)
    for base in bases:
        best = _best(done, base)
        if best is not None:
            yield from (replace(best, seed=seed) for seed in SEEDS)
    yield from _ablations(done)
    if best_case(done, SMALLEST, 1) is not None:
        yield from _one_replica()
    yield from _longer(done)
    yield from _cadences(done)


def best_case(done: Sequence[Row], size: str, replicas: int) -> Case | None:
    """The headline's case of a size and algorithm (no replicas: Data-Parallel); None while rates are being tried."""
    return _best(done, _base(size, replicas))


def _ablations(done: Sequence[Row]) -> Iterator[Case]:
    best = {replicas: found for replicas in (0, 2) if (found := best_case(done, ABLATED, replicas)) is not None}
    for base in best.values():
        for sequences in (16, 32, 64):
            scale = (sequences / base.sequences) ** 0.5  # the batch's usual rule; the grid's best rate is the anchor
            yield replace(base, sequences=sequences, learning_rate=float(f"{base.learning_rate * scale:.3g}"))
        for overtraining in (2, 4):
            yield replace(base, overtraining=overtraining)
    if 2 in best:
        yield from (replace(best[2], sync_every=every) for every in (5, 15, 100))
        yield from (replace(best[2], payload_bits=bits) for bits in (8, 4))
    for replicas in (1, 2):
        for size in OUTER_SIZES:
            found = best_case(done, size, replicas)
            if found is not None:
                yield from (replace(found, outer_learning_rate=rate) for rate in OTHER_OUTER_RATES)


def _one_replica() -> Iterator[Case]:
    """DiLoCo with one replica at the smallest size: other outer steps, and other H.

    An outer rate of 1 without momentum is Data-Parallel.
    """
    one = replace(_base(SMALLEST, 1), learning_rate=16e-3)
    for momentum, rates in OUTER_STEPS.items():
        yield from (replace(one, outer_momentum=momentum, outer_learning_rate=rate) for rate in rates)
    half = replace(one, outer_momentum=0.5, outer_learning_rate=0.5)
    yield replace(half, learning_rate=8e-3)
    yield replace(half, seed=1)
    yield from (replace(one, sync_every=h, learning_rate=rate) for h, rate in ((5, 4e-3), (15, 8e-3), (5, 2e-3)))
    yield replace(one, sync_every=5, outer_learning_rate=0.1)
    yield replace(_base(SMALLEST, 0), overtraining=4, learning_rate=8e-3)


def _longer(done: Sequence[Row]) -> Iterator[Case]:
    """DiLoCo with one replica and more tokens: whether its gap closes, too, and with which momentum."""
    one = best_case(done, ABLATED, 1)
    if one is not None:
        yield from (replace(one, overtraining=overtraining) for overtraining in (2, 4))
        yield replace(one, overtraining=4, outer_learning_rate=0.5, outer_momentum=0.5)


def _cadences(done: Sequence[Row]) -> Iterator[Case]:
    """Other H by replicas and sizes, for one of them with more tokens and a seed more; rates stay as for H = 30."""
    best = {
        (size, replicas): found
        for size in (ABLATED, SMALLEST)
        for replicas in (1, 2, 4)
        if (found := best_case(done, size, replicas)) is not None
    }
    for (size, _), case in best.items():
        everies = (15, 100, 300) if size == ABLATED else (15, 100)
        yield from (replace(case, sync_every=every) for every in everies)
    if (ABLATED, 2) in best:
        two = best[ABLATED, 2]
        yield from (replace(two, sync_every=every, overtraining=4) for every in (15, 100))
        yield from (replace(two, sync_every=every, seed=1) for every in (15, 100, 300))


def _base(size: str, replicas: int) -> Case:
    """The headline's case of a size, its inner rate still open; no replicas stand for Data-Parallel."""
    if not replicas:
        return Case(size, "data-parallel", 1, 0, 0.0)
    return Case(size, "diloco", replicas, 30, 0.0, outer_learning_rate=OUTER_RATE, outer_momentum=OUTER_MOMENTUM)


def _tuned(done: Sequence[Row], base: Case) -> Iterator[Case]:
    """The grid of rates, and one beyond its end where the best stands there."""
    if _settled(_tried(done, replace(base, text=EARLIER))):
        return
    yield from (replace(base, learning_rate=rate) for rate in RATES)
    tried = _tried(done, base)
    if set(RATES) <= set(tried) and (beyond := _beyond(tried)) is not None:
        yield replace(base, learning_rate=beyond)


def _best(done: Sequence[Row], base: Case) -> Case | None:
    """The case of the least held-out loss among the rates tried on one text, once enough of them are."""
    for text in (EARLIER, base.text):
        tried = _tried(done, replace(base, text=text))
        if _settled(tried):
            return replace(base, learning_rate=min(tried, key=lambda rate: tried[rate]))
    return None


def _tried(done: Sequence[Row], base: Case) -> dict[float, float]:
    """Held-out loss by inner rate."""
    return {
        float(row["learning_rate"]): float(row["held_out_loss"])
        for row in done
        if key(row) == key(replace(base, learning_rate=float(row["learning_rate"])))
    }


def _settled(tried: Mapping[float, float]) -> bool:
    return set(RATES) <= set(tried) and _beyond(tried) in (None, *tried)


def _beyond(tried: Mapping[float, float]) -> float | None:
    """One rate more, where the best of the grid stands at its end."""
    best = min(RATES, key=lambda rate: tried[rate])
    return {max(RATES): 2 * max(RATES), min(RATES): min(RATES) / 2}.get(best)
