"""What a law takes and gives: a float, or an array of floats of one shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Values = TypeVar("Values", float, "NDArray[np.float64]")
"""One number or an array of them; what comes in as an array comes out as one."""
