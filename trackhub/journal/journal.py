"""Merge a run's segments into one stream of events, and name any place in it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from trackhub.journal.reader import Damage, SegmentReader
from trackhub.journal.segment import SegmentHeader
from trackhub.journal.store import RunFolder
from trackhub.model.events import Event

Position = dict[str, int]
"""A place in a run's journal: for each segment, the offset up to which it was read."""


def encode_position(position: Position) -> str:
    """Return a position as short text, for a vendor to keep.

    >>> decode_position(encode_position({"a": 120}))
    {'a': 120}
    """
    return msgspec.json.encode(dict(sorted(position.items()))).decode()


def decode_position(text: str) -> Position:
    """Return the position that text names; text from elsewhere names the beginning."""
    try:
        return msgspec.json.decode(text, type=dict[str, int])
    except msgspec.DecodeError:
        return {}


class Placed(NamedTuple):
    """Hold an event with its segment and the offset right after it."""

    event: Event
    segment: str
    end: int


class JournalReader:
    """Follow all segments of a run, those that begin later too.

    :ivar position: the place up to which events have been taken.
    """

    def __init__(self, folder: RunFolder, position: Position | None = None) -> None:
        self.folder = folder
        self.position: Position = dict(position or {})
        self._readers: dict[str, SegmentReader] = {}

    def events(self) -> Iterator[Placed]:
        """Yield what came since, in order of time across segments and as written within each.

        Stop taking at any point: the next call goes on right after the last one taken.
        """
        for path in self.folder.segments():
            if path.stem not in self._readers:
                reader = self._readers[path.stem] = SegmentReader(path)
                reader.seek(self.position.get(path.stem, 0))
        streams = [self._stream(name, reader) for name, reader in self._readers.items()]
        for placed in heapq.merge(*streams, key=lambda item: item.event.time):
            self.position[placed.segment] = placed.end
            yield placed
        for name, reader in self._readers.items():
            if reader.offset:
                self.position[name] = max(reader.offset, self.position.get(name, 0))

    def _stream(self, name: str, reader: SegmentReader) -> Iterator[Placed]:
        # The merge looks one event ahead, and the taker may stop: begin where the last one taken ended.
        if reader.offset != self.position.get(name, reader.offset):
            reader = self._readers[name] = SegmentReader(reader.path)
            reader.seek(self.position[name])
        for record in reader.records():
            yield Placed(record.event, name, record.end)

    @property
    def headers(self) -> dict[str, SegmentHeader]:
        """Return who wrote each segment, where that could be read."""
        return {name: reader.header for name, reader in self._readers.items() if reader.header is not None}

    @property
    def damage(self) -> list[Damage]:
        """Return every stretch that did not verify so far."""
        return [damage for reader in self._readers.values() for damage in reader.damage]
