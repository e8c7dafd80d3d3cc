"""Turn points into the rows of a run's history, and back; pure functions.

A row is what one call logged: a time, a step, and a value for each of some names. W&B numbers rows, ``_step``, and
takes none with a smaller number than the last; ours are dense, and the user's step is a column. What JSON, or a server
that keeps doubles, may not tell exactly is told in words, in the same row.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from trackhub.model.entities import MetricPoint
from trackhub.types import Scalar, Step
from trackhub_wandb.names import escape, is_cut, unescape

STEP = "trackhub/step"
POINTS = "trackhub/points"
EXACT = "trackhub/exact"
POSITION = "trackhub/position"
SKIPPED = "trackhub/skipped"
"""How many numbers the SDK made the run leave out so far: it goes on behind the summary, and behind copies of rows."""
COLUMNS = "trackhub/*"
_NAMES = "/names"
_STEP_WORD = ""
_EXACT_INT = 2**53
_US = 1000

Row = dict[str, Any]


def rows_of(points: Iterable[MetricPoint], start: int, position: str | None) -> Iterator[Row]:
    """Yield the rows that points become; what was logged at once shares one.

    :param start: the place of the first point in its run.
    :param position: the journal's, after the last one; it goes with the last row.
    """
    group: dict[str, MetricPoint] = {}
    mark: tuple[Any, ...] | None = None
    place = start
    for point in points:
        own = (point.time, type(point.step), point.step)
        if group and (own != mark or point.name in group):
            place += len(group)
            yield _row(group, place)
            group = {}
        group[point.name], mark = point, own
    if group:
        row = _row(group, place + len(group))
        if position is not None:
            row[POSITION] = position
        yield row


def points_of(row: Row) -> Iterator[MetricPoint]:
    """Yield the points that a row stands for; of a row that is not ours, its numbers."""
    time = round(row.get("_timestamp", 0) * 1_000_000) * _US
    if POINTS not in row:
        for key, value in row.items():
            if isinstance(value, int | float) and not key.startswith("_"):
                yield MetricPoint(key, value, row.get("_step"), time)
        return
    exact: dict[str, Any] = json.loads(row[EXACT]) if row.get(EXACT) else {}
    names: dict[str, str] = exact.pop(_NAMES, {})
    step = _step_of(row.get(STEP), exact.pop(_STEP_WORD, None))
    for key in {**row, **exact}:
        if not key.startswith(("_step", "_runtime", "_timestamp", "trackhub/")):
            yield MetricPoint(names.get(key) or unescape(key), _value_of(row.get(key), exact.get(key)), step, time)


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Return rows by their number, each once: a server may keep what was sent again."""
    first: dict[int, Row] = {}
    for row in rows:
        first.setdefault(int(row["_step"]), row)
    return [first[number] for number in sorted(first)]


def _row(group: Mapping[str, MetricPoint], end: int) -> Row:
    exact: dict[str, Any] = {}
    names: dict[str, str] = {}
    row: Row = {}
    for name, point in group.items():
        key = escape(name)
        if is_cut(key):
            names[key] = name
        row[key], word = _told(point.value)
        if word is not None:
            exact[key] = word
    step = point.step  # the same for all of them
    row[STEP], word = _told_step(step, end)
    if word is not None:
        exact[_STEP_WORD] = word
    if names:
        exact[_NAMES] = names
    if exact:
        row[EXACT] = json.dumps(exact, separators=(",", ":"))
    row[POINTS] = end
    row["_timestamp"] = point.time // _US / 1_000_000
    return row


def _told(value: Scalar) -> tuple[Any, str | None]:
    """Return a value as W&B shows it, and in words if that may not be exact."""
    if isinstance(value, bool):
        return value, "true" if value else "false"
    if isinstance(value, int):
        if -_EXACT_INT <= value <= _EXACT_INT:
            return value, "i"
        return _double(value), hex(value)  # hexadecimal, as Python reads no decimal int of more than 4300 digits
    return value, None if math.isfinite(value) else str(value)


def _value_of(value: Any, word: str | None) -> Scalar:
    if word is None:
        return float(value)
    return int(value) if word == "i" else _number(word)


def _told_step(step: Step, end: int) -> tuple[Any, str | None]:
    """Return a step as W&B shows it; the number of points stands for one that is missing, so that charts go on."""
    if step is None:
        return end, "none"
    if isinstance(step, int):
        return step if -_EXACT_INT <= step <= _EXACT_INT else _double(step), (
            None if -_EXACT_INT <= step <= _EXACT_INT else hex(step)
        )
    return step, repr(step)


def _step_of(step: Any, word: str | None) -> Step:
    if word is None:
        return int(step)
    return None if word == "none" else _number(word)


def _number(word: str) -> Scalar:
    if word in ("true", "false"):
        return word == "true"
    return int(word, 16) if "0x" in word else float(word)


def _double(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
