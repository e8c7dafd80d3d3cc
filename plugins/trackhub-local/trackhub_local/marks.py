"""Say a point's step and value by a double each, and by a mark what two doubles cannot say.

Without a mark a value is a float, and a step is an int where it is whole, else a float, and missing where it is
null. A mark is text such as ``value int``, ``step float`` or ``value 18446744073709551617, step float``.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from trackhub.types import Scalar, Step

NOTHING = ""
"""The mark of a point that the doubles tell exactly; files leave it out."""
_DECIMAL_BITS = 1000
"""Beyond, digits are hexadecimal: Python reads no decimal int of more than 4300 digits."""
_KINDS = {"float": float, "int": int, "bool": bool}


def encode(value: Scalar, step: Step) -> tuple[float, float, str]:
    """Return a value and a step as doubles, NaN for a missing step, and the mark.

    >>> encode(0.5, 3), encode(7, None), encode(2**64 + 1, 3.0), encode(True, 0.5)  # doctest: +NORMALIZE_WHITESPACE
    ((0.5, 3.0, ''), (7.0, nan, 'value int'), (1.8446744073709552e+19, 3.0, 'value 18446744073709551617, step float'),
     (1.0, 0.5, 'value bool'))
    """
    # The usual point first: ten thousand of them come at once.
    if type(value) is float:
        number, mark = value, NOTHING
    elif isinstance(value, bool):
        number, mark = float(value), "value bool"
    else:
        number, exactly = _double(int(value))
        mark = "value int" if exactly is None else f"value {exactly}"
    if step is None:
        return number, math.nan, mark
    if isinstance(step, int):
        place, exactly = _double(int(step))
    else:
        place, exactly = float(step), ("float" if _reads_otherwise(step) else None)
    if exactly is not None:
        mark = f"{mark}, step {exactly}" if mark else f"step {exactly}"
    return number, place, mark


def decode(value: float, step: float, mark: str) -> tuple[Scalar, Step]:
    """Return what :func:`encode` was given.

    >>> decode(*encode(2**64 + 1, 3.0)), decode(*encode(7, None))
    ((18446744073709551617, 3.0), (7, None))
    """
    read_value, read_step = meaning(mark)
    return read_value(value), read_step(step)


@lru_cache(maxsize=4096)
def meaning(mark: str) -> tuple[Any, Any]:
    """Return the functions that make a value and a step of their doubles.

    :raises ValueError: the mark is none.
    """
    said = {"value": "float", "step": ""}
    for part in filter(None, mark.split(", ")):
        what, _, kind = part.partition(" ")
        if what not in said:
            raise ValueError(f"{mark!r} is no mark such as 'value int' or 'step float'")
        said[what] = kind
    return _reader(said["value"]), _reader(said["step"]) if said["step"] else plain_step


def plain_step(number: float) -> Step:
    """Return the step that a double is without a mark.

    >>> plain_step(3.0), plain_step(0.5), plain_step(float("nan"))
    (3, 0.5, None)
    """
    if math.isnan(number):
        return None
    return int(number) if number.is_integer() else number


def is_plain_float(mark: str) -> bool:
    """Return whether a point's value is the double itself."""
    return not mark.startswith("value ")


def _reader(kind: str) -> Any:
    known = _KINDS.get(kind)
    if known is not None:
        return known
    exact = int(kind, 0)
    return lambda _: exact


def _double(number: int) -> tuple[float, str | None]:
    """Return the nearest double, and the digits where it is another number."""
    try:
        nearest = float(number)
    except OverflowError:
        nearest = math.inf if number > 0 else -math.inf
    if math.isfinite(nearest) and int(nearest) == number:
        return nearest, None
    return nearest, str(number) if number.bit_length() <= _DECIMAL_BITS else hex(number)


def _reads_otherwise(step: float) -> bool:
    """Return whether a float is read as an int or as missing, unless it is marked."""
    return math.isnan(step) or step.is_integer()
