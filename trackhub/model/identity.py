"""Say when two points are the same one, for those who hold a vendor against a journal."""

from __future__ import annotations

import math
from typing import TypeAlias

from trackhub.model.entities import MetricPoint
from trackhub.types import Scalar, Step

NS_PER_MS = 1_000_000
PointIdentity: TypeAlias = tuple[str, Step, int, Scalar | str]


def identity_of(point: MetricPoint) -> PointIdentity:
    """Return a point's name, step, time to the millisecond, and value; vendors keep no finer time.

    >>> identity_of(MetricPoint("loss", float("nan"), 1.0, 2_500_000)) == identity_of(
    ...     MetricPoint("loss", float("nan"), 1, 2_000_000)
    ... )
    True
    """
    # NaN is not equal to itself; a whole float and its int are equal, and so are their hashes.
    value = "nan" if isinstance(point.value, float) and math.isnan(point.value) else point.value
    return point.name, point.step, point.time // NS_PER_MS, value
