"""Give every point of a series a step that Neptune takes: larger than the one before it; pure numbers.

Neptune's step is a number from 0 to below 10^12 with six decimals, and its readers tell it as a double.
Ours are whole numbers of millionths that a double tells apart.
"""

from __future__ import annotations

import math
from fractions import Fraction

from trackhub.types import Step

MILLION = 1_000_000
LARGEST = (10**12 - 1) * MILLION


def fit(step: Step, before: int | None) -> int | None:
    """Return Neptune's step of a point, or None where none is left.

    The user's own step is taken where it is larger than the one before; a missing one becomes the next
    whole number, and any other the smallest that is larger.

    :param before: the step of the series' newest row.

    >>> fit(3, None), fit(3, 3_000_000), fit(None, 3_000_001), fit(0.25, None), fit(-1, None)
    (3000000, 3000001, 4000000, 250000, 0)
    """
    if step is None:
        wanted = 0 if before is None else (before // MILLION + 1) * MILLION
    elif isinstance(step, int):
        wanted = step * MILLION
    else:
        wanted = round(Fraction(step) * MILLION) if math.isfinite(step) else -1
    if 0 <= wanted <= LARGEST and (before is None or wanted > before) and told(float_of(wanted)) == wanted:
        return wanted
    return after(before)


def after(before: int | None) -> int | None:
    """Return the smallest step larger than another, or None behind the largest."""
    if before is None:
        return 0
    number = before + 1
    while number <= LARGEST and told(float_of(number)) != number:
        number = max(told(math.nextafter(float_of(number), math.inf)), number + 1)
    return number if number <= LARGEST else None


def float_of(step: int) -> float:
    """Return a step as Neptune's readers tell it."""
    return step / MILLION


def told(step: float) -> int:
    """Return the millionths of a step that a reader told."""
    return round(Fraction(step) * MILLION)
