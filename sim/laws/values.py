"""The values of laws: a float, or an array of floats."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Values = TypeVar("Values", float, "NDArray[np.float64]")
"""A number or an array; the result of a law is of the same kind as its arguments."""
