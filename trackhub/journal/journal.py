"""Merge a run's segments into one stream of events, and name any place in it."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from pathlib import Path
from typing import NamedTuple

import msgspec

from trackhub.errors import JournalError
from trackhub.journal.reader import Damage, Record, SegmentReader
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


class _Stream:
    """Follow one segment, one event ahead of what was taken."""

    def __init__(self, path: Path, offset: int) -> None:
        self.reader = SegmentReader(path)
        self.reader.seek(offset)
        self._records: Iterator[Record] | None = None
        self._head: Record | None = None

    def head(self) -> Record | None:
        """Return the next event without taking it; None when there is none now."""
        if self._head is None:
            if self._records is None:
                self._records = self.reader.records()
            self._head = next(self._records, None)
            if self._head is None:
                self._records = None  # look at the file anew the next time
        return self._head

    def take(self) -> None:
        """Move past the head."""
        self._head = None


class JournalReader:
    """Follow all segments of a run, those that begin later too.

    :ivar position: the place up to which events have been taken.
    """

    def __init__(self, folder: RunFolder, position: Position | None = None) -> None:
        self.folder = folder
        self.position: Position = dict(position or {})
        self._streams: dict[str, _Stream] = {}
        self._order: dict[str, int] = {}
        self._heads: list[tuple[int, int, str]] = []  # a heap: the next event's time, the segment's turn, its name
        self._empty: set[str] = set()  # segments that had no event when they were looked at last
        self._beyond: list[tuple[int, int, str]] = []  # heads that do not lie before ``until``
        self._until: Position | None = None
        self._unreadable: dict[str, Damage] = {}

    def events(self, until: Position | None = None) -> Iterator[Placed]:
        """Yield what came since, in order of time across segments and as written within each.

        Stop taking at any point: the next call goes on right after the last one taken.

        :param until: yield only what lies before this place; segments that it does not name are left out.
        """
        self.refresh()
        while (placed := self.peek(until)) is not None:
            self.take(placed)
            yield placed

    def refresh(self) -> None:
        """Look for segments that began since."""
        for path in self.folder.segments():
            if path.stem in self._streams or path.name in self._unreadable:
                continue
            try:
                self._streams[path.stem] = _Stream(path, self.position.get(path.stem, 0))
            except JournalError as error:
                # One unreadable file must not hide the others.
                self._unreadable[path.name] = Damage(path.name, 0, path.stat().st_size, str(error))
            else:
                self._order[path.stem] = len(self._order)
                self._empty.add(path.stem)
        self._look_again()

    def peek(self, until: Position | None = None) -> Placed | None:
        """Return the next event without taking it; None when there is none now.

        A segment that had no more is looked at again when all others are at their end, too, and by
        :meth:`refresh`: a thousand ranks cost each event no thousand looks.
        """
        if until is not self._until:
            self._until = until
            for head in self._beyond:
                heappush(self._heads, head)
            self._beyond = []
        placed = self._first(until)
        if placed is None and self._empty:
            self._look_again()
            placed = self._first(until)
        return placed

    def take(self, placed: Placed) -> None:
        """Move past an event that was peeked at."""
        heappop(self._heads)
        self._streams[placed.segment].take()
        self.position[placed.segment] = placed.end
        self._look_at(placed.segment)

    def _first(self, until: Position | None) -> Placed | None:
        while self._heads:
            _, _, name = self._heads[0]
            head = self._streams[name].head()
            if head is not None and (until is None or head.end <= until.get(name, 0)):
                return Placed(head.event, name, head.end)
            self._beyond.append(heappop(self._heads))
        return None

    def _look_again(self) -> None:
        for name in sorted(self._empty, key=self._order.__getitem__):
            self._look_at(name)

    def _look_at(self, name: str) -> None:
        stream = self._streams[name]
        head = stream.head()
        if head is not None:
            self._empty.discard(name)
            heappush(self._heads, (head.event.time, self._order[name], name))
            return
        self._empty.add(name)
        # Past what is no event, such as a layout, so that nothing seems left.
        if stream.reader.offset:
            self.position[name] = max(stream.reader.offset, self.position.get(name, 0))

    @property
    def headers(self) -> dict[str, SegmentHeader]:
        """Return who wrote each segment, where that could be read."""
        return {
            name: stream.reader.header for name, stream in self._streams.items() if stream.reader.header is not None
        }

    @property
    def damage(self) -> list[Damage]:
        """Return every stretch that did not verify so far, and every file that is no segment."""
        found = [damage for stream in self._streams.values() for damage in stream.reader.damage]
        return [*self._unreadable.values(), *found]
