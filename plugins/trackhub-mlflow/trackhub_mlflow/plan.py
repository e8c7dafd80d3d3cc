"""Plan how a batch of points is sent: rows, exceptions and notes; pure but for what it learns of series."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from trackhub.model.entities import MetricPoint, Note
from trackhub_mlflow.names import escape
from trackhub_mlflow.points import (
    LARGEST,
    Kinds,
    Row,
    exception_of,
    is_same,
    kind_of,
    point_of,
    row_of,
    usual_row,
)
from trackhub_mlflow.tail import Tail

_EXTREMES = {LARGEST, -LARGEST}
_INFINITIES = {math.inf, -math.inf}
_SHORT = 60


@dataclass(slots=True)
class Plan:
    """Hold what a batch becomes.

    :ivar rows: one for each point, in order; ``marks`` are theirs.
    :ivar sent: the rows that are not there yet, as far as is known.
    :ivar exceptions: what is kept beside, by the point's place in the run.
    :ivar names: the names of the series by their keys.
    """

    rows: list[Row] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    sent: list[Row] = field(default_factory=list)
    exceptions: dict[int, list[Any]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


def plan(points: tuple[MetricPoint, ...], start: int, kinds: Kinds, tail: Tail) -> Plan:
    """Return how points are sent.

    :param start: the place of the first point in its run.
    """
    made = Plan()
    keys: dict[str, tuple[str, bool]] = {}
    unusual: list[int] = []  # the places of those that need a closer look
    rows, marks = made.rows, made.marks
    for place, point in enumerate(points):
        known = keys.get(point.name)
        if known is None:
            key = escape(point.name)
            kinds.learn(key, kind_of(point))
            known = keys[point.name] = (key, kinds.is_usual(key))
        row = usual_row(known[0], point) if known[1] else None
        if row is None:
            row = row_of(known[0], point, start + place)
            unusual.append(place)
            marks.append(row.mark)
        else:
            marks.append(hash(row))  # the same, as it holds no NaN
        rows.append(row)
    made.names = {key: name for name, (key, _) in keys.items()}
    said = {
        ("escaped", name, f"MLflow knows it as {short(key)!r}"): None for name, (key, _) in keys.items() if key != name
    }
    repeated = tail.repeated(rows, marks, start)
    made.sent = [row for place, row in enumerate(rows) if place not in repeated] if repeated else rows
    for place in sorted({*unusual, *repeated}):
        row, point = rows[place], points[place]
        if place in repeated:
            made.exceptions[start + place] = exception_of(row, point, merged=True)
            said["beside", point.name, "equal points: MLflow holds one, the others are kept beside"] = None
            continue
        if not is_same(point_of(point.name, row, kinds.of(row.key)), point):
            made.exceptions[start + place] = exception_of(row, point, merged=False)
            said["beside", point.name, _why(row, point)] = None
        if point.step is None:
            said["placed", point.name, "no step: the point's place in the run stands for it"] = None
        if row.value in _EXTREMES and point.value in _INFINITIES:
            said["escaped", point.name, "infinity stands as the largest double"] = None
    made.notes = [Note(kind=kind, subject=subject, detail=detail) for kind, subject, detail in said]
    return made


def short(text: str) -> str:
    """Return a text that fits a message."""
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}…"


def _why(row: Row, point: MetricPoint) -> str:
    if point.step is not None and point.step != row.step:
        return "a step that is no 64-bit integer stands as its floor, the exact one is kept beside"
    if point.value != row.value:
        return "an integer that no double holds stands as the nearest, the exact one is kept beside"
    return "a number unlike the series' first: its type is kept beside"
