"""Turn points into Comet's rows and back; pure functions.

Comet takes a row as often as it is sent, and promises no order. So each row says in its epoch, which
trackhub's users have no use for, which point of its run it is, and what its numbers are: the last
digit is the kind, what stands before it is the point's place. A row that came twice is recognised by
that, and so is one that is missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from trackhub.model.entities import MetricPoint
from trackhub.types import Scalar, Step
from trackhub_comet.mapping import metric_key

BESIDE = 9
"""The kind of a row that only approximates its point, which is kept beside."""
_EXACT = 2**53
_STEPS = 2**63
_MS = 1_000_000
_FIGURES = 10
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Row(NamedTuple):
    """Hold a point as Comet does; ``value`` is a number, or a word for one that JSON lacks."""

    name: str
    value: float | int | str
    step: int | None
    epoch: int
    time: int


def row_of(point: MetricPoint, place: int) -> Row:
    """Return the row of a point.

    >>> row_of(MetricPoint("loss", 0.5, 3, 7_000_000), 12)
    Row(name='loss', value=0.5, step=3, epoch=120, time=7)
    >>> row_of(MetricPoint("epochs", 2, None, 7_000_000), 12).epoch
    124
    """
    kind = kind_of(point)
    return Row(
        metric_key(point.name),
        _sent(point.value),
        _whole(point.step),
        place * _FIGURES + kind,
        point.time // _MS,
    )


def kind_of(point: MetricPoint) -> int:
    """Return what a point's numbers are: float, int or flag, at an int step, none, or a whole float; or neither."""
    value, step = point.value, point.step
    if isinstance(value, bool):
        values = 6
    elif isinstance(value, int):
        if not -_EXACT <= value <= _EXACT:
            return BESIDE
        values = 3
    else:
        values = 0
    if step is None:
        return values + 1
    if not -_EXACT <= step <= _EXACT:  # NaN is not, either
        return BESIDE
    if isinstance(step, float):
        return values + 2 if step.is_integer() else BESIDE
    return values


def place_of(epoch: Any) -> tuple[int, int] | None:
    """Return the place and the kind that an epoch tells, if it is one of ours."""
    return divmod(epoch, _FIGURES) if isinstance(epoch, int) and epoch >= 0 else None


def point_back(name: str, row: Mapping[str, Any], kind: int) -> MetricPoint:
    """Return the point that a row stands for.

    :param row: as Comet tells it: every value is a text.
    """
    value: Scalar = value_back(row["metricValue"])
    step: Step = row.get("step")
    if kind < BESIDE:
        if kind >= 6:  # noqa: PLR2004 - flags
            value = bool(value)
        elif kind >= 3:  # noqa: PLR2004 - ints
            value = int(value)
        else:
            value = float(value)
        step = None if kind % 3 == 1 else float(step or 0) if kind % 3 == 2 else int(step or 0)  # noqa: PLR2004
    return MetricPoint(name, value, step, int(row["timestamp"]) * _MS)


def foreign_point(row: Mapping[str, Any]) -> MetricPoint | None:
    """Return the point that a row of another client's stands for, or None where it is no number."""
    try:
        value = value_back(row["metricValue"])
    except ValueError:
        return None
    context = row.get("runContext")
    name = f"{context}_{row['metricName']}" if context else str(row["metricName"])
    return MetricPoint(name, value, row.get("step"), int(row["timestamp"]) * _MS)


def value_back(text: Any) -> Scalar:
    """Return the number of a text.

    >>> value_back("3"), value_back("1.0E-5"), value_back("-Infinity")
    (3, 1e-05, -inf)
    """
    text = str(text)
    if text in _WORDS:
        return _WORDS[text]
    try:
        return int(text)
    except ValueError:
        return float(text)


def exact_of(point: MetricPoint, place: int) -> list[Any]:
    """Return a point as it is kept beside: every digit of every kind of number, as texts."""
    return [place, point.name, _text(point.value), _text(point.step), point.time // _MS]


def exact_back(held: list[Any]) -> tuple[int, MetricPoint]:
    """Return the place and the point of :func:`exact_of`."""
    place, name, value, step, time = held
    number = _number(value)
    return place, MetricPoint(name, 0 if number is None else number, _number(step), time * _MS)


def _sent(value: Scalar) -> float | int | str:
    if isinstance(value, int) and -_EXACT <= value <= _EXACT:
        return int(value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf if value > 0 else -math.inf
    if math.isfinite(number):
        return number
    return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"  # noqa: PLR0124 - NaN alone


def _whole(step: Step) -> int | None:
    if step is None or not math.isfinite(step):
        return None
    return min(max(math.floor(step), -_STEPS), _STEPS - 1)


def _text(number: Scalar | None) -> str:
    if number is None:
        return ""
    if isinstance(number, float):
        return repr(number)
    # Hexadecimal, as Python reads no decimal int of more than 4300 digits.
    return str(number).lower() if isinstance(number, bool) else hex(number)


def _number(text: str) -> Scalar | None:
    if text in ("true", "false"):
        return text == "true"
    if not text:
        return None
    return int(text, 16) if "0x" in text else float(text)
