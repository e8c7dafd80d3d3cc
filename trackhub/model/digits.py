"""Turn ints of any size into decimal digits and back; Python's own way stops at a limit that a process may set."""

from __future__ import annotations

_AT_ONCE = 600
"""Digits that Python converts whatever its limit is set to: the lowest one is 640."""


def to_digits(value: int) -> str:
    """Return an int's decimal digits, with ``-`` before them if it is negative.

    >>> to_digits(-(10**20))
    '-100000000000000000000'
    """
    sign, size = ("-", -value) if value < 0 else ("", value)
    most = size.bit_length() * 30103 // 100000 + 1  # a little more than log10(2) a bit
    return sign + (_padded(size, most).lstrip("0") or "0")


def from_digits(text: str) -> int:
    """Return the int that decimal digits say.

    :raises ValueError: they are none.

    >>> from_digits("-12")
    -12
    """
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()):
        raise ValueError(f"{text[:40]!a} is no int in decimal digits")
    size = _read(digits)
    return -size if text.startswith("-") else size


def _padded(size: int, length: int) -> str:
    """Return the digits with zeros before them, up to a length that holds them all."""
    if length <= _AT_ONCE:
        return str(size).zfill(length)
    low = length // 2
    return "".join(_padded(part, width) for part, width in zip(divmod(size, 10**low), (length - low, low), strict=True))


def _read(digits: str) -> int:
    if len(digits) <= _AT_ONCE:
        return int(digits)
    low = len(digits) // 2
    above: int = 10**low
    return _read(digits[:-low]) * above + _read(digits[-low:])
