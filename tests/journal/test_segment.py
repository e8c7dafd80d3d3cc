"""The bytes of a segment: header, records, layouts."""

from __future__ import annotations

import struct
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackhub.errors import JournalError
from trackhub.journal.segment import (
    CRC,
    FIRST_ROW,
    HEAD,
    MAGIC,
    PREFIX,
    HeaderError,
    Layout,
    SegmentHeader,
    decode_header,
    encode_header,
    encode_record,
    int_code,
)
from trackhub.model.codec import pack

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
CODES = st.sampled_from(["d", "q", "?", "i9", "i300"])


@given(TEXT, TEXT, st.integers(0, 2**63 - 1), st.none() | st.integers(0, 1000))
def test_header_round_trip(host, project, created, rank):
    """A header comes back as it was, with the offset of the first record."""
    header = SegmentHeader(
        run="r",
        project=project,
        writer="w",
        role="run",
        created=created,
        host=host,
        pid=7,
        rank=rank,
        boot="b",
        birth=5,
    )
    data = encode_header(header)
    assert decode_header(data + b"more") == (header, len(data))


def test_header_torn(new_header):
    """A header that is not whole yet is no error, at any length."""
    data = encode_header(new_header())
    assert all(decode_header(data[:length]) is None for length in range(len(data)))


def test_header_flipped(new_header):
    """No flipped bit of a header goes unnoticed."""
    data = encode_header(new_header())
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            assert decode_header(flipped) is None
        except HeaderError:
            continue


def test_header_of_another_file():
    """A file that is no segment is told from its first byte on."""
    for data in (b"P", b"PK\3\4 and so on", b"\0" * 64):
        with pytest.raises(HeaderError, match="not a journal segment"):
            decode_header(data)


def test_header_of_a_newer_format(new_header):
    """A newer format is refused, with what to do."""
    data = bytearray(encode_header(new_header()))
    struct.pack_into("<H", data, len(MAGIC), 9)
    CRC.pack_into(data, len(data) - CRC.size, crc32(data[: -CRC.size]))
    with pytest.raises(JournalError, match=r"journal format 9, .* upgrade trackhub-core"):
        decode_header(data)


def test_header_of_a_later_minor(new_header):
    """A header with fields that this reader does not know is read all the same."""
    fields = {"run": "r", "project": "p", "writer": "w", "role": "run", "created": 1, "host": "h", "pid": 1, "moon": 3}
    body = pack(fields)
    data = PREFIX.pack(MAGIC, 1, 0, len(body)) + body
    header, _ = decode_header(data + CRC.pack(crc32(data)))
    assert header.writer == "w"


def test_header_without_its_fields():
    """A header that verifies but lacks a field is refused."""
    body = pack({"run": "r"})
    data = PREFIX.pack(MAGIC, 1, 0, len(body)) + body
    with pytest.raises(JournalError, match="cannot be read"):
        decode_header(data + CRC.pack(crc32(data)))


@given(st.binary(max_size=64), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_record_chain(payload, kind, seed):
    """A record says its length and type, and its checksum begins with the one before."""
    record = encode_record(kind, payload, seed)
    assert HEAD.unpack_from(record) == (len(record), kind)
    assert record[8:-4] == payload
    assert CRC.unpack(record[-4:])[0] == crc32(record[:-4], seed)


@given(st.lists(st.tuples(TEXT, CODES)), st.sampled_from(["", "d", "q", "i12"]), st.integers(FIRST_ROW, 2**32 - 1))
def test_layout_round_trip(columns, step, number):
    """A layout comes back as it was."""
    layout = Layout(id=number, step=step, names=tuple(n for n, _ in columns), codes=tuple(c for _, c in columns))
    assert Layout.decode(layout.encode()) == layout


def test_layout_length():
    """A row of five floats and an int step takes 68 bytes."""
    assert Layout(id=16, step="q", names=tuple("abcde"), codes=("d",) * 5).length == 68


@pytest.mark.parametrize(
    "payload",
    [
        pack([15, "", ["a"], ["d"]]),
        pack([16, "", ["a", "b"], ["d"]]),
        pack([16, "", ["a"], ["z"]]),
        pack([16, "", ["a"], [""]]),
        pack([16, "i0", [], []]),
        pack([16, "i65536", [], []]),
        pack([16, "i²", [], []]),
        pack({"id": 16}),
        b"\xc1",
        b"",
    ],
)
def test_layout_unusable(payload):
    """A layout that says nothing usable is refused."""
    with pytest.raises(JournalError):
        Layout.decode(payload)


@given(st.integers() | st.integers(0, 200).flatmap(lambda bit: st.sampled_from([2**bit, -(2**bit), 2**bit - 1])))
def test_int_code_holds_the_int(value):
    """The code of an int has room for it, at any size."""
    code = int_code(value)
    if code == "q":
        assert struct.unpack("<q", struct.pack("<q", value))[0] == value
        return
    kept = value.to_bytes(int(code[1:]), "little", signed=True)
    assert int.from_bytes(kept, "little", signed=True) == value
