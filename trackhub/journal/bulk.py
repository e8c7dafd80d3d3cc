"""Turn columns of points into rows of a segment; takes arrays, hands bytes to the writer.

Metrics that share their steps and times become rows of one layout. Rows of all metrics go in
order of time; where a series itself goes back in time, its own order stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from trackhub.errors import TrackhubError
from trackhub.journal.segment import BOOL, CRC, FLOAT, INT
from trackhub.journal.writer import JournalWriter
from trackhub.model.entities import MetricColumns

try:
    import numpy as np
except ImportError as error:
    raise TrackhubError('numpy is not installed: pip install "trackhub-core[read]"') from error

_Array = np.ndarray[Any, np.dtype[Any]]
_CODES = {"f": (FLOAT, "<f8"), "i": (INT, "<i8"), "b": (BOOL, "<u1")}
_WHOLE = 2.0**63
"""Doubles below it are int64 where they are whole."""


class _Rows(NamedTuple):
    """Hold the rows of one layout: where each stands in its group, and its bytes."""

    places: _Array
    bodies: Sequence[bytes]


def append_columns(writer: JournalWriter, series: Iterable[MetricColumns]) -> int:
    """Append whole series as rows; return how many points these are.

    :param series: one a metric; see :class:`~trackhub.model.entities.MetricColumns`.
    :raises StoreError: the file system took no more; whole rows were written up to some place.
    :raises TypeError: an array holds something that is no metric value.
    """
    bodies: list[Sequence[bytes]] = []
    keys: list[list[_Array]] = []
    points = 0
    for number, group in enumerate(_groups(series)):
        points += len(group) * len(group[0].time)
        turns = np.maximum.accumulate(group[0].time)
        for part in _encoded(writer, group):
            count = len(part.places)
            # A group may be in several parts: among rows of one turn, its own order decides.
            numbers = np.full(count, number), np.full(count, len(bodies)), np.arange(count)
            keys.append([turns[part.places], part.places, *numbers])
            bodies.append(part.bodies)
    if bodies:
        turn, place, number_of, part_of, at_of = (np.concatenate(arrays) for arrays in zip(*keys, strict=True))
        order = np.lexsort((place, number_of, turn))
        rows = zip(part_of[order].tolist(), at_of[order].tolist(), strict=True)
        writer.bodies(bodies[part][at] for part, at in rows)
    return points


def _groups(series: Iterable[MetricColumns]) -> Iterator[list[MetricColumns]]:
    """Yield metrics that share their steps and times together."""
    found: dict[object, list[MetricColumns]] = {}
    for columns in series:
        if not len(columns.time):
            continue
        step, value = _plain(columns.step), _plain(columns.value)
        plain = MetricColumns(name=columns.name, step=step, value=value, time=np.asarray(columns.time, np.int64))
        if object in (step.dtype, value.dtype):
            key: object = columns.name, "objects"
        else:
            key = step.dtype, step.tobytes(), plain.time.tobytes()
        found.setdefault(key, []).append(plain)
    yield from found.values()


def _plain(array: Any) -> _Array:
    """Return an array as float64, int64 or bool where that is exact, else as objects."""
    array = np.asarray(array)
    kind = array.dtype.kind
    exact: Any = object
    if kind == "f" and array.dtype.itemsize <= 8:  # noqa: PLR2004 - a long double holds more
        exact = np.float64
    elif kind == "i" or (kind == "u" and (not len(array) or array.max() < 1 << 63)):
        exact = np.int64
    elif kind == "b":
        exact = np.bool_
    plain: _Array = array.astype(exact, copy=False)
    return plain


def _encoded(writer: JournalWriter, group: list[MetricColumns]) -> Iterator[_Rows]:
    """Yield a group's rows by layout: without a step, with a whole one, with a fractional one."""
    first = group[0]
    step: _Array = first.step
    if object in (step.dtype, first.value.dtype):
        points = first.points()
        bodies = [writer.body(point.time, {point.name: point.value}, point.step) for point in points]
        yield _Rows(np.arange(len(bodies)), bodies)
        return
    if step.dtype.kind != "f":
        yield _Rows(np.arange(len(step)), _packed(writer, group, slice(None), step))
        return
    missing = np.isnan(step)
    whole = ~missing & (np.floor(step) == step) & (np.abs(step) < _WHOLE)
    for chosen, kind in ((missing, None), (whole, np.int64), (~missing & ~whole, np.float64)):
        places = np.flatnonzero(chosen)
        if len(places):
            taken = None if kind is None else step[places].astype(kind)
            yield _Rows(places, _packed(writer, group, places, taken))


def _packed(writer: JournalWriter, group: list[MetricColumns], places: Any, step: _Array | None) -> _Bodies:
    columns = [] if step is None else [step]
    columns += [columns.value[places] for columns in group]
    codes = [_CODES[column.dtype.kind] for column in columns]
    step_code = "" if step is None else codes[0][0]
    names = tuple(columns.name for columns in group)
    length, kind = writer.layout(step_code, names, tuple(code for code, _ in codes[len(codes) - len(names) :]))
    fields = [(str(place), form) for place, (_, form) in enumerate(codes)]
    rows = np.empty(len(group[0].time[places]), [("length", "<u4"), ("kind", "<u4"), ("time", "<i8"), *fields])
    rows["length"], rows["kind"], rows["time"] = length, kind, group[0].time[places]
    for place, column in enumerate(columns):
        rows[str(place)] = column
    return _Bodies(rows.tobytes(), length - CRC.size)


class _Bodies(Sequence[bytes]):
    """Cut bytes into rows of one length, each when it is asked for."""

    def __init__(self, data: bytes, length: int) -> None:
        self._data = data
        self._length = length

    def __len__(self) -> int:
        return len(self._data) // self._length

    def __getitem__(self, place: Any) -> Any:
        return self._data[place * self._length : (place + 1) * self._length]
