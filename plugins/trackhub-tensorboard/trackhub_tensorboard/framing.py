"""Frame records as event files do, and take them out again, up to what is damaged.

A frame is the payload's length (8 bytes, little-endian), the checksum of these 8 bytes, the payload,
and the checksum of the payload: TensorFlow's TFRecord.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import google_crc32c

_HEAD = struct.Struct("<QI")
_SUM = struct.Struct("<I")
_MASK = 0xA282EAD8
_CHUNK = 4 << 20
TORN = "the file ends within a record"
WRONG_LENGTH = "the checksum of a length is wrong"
WRONG_RECORD = "the checksum of a record is wrong"
OVERHEAD = _HEAD.size + _SUM.size


class Damage(NamedTuple):
    """Say where a file cannot be read, and why; ``lost`` is how many bytes that costs."""

    offset: int
    what: str
    lost: int


def masked(data: bytes) -> int:
    """Return the checksum that a frame holds of some bytes."""
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def framed(payload: bytes) -> bytes:
    """Return a payload's frame.

    >>> framed(b"").hex()
    '000000000000000029039807d8ea82a2'
    """
    length = len(payload).to_bytes(8, "little")
    return b"".join((length, _SUM.pack(masked(length)), payload, _SUM.pack(masked(payload))))


def frames(file: BinaryIO, start: int = 0, damages: list[Damage] | None = None) -> Iterator[tuple[int, bytes]]:
    """Yield each intact frame's end and payload, from an offset on.

    A payload whose checksum is wrong is left out, and the next frame is read; a length whose checksum
    is wrong leads nowhere, and ends the reading, as does the end of the file within a frame.
    """
    told: list[Damage] = [] if damages is None else damages
    file.seek(start)
    window = file.read(_CHUNK)
    at = 0
    while True:
        if len(window) - at < OVERHEAD:
            window = window[at:] + file.read(_CHUNK)
            start, at = start + at, 0
            if len(window) < OVERHEAD:
                if window:
                    told.append(Damage(start, TORN, len(window)))
                return
        length, check = _HEAD.unpack_from(window, at)
        if masked(window[at : at + 8]) != check:
            rest = len(window) - at + _rest(file)
            told.append(Damage(start + at, WRONG_LENGTH, rest))
            return
        if len(window) - at < OVERHEAD + length:
            window = window[at:]
            start, at = start + at, 0
            if OVERHEAD + length - len(window) > _rest(file):
                told.append(Damage(start, TORN, len(window) + _rest(file)))
                return
            window += file.read(max(OVERHEAD + length - len(window), _CHUNK))
        payload = window[at + 12 : at + 12 + length]
        (check,) = _SUM.unpack_from(window, at + 12 + length)
        at += OVERHEAD + length
        if masked(payload) == check:
            yield start + at, payload
        else:
            told.append(Damage(start + at - OVERHEAD - length, WRONG_RECORD, OVERHEAD + length))


def frame_at(file: BinaryIO, offset: int, size: int) -> tuple[int, bytes | Damage]:
    """Return where the next frame begins and this one's payload, or what is wrong with it.

    :param size: the file's size; what leads nowhere ends there.
    """
    if size - offset < OVERHEAD:
        return size, Damage(offset, TORN, size - offset)
    file.seek(offset)
    head = file.read(_HEAD.size)
    length, check = _HEAD.unpack(head)
    if masked(head[:8]) != check:
        return size, Damage(offset, WRONG_LENGTH, size - offset)
    end = offset + OVERHEAD + length
    if end > size:
        return size, Damage(offset, TORN, size - offset)
    payload = file.read(length)
    if _SUM.pack(masked(payload)) != file.read(_SUM.size):
        return end, Damage(offset, WRONG_RECORD, end - offset)
    return end, payload


def _rest(file: BinaryIO) -> int:
    """Return how many bytes are left behind the file's position."""
    here = file.tell()
    end = file.seek(0, 2)
    file.seek(here)
    return max(end - here, 0)
