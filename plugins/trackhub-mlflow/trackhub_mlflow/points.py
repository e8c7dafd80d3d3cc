"""Turn points into MLflow's rows and back; what a row cannot say becomes an exception kept beside.

A row is a key, a double, a time in milliseconds and an integer step, and no two may be equal. A
series says once, in a tag, what its numbers are; only a point that differs needs an exception.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from trackhub.model.entities import MetricPoint
from trackhub.types import Scalar, Step

SERIES = "mlflow.trackhub.series."
LARGEST = sys.float_info.max
_STEPS = 2**63
_USUAL = "float int"
_MS = 1_000_000


class Row(NamedTuple):
    """Hold a point as MLflow does."""

    key: str
    value: float
    time: int
    step: int

    @property
    def identity(self) -> tuple[str, float | str, int, int]:
        """Return what makes MLflow take two rows for one; no NaN equals another, but there."""
        return (self.key, "nan" if self.value != self.value else self.value, self.time, self.step)

    @property
    def mark(self) -> int:
        """Return the identity's hash, which holds in this process only."""
        return hash(self.identity)


def row_of(key: str, point: MetricPoint, index: int) -> Row:
    """Return the row of a point.

    :param index: the point's place in the run, which stands for a step that is missing.
    """
    return Row(key, _double(point.value), point.time // _MS, _whole(point.step, index))


def usual_row(key: str, point: MetricPoint) -> Row | None:
    """Return the row of a point that any row can say: a finite float at an integer step; the quick way for most."""
    value, step = point.value, point.step
    if type(value) is float and type(step) is int and -LARGEST < value < LARGEST and -_STEPS <= step < _STEPS:
        return Row(key, value + 0.0, point.time // _MS, step)
    return None


def kind_of(point: MetricPoint) -> str:
    """Return what a point's value and step are, such as ``float int`` or ``int none``."""
    return f"{type(point.value).__name__} {'none' if point.step is None else type(point.step).__name__}"


def point_of(name: str, row: Row, kind: str) -> MetricPoint:
    """Return the point that a row of a series of some kind stands for."""
    value_kind, _, step_kind = kind.partition(" ")
    value: Scalar = row.value
    if value_kind == "float":
        value = math.copysign(math.inf, value) if abs(value) == LARGEST else value  # SQL holds no infinity
    elif math.isfinite(value):
        value = int(value) if value_kind == "int" else bool(value)
    step: Step = None if step_kind == "none" else float(row.step) if step_kind == "float" else row.step
    return MetricPoint(name, value, step, row.time * _MS)


def is_same(one: MetricPoint, other: MetricPoint) -> bool:
    """Return whether two points say the same, types and NaN included."""
    return (
        type(one.value) is type(other.value)
        and type(one.step) is type(other.step)
        and one.step == other.step
        and (one.value == other.value or (one.value != one.value and other.value != other.value))
    )


class Kinds:
    """Remember what each series' numbers are, as tags that only grow.

    :param tags: the run's tags.
    :param series: the keys that have rows; those that no tag names are of the usual kind.
    :ivar unsaved: tags that say what was learned since; clear it when the run has them.
    """

    def __init__(self, tags: Mapping[str, str], longest: int, series: Iterable[str] = ()) -> None:
        self._longest = longest
        self._texts = {key: json.loads(text) for key, text in tags.items() if key.startswith(SERIES)}
        self._kinds: dict[str, str] = dict.fromkeys(series, _USUAL)
        for text in self._texts.values():
            self._kinds |= text
        self.unsaved: dict[str, str] = {}

    def is_usual(self, key: str) -> bool:
        """Return whether a series' points are floats at integer steps."""
        return self._kinds.get(key, _USUAL) == _USUAL

    def of(self, key: str) -> str:
        """Return the kind of a series."""
        return self._kinds.get(key, _USUAL)

    def learn(self, key: str, kind: str) -> None:
        """Take in the kind of a series' first point; a series that is known keeps its own."""
        if key in self._kinds:
            return
        self._kinds[key] = kind
        if kind != _USUAL:
            tag = self._tag_with_room(key, kind)
            self._texts[tag][key] = kind
            self.unsaved[tag] = _compact(self._texts[tag])

    def _tag_with_room(self, key: str, kind: str) -> str:
        number = max(len(self._texts) - 1, 0)
        tag = f"{SERIES}{number}"
        held = self._texts.setdefault(tag, {})
        if len(_compact(held | {key: kind})) <= self._longest:
            return tag
        tag = f"{SERIES}{number + 1}"
        self._texts[tag] = {}
        return tag


def exception_of(row: Row, point: MetricPoint, *, merged: bool) -> list[Any]:
    """Return what is kept beside: the point as it was, and the row it stands for if it has its own."""
    place = None if merged else [_text(row.value), row.step]
    return [row.key, row.time, place, _text(point.value), _text(point.step)]


def restore(
    rows: Iterable[Row], exceptions: Iterable[list[Any]], names: Mapping[str, str], kinds: Kinds
) -> Iterator[MetricPoint]:
    """Yield the points that rows and exceptions stand for.

    :param names: names by key.
    """
    waiting: dict[tuple[Any, ...], list[list[Any]]] = defaultdict(list)
    for exception in exceptions:
        key, time, place, value, step = exception
        if place is None:
            yield MetricPoint(names[key], _number(value), _number_or_none(step), time * _MS)
        else:
            waiting[Row(key, float(_number(place[0])), time, place[1]).identity].append(exception)
    for row in rows:
        name = names[row.key]
        held = waiting.get(row.identity) if waiting else None
        if held:
            *_, value, step = held.pop()
            yield MetricPoint(name, _number(value), _number_or_none(step), row.time * _MS)
        else:
            yield point_of(name, row, kinds.of(row.key))


def last_exact(exceptions: Iterable[list[Any]]) -> dict[tuple[str, float], Scalar]:
    """Return the exact value that a series' double stands for, the newest of several."""
    return {
        (key, float(_number(place[0]))): _number(value) for key, _, place, value, _ in exceptions if place is not None
    }


def digest(rows: Sequence[Row]) -> str:
    """Return a short hash of a batch's rows, in their order."""
    keys, values, times, steps = zip(*rows, strict=True)
    numbers = array("d", values).tobytes() + array("q", times).tobytes() + array("q", steps).tobytes()
    return hashlib.blake2b(numbers + "\0".join(keys).encode(), digest_size=8).hexdigest()


def _double(value: Scalar) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf if value > 0 else -math.inf
    # Plus zero, as SQLite and a primary key know no negative one.
    return math.copysign(LARGEST, number) if math.isinf(number) else number + 0.0


def _whole(step: Step, index: int) -> int:
    if step is None:
        return index
    return min(max(math.floor(step), -_STEPS), _STEPS - 1)


def _text(number: Scalar | None) -> str:
    if number is None:
        return ""
    if isinstance(number, float):
        return repr(number)
    # Hexadecimal, as Python reads no decimal int of more than 4300 digits.
    return str(number).lower() if isinstance(number, bool) else hex(number)


def _number(text: str) -> Scalar:
    if text in ("true", "false"):
        return text == "true"
    return int(text, 16) if "0x" in text else float(text)


def _number_or_none(text: str) -> Step:
    return _number(text) if text else None


def _compact(held: Mapping[str, str]) -> str:
    return json.dumps(held, ensure_ascii=False, separators=(",", ":"))
