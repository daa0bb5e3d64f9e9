"""Seconds of inference on a mesh of chips: prefill of a prompt, and decode of one token after the other.

Each pass takes as long as the slower of its compute and its reading of memory, and its exchanges between chips:

  compute_s = flops / (chips x peak),  memory_s = (weights + cache) / (chips x bandwidth of memory)

Chips hold a model in `model` parts (tensor parallelism) and divide tokens among `tokens` groups of chips, each with all
the weights: chips = model x tokens. Two bounds say what is known of a pass: the least, at the peaks, with compute,
memory and exchanges all at once; and what is assumed, at shares of the peaks, with exchanges after compute.

Source: arXiv 2211.05102 (Pope et al., sections 2 and 3: costs of compute, memory and exchanges of partitioned layouts);
arXiv 1909.08053 (Megatron: two all-reduces a layer in a forward pass); arXiv 2001.08361 (2 N flops a token forward).
Limits: one forward pass at a time: no queue, no other requests, no sampling, no host. Activations fit beside weights
and cache. Layouts that also cut activations along two axes (arXiv 2211.05102, section 3.2.2) send less on large meshes.
Speculative decoding and pipelines are not counted.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from .flops import ATTENTION_FLOP, FORWARD_FLOP_PER_WEIGHT, SEEN
from .shapes import LLAMA_3, TransformerShape

ACTIVATION_BYTES = 2.0
"""Bytes of a number that chips exchange: bfloat16."""
REDUCES_PER_LAYER = 2
"""All-reduces of a layer in a forward pass: after attention, and after the feed-forward block."""
_FORWARD = ATTENTION_FLOP / 3
"""Flops of attention in the forward pass, likewise: a third of training."""


@dataclass(frozen=True)
class Served:
    """A model as it is served.

    Attributes:
      held_bytes: all weights [byte].
      read_bytes: weights that a pass reads: without an embedding that is only looked up [byte].
      prefill_flop_per_token: of weights, for each token of a prompt; the head works on the last one alone [flop].
      decode_flop_per_token: of weights, for a generated token [flop].
      attention_flop_per_pair: of a token and a position that it attends to, all layers together [flop].
      cache_bytes_per_token: keys and values of all layers [byte].
      layers: L; 0 where the shape is unknown.
      width: D.

    Both may be no whole numbers, for a size between those of a family.
    """

    held_bytes: float
    read_bytes: float
    prefill_flop_per_token: float
    decode_flop_per_token: float
    attention_flop_per_pair: float = 0.0
    cache_bytes_per_token: float = 0.0
    layers: float = 0.0
    width: float = 0.0


def served_by_size(params: float, weight_bytes: float) -> Served:
    """A model of N parameters of unknown shape: 2 N flops a token, and neither attention nor cache nor exchanges.

    Args:
      params: N.
      weight_bytes: of a parameter [byte].
    """
    held, flop = weight_bytes * params, FORWARD_FLOP_PER_WEIGHT * params
    return Served(held, held, flop, flop)


def served(shape: TransformerShape, weight_bytes: float, cache_bytes: float) -> Served:
    """A model of a known shape; its cache has 2 K H L numbers a token.

    Args:
      shape: of the model.
      weight_bytes: of a parameter [byte].
      cache_bytes: of a number in the cache [byte].
    """
    layers, head = shape.layers * shape.layer_params, shape.vocab * shape.width
    return Served(
        held_bytes=weight_bytes * shape.params,
        read_bytes=weight_bytes * (layers + head),
        prefill_flop_per_token=FORWARD_FLOP_PER_WEIGHT * layers,
        decode_flop_per_token=FORWARD_FLOP_PER_WEIGHT * (layers + head),
        attention_flop_per_pair=_FORWARD * shape.heads_width * shape.layers,
        cache_bytes_per_token=cache_bytes * 2 * shape.kv_width * shape.layers,
        layers=shape.layers,
        width=shape.width,
    )


def served_like(params: float, weight_bytes: float, cache_bytes: float) -> Served:
    """A model of N parameters with the dimensions of Llama 3, scaled to its size.

    Between two of its sizes, and beyond the ends as between the last two, each number is a power of N: layers and
    widths grow together, and the head is an ever smaller part. At 8B, 70B and 405B it is `served` of that shape.

    Args:
      params: N.
      weight_bytes: of a parameter [byte].
      cache_bytes: of a number in the cache [byte].
    """
    ladder = [(math.log(shape.params), served(shape, weight_bytes, cache_bytes)) for shape in LLAMA_3]
    size = math.log(params)
    place = 1 + sum(size > log_params for log_params, _ in ladder[1:-1])
    (low, one), (high, other) = ladder[place - 1 : place + 1]
    share = (size - low) / (high - low)

    def between(small: float, large: float) -> float:
        return math.exp((1 - share) * math.log(small) + share * math.log(large))

    most = asdict(served_by_size(params, weight_bytes))  # of weights; beyond 405B the head would not count at all
    found = {name: between(small, getattr(other, name)) for name, small in asdict(one).items()}
    return Served(**{name: min(value, most[name] or value) for name, value in found.items()})


@dataclass(frozen=True)
class Lane:
    """The links that a group of chips exchanges over.

    Attributes:
      chips: of the group.
      bytes_per_s: that a chip sends to the others of its group; None where nobody says [byte/s].
      hops_s: an all-reduce of nothing [s].
    """

    chips: int
    bytes_per_s: float | None = None
    hops_s: float = 0.0

    def all_reduce_s(self, size_bytes: float) -> float:
        """2 V (1 - 1/n)/W, and its hops [s].

        Source: arXiv 2211.05102, appendix A.1; a ring, or a line, whose last chip has one link.
        """
        return self._s(2 * size_bytes, self.hops_s)

    def all_gather_s(self, size_bytes: float) -> float:
        """V (1 - 1/n)/W, and its hops [s]."""
        return self._s(size_bytes, self.hops_s / 2)

    def _s(self, size_bytes: float, hops_s: float) -> float:
        if self.chips == 1 or self.bytes_per_s is None:
            return 0.0
        return size_bytes * (1 - 1 / self.chips) / self.bytes_per_s + hops_s


@dataclass(frozen=True)
class Layout:
    """Chips of one kind that serve one copy of the model, or one in each group.

    Attributes:
      model: the chips that share the weights.
      tokens: the groups that share the tokens.
      peak_flop_per_s, memory_bytes_per_s: of a chip [flop/s], [byte/s].
    """

    model: Lane
    tokens: Lane
    peak_flop_per_s: float
    memory_bytes_per_s: float

    @property
    def chips(self) -> int:
        """All of them."""
        return self.model.chips * self.tokens.chips

    def sequences(self, batch: int) -> float:
        """Sequences of the busiest group: whole ones, or a part of one where there are fewer than groups."""
        groups = self.tokens.chips
        return batch / groups if batch < groups else float(-(-batch // groups))


@dataclass(frozen=True)
class Pass:
    """A forward pass, at the peaks.

    Attributes:
      compute_s, memory_s, exchange_s: of a chip [s].
    """

    compute_s: float
    memory_s: float
    exchange_s: float

    @property
    def least_s(self) -> float:
        """All three at once, at the peaks: no program is quicker in this layout [s]."""
        return max(self.compute_s, self.memory_s, self.exchange_s)

    @property
    def bound(self) -> str:
        """What takes longest of the three."""
        parts = {"compute": self.compute_s, "memory": self.memory_s, "exchange": self.exchange_s}
        return max(parts, key=parts.__getitem__)

    def assumed_s(self, compute_share: float, memory_share: float) -> float:
        """At shares of the peaks, exchanges afterwards [s].

        Args:
          compute_share: of the peak that compute reaches.
          memory_share: of the bandwidth of memory that reading reaches.
        """
        return max(self.compute_s / compute_share, self.memory_s / memory_share) + self.exchange_s


def prefill(model: Served, layout: Layout, batch: int, prompt_tokens: float) -> Pass:
    """The pass over all prompts, from which the first token comes.

    Flops: B (2 N T + 4 N_q H L T^2/2). Example: 70e9 parameters, 8,000 tokens, one chip of 197 Tflop/s:
    2 * 70e9 * 8,000 / 197e12 = 5.7 s.

    Args:
      model: that is served.
      layout: the chips.
      batch: B, prompts at once.
      prompt_tokens: T of each [tokens].
    """
    own, shared = layout.sequences(batch) * prompt_tokens, layout.model.chips
    attention = SEEN["causal"] * model.attention_flop_per_pair * prompt_tokens
    compute_s = own * (model.prefill_flop_per_token + attention) / shared / layout.peak_flop_per_s
    memory_s = (model.read_bytes + model.cache_bytes_per_token * own) / shared / layout.memory_bytes_per_s
    exchange_s = REDUCES_PER_LAYER * model.layers * layout.model.all_reduce_s(own * model.width * ACTIVATION_BYTES)
    if batch < layout.tokens.chips and model.layers:  # prompts are cut, and each part needs the keys of all
        keys = model.cache_bytes_per_token * batch * prompt_tokens / shared / model.layers
        exchange_s += model.layers * layout.tokens.all_gather_s(keys)
    return Pass(compute_s, memory_s, exchange_s)


def decode(model: Served, layout: Layout, batch: int, context_tokens: float) -> Pass:
    """The pass that generates one token of every sequence: all weights and the whole cache are read.

    Args:
      model: that is served.
      layout: the chips; a group has whole sequences if there are as many, and else a part of the cache of each.
      batch: B, sequences at once.
      context_tokens: tokens in the cache of each [tokens].
    """
    cached, shared = layout.sequences(batch) * context_tokens, layout.model.chips
    own = max(1.0, layout.sequences(batch))  # every part of a cut sequence works on the same new token
    flop = model.decode_flop_per_token * own + model.attention_flop_per_pair * cached
    memory_s = (model.read_bytes + model.cache_bytes_per_token * cached) / shared / layout.memory_bytes_per_s
    exchange_s = REDUCES_PER_LAYER * model.layers * layout.model.all_reduce_s(own * model.width * ACTIVATION_BYTES)
    return Pass(flop / shared / layout.peak_flop_per_s, memory_s, exchange_s)


def chip_bytes(model: Served, layout: Layout, batch: int, context_tokens: float) -> float:
    """Weights and cache in the memory of a chip [byte].

    Args:
      model: that is served.
      layout: the chips.
      batch: sequences at once.
      context_tokens: tokens in the cache of each at the end [tokens].
    """
    cache = model.cache_bytes_per_token * context_tokens * layout.sequences(batch)
    return (model.held_bytes + cache) / layout.model.chips
