"""The units of quantities.

The registry holds only the units that are needed here, so that a frequency ("10 GHz") or a gilbert ("Gb") is never
read as a bandwidth.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pint

SCALE = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
"""The factors of the prefixes."""
_DEFINITIONS = """
kilo- = 1e3 = k-
mega- = 1e6 = M-
giga- = 1e9 = G-
tera- = 1e12 = T-
peta- = 1e15 = P-
exa- = 1e18 = E-
kibi- = 1024 = Ki-
mebi- = 1048576 = Mi-
gibi- = 1073741824 = Gi-
tebi- = 1099511627776 = Ti-
milli- = 1e-3 = m-
micro- = 1e-6 = u- = µ-
nano- = 1e-9 = n-
bit = [information] = b
byte = 8 * bit = B
second = [time] = s = sec
minute = 60 * second = min
hour = 3600 * second = h
day = 86400 * second = d
week = 604800 * second
year = 31557600 * second
flop = [computation] = FLOP
token = [token]
watt = [power] = W
watthour = watt * hour = Wh
gram = [mass] = g
bps = bit / second
FLOPS = flop / second
"""


@cache
def _registry() -> pint.UnitRegistry[float]:
    import pint  # takes 0.2 s, and not every command parses units

    registry: pint.UnitRegistry[float] = pint.UnitRegistry(None)
    registry.load_definitions(_DEFINITIONS.strip().splitlines())
    return registry


def _plain() -> dict[tuple[str, str], float]:
    """Units as most people write them, by name and base: they need no registry, which takes as long as a short run."""
    binary = {"": 1.0, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
    decimal = {prefix: SCALE[prefix] for prefix in ("", "k", "M", "G", "T", "P", "E")}
    found = {("B", "B"): 1.0, ("min", "s"): 60.0, ("h", "s"): 3600.0, ("d", "s"): 86400.0, ("day", "s"): 86400.0}
    found |= {(f"{prefix}s", "s"): SCALE[prefix] for prefix in ("", "m", "u", "n")}
    for prefix, factor in (decimal | binary).items():
        found[f"{prefix}B", "B"] = factor
        found[f"{prefix}bit/s", "bit/s"] = factor
        found[f"{prefix}B/s", "bit/s"] = 8 * factor
    found |= {(f"{prefix}flop/s", "flop/s"): factor for prefix, factor in decimal.items()}
    return found


_PLAIN = _plain()


@cache
def factor_of(name: str, base: str) -> float | None:
    """The named unit in units of `base`; None if it is unknown or of another kind."""
    known = _PLAIN.get((name, base))
    return _by_registry(name, base) if known is None else known


def _by_registry(name: str, base: str) -> float | None:
    registry = _registry()
    try:
        return float(registry.Quantity(1, name).to(base).magnitude)
    except Exception:  # pint raises many kinds of exceptions, even those of its tokenizer
        return None


def slip_in(name: str, base: str) -> str:
    """A hint on a probable slip in a unit; empty if there is none."""
    if name[:1] == "K" and factor_of("k" + name[1:], base):
        rest = name[1:]
        return f"the prefix for 1000 is a small k: write k{rest}, or Ki{rest} for 1024"
    if base != "s" and name[:1] in set("mu\u00b5n") and factor_of(name, base) and factor_of(name[1:], base):
        return f"a small {name[0]} makes it a thousandth or less: write M{name[1:]} for millions"
    return ""
