"""What communicating less costs in loss: other H, more replicas than were fitted, fewer bits, results that come late.

A price is a change of the logarithm of the loss against DiLoCo with H = 30 and full payloads, with a low and a high
end. Its middle is None where nobody has measured one; then the low end says that it is free, and the high end is the
widest price that is known of any change.

  H:        a ln(M) ln(H/30)                30 to 100, M = 2 and 4, 35M to 1B parameters
  lateness: a (N/1e9)^c, a whole round      eager updates, M = 2, H = 30 and 100, 35M to 1B parameters
            0, up to one inner step         Streaming DiLoCo, M = 2
  bits:     0, from 4 bits                  outer exchanges of Streaming DiLoCo and of the small study
  M > 8:    the law's M^beta                its high end from 16 replicas, 150M to 15B parameters

Source: fitted by `experiments/communication.py` to arXiv 2501.18512 (Table 6), 2502.12996 (Tables 2 and 6), 2505.23725
(scaling study), and to the small study of this project.
Limits: outer rates were left as they are for H = 30; losses are printed with two digits, 0.2% of a change; what several
changes cost together was measured for Streaming DiLoCo with 4 bits alone, and is a sum here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .published import FITTED_REPLICAS, FITTED_SYNC_EVERY
from .values import greater

CADENCE_SLOPE = 0.0069488
"""Of a ln(M) ln(H/30)."""
CADENCE_SPREAD = 0.0035908
"""Of a slope: 1.96 times the scatter of the published runs."""
STEEPEST_RARER, STEEPEST_OFTENER = 0.05222, 0.032625
"""The largest rise for each e-fold above H = 30 (over ln M) and below it, in models of 58k and 164k parameters."""
EAGER_SIZE, EAGER_EXPONENT, EAGER_SPREAD = 0.0095687, -0.29729, 0.0049654
"""a and c of a (N/1e9)^c, and 1.96 times the scatter."""
BITS_LOW, BITS_HIGH = -0.0048099, 0.00322
"""The least change with 4 or 8 bits that was measured, and 1.96 times what rounding makes of none."""
MANY_LOW, MANY_HIGH = -0.0033784, 0.026385
"""What 16 replicas cost over 1, less what the law says of it: the least and the most."""
WIDEST = 0.11986
"""The widest known price of a change: results one outer step late, neither eager nor with a lowered rate."""
MEASURED_PARAMS = (35e6, 1e9)
MEASURED_REPLICAS = (2, 4)
MEASURED_EVERY = (30, 100)
LEAST_EVERY = 10
"""Below it the loss is known to rise towards H = 1 (arXiv 2503.09799), and not where it begins to."""
LEAST_BITS = 4
EAGER_REPLICAS = 2


@dataclass(frozen=True)
class Price:
    """A change of the logarithm of a loss; numbers, or arrays over N.

    Attributes:
      low, high: its ends.
      middle: the price itself; None where nobody has measured one.
    """

    low: Any = 0.0
    middle: Any = 0.0
    high: Any = 0.0

    def plus(self, other: Price) -> Price:
        """Both together: what is known adds up; of what is not, the widest end counts once."""
        known = None if self.middle is None or other.middle is None else self.middle + other.middle
        if self.middle is None and other.middle is None:
            return Price(self.low + other.low, None, greater(self.high, other.high))
        return Price(self.low + other.low, known, self.high + other.high)


FREE = Price()
UNKNOWN = Price(0.0, None, WIDEST)


@dataclass(frozen=True)
class Communication:
    """How a run communicates.

    Attributes:
      replicas: M; 1 for Data-Parallel.
      sync_every: H; None for Data-Parallel.
      bits: of a parameter in an outer exchange [bit].
      whole: whether an exchange has every parameter, and gradients their 16 bits.
      late_steps: inner steps that pass before the result of an exchange is used; None: nobody has published what the
        strategy costs.
    """

    replicas: int
    sync_every: int | None
    bits: float = 16.0
    whole: bool = True
    late_steps: int | None = 0


def price_of(params: Any, how: Communication) -> Price:
    """What a way to communicate costs, all in all.

    Args:
      params: N, a number or an array.
      how: the way.

    Source: this module.
    Limits: this module.
    """
    found = price_of_bits(how.bits) if how.whole else UNKNOWN
    if how.sync_every is None:
        return found if how.late_steps is not None else found.plus(UNKNOWN)
    found = found.plus(price_of_cadence(params, how.replicas, how.sync_every))
    found = found.plus(price_of_lateness(params, how.replicas, how.sync_every, how.late_steps))
    return found.plus(price_of_replicas(how.replicas))


def price_of_cadence(params: Any, replicas: int, sync_every: float) -> Price:
    """What H inner steps between outer steps cost against 30.

    Ends: within the range of the data the scatter of single runs. Models above 1B parameters may pay nothing (the price
    was said to shrink with N); smaller than 35M, H above 100 and below 30 may pay as much as the small study did. For M
    between and beyond the measured ones the slope lies between that of the nearest one and one in proportion to M.

    Args:
      params: N, a number or an array.
      replicas: M.
      sync_every: H.
    """
    span = math.log(sync_every / FITTED_SYNC_EVERY)
    if not span:
        return FREE
    slope, steepest = CADENCE_SLOPE * math.log(replicas), STEEPEST_RARER * math.log(max(replicas, 2))
    least, most = _slopes(replicas)
    small, large = params < 0.95 * MEASURED_PARAMS[0], params > 1.05 * MEASURED_PARAMS[1]
    most = most + small * max(0.0, steepest - most)
    if span < 0:
        middle = slope * span if sync_every >= LEAST_EVERY else None
        return Price(most * span, middle, -STEEPEST_OFTENER * span)
    measured = min(span, math.log(MEASURED_EVERY[1] / FITTED_SYNC_EVERY))
    beyond = greater(most, steepest) * (span - measured)
    return Price((1 - large) * least * measured, slope * span, most * measured + beyond)


def _slopes(replicas: int) -> tuple[float, float]:
    """The least and the largest slope of the price of H for a number of replicas."""
    low, high, own = (CADENCE_SLOPE * math.log(each) for each in (*MEASURED_REPLICAS, replicas))
    if replicas < MEASURED_REPLICAS[0]:
        return 0.0, low + CADENCE_SPREAD
    if replicas > MEASURED_REPLICAS[1]:
        return max(0.0, high - CADENCE_SPREAD), high * replicas / MEASURED_REPLICAS[1] + CADENCE_SPREAD
    return max(0.0, own - CADENCE_SPREAD), own + CADENCE_SPREAD


def price_of_lateness(params: Any, replicas: int, sync_every: int, late_steps: int | None) -> Price:
    """What results cost that are used late, against waiting for them.

    Args:
      params: N, a number or an array.
      replicas: M.
      sync_every: H.
      late_steps: inner steps that pass before a result is used; None: nothing is known.
    """
    if late_steps == 0:
        return FREE
    if late_steps == 1:
        return Price(BITS_LOW, 0.0, BITS_HIGH)  # from the same runs as the price of bits
    if late_steps is None or replicas != EAGER_REPLICAS or late_steps > sync_every:
        return UNKNOWN
    middle = EAGER_SIZE * (params / 1e9) ** EAGER_EXPONENT
    low, high = greater(middle - EAGER_SPREAD, 0.0), greater(middle, EAGER_SIZE) + EAGER_SPREAD
    return Price(low, middle, high) if late_steps == sync_every else Price(0.0, None, high)


def price_of_bits(bits: float) -> Price:
    """What an outer exchange of so many bits a parameter costs; 16 and more are the full payload."""
    if bits >= 16:
        return FREE
    return Price(BITS_LOW, 0.0, BITS_HIGH) if bits >= LEAST_BITS else UNKNOWN


def price_of_replicas(replicas: int) -> Price:
    """What more replicas than were fitted cost over the law: ends alone, in proportion to log(M/8)."""
    doublings = math.log2(max(replicas, FITTED_REPLICAS[-1]) / FITTED_REPLICAS[-1])
    return Price(MANY_LOW * doublings, 0.0, MANY_HIGH * doublings)


def notes_on(params: float, how: Communication) -> tuple[str, ...]:
    """What is said of the price, each note beginning with its subject; empty for H = 30 and full payloads."""
    found = []
    if how.sync_every not in (None, FITTED_SYNC_EVERY):
        assert how.sync_every is not None
        found.append(_of_cadence(params, how.replicas, how.sync_every))
    if not how.whole:
        what = "gradients of fewer bits, or exchanges that leave something out,"
        found.append(f"no law: nobody has published what {what} cost; {_both_ends(UNKNOWN)}")
    elif how.bits < LEAST_BITS:
        what = f"{how.bits:.3g} bit{'s'[: how.bits != 1]} of a parameter"
        found.append(f"no law: nobody has published what {what} cost; {_both_ends(UNKNOWN)}")
    elif how.bits < 16:
        ends = _percent(price_of_bits(how.bits))
        found.append(f"bits: {how.bits:.3g} cost nothing that was measured ({ends}; arXiv 2501.18512, and our runs)")
    if how.late_steps is None:
        found.append(f"no law: nobody has published what this strategy costs in loss; {_both_ends(UNKNOWN)}")
    elif how.sync_every is not None and how.late_steps:
        found.append(_of_lateness(params, how, how.late_steps))
    if how.sync_every is not None and how.replicas > FITTED_REPLICAS[-1]:
        ends = _percent(price_of_replicas(how.replicas))
        found.append(f"replicas: {how.replicas} may cost {ends} more than that (arXiv 2505.23725, 16 replicas)")
    return tuple(found)


def _of_cadence(params: float, replicas: int, every: int) -> str:
    ends = price_of_cadence(params, replicas, every)
    inside = (
        MEASURED_EVERY[0] <= every <= MEASURED_EVERY[1]
        and MEASURED_REPLICAS[0] <= replicas <= MEASURED_REPLICAS[1]
        and 0.95 * MEASURED_PARAMS[0] <= params <= 1.05 * MEASURED_PARAMS[1]
    )
    known = "measured at 30 and 100, M = 2 and 4, 35M to 1B (arXiv 2501.18512)"
    beyond = "" if inside else "; here an extrapolation, so the ends lie far apart"
    if ends.middle is None:
        return f"no law: nobody has published what H = {every} costs in numbers; {_both_ends(ends)}"
    return f"sync_every: {every} changes the loss by {_signed(ends.middle)} over 30 ({_percent(ends)}); {known}{beyond}"


def _of_lateness(params: float, how: Communication, steps: int) -> str:
    assert how.sync_every is not None
    ends = price_of_lateness(params, how.replicas, how.sync_every, steps)
    late = f"lateness: results that are used {steps} step{'s'[: steps != 1]} later"
    if ends.middle is None:
        what = f"{late.removeprefix('lateness: ')} cost with M = {how.replicas}"
        return f"no law: nobody has published what {what}; {_both_ends(ends)}"
    if steps == 1:
        return f"{late} cost nothing that was measured ({_percent(ends)}; arXiv 2501.18512)"
    beyond = "" if params <= 1.05 * MEASURED_PARAMS[1] else ", here an extrapolation"
    cost = f"cost {_signed(ends.middle)} ({_percent(ends)})"
    return f"{late} {cost}; measured with M = 2, 35M to 1B (arXiv 2502.12996){beyond}"


def _both_ends(ends: Price) -> str:
    return f"between {_signed(ends.low)} and {_signed(ends.high)} (the widest price that is known)"


def _percent(ends: Price) -> str:
    return f"{_signed(ends.low)} to {_signed(ends.high)}"


def _signed(change: float) -> str:
    share = 100 * math.expm1(change)
    return f"{share:+.1f}%" if abs(share) >= 0.05 else "0%"
