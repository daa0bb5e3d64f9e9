"""The values of laws: a float, or an array of floats; numpy is loaded for arrays only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Values = TypeVar("Values", float, "NDArray[np.float64]")
"""A number or an array; the result of a law is of the same kind as its arguments."""


def are_numbers(*values: object) -> bool:
    """Whether all of some values are numbers, none an array."""
    return all(isinstance(each, int | float) for each in values)


def log(value: Any) -> Any:
    """Its natural logarithm."""
    if are_numbers(value):
        return math.log(value)
    import numpy as np

    return np.log(value)


def expm1(value: Any) -> Any:
    """The exponential of it, minus 1, without what rounding takes of small values."""
    if are_numbers(value):
        return math.expm1(value)
    import numpy as np

    return np.expm1(value)


def lesser(one: Any, other: Any) -> Any:
    """The lesser of two values, one by one."""
    if are_numbers(one, other):
        return min(one, other)
    import numpy as np

    return np.minimum(one, other)


def greater(one: Any, other: Any) -> Any:
    """The greater of two values, one by one."""
    if are_numbers(one, other):
        return max(one, other)
    import numpy as np

    return np.maximum(one, other)
