"""What is recorded, in order of worth: whatever the budget does not reach is worth less than what was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sim.laws.model_family import FAMILY, VOCAB

_LOOP_FLOP = 2e13
"""Work of a measured loop of products: 25 ms at 800 Tflop/s, so that starting it weighs nothing [flop]."""


@dataclass(frozen=True)
class Training:
    """Steps of a training run, recorded as a trace.

    Attributes:
      name: of the case and of its files.
      run: fields of a training configuration (`docs/reference.md#record-trace`). With a `corpus` the model is trained
        on its text and evaluated on what is held out; otherwise on random tokens.
      clock: `both` takes steps of one program each, too, without waiting (`record-trace --clock`).
      profile: whether a profile of a few further steps is written, too.
    """

    name: str
    run: Mapping[str, Any]
    clock: Literal["split", "both"] = "split"
    profile: bool = False


@dataclass(frozen=True)
class Copy:
    """Reading and writing an array again and again: the bandwidth of the memory.

    Attributes:
      name: of the case.
      array_bytes: size of the array [byte].
      runs: number of passes over it.
    """

    name: str
    array_bytes: int
    runs: int


@dataclass(frozen=True)
class Products:
    """The two products of a feed-forward block, T x D by D x 4D and back, in a loop: the speed of products.

    Attributes:
      name: of the case.
      tokens: T.
      width: D.
      dtype: type of both operands and of the result.
      runs: number of passes.
    """

    name: str
    tokens: int
    width: int
    dtype: str
    runs: int

    @property
    def flop(self) -> float:
        """Flops of one pass: two products of 2 x T x D x 4D [flop]."""
        return 16.0 * self.tokens * self.width**2


Case = Training | Copy | Products


def program_of(case: Case) -> str:
    """What is compiled for a case, as a text: cases of the same text share their programs."""
    return f"{case.clock} {json.dumps(case.run, sort_keys=True)}" if isinstance(case, Training) else repr(case)


def _trained(
    name: str,
    model: Any,
    sequences: int,
    *,
    clock: Literal["split", "both"] = "split",
    profile: bool = False,
    **fields: Any,
) -> Training:
    """A run of a few steps, by default Data-Parallel on one device."""
    run = {"model": model, "algorithm": "data-parallel", "sequences": sequences, "steps": 10, "warmup_steps": 2}
    return Training(name, run | fields, clock, profile)


def _diloco(name: str, model: Any, sequences: int, replicas: int, sync_every: int, **fields: Any) -> Training:
    """The same of DiLoCo, with all replicas on one device."""
    own = {"algorithm": "diloco", "replicas": replicas, "replicas_per_device": replicas, "sync_every": sync_every}
    return _trained(name, model, sequences, **own, **fields)


def _products(width: int, tokens: int, dtype: str = "bfloat16") -> Products:
    runs = max(1, round(_LOOP_FLOP / (16.0 * tokens * width**2)))
    return Products(f"products-{width}-{tokens}-{dtype}", tokens, width, dtype, runs)


def _layers_of(size: str, layers: int) -> dict[str, int]:
    """The shape of a model of the family with fewer layers."""
    shape = FAMILY[size]
    return {"layers": layers, "width": shape.width, "heads": shape.heads, "hidden": shape.hidden, "vocab": VOCAB}


def _on_one_gpu() -> Iterator[Case]:
    yield Copy("copy", 2**30, 20)
    yield _products(4096, 8192)
    yield _trained("35m", "35m", 32, clock="both")
    yield _trained("550m", "550m", 16, clock="both")
    yield _trained("180m", "180m", 32, clock="both")
    yield _diloco("35m-diloco-m1", "35m", 32, 1, 5)
    yield _diloco("35m-diloco-m2", "35m", 16, 2, 5)
    yield _trained("90m", "90m", 32, clock="both")
    yield _trained("1.3b", "1.3b", 16, clock="both")
    yield _trained("335m", "335m", 16, clock="both")
    yield _trained("2.4b", "2.4b", 8, clock="both", steps=6, remat="layer")
    for size in ("4b", "10b"):  # two depths: their difference is the time of layers alone
        for layers in (2, 4):
            yield _trained(f"{size}-{layers}-layers", _layers_of(size, layers), 8, sequence_length=2048)
    for bits in (16, 8, 4, 32):
        yield _diloco(f"550m-diloco-m2-{bits}-bits", "550m", 1, 2, 1, steps=5, unrolled=False, payload_bits=bits)
    for size in ("35m", "550m"):
        for sequences in (1, 2, 4):
            yield _trained(f"{size}-{sequences}-sequences", size, sequences)
    yield _trained("35m-64-sequences", "35m", 64)
    for length in (512, 1024, 4096, 8192):
        yield _trained(f"180m-length-{length}", "180m", 65_536 // length, sequence_length=length)
    yield _diloco("550m-diloco-m1", "550m", 16, 1, 5)
    yield _diloco("1.3b-diloco-m1", "1.3b", 16, 1, 5, steps=5)
    for width in (512, 1024, 2048, 4096):
        for tokens in (2048, 8192, 32768):
            if (width, tokens) != (4096, 8192):
                yield _products(width, tokens)
    yield _products(4096, 8192, "float32")
    for size, sequences in (("35m", 32), ("550m", 16)):  # what fused attention and written-out layers are worth
        plain: dict[str, Any] = {"attention": "xla", "unrolled": False, "microbatches": sequences // 2}
        yield _trained(f"{size}-plain", size, sequences, steps=5, **plain)
    yield _trained("35m-profile", "35m", 32, clock="both", profile=True)
    yield _trained("550m-profile", "550m", 16, clock="both", profile=True)


def _tiny() -> Iterator[Case]:
    model = {"layers": 1, "width": 32, "heads": 2, "hidden": 64, "vocab": 264}
    few: dict[str, Any] = {"steps": 4, "warmup_steps": 1, "sequence_length": 32}
    yield Copy("copy", 2**20, 2)
    yield Products("products", 64, 32, "float32", 2)
    yield _trained("data-parallel", model, 4, clock="both", **few)
    yield _diloco("diloco-m2-8-bits", model, 2, 2, 2, payload_bits=8, **few)
    yield _trained("profile", model, 2, profile=True, **few)
    yield _diloco("read", model, 2, 1, 2, corpus="docstrings", tokenizer="bytes", **few)


def _study() -> Iterator[Case]:
    """Data-Parallel against DiLoCo, trained to the end: 10.7M and 4.8M parameters, 20 bytes of English text each."""
    read: dict[str, Any] = {"corpus": "packages", "tokenizer": "bytes", "sequence_length": 512, "steps": None}
    gentle = {"outer_learning_rate": 0.5, "outer_momentum": 0.5}
    for name, width, sequences in (("10m", 384, 128), ("5m", 256, 64)):
        model = {"layers": 6, "width": width, "heads": width // 64, "hidden": 4 * width, "vocab": 264}
        yield _trained(name, model, sequences, **read)
        for replicas in (1, 2, 4):
            yield _diloco(f"{name}-diloco-m{replicas}", model, sequences // replicas, replicas, 30, **read)
        for replicas in (1, 2):
            own = f"{name}-diloco-m{replicas}-momentum-0.5"
            yield _diloco(own, model, sequences // replicas, replicas, 30, **read, **gentle)


LISTS: dict[str, tuple[Case, ...]] = {"gpu": tuple(_on_one_gpu()), "study": tuple(_study()), "tiny": tuple(_tiny())}
"""`gpu`: for one GPU of 80 GB. `study`: real training on one GPU. `tiny`: for any machine, to see it work."""
