"""Find the one flipped bit of a record that does not verify, from the checksum alone.

CRC-32 has a Hamming distance of at least 4 up to 11 450 bytes (Koopman, 2002), so a single
flipped bit below that length has one explanation only.
"""

from __future__ import annotations

from typing import NamedTuple
from zlib import crc32

from trackhub.errors import JournalError
from trackhub.journal.segment import CRC, HEAD, MAGIC, PREFIX, SMALLEST, decode_header

_LONGEST = 2048


class Mended(NamedTuple):
    """Hold a record as it was before the flip, and where the flip is (from the record's start)."""

    record: bytes
    flip: int


def mend(data: bytes, at: int, seed: int) -> Mended | None:
    """Return the record at an offset as it was, or None when more than one bit is wrong.

    A flip at a negative place lies in the checksum before the record.
    """
    length = HEAD.unpack_from(data, at)[0]
    found = _mend_length(data, at, length, seed)
    if found is not None or not SMALLEST <= length <= min(_LONGEST, len(data) - at):
        return found
    body = bytearray(data[at : at + length - CRC.size])
    stored = CRC.unpack_from(data, at + length - CRC.size)[0]
    wrong = crc32(body, seed) ^ stored
    if wrong.bit_count() == 1:  # the flip is in the checksum itself
        return Mended(bytes(body) + CRC.pack(stored ^ wrong), length - CRC.size + (wrong.bit_length() - 1) // 8)
    for bit in range(32):
        if crc32(body, seed ^ 1 << bit) == stored:
            return Mended(data[at : at + length], bit // 8 - CRC.size)
    for place in range(HEAD.size - 4, len(body)):
        for bit in range(8):
            body[place] ^= 1 << bit
            if crc32(body, seed) == stored:
                return Mended(bytes(body) + CRC.pack(stored), place)
            body[place] ^= 1 << bit
    return None


def mend_header(data: bytes) -> Mended | None:
    """Return a segment's first bytes as they were, or None when more than one bit is wrong."""
    if len(data) < PREFIX.size or _distance(data[: len(MAGIC)], MAGIC) > 1:
        return None
    copy = bytearray(data[:_LONGEST])
    size = PREFIX.unpack_from(data)[3]
    for place in range(min(len(copy), PREFIX.size + size + CRC.size)):
        for bit in range(8):
            copy[place] ^= 1 << bit
            try:
                if decode_header(copy) is not None:
                    return Mended(bytes(copy) + data[_LONGEST:], place)
            except JournalError:
                pass
            copy[place] ^= 1 << bit
    return None


def _mend_length(data: bytes, at: int, length: int, seed: int) -> Mended | None:
    for bit in range(32):
        right = length ^ 1 << bit
        if SMALLEST <= right <= min(_LONGEST, len(data) - at):
            body = right.to_bytes(4, "little") + data[at + 4 : at + right - CRC.size]
            if crc32(body, seed) == CRC.unpack_from(data, at + right - CRC.size)[0]:
                return Mended(body + data[at + right - CRC.size : at + right], bit // 8)
    return None


def _distance(data: bytes, other: bytes) -> int:
    return (int.from_bytes(data, "little") ^ int.from_bytes(other, "little")).bit_count()
