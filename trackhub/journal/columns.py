"""Decode a run's metrics from its segments to NumPy arrays, whole stretches of rows at once.

Rows of one layout have the same first eight bytes (length and type) at a fixed distance, and
checksums form a chain, so that of a stretch's last row covers them all: one comparison finds a
stretch, one CRC verifies it, one strided copy a column decodes it. A pattern of layouts that
repeats is such a stretch, too. Whatever else there is, :class:`SegmentReader` reads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property
from itertools import accumulate, cycle, islice
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from zlib import crc32

from trackhub.errors import JournalError, TrackhubError
from trackhub.journal.reader import Record, SegmentReader
from trackhub.journal.segment import BOOL, CRC, FLOAT, HEAD, INT, SMALLEST, Layout
from trackhub.journal.store import RunFolder
from trackhub.model.events import MetricsLogged
from trackhub.types import Scalar

try:
    import numpy as np
except ImportError as error:
    raise TrackhubError('numpy is not installed: pip install "trackhub-core[read]"') from error

_Array = np.ndarray[Any, np.dtype[Any]]

_FORMATS = {FLOAT: "<f8", INT: "<i8", BOOL: "<u1"}
_KINDS: dict[str, type] = {"f": np.float64, "i": np.int64, "u": np.bool_}
_FEWEST = 16  # rows in a stretch: fewer are read quicker one by one
_FEW = 256
_LONGEST_PATTERN = 32
_EXACT = 1 << 53  # every int up to this one is a float64, too


class Column(NamedTuple):
    """Hold one metric's points, in the order of :meth:`~trackhub.journal.journal.JournalReader.events`.

    Metrics that were logged together may share the arrays of their steps and times.

    :ivar step: int64 where every step is an int; float64 with NaN for a missing one, where that
        holds every step exactly; else objects.
    :ivar time: int64, nanoseconds since the epoch.
    :ivar value: float64, or int64 or bool where every value is one; objects where neither is exact.
    """

    step: _Array
    time: _Array
    value: _Array


def read_columns(folder: RunFolder, names: Collection[str] | None = None) -> dict[str, Column]:
    """Return the points of a run's metrics by name.

    :param names: decode only these; one that the run does not have is left out.
    """
    wanted = None if names is None else frozenset(names)
    paths = folder.segments()
    segments = [_Segment(path, wanted, alone=len(paths) == 1) for path in paths]
    for segment in segments:
        segment.read()
    found = dict.fromkeys(name for segment in segments for name in segment.series)
    shared: dict[tuple[int, ...], _Points] = {}
    return {name: _column(name, [segment for segment in segments if name in segment.series], shared) for name in found}


class _Piece(NamedTuple):
    """Hold rows of one layout; ``where`` says at which offsets they end."""

    where: _Array
    time: _Array
    step: _Array
    values: dict[str, _Array]


class _Points(NamedTuple):
    """Hold what metrics that were always logged together share; ``order`` is None where they stand in it."""

    step: _Array
    time: _Array
    order: _Array | None


class _Decoder:
    """Gather the bytes of a layout's rows, and turn them into columns."""

    def __init__(self, layout: Layout, wanted: frozenset[str] | None) -> None:
        codes = [code for code in (layout.step, *layout.codes) if code]
        fields = [(str(place), _FORMATS.get(code, f"V{code[1:]}")) for place, code in enumerate(codes)]
        first = len(codes) - len(layout.names)
        self.length = layout.length
        self.head = HEAD.pack(layout.length, layout.id)
        self._dtype = np.dtype([("head", "V8"), ("time", "<i8"), *fields, ("crc", "V4")])
        self._step = "0" if first else None
        self._columns = {
            name: str(place) for place, name in enumerate(layout.names, first) if wanted is None or name in wanted
        }
        self._rows: list[bytes] = []
        self._runs: list[tuple[int, int, int]] = []

    def gather(self, rows: bytes, end: int, count: int = 1, stride: int = 0) -> None:
        """Take rows whose first one ends at an offset, and the others at a fixed distance."""
        self._rows.append(rows)
        self._runs.append((end, count, stride))

    def pieces(self) -> Iterator[_Piece]:
        """Yield what was gathered since the last time."""
        if not self._runs:
            return
        rows = np.frombuffer(b"".join(self._rows), self._dtype)
        ends, counts, strides = np.array(self._runs, np.int64).T
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        where = np.repeat(ends, counts) + np.repeat(strides, counts) * within
        step = np.full(len(rows), np.nan) if self._step is None else _copied(rows[self._step])
        values = {name: _copied(rows[column]) for name, column in self._columns.items()}
        yield _Piece(where, _copied(rows["time"]), step, values)
        self._rows, self._runs = [], []


class _Pattern:
    """Find stretches of rows whose layouts repeat in one order."""

    def __init__(self, parts: list[_Decoder]) -> None:
        self.parts = parts
        *self.shifts, self.stride = accumulate((part.length for part in parts), initial=0)
        self._bodies = [np.dtype(f"V{part.length - CRC.size}") for part in parts]

    def follow(self, data: bytes, at: int) -> int:
        """Return how many rows follow the pattern from a place on, looking at a few."""
        for count, part in enumerate(islice(cycle(self.parts), _FEWEST)):
            if data[at : at + HEAD.size] != part.head:
                return count
            at += part.length
        return _FEWEST

    def repetitions(self, data: bytes, at: int) -> int:
        """Return how often the whole pattern stands from a place on."""
        count = most = (len(data) - at) // self.stride
        for looked in (min(_FEW, most), most):  # a short stretch must not cost a look at the whole window
            count = looked
            for shift, part in zip(self.shifts, self.parts, strict=True):
                heads = np.ndarray(count, "<u8", data, at + shift, (self.stride,))
                differ = heads != int.from_bytes(part.head, "little")
                count = int(differ.argmax()) if differ.any() else count
                if count == 0:
                    return 0
            if count < looked:
                break
        return count

    def verify(self, data: bytes, at: int, seed: int) -> tuple[int, int]:
        """Return how many repetitions verify at once, and the checksum after them."""
        count = self.repetitions(data, at)
        while count:
            joined = np.empty(count, [(str(place), body) for place, body in enumerate(self._bodies)])
            for place, shift in enumerate(self.shifts):
                joined[str(place)] = np.ndarray(count, self._bodies[place], data, at + shift, (self.stride,))
            crc = crc32(joined.data, seed)
            if crc == CRC.unpack_from(data, at + count * self.stride - CRC.size)[0]:
                return count, crc
            count //= 2
        return 0, seed

    def gather(self, data: bytes, at: int, count: int, offset: int) -> None:
        """Hand repetitions that verify to the decoders of their rows."""
        for shift, part in zip(self.shifts, self.parts, strict=True):
            rows = np.ndarray(count, f"V{part.length}", data, at + shift, (self.stride,))
            part.gather(rows.tobytes(), offset + shift + part.length, count, self.stride)


class _Segment(SegmentReader):
    """Read one segment's metrics."""

    window: ClassVar[int] = 1 << 20

    def __init__(self, path: Path, wanted: frozenset[str] | None, *, alone: bool) -> None:
        super().__init__(path)
        self.series: dict[str, list[_Piece]] = {}
        self._wanted = wanted
        self._alone = alone
        self._decoders: dict[object, _Decoder] = {}
        self._pieces: list[_Piece] = []
        self._others: list[tuple[int, int]] = []

    def read(self) -> None:
        """Read all there is; a file that is no segment, or of a newer format, has no metrics."""
        try:
            for record in self.records():
                self._others.append((record.end, record.event.time))
                if isinstance(record.event, MetricsLogged):
                    self._take_event(record.event, record.end)
        except JournalError:
            return

    @cached_property
    def turns(self) -> _Array:
        """Return for each row when a merge comes to it: not before it has been at what stands before."""
        others = np.array(self._others, np.int64).reshape(-1, 2)
        where = np.concatenate([*(piece.where for piece in self._pieces), others[:, 0]])
        time = np.concatenate([*(piece.time for piece in self._pieces), others[:, 1]])
        order = np.argsort(where, kind="stable")
        return np.stack([where[order], np.maximum.accumulate(time[order])])

    def _scan(self, data: bytes, at: int, *, last: bool) -> Iterator[Record]:
        base = self.offset - at
        records = True
        while records:
            self._take_rows(data, base)
            records = False
            for record in super()._scan(data, self.offset - base, last=last):
                yield record
                records = True
                break
        for decoder in self._decoders.values():
            for piece in decoder.pieces():
                self._keep(piece)

    def _take_rows(self, data: bytes, base: int) -> None:
        """Take the rows that verify, up to the first record that is none."""
        singles: list[_Decoder] = []
        newest: dict[_Decoder, int] = {}
        at = self.offset - base
        wait = misses = 0
        while len(data) - at >= SMALLEST:
            length, kind = HEAD.unpack_from(data, at)
            decoder = self._decoder(kind)
            if decoder is None or decoder.length != length or at + length > len(data):
                break
            before = newest.get(decoder)
            if wait:
                wait -= 1
            elif before is not None and len(singles) - before <= _LONGEST_PATTERN:
                pattern = _Pattern(singles[before:])
                wait = pattern.follow(data, at)
                if wait == _FEWEST:
                    count, self._seed = pattern.verify(data, at, self._seed)
                    if count:
                        pattern.gather(data, at, count, base + at)
                        at += count * pattern.stride
                        singles, newest, wait, misses = [], {}, 0, 0
                        continue
                misses = min(2 * misses + 1, _LONGEST_PATTERN)
                wait += misses
            end = at + length
            crc = crc32(data[at : end - CRC.size], self._seed)
            if crc != CRC.unpack_from(data, end - CRC.size)[0]:
                break
            self._seed = crc
            newest[decoder] = len(singles)
            singles.append(decoder)
            decoder.gather(data[at:end], base + end)
            at = end
        self.offset = base + at

    def _decoder(self, kind: int) -> _Decoder | None:
        row = self._rows.get(kind)
        if row is None:
            return None
        # By what the reader decodes it with, so that a later layout of the same number is another one.
        if row not in self._decoders:
            self._decoders[row] = _Decoder(row.layout, self._wanted)
        return self._decoders[row]

    def _take_event(self, event: MetricsLogged, end: int) -> None:
        step = _one(np.nan if event.step is None else event.step)
        values = {
            name: _one(value) for name, value in event.metrics.items() if self._wanted is None or name in self._wanted
        }
        self._keep(_Piece(_one(end), _one(event.time), step, values))

    def _keep(self, piece: _Piece) -> None:
        # A merge needs the times of rows that nobody asked for, too.
        if piece.values or not self._alone:
            self._pieces.append(piece)
        for name in piece.values:
            self.series.setdefault(name, []).append(piece)


def _copied(field: _Array) -> _Array:
    if field.dtype.kind == "V":
        return _objects([int.from_bytes(item.tobytes(), "little", signed=True) for item in field])
    return field.astype(_KINDS[field.dtype.kind])


def _objects(items: list[Any]) -> _Array:
    column = np.empty(len(items), object)
    column[:] = items
    return column


def _one(item: Scalar) -> _Array:
    if type(item) is int and not -(1 << 63) <= item < 1 << 63:
        return _objects([item])
    return np.array([item])


def _joined(arrays: list[_Array]) -> _Array:
    """Return arrays as one, of a type that holds all of their items exactly."""
    kinds = {array.dtype for array in arrays}
    if len(kinds) == 1:
        return np.concatenate(arrays)
    if kinds == {np.dtype(np.int64), np.dtype(np.float64)}:
        whole = [array for array in arrays if array.dtype == np.int64]
        if all(array.min() >= -_EXACT and array.max() <= _EXACT for array in whole):
            return np.concatenate([array.astype(np.float64) for array in arrays])
    return _objects([item for array in arrays for item in array.tolist()])


def _column(name: str, segments: list[_Segment], shared: dict[tuple[int, ...], _Points]) -> Column:
    pieces = [piece for segment in segments for piece in segment.series[name]]
    key = tuple(map(id, pieces))
    if key not in shared:
        order = _order(name, segments)
        step, time = _joined([piece.step for piece in pieces]), _joined([piece.time for piece in pieces])
        shared[key] = _Points(_ordered(step, order), _ordered(time, order), order)
    points = shared[key]
    value = _joined([piece.values[name] for piece in pieces])
    return Column(points.step, points.time, _ordered(value, points.order))


def _ordered(array: _Array, order: _Array | None) -> _Array:
    taken: _Array = array if order is None else array[order]
    return taken


def _order(name: str, segments: list[_Segment]) -> _Array | None:
    """Return in which order a metric's points are to be taken, or None when that is how they stand."""
    places = [np.concatenate([piece.where for piece in segment.series[name]]) for segment in segments]
    if len(segments) == 1 and (np.diff(places[0]) > 0).all():
        return None
    orders, turns, begin = [], [], 0
    for segment, where in zip(segments, places, strict=True):
        own = np.argsort(where, kind="stable")
        ends, latest = segment.turns
        orders.append(own + begin)
        turns.append(latest[np.searchsorted(ends, where[own])])
        begin += len(where)
    return np.concatenate(orders)[np.argsort(np.concatenate(turns), kind="stable")]
