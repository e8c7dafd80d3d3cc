"""Decode protobuf's wire format, from bytes to field numbers and raw values; knows nothing of any message."""

from __future__ import annotations

import struct
from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_DOUBLE = struct.Struct("<d")
_FLOAT = struct.Struct("<f")
_CONTINUED = 0x80
_LONGEST = 70


class MalformedError(ValueError):
    """Report bytes that are no message."""


def fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Yield a message's fields as number, wire type and raw value, in the order they were written.

    >>> list(fields(bytes([0x08, 0x96, 0x01, 0x12, 0x02, 0x68, 0x69])))
    [(1, 0, 150), (2, 2, b'hi')]
    """
    place, end = 0, len(data)
    while place < end:
        key = data[place]
        place += 1
        if key >= _CONTINUED:
            key, place = _varint(data, place - 1)
        number, kind = key >> 3, key & 7
        if kind == BYTES:
            length = data[place] if place < end else _CONTINUED
            place += 1
            if length >= _CONTINUED:
                length, place = _varint(data, place - 1)
            stop = place + length
            if stop > end:
                raise MalformedError(f"field {number} is cut off")
            yield number, kind, data[place:stop]
            place = stop
        elif kind == VARINT:
            value, place = _varint(data, place)
            yield number, kind, value
        elif kind in {FIXED64, FIXED32}:
            stop = place + (8 if kind == FIXED64 else 4)
            if stop > end:
                raise MalformedError(f"field {number} is cut off")
            yield number, kind, data[place:stop]
            place = stop
        else:
            raise MalformedError(f"field {number} has wire type {kind}, which is no longer in use")


def signed(value: int | bytes) -> int:
    """Return an int64 or int32 from its raw value.

    >>> signed(2**64 - 1)
    -1
    """
    number = _integer(value)
    return number - (1 << 64) if number >= 1 << 63 else number


def unsigned(value: int | bytes) -> int:
    """Return a uint64 from its raw value."""
    return _integer(value)


def double(value: int | bytes) -> float:
    """Return a double from its raw value."""
    if isinstance(value, int) or len(value) != _DOUBLE.size:
        raise MalformedError("a double has eight bytes")
    number: float = _DOUBLE.unpack(value)[0]
    return number


def single(value: int | bytes) -> float:
    """Return a float of four bytes from its raw value."""
    if isinstance(value, int) or len(value) != _FLOAT.size:
        raise MalformedError("a float has four bytes")
    number: float = _FLOAT.unpack(value)[0]
    return number


def text(value: int | bytes) -> str:
    """Return a string from its raw value."""
    try:
        return nested(value).decode()
    except UnicodeDecodeError as error:
        raise MalformedError(f"a string is no UTF-8: {error}") from error


def nested(value: int | bytes) -> bytes:
    """Return the bytes of a message from its raw value."""
    if isinstance(value, int):
        raise MalformedError("a number stands where a message is expected")
    return value


def doubles(kind: int, value: int | bytes) -> list[float]:
    """Return what one field of a repeated double holds, packed or not."""
    if kind == FIXED64:
        return [double(value)]
    packed = nested(value)
    if len(packed) % _DOUBLE.size:
        raise MalformedError("packed doubles are cut off")
    return [number for (number,) in _DOUBLE.iter_unpack(packed)]


def integers(value: int | bytes) -> list[int]:
    """Return what one field of a repeated uint64 holds, packed or not."""
    if isinstance(value, int):
        return [value]
    numbers, place = [], 0
    while place < len(value):
        number, place = _varint(value, place)
        numbers.append(number)
    return numbers


def _integer(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise MalformedError("bytes stand where a number is expected")
    return value


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(data):
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < _CONTINUED:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place
        shift += 7
        if shift >= _LONGEST:
            raise MalformedError("a number has more than ten bytes")
    raise MalformedError("a number is cut off")
