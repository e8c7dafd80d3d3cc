"""Read a segment's records from any offset, live or long closed; damage is reported, never fatal.

A torn tail is simply not there yet. A single flipped bit is mended from the checksum and
reported; where more is wrong, reading goes on at the next record that verifies.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, ClassVar, NamedTuple
from zlib import crc32

import msgspec

from trackhub.errors import JournalError
from trackhub.journal.mend import mend, mend_header
from trackhub.journal.segment import (
    CRC,
    EVENT,
    FIRST_ROW,
    HEAD,
    LARGEST,
    LAYOUT,
    SMALLEST,
    HeaderError,
    Layout,
    SegmentHeader,
    decode_header,
)
from trackhub.model.codec import decode_event
from trackhub.model.events import Event, MetricsLogged

_LARGEST_HEADER = 1 << 16
# Where a record may begin: a length from 1 to LARGEST, and a type below 2**24.
_CANDIDATE = re.compile(rb"(?!\0{4})(?=...[\0-\x10]...\0)", re.DOTALL)


class Damage(NamedTuple):
    """Name bytes of a segment that do not verify."""

    segment: str
    offset: int
    length: int
    reason: str


class Record(NamedTuple):
    """Hold one event and the offset right after it."""

    event: Event
    end: int


class _Row:
    """Decode the rows of one layout."""

    __slots__ = ("_big", "_names", "_stepless", "_unpack", "layout", "length")

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        packer = layout.packer()
        self._unpack = packer.unpack_from
        self._names = layout.names
        self._stepless = not layout.step
        self._big = any(code[:1] == "i" for code in (layout.step, *layout.codes))
        self.length = layout.length

    def decode(self, data: bytes, at: int) -> MetricsLogged:
        _, _, time, *values = self._unpack(data, at)
        if self._big:
            values = [
                int.from_bytes(item, "little", signed=True) if isinstance(item, bytes) else item for item in values
            ]
        if self._stepless:
            return MetricsLogged(time=time, metrics=dict(zip(self._names, values, strict=True)))
        return MetricsLogged(time=time, metrics=dict(zip(self._names, values[1:], strict=True)), step=values[0])


class SegmentReader:
    """Follow one segment; reading again goes on where it stopped.

    :ivar header: who wrote it; None until that is read, or when it is damaged.
    :ivar offset: everything before it has been read.
    :ivar damage: every stretch that did not verify so far.
    """

    window: ClassVar[int] = 1 << 18

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: SegmentHeader | None = None
        self.offset = 0
        self.damage: list[Damage] = []
        self._rows: dict[int, _Row] = {}
        self._seed = 0

    def records(self, until: int | None = None) -> Iterator[Record]:
        """Yield what is whole between the current offset and the end of the file.

        :param until: read as if the file ended there.
        :raises JournalError: the file is no segment, or its format is newer than this reader.
        """
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            size = os.fstat(file.fileno()).st_size
            if until is not None:
                size = min(size, until)
            if not self.offset and not self._begin(file):
                return
            window = self.window
            while self.offset < size:
                start = self.offset
                file.seek(start)
                data = file.read(min(window, size - start))
                yield from self._scan(data, 0, last=start + len(data) >= size)
                if self.offset > start:
                    window = self.window
                elif start + len(data) >= size:
                    return
                else:
                    window *= 2

    def seek(self, offset: int) -> None:
        """Go on at an offset that an earlier reader reached, without yielding what lies before."""
        if not self.offset and self.path.exists():
            with self.path.open("rb") as file:
                self._begin(file)
        if self.offset >= offset:
            return
        # Layouts are declared once, so what lies before is walked through all the same.
        for _ in self.records(until=offset):
            pass

    def tail(self) -> Damage | None:
        """Return the bytes after the last whole record, if any: a torn write, or damage."""
        size = self.path.stat().st_size
        if size <= self.offset:
            return None
        return Damage(self.path.name, self.offset, size - self.offset, "torn or damaged tail")

    def _begin(self, file: BinaryIO) -> bool:
        """Read the header; without one, begin with the first record that verifies."""
        data = file.read(_LARGEST_HEADER)
        trouble = None
        try:
            found = decode_header(data)
        except HeaderError as error:
            found, trouble = None, error
        if found is None:
            mended = mend_header(data)
            if mended is not None:
                data, flip = mended
                found = decode_header(data)
                self.damage.append(Damage(self.path.name, flip, 1, "one flipped bit, mended"))
        if found is not None:
            self.header, self.offset = found
            self._seed = CRC.unpack_from(data, self.offset - CRC.size)[0]
            return True
        start = self._resync(data, 0)
        while start is None and (more := file.read(len(data))):
            data += more
            start = self._resync(data, 0)
        if start is not None:
            self.damage.append(Damage(self.path.name, 0, start, str(trouble or "the segment's header is damaged")))
            self.offset, self._seed = start, CRC.unpack_from(data, start - CRC.size)[0]
            return True
        # Zeros are what power loss leaves, and what NFS shows of bytes on their way.
        if trouble is not None and data.strip(b"\0"):
            raise trouble
        return False

    def _scan(self, data: bytes, at: int, *, last: bool) -> Iterator[Record]:
        """Yield the whole records of a window in which the current offset is at this place."""
        base = self.offset - at
        while len(data) - at >= SMALLEST:
            length, kind = HEAD.unpack_from(data, at)
            end = at + length
            cut = SMALLEST <= length <= LARGEST and end > len(data) and not last
            if cut and at:
                return  # the next window begins with this record
            if length >= SMALLEST and end <= len(data):
                crc = CRC.unpack_from(data, end - CRC.size)[0]
                if crc == crc32(data[at : end - CRC.size], self._seed):
                    self._seed = crc
                    event = self._decode(data, at, end, kind, base)
                    at = end
                    self.offset = base + end
                    if event is not None:
                        yield Record(event, self.offset)
                    continue
            mended = mend(data, at, self._seed)
            if mended is not None:
                record, flip = mended
                self.damage.append(Damage(self.path.name, base + at + flip, 1, "one flipped bit, mended"))
                end = at + len(record)
                self._seed = CRC.unpack_from(record, len(record) - CRC.size)[0]
                event = self._decode(record, 0, len(record), HEAD.unpack_from(record)[1], base + at)
                at = end
                self.offset = base + end
                if event is not None:
                    yield Record(event, self.offset)
                continue
            found = None if cut else self._resync(data, at + 1)
            if found is None:
                return  # torn at the end, or more of the file must be seen to tell
            self.damage.append(Damage(self.path.name, base + at, found - at, "does not verify"))
            self._seed = CRC.unpack_from(data, found - CRC.size)[0]
            at = found
            self.offset = base + at

    def _resync(self, data: bytes, at: int) -> int | None:
        """Return where the next record begins that verifies from what stands before it."""
        for match in _CANDIDATE.finditer(data, max(at, CRC.size)):
            place = match.start()
            length, kind = HEAD.unpack_from(data, place)
            end = place + length
            if not SMALLEST <= length <= len(data) - place:
                continue
            if kind >= FIRST_ROW:
                row = self._rows.get(kind)
                if row is not None and row.length != length:
                    continue
            elif kind not in {EVENT, LAYOUT}:
                continue
            seed = CRC.unpack_from(data, place - CRC.size)[0]
            if crc32(data[place : end - CRC.size], seed) == CRC.unpack_from(data, end - CRC.size)[0]:
                return place
        return None

    def _decode(self, data: bytes, at: int, end: int, kind: int, base: int) -> Event | None:
        try:
            if kind >= FIRST_ROW:
                row = self._rows[kind]
                if row.length == end - at:
                    return row.decode(data, at)
                reason = "a row of another length than its layout"
            elif kind == EVENT:
                return decode_event(data[at + HEAD.size : end - CRC.size])
            elif kind == LAYOUT:
                layout = Layout.decode(data[at + HEAD.size : end - CRC.size])
                self._rows[layout.id] = _Row(layout)
                return None
            else:
                reason = f"a record of the unknown type {kind}"
        except KeyError:
            reason = "a row whose layout was lost"
        except (msgspec.DecodeError, JournalError, ValueError, TypeError, RecursionError) as error:
            reason = f"cannot be read: {error}"
        self.damage.append(Damage(self.path.name, base + at, end - at, reason))
        return None
