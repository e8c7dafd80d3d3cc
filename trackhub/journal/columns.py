"""Decode a run's metrics from its segments to NumPy arrays, whole stretches of rows at once.

Rows of one layout have the same first eight bytes (length and type) at a fixed distance, and
their checksums form a chain: that of a stretch's last row covers them all. So one comparison
finds a stretch, one CRC verifies it, and one strided copy a column decodes it. A pattern of
layouts that repeats is such a stretch, too. Whatever else is met, :class:`SegmentReader` reads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from zlib import crc32

from trackhub.errors import JournalError, TrackhubError
from trackhub.journal.reader import Record, SegmentReader
from trackhub.journal.segment import BOOL, CRC, FIRST_ROW, FLOAT, HEAD, INT, SMALLEST, Layout
from trackhub.journal.store import RunFolder
from trackhub.model.events import MetricsLogged
from trackhub.types import Scalar, Step

try:
    import numpy as np
except ImportError as error:
    raise TrackhubError('numpy is not installed: pip install "trackhub-core[read]"') from error

_Array = np.ndarray[Any, np.dtype[Any]]

_FEWEST = 24
"""A stretch of fewer rows is read row by row: that is quicker."""

_LONGEST_PATTERN = 32
_EXACT = 1 << 53
"""Every int up to this one is a float64, too."""


class Column(NamedTuple):
    """Hold one metric's points in the order of :meth:`~trackhub.journal.journal.JournalReader.events`.

    Each array holds every value exactly.

    :ivar step: int64 where every step is an int; float64, with NaN for a missing one, where every
        step is a float64; else objects.
    :ivar time: int64, nanoseconds since the epoch.
    :ivar value: int64 or bool where every value is one; float64 where every value is a float64; else objects.
    """

    step: _Array
    time: _Array
    value: _Array


def read_columns(folder: RunFolder, names: Collection[str] | None = None) -> dict[str, Column]:
    """Return the points of a run's metrics, in the order in which each name first occurs.

    :param names: decode only these; a name that the run does not have is left out.
    """
    wanted = None if names is None else frozenset(names)
    segments = [_Segment(path, wanted) for path in folder.segments()]
    for segment in segments:
        segment.read()
    found = dict.fromkeys(name for segment in segments for name in segment.series)
    return {name: _merged(name, [segment for segment in segments if name in segment.series]) for name in found}


@dataclass(slots=True, eq=False)
class _Piece:
    """Hold rows of one layout: where they begin in the segment, and their columns."""

    where: _Array
    time: _Array
    step: _Array
    values: dict[str, _Array] = field(default_factory=dict)


class _Loose:
    """Gather rows that came one by one as events."""

    def __init__(self) -> None:
        self.where: list[int] = []
        self.time: list[int] = []
        self.step: list[Step] = []
        self.value: list[Scalar] = []


class _Decoder:
    """Turn the bytes of rows of one layout into columns."""

    def __init__(self, layout: Layout, wanted: frozenset[str] | None) -> None:
        formats = [_dtype(code) for code in (layout.step, *layout.codes) if code]
        self.length = layout.length
        self.head = HEAD.pack(layout.length, layout.id)
        self.dtype = np.dtype([("head", "<u8"), ("time", "<i8"), *((str(n), f) for n, f in enumerate(formats)), ("crc", "<u4")])
        self.big = {str(n) for n, code in enumerate(filter(None, (layout.step, *layout.codes))) if code[0] == "i"}
        first = 1 if layout.step else 0
        self.step = "0" if layout.step else None
        self.columns = {
            name: str(n) for n, name in enumerate(layout.names, first) if wanted is None or name in wanted
        }

    def piece(self, rows: _Array, where: _Array) -> _Piece:
        """Return the columns of rows."""
        step = np.full(len(rows), np.nan) if self.step is None else self._column(rows, self.step)
        values = {name: self._column(rows, column) for name, column in self.columns.items()}
        return _Piece(where, rows["time"].astype(np.int64), step, values)

    def _column(self, rows: _Array, column: str) -> _Array:
        kept = rows[column]
        if column in self.big:
            return _objects([int.from_bytes(item.tobytes(), "little", signed=True) for item in kept])
        if kept.dtype == np.uint8:
            return kept != 0
        return kept.astype(kept.dtype.newbyteorder("="))


class _Segment(SegmentReader):
    """Read one segment's metrics into pieces."""

    window: ClassVar[int] = 1 << 20

    def __init__(self, path: Path, wanted: frozenset[str] | None) -> None:
        super().__init__(path)
        self.series: dict[str, list[_Piece]] = {}
        self.pieces: list[_Piece] = []
        self._wanted = wanted
        self._decoders: dict[int, _Decoder] = {}
        self._others: list[tuple[int, int]] = []
        self._loose: dict[str, _Loose] = {}

    def read(self) -> None:
        """Read all there is; a file that is no segment has no metrics."""
        try:
            for record in self.records():
                self._others.append((record.end, record.event.time))
                if isinstance(record.event, MetricsLogged):
                    self._take(record.end, record.event)
        except JournalError:
            return
        for name, loose in self._loose.items():
            where = np.array(loose.where, dtype=np.int64)
            time = np.array(loose.time, dtype=np.int64)
            step = _column([np.nan if step is None else step for step in loose.step])
            self.series.setdefault(name, []).append(_Piece(where, time, step, {name: _column(loose.value)}))

    def keys(self) -> dict[int, _Array]:
        """Return for each piece when its rows come in a merge of segments: never before what stands before them."""
        others = np.array(self._others, dtype=np.int64).reshape(-1, 2)
        where = np.concatenate([*(piece.where for piece in self.pieces), others[:, 0]])
        time = np.concatenate([*(piece.time for piece in self.pieces), others[:, 1]])
        order = np.argsort(where, kind="stable")
        latest = np.maximum.accumulate(time[order])
        sorted_where = where[order]
        return {
            id(piece): latest[np.searchsorted(sorted_where, piece.where)]
            for pieces in self.series.values()
            for piece in pieces
        }
