"""Turn points into Neptune's rows and back; what a row cannot say becomes an entry kept beside.

A row is a step, a time in milliseconds and a double. A series says once what its numbers are, and
only a point that differs needs an entry: a record in a series of texts, at the point's place in the run.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from trackhub.model.entities import MetricPoint
from trackhub.types import Scalar, Step
from trackhub_neptune.service import Row
from trackhub_neptune.steps import MILLION, fit, float_of

USUAL = "float int"
_MS = 1_000_000


class Mark(NamedTuple):
    """Hold the step and the time of a series' newest row."""

    step: int
    ms: int


class Entry(NamedTuple):
    """Hold what a row cannot say.

    :ivar key: the series, see :func:`trackhub_neptune.names.key_of`.
    :ivar step: the step of the point's row, or of the row before it where it has none.
    :ivar has_row: whether it has one.
    """

    key: str
    step: int | None
    has_row: bool
    value: str
    user_step: str
    ms: int

    def text(self) -> str:
        """Return the entry as Neptune keeps it."""
        return json.dumps(list(self), separators=(",", ":"))

    @classmethod
    def of(cls, text: str) -> Entry:
        """Return the entry that a text holds."""
        return cls(*json.loads(text))


def kind_of(point: MetricPoint) -> str:
    """Return what a point's value and step are, such as ``float int`` or ``int none``."""
    return f"{type(point.value).__name__} {'none' if point.step is None else type(point.step).__name__}"


def row_of(point: MetricPoint, before: Mark | None) -> Row | None:
    """Return the row of a point, or None where Neptune has none for it: NaN, infinity, a step too many.

    :param before: the series' newest row; a row's time is never before that one's.
    """
    value = double(point.value)
    if not math.isfinite(value):
        return None
    ms = point.time // _MS
    if before is None:
        step = fit(point.step, None)
    else:
        wanted = point.step
        quick = wanted * MILLION if type(wanted) is int else -1
        step = quick if before.step < quick < 10**15 else fit(wanted, before.step)
        ms = max(ms, before.ms)
    return None if step is None else Row(step, ms, value)


def entry_of(key: str, point: MetricPoint, row: Row | None, before: Mark | None) -> Entry:
    """Return what is kept beside of a point."""
    step = row.step if row is not None else before.step if before is not None else None
    return Entry(key, step, row is not None, text_of(point.value), text_of(point.step), point.time // _MS)


def point_of(name: str, row: Row, kind: str) -> MetricPoint:
    """Return the point that a row of a series of some kind stands for."""
    value_kind, _, step_kind = kind.partition(" ")
    value: Scalar = float(row.value)
    if value_kind == "int":
        value = int(value)
    elif value_kind == "bool":
        value = bool(value)
    step: Step = None
    if step_kind == "float":
        step = float_of(row.step)
    elif step_kind == "int":
        step = row.step // MILLION
    return MetricPoint(name, value, step, row.ms * _MS)


def says(row: Row, kind: str, point: MetricPoint) -> bool:
    """Return whether a row alone tells all of a point, to the millisecond."""
    if row.ms != point.time // _MS:
        return False
    told = point_of(point.name, row, kind)
    return (
        type(told.value) is type(point.value)
        and told.value == point.value
        and type(told.step) is type(point.step)
        and told.step == point.step
        and (kind.endswith("float") or row.step % MILLION == 0)
    )


def restored(
    series: Mapping[str, tuple[str, str, Iterable[Row]]], entries: Iterable[Entry], whole: Callable[[str], str]
) -> Iterator[MetricPoint]:
    """Yield the points that rows and entries stand for, series by series, each in its order.

    :param series: name, kind and rows by key.
    :param whole: returns the text that stands for one that is kept apart.
    """
    exact: dict[tuple[str, int], Entry] = {}
    behind: dict[tuple[str, int | None], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.has_row and entry.step is not None:
            exact[entry.key, entry.step] = entry
        else:
            behind[entry.key, entry.step].append(entry)
    for key, (name, kind, rows) in series.items():
        yield from (_exact(name, entry, whole) for entry in behind[key, None])
        for row in rows:
            held = exact.get((key, row.step))
            yield point_of(name, row, kind) if held is None else _exact(name, held, whole)
            yield from (_exact(name, entry, whole) for entry in behind.get((key, row.step), ()))


def text_of(number: Scalar | None) -> str:
    """Return a number's text that tells its type.

    >>> text_of(0.1), text_of(7), text_of(True), text_of(None)
    ('0.1', '0x7', 'true', '')
    """
    if number is None:
        return ""
    if isinstance(number, float):
        return repr(number)
    # Hexadecimal, as Python reads no decimal int of more than 4300 digits.
    return str(number).lower() if isinstance(number, bool) else hex(number)


def number_of(text: str) -> Scalar:
    """Return the number of a text."""
    if text in ("true", "false"):
        return text == "true"
    return int(text, 16) if "0x" in text else float(text)


def double(value: Scalar) -> float:
    """Return the nearest double, an infinity where there is none."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _exact(name: str, entry: Entry, whole: Callable[[str], str]) -> MetricPoint:
    value: Any = number_of(whole(entry.value))
    text = whole(entry.user_step)
    return MetricPoint(name, value, number_of(text) if text else None, entry.ms * _MS)
