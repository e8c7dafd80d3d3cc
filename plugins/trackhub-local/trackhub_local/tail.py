"""Append records to a file of our own, and read those that are whole; a torn one at the end was never acknowledged.

A record is its length, its CRC-32 and that many bytes of msgpack. One write appends it, and one fsync keeps it.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from trackhub_local import disk
from trackhub_local.damage import NEWER, Damaged

_MAGIC = b"TRACKHUB-LOCAL-1\n"
_FAMILY = b"TRACKHUB-LOCAL-"
_HEAD = struct.Struct("<QI")


class Tail:
    """Hold a file of records; only who has the run's lock writes."""

    def __init__(self, path: Path, todo: str) -> None:
        self.path = path
        self._todo = todo

    def read(self) -> tuple[list[Any], int]:
        """Return the records, and how many bytes hold them; a file that is not there has none.

        :raises Damaged: a record has changed since it was written.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return [], 0
        if not content.startswith(_MAGIC):
            if content.startswith(_FAMILY):
                raise Damaged(self.path, "its format is another one", NEWER)
            if not _MAGIC.startswith(content) and content.strip(b"\0"):
                raise Damaged(self.path, "it does not begin as it was written", self._todo)
            return [], 0
        records, end = [], len(_MAGIC)
        for payload, behind in self._payloads(content):
            try:
                records.append(msgspec.msgpack.decode(payload))
            except msgspec.DecodeError as error:
                raise Damaged(self.path, f"its record at byte {end} is none: {error}", self._todo) from error
            end = behind
        return records, end

    def append(self, record: Any, size: int) -> int:
        """Append a record behind those that are whole; return the new size.

        :param size: what :meth:`read` or the last call returned.
        """
        payload = msgspec.msgpack.encode(record)
        framed = (b"" if size else _MAGIC) + _HEAD.pack(len(payload), zlib.crc32(payload)) + payload
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            os.ftruncate(descriptor, size)  # what a killed process left half-written
            os.lseek(descriptor, size, os.SEEK_SET)
            view = memoryview(framed)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if not size:
            disk.sync_folder(self.path.parent)
        return size + len(framed)

    def restart(self, records: Sequence[Any]) -> int:
        """Put a file with these records alone in its place; return its size."""
        content = b"".join(_framed(record) for record in records)
        disk.replace(self.path, _MAGIC + content)
        return len(_MAGIC) + len(content)

    def _payloads(self, content: bytes) -> Iterator[tuple[bytes, int]]:
        offset = len(_MAGIC)
        while offset + _HEAD.size <= len(content):
            length, checksum = _HEAD.unpack_from(content, offset)
            end = offset + _HEAD.size + length
            payload = content[offset + _HEAD.size : end]
            if not length or len(payload) < length or zlib.crc32(payload) != checksum:
                # What breaks off at the end was never acknowledged; what is followed by more, was.
                if length and end < len(content):
                    raise Damaged(self.path, f"its record at byte {offset} has changed", self._todo)
                if not length and content[offset:].strip(b"\0"):
                    raise Damaged(self.path, f"its record at byte {offset} has no length", self._todo)
                return
            yield payload, end
            offset = end


def _framed(record: Any) -> bytes:
    payload = msgspec.msgpack.encode(record)
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload
