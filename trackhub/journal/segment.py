"""Define a segment's bytes: a header, then records, each with a length and a checksum.

``docs/reference/journal-format.md`` describes this byte by byte. All integers are little-endian.

    segment := magic(8) version(u16) zero(u16) size(u32) header(msgpack, size bytes) crc(u32)
               record*
    record  := length(u32) type(u32) payload crc(u32)

``length`` counts the whole record. ``crc`` is CRC-32 (ISO-HDLC, as in zlib) of everything in the
record before it, begun with the CRC that stands right before the record; the header's begins
with 0. So a record that was moved, doubled or cut out is noticed, and a reader that knows any
offset can verify what follows it.

Type 0 is an event (msgpack), type 1 declares a layout, type n >= 16 is a row of layout n.
"""

from __future__ import annotations

import struct
from typing import Any
from zlib import crc32

import msgspec

from trackhub.errors import JournalError
from trackhub.model.codec import pack, unpack

MAGIC = b"\x93THJ\r\n\x1a\n"
VERSION = 1
EVENT = 0
LAYOUT = 1
FIRST_ROW = 16

PREFIX = struct.Struct("<8sHHI")
HEAD = struct.Struct("<II")
CRC = struct.Struct("<I")
SMALLEST = HEAD.size + CRC.size
LARGEST = 1 << 28
"""No record is longer: a greater length is damage, so a reader need not look that far."""

FLOAT, INT, BOOL = "d", "q", "?"
"""Column codes: float64, int64, one byte; ``iN`` is an N-byte two's-complement integer."""


IMPORT = "import"
"""The role of a process that brings a run from elsewhere."""


class HeaderError(JournalError):
    """Report a beginning that does not verify; records after it may."""


class SegmentHeader(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Say who writes a segment.

    :ivar boot: the machine's boot id, so that a pid of another boot is known to be gone.
    :ivar birth: the process's start time in clock ticks since boot, where the system tells it.
    :ivar role: ``run`` for a process that logs, ``delivery`` for one that only watches, ``import``
        for one that writes down what happened elsewhere, so that its own end says nothing of the run.
    """

    run: str
    project: str
    writer: str
    role: str
    created: int
    host: str
    pid: int
    boot: str = ""
    birth: int | None = None
    rank: int | None = None
    version: str = ""


def encode_header(header: SegmentHeader) -> bytes:
    """Return the bytes that begin a segment."""
    body = pack(header)
    head = PREFIX.pack(MAGIC, VERSION, 0, len(body)) + body
    return head + CRC.pack(crc32(head))


def decode_header(data: bytes | bytearray | memoryview) -> tuple[SegmentHeader, int] | None:
    """Return a segment's header and the offset of its first record; None when it is not whole yet.

    :raises HeaderError: this is no segment, or its header does not verify.
    :raises JournalError: its format is newer.
    """
    if bytes(data[: len(MAGIC)]) != MAGIC[: len(data)]:
        raise HeaderError("not a journal segment: the first bytes differ")
    if len(data) < PREFIX.size:
        return None
    _, version, _, size = PREFIX.unpack_from(data)
    end = PREFIX.size + size
    if len(data) < end + CRC.size:
        return None
    if CRC.unpack_from(data, end)[0] != crc32(data[:end]):
        raise HeaderError("the segment's header is damaged: its checksum differs")
    if version > VERSION:
        raise JournalError(f"journal format {version}, but this trackhub reads up to {VERSION}: upgrade trackhub-core")
    try:
        return msgspec.convert(unpack(bytes(data[PREFIX.size : end])), SegmentHeader), end + CRC.size
    except msgspec.MsgspecError as error:
        raise JournalError(f"the segment's header cannot be read: {error}") from error


def encode_record(kind: int, payload: bytes, seed: int) -> bytes:
    """Return a record's bytes; ``seed`` is the CRC that stands before it."""
    body = HEAD.pack(SMALLEST + len(payload), kind) + payload
    return body + CRC.pack(crc32(body, seed))


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Describe rows: which metrics in which order, and how each value and the step are written.

    :ivar step: a column code, or ``""`` when the rows have no step.
    """

    id: int
    step: str
    names: tuple[str, ...]
    codes: tuple[str, ...]

    def packer(self) -> struct.Struct:
        """Return what packs a row up to its CRC: length, type, time, step, values."""
        return struct.Struct("<IIq" + "".join(_format(code) for code in (self.step, *self.codes)))

    @property
    def length(self) -> int:
        """Return a row's length in bytes, its CRC included."""
        return self.packer().size + CRC.size

    def encode(self) -> bytes:
        """Return the payload that declares this layout: msgpack ``[id, step, names, codes]``."""
        return pack([self.id, self.step, self.names, self.codes])

    @classmethod
    def decode(cls, payload: bytes | memoryview) -> Layout:
        """Return the layout that a payload declares.

        :raises JournalError: it declares none.
        """
        try:
            id_, step, names, codes = msgspec.convert(unpack(payload), _LAYOUT_SHAPE)
            layout = cls(id=id_, step=step, names=names, codes=codes)
            if len(names) != len(codes) or "" in codes or id_ < FIRST_ROW:
                raise JournalError(f"layout {id_} is not usable")
            layout.packer()
        except (msgspec.MsgspecError, ValueError, struct.error) as error:
            raise JournalError(f"a layout cannot be read: {error}") from error
        return layout


_LONGEST_INT = (1 << 16) - 1
_LAYOUT_SHAPE: Any = tuple[int, str, tuple[str, ...], tuple[str, ...]]


def _format(code: str) -> str:
    if code in {"", FLOAT, INT, BOOL}:
        return code
    if code[0] == "i" and code[1:].isdecimal() and 0 < int(code[1:]) <= _LONGEST_INT:
        return f"{int(code[1:])}s"
    raise JournalError(f"unknown column code {code!r}: upgrade trackhub-core")


def int_code(value: int) -> str:
    """Return the column code that holds an int exactly.

    :raises ValueError: it is longer than any column.

    >>> int_code(7), int_code(2**64)
    ('q', 'i9')
    """
    if -(1 << 63) <= value < 1 << 63:
        return INT
    length = (value.bit_length() + 8) // 8
    if length > _LONGEST_INT:
        raise ValueError(f"an int of {length} bytes is too large for the journal")
    return f"i{length}"
