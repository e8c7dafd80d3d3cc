"""Finding a single flipped bit from the checksum."""

from __future__ import annotations

from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackhub.journal.mend import mend, mend_header
from trackhub.journal.segment import decode_header, encode_header, encode_record


@given(st.binary(max_size=80), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.data())
@settings(max_examples=60, deadline=None)
def test_one_flipped_bit(payload, kind, seed, data):
    """Any single flip of a record is found and undone."""
    record = encode_record(kind, payload, seed)
    bit = data.draw(st.integers(0, len(record) * 8 - 1))
    broken = bytearray(record)
    broken[bit // 8] ^= 1 << bit % 8
    found = mend(b"abcd" + bytes(broken) + b"what follows it", 4, seed)
    assert found == (record, bit // 8)


@given(st.binary(max_size=80), st.integers(0, 2**32 - 1), st.integers(0, 31))
def test_flip_in_the_checksum_before(payload, seed, bit):
    """A flip in the checksum before a record leaves the record as it is."""
    record = encode_record(16, payload, seed)
    assert mend(record, 0, seed ^ 1 << bit) == (record, bit // 8 - 4)


@pytest.mark.parametrize("bits", [(0, 9), (70, 71), (100, 333), (5, 6, 7)])
def test_more_than_one_flipped_bit(bits):
    """More than one flip is not guessed at."""
    broken = bytearray(encode_record(16, bytes(range(40)), 7))
    for bit in bits:
        broken[bit // 8] ^= 1 << bit % 8
    assert mend(bytes(broken), 0, 7) is None


def test_torn_record():
    """A record that is torn is not mended."""
    record = encode_record(16, bytes(range(40)), 7)
    assert all(mend(record[:length], 0, 7) is None for length in range(12, len(record)))


def test_long_record():
    """A record too long for one certain explanation is left alone, but for its length."""
    record = encode_record(0, bytes(3000), 7)
    broken = bytearray(record)
    broken[100] ^= 1
    assert mend(bytes(broken), 0, 7) is None


def test_header(new_header):
    """Any single flip of a header is found and undone."""
    data = encode_header(new_header())
    for bit in range(0, len(data) * 8, 3):
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << bit % 8
        assert mend_header(bytes(broken) + b"more") == (data + b"more", bit // 8)
    assert mend_header(b"") is None
    assert mend_header(bytes(500)) is None
    assert decode_header(data) is not None


def test_flip_is_unique():
    """No two single flips of a record of 2048 bytes, the longest mended, look alike to the checksum."""
    length = 2048
    blank = crc32(bytes(length))
    seen = set()
    broken = bytearray(length)
    for place in range(length):
        for bit in range(8):
            broken[place] = 1 << bit
            seen.add(crc32(broken) ^ blank)
        broken[place] = 0
    seen |= {1 << bit for bit in range(32)}  # flips of the stored checksum
    assert len(seen) == length * 8 + 32
