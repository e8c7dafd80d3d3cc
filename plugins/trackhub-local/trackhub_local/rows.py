"""Hold points as columns of NumPy arrays, the one shape that every file of points is written from and read into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trackhub.errors import Rejected
from trackhub.model.entities import MetricColumns, MetricPoint
from trackhub.types import Scalar
from trackhub_local import marks

_INT64 = np.iinfo(np.int64)
_WHOLE = float(2**63)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rows:
    """Hold points in the order of their places.

    :ivar place: int64, the point's place in the run.
    :ivar name: int32, an index into ``names``; ``mark`` likewise into ``said``.
    :ivar step: float64, NaN for a missing one; ``value`` float64; see :mod:`trackhub_local.marks`.
    :ivar time: int64, UTC nanoseconds.
    """

    place: Any
    name: Any
    step: Any
    time: Any
    value: Any
    mark: Any
    names: tuple[str, ...]
    said: tuple[str, ...]

    @classmethod
    def of(cls, points: Sequence[MetricPoint], places: Iterable[int]) -> Rows:
        """Return points as rows.

        :raises Rejected: a name or a time cannot be written.
        """
        names: dict[str, int] = {}
        said: dict[str, int] = {}
        encoded = [marks.encode(point.value, point.step) for point in points]
        rows = cls(
            place=np.fromiter(places, np.int64, len(points)),
            name=np.array([names.setdefault(point.name, len(names)) for point in points], np.int32),
            step=np.array([one[1] for one in encoded], np.float64),
            time=_times(points),
            value=np.array([one[0] for one in encoded], np.float64),
            mark=np.array([said.setdefault(one[2], len(said)) for one in encoded], np.int32),
            names=tuple(names),
            said=tuple(said),
        )
        for name in names:
            writable(name, "the metric's name")
        return rows

    @classmethod
    def empty(cls) -> Rows:
        """Return no rows."""
        return cls.of((), ())

    def __len__(self) -> int:
        return len(self.place)

    def take(self, index: Any) -> Rows:
        """Return the rows that an index, a mask or a slice selects."""
        columns = ("place", "name", "step", "time", "value", "mark")
        return replace(self, **{column: getattr(self, column)[index] for column in columns})

    def sorted(self) -> Rows:
        """Return the rows in the order of their places."""
        if len(self) < 2 or bool(np.all(self.place[:-1] < self.place[1:])):  # noqa: PLR2004
            return self
        return self.take(np.argsort(self.place, kind="stable"))

    def points(self) -> Iterator[MetricPoint]:
        """Yield the points one by one."""
        read = [marks.meaning(mark) for mark in self.said]
        names = self.names
        columns = (self.name, self.value, self.step, self.time, self.mark)
        for name, value, step, time, mark in zip(*(column.tolist() for column in columns), strict=True):
            read_value, read_step = read[mark]
            yield MetricPoint(names[name], read_value(value), read_step(step), time)

    def series(self) -> Iterator[MetricColumns]:
        """Yield each series as columns, in order."""
        order = np.argsort(self.name, kind="stable")
        ordered = self.name[order]
        starts = np.flatnonzero(np.diff(ordered, prepend=-1))
        for part in np.split(order, starts[1:]) if len(order) else ():
            rows = self.take(part)
            used = np.unique(rows.mark)
            said = [self.said[mark] for mark in used.tolist()]
            yield MetricColumns(
                name=self.names[int(rows.name[0])],
                step=_steps(rows, said),
                value=_values(rows, said),
                time=rows.time,
            )

    def last(self) -> dict[str, tuple[Scalar, float, str]]:
        """Return each series' last value, with its double and its mark, in the order in which the series began."""
        newest = np.full(len(self.names), -1, np.int64)
        newest[self.name] = np.arange(len(self))
        _, first = np.unique(self.name, return_index=True)
        rows = self.take(newest[self.name[np.sort(first)]])
        said = [self.said[mark] for mark in rows.mark.tolist()]
        doubles = zip(rows.points(), rows.value.tolist(), said, strict=True)
        return {point.name: (point.value, number, mark) for point, number, mark in doubles}


def joined(parts: Sequence[Rows]) -> Rows:
    """Return rows of several pieces as one piece."""
    if len(parts) == 1:
        return parts[0]
    names: dict[str, int] = {}
    said: dict[str, int] = {}
    name = [_renumbered(part.name, part.names, names) for part in parts]
    mark = [_renumbered(part.mark, part.said, said) for part in parts]
    if not parts:
        return Rows.empty()
    return Rows(
        name=np.concatenate(name),
        mark=np.concatenate(mark),
        names=tuple(names),
        said=tuple(said),
        **{column: np.concatenate([getattr(part, column) for part in parts]) for column in _DENSE},
    )


_DENSE = ("place", "step", "time", "value")


def writable(text: str, what: str) -> None:
    """Refuse a text that no file can hold.

    :raises Rejected: it holds a lone surrogate.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Rejected(f"{what} {text[:100]!a} holds a lone surrogate, which UTF-8 cannot say: rename it") from None


def _renumbered(codes: Any, texts: tuple[str, ...], known: dict[str, int]) -> Any:
    numbers = np.array([known.setdefault(text, len(known)) for text in texts], np.int32)
    return numbers[codes] if len(codes) else codes


def _times(points: Sequence[MetricPoint]) -> Any:
    try:
        times = np.array([point.time for point in points], np.int64)
    except OverflowError:
        times = None
    # The least int64 is "not a time" wherever times are columns.
    if times is None or bool(np.any(times == _INT64.min)):
        wrong = next(point for point in points if not _INT64.min < point.time <= _INT64.max)
        raise Rejected(f"metric {wrong.name!r}: its time {wrong.time} ns lies outside the years 1677 to 2262")
    return times


def _steps(rows: Rows, said: list[str]) -> Any:
    """Return steps as ints if all are, as floats if those tell them exactly, else as objects."""
    step = rows.step
    if not any("step" in mark for mark in said):
        whole = bool(np.all((np.abs(step) < _WHOLE) & (step == np.floor(step))))
        return step.astype(np.int64) if whole else step
    read = [marks.meaning(mark)[1] for mark in rows.said]
    return _objects(read[mark](number) for mark, number in zip(rows.mark.tolist(), step.tolist(), strict=True))


def _values(rows: Rows, said: list[str]) -> Any:
    """Return values as floats, ints or flags if all are such, else as objects."""
    value = rows.value
    if all(map(marks.is_plain_float, said)):
        return value
    read = [marks.meaning(mark)[0] for mark in rows.said]
    kinds = {mark.partition(",")[0] for mark in said}
    if kinds == {"value bool"}:
        return value.astype(np.bool_)
    if kinds == {"value int"} and bool(np.all(np.abs(value) < _WHOLE)):
        return value.astype(np.int64)
    exact = [read[mark](number) for mark, number in zip(rows.mark.tolist(), value.tolist(), strict=True)]
    if all(type(one) is int and _INT64.min <= one <= _INT64.max for one in exact):
        return np.array(exact, np.int64)
    return _objects(exact)


def _objects(values: Iterable[Any]) -> Any:
    found = list(values)
    column = np.empty(len(found), object)
    column[:] = found
    return column
