"""Keep a run's points: a file that people open, and a tail that takes each batch and is merged into it at times.

Which points a batch brings anew is decided by their places: see :meth:`Metrics.append`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np

from trackhub.model.entities import Batch, MetricPoint, Note
from trackhub_local import disk
from trackhub_local.known import Known, Placed
from trackhub_local.packed import pack, unpack
from trackhub_local.places import Places
from trackhub_local.rows import Rows, joined
from trackhub_local.summary import Summary
from trackhub_local.tail import Tail

_TODO = "put it back as it was, or move it away: then what it alone held is lost"
_SHARE = 20
"""A merge waits for twenty times as long as the last one took, so that merging takes a twentieth of the time."""
_SOONEST_S = 1.0


@dataclass(slots=True)
class _Holding:
    """Remember what the folder holds, as long as nobody else writes there.

    :ivar given: the places of the batches that this process was given, as their source counts.
    :ivar tail: how many rows are in the tail alone; ``file`` how many are in the file.
    :ivar in_order: whether all rows of the tail come behind those of the file.
    """

    held: Places = field(default_factory=Places)
    given: Places = field(default_factory=Places)
    known: Known | None = None
    position: str | None = None
    tail: int = 0
    tail_bytes: int = 0
    file: int = 0
    in_order: bool = True

    def add(self, rows: Rows) -> None:
        """Count rows of the tail."""
        if len(rows):
            self.in_order &= int(rows.place[0]) >= self.held.end
            self.tail += len(rows)
            self.held.add_all(rows.place)


class Metrics:
    """Hold one run's points for its one writer, who has the run's lock, or for any reader.

    :param formats: the modules that write and read files of points; the first one writes.
    """

    def __init__(
        self, folder: Path, formats: Sequence[ModuleType], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._formats = formats
        self._clock = clock
        self._tail = Tail(folder / disk.OWN / "points", _TODO)
        self._holding = _Holding()
        self._signature: object = None
        self._merged_at, self._merge_took = -1e9, 0.0

    # ---- writing -------------------------------------------------------------------------

    @property
    def position(self) -> str | None:
        """Return the newest position that was taken."""
        return self._now().position

    def append(self, points: tuple[MetricPoint, ...], batch: Batch) -> tuple[Note, ...]:
        """Take those points of a batch that are not held yet; they are on the disk when this returns.

        A place that is held has had its point, and one that is not is filled: a batch that comes again, in
        pieces or whole, adds nothing, and what was refused leaves a gap. Where a place holds another point than the
        batch has there, the points were numbered anew, as a store does that lost its cursor and reads the segments
        of several writers in another order: then every point counts that is not held anywhere else.

        :raises Rejected: a point cannot be written; none of the batch is.
        """
        now = self._now()
        gap = batch.start - now.held.end
        fresh = self._fresh(now, points, batch.start)
        rows = Rows.of([point for _, point in fresh], [place for place, _ in fresh]).sorted()
        if fresh or batch.position not in {None, now.position}:
            self._write(now, rows, batch.position or now.position)
        now.given.add(batch.start, batch.start + len(points))
        if now.known is not None and not now.known.renumbered and now.held.end <= batch.start + len(points):
            now.known = None  # the batches have come to where nothing is held
        if self._due(now):
            self.merge()
        if fresh and gap > 0:
            detail = "they were refused, or were taken away from here"
            return (Note(kind="gap", subject=f"{gap} points before place {batch.start}", detail=detail),)
        return ()

    def merge(self) -> None:
        """Bring the tail into the file that people open, and leave one such file."""
        now, began = self._now(), self._clock()
        others = [self._path(one) for one in self._formats[1:] if self._path(one).exists()]
        if not now.tail and not others:
            return
        writer, path = self._formats[0], self._path(self._formats[0])
        if now.in_order and not others and path.exists():
            writer.grow(path, self._tail_rows())
        else:
            writer.write(path, [self._from(0)])
        for other in others:
            other.unlink()
        if now.position is None:
            self._tail.path.unlink(missing_ok=True)
            now.tail_bytes = 0
        else:
            now.tail_bytes = self._tail.restart([pack(Rows.empty(), now.position)])
        now.tail, now.file, now.in_order = 0, len(now.held), True
        self._signature = self._sign()
        self._merged_at = self._clock()
        self._merge_took = self._merged_at - began

    def _fresh(self, now: _Holding, points: tuple[MetricPoint, ...], start: int) -> Placed:
        """Return the points that are not held, each with the place that it gets."""
        ranges = now.given.missing(start, start + len(points))
        placed = [(place, points[place - start]) for first, end in ranges for place in range(first, end)]
        renumbered = now.known is not None and now.known.renumbered
        if not placed or (start >= now.held.end and not renumbered):
            return placed
        if now.known is None or (start < now.known.first and not renumbered):
            now.known = Known(self._from, now.given, start)
        return now.known.fresh(placed, now.held.end)

    def _write(self, now: _Holding, rows: Rows, position: str | None) -> None:
        self._signature = None  # until it is known what is on the disk
        now.tail_bytes = self._tail.append(pack(rows, position), now.tail_bytes)
        now.position = position
        now.add(rows)
        self._signature = self._sign()

    def _due(self, now: _Holding) -> bool:
        """Return whether to merge: the tail is as long as the file, or it costs little."""
        rested = self._clock() - self._merged_at >= max(_SOONEST_S, _SHARE * self._merge_took)
        return now.tail > 0 and (now.tail >= now.file or rested)

    def _now(self) -> _Holding:
        """Return what the folder holds; it is read again if another process has written there."""
        signature = self._sign()
        if self._signature is not None and self._signature == signature:
            return self._holding
        now = _Holding()
        for module in self._there():
            for start, end in module.summary(self._path(module)).held:
                now.held.add(start, end)
        now.file = len(now.held)
        records, now.tail_bytes = self._tail.read()
        for rows, position in map(unpack, records):
            now.position = position
            now.add(rows)
        self._holding, self._signature = now, signature
        return now

    def _sign(self) -> object:
        return disk.signature(self._tail.path, *map(self._path, self._formats))

    # ---- reading -------------------------------------------------------------------------

    def read(self) -> Iterator[Rows]:
        """Yield all rows in the order of their places, whoever writes meanwhile."""
        # The tail first: a merge between the two reads shows rows twice, not never.
        tail = self._tail_rows()
        there = self._there()
        if len(there) != 1 or (len(tail) and self._fills_gaps(there[0], tail)):
            yield _once([*self._pieces(), tail])
            return
        held = Places()
        for rows in there[0].read(self._path(there[0])):
            if len(tail):
                held.add_all(rows.place)
            yield rows
        yield tail.take(~held.mask(tail.place))

    def summary(self) -> Summary:
        """Return what the run's points are in short."""
        tail = self._tail_rows()
        there = self._there()
        if len(there) == 1:
            found: Summary = there[0].summary(self._path(there[0]))
            found.add(tail.take(~found.held.mask(tail.place)))
            if found.ordered:
                return found
        found = Summary()
        for rows in self.read():
            found.add(rows)
        return found

    def _fills_gaps(self, module: ModuleType, tail: Rows) -> bool:
        """Return whether rows of the tail belong between those of the file."""
        held: Places = module.summary(self._path(module)).held
        return bool(np.any(~held.mask(tail.place) & (tail.place < held.end)))

    def _tail_rows(self) -> Rows:
        return _once(unpack(record)[0] for record in self._tail.read()[0])

    def _from(self, first: int) -> Rows:
        """Return the rows from a place on."""
        rows = _once([*self._pieces(first), self._tail_rows()])
        return rows.take(slice(int(np.searchsorted(rows.place, first)), None))

    def _pieces(self, first: int = 0) -> Iterator[Rows]:
        for module in self._there():
            yield from module.read(self._path(module), first)

    def _there(self) -> list[ModuleType]:
        return [module for module in self._formats if self._path(module).exists()]

    def _path(self, module: ModuleType) -> Path:
        return self._folder / str(module.NAME)


def _once(parts: Iterator[Rows] | list[Rows]) -> Rows:
    """Return rows of several pieces in order, and of those at one place the first."""
    rows = joined([Rows.empty(), *parts])
    _, first = np.unique(rows.place, return_index=True)
    return rows.take(first)
