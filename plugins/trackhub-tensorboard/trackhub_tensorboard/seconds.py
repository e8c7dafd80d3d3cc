"""Turn the seconds of event files into nanoseconds, to the last that 64 bits of seconds say; pure."""

from __future__ import annotations

from typing import Any

import numpy as np

_LATEST = 9_000_000_000
"""The year 2255, behind which 64 bits of nanoseconds end."""


def nanoseconds(seconds: Any) -> Any:
    """Return seconds as integers; what is no time of these centuries as 0.

    >>> nanoseconds([1_600_000_000.25, float("nan"), -0.5]).tolist()
    [1600000000250000000, 0, -500000000]
    """
    held = np.asarray(seconds, "f8")
    held = np.where(np.abs(held) < _LATEST, held, 0.0)
    whole = np.floor(held)  # apart, as a product of the whole would be rounded to 256 nanoseconds
    return whole.astype("i8") * 1_000_000_000 + np.rint((held - whole) * 1e9).astype("i8")
