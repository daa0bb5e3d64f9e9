"""Whether the numbers of a request for a plan can be meant."""

from __future__ import annotations

import math

from ...errors import ArgumentError, brief
from ...units.quantities import LATENCY, MOST_CHIPS, MOST_LAYERS, MOST_STEPS
from .options import Ask

_MOST = {
    "days": LATENCY.most / 86_400,
    "params": 1e18,
    "sync_every": MOST_STEPS,
    "payload_bits": 1e6,
    "layers": MOST_LAYERS,
    "chips": MOST_CHIPS,
}
"""The largest values accepted, the same as in a scenario."""


def check(ask: Ask) -> None:
    """Refuses numbers that are out of range.

    Raises:
      InputError: one is; the message names the option.
    """
    positive = {"days": (ask.days,), "params": ask.params or (1.0,), "sync_every": ask.cadences}
    positive |= {"payload_bits": (ask.payload_bits,), "layers": (ask.layers,)}
    optional = {
        "chips": ask.chips,
        "unique_tokens": ask.unique_tokens,
        "inference_tokens": ask.inference_tokens,
        "tokens_per_param": ask.tokens_per_param,
        "max_cost": ask.max_cost,
        "max_mw": ask.max_mw,
    }
    positive |= {name: (value,) for name, value in optional.items() if value is not None}
    for name, values in positive.items():
        most = _MOST.get(name, 1e24)
        if not all(0 < value <= most for value in values):  # false for NaN, too, and safe for integers of any length
            got = ", ".join(map(brief, values))
            raise ArgumentError(f"{{{name}}}: got {{got}}; write numbers above 0, {most:g} at most", got=got)
    for name, price in (("price_chip_hour", ask.price_chip_hour), ("price_gb", ask.price_gb)):
        if price is not None and not (math.isfinite(price) and price >= 0):
            raise ArgumentError(f"{{{name}}}: got {price:g}; write 0 or more")
    if ask.mfu is not None and not 0 < ask.mfu <= 1:
        raise ArgumentError(f"{{mfu}}: got {ask.mfu:g}; write a share of the peak, such as 0.4")
    if not 0 <= ask.loss_slack < 1:
        told = "{loss_slack}: got {got:g}; write a share of the loss, such as 0.01"
        raise ArgumentError(told, got=ask.loss_slack)
    if not ask.strategies:
        raise ArgumentError("{strategies}: the list is empty; name at least one")


def limits_in_words(ask: Ask) -> str:
    """What a plan has to fit into."""
    limits = [f"{ask.days:g} days"]
    limits += [f"a cost of {ask.max_cost:g}"] if ask.max_cost is not None else []
    limits += [f"{ask.tokens_per_param:g} tokens per parameter"] if ask.tokens_per_param is not None else []
    return " into " + " and ".join(limits)
