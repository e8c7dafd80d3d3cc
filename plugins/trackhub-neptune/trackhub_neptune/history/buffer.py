"""Gather points one by one and hand them on as columns; for sources that are no columns themselves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from trackhub.errors import SettingsError
from trackhub.model.entities import MetricColumns, MetricPoint
from trackhub_neptune.history.exact import plain_step

try:
    import numpy
except ImportError:  # pragma: no cover  listing runs takes no arrays
    numpy = None  # type: ignore[assignment]

FULL = 65_536
"""How many points are held before they are handed on."""


def arrays() -> Any:
    """Return NumPy.

    :raises SettingsError: it is not installed.
    """
    if numpy is None:  # pragma: no cover
        raise SettingsError('neptune: points are read as NumPy arrays: pip install "trackhub-core[read]"')
    return numpy


def gather(points: Iterable[MetricPoint]) -> Iterator[MetricColumns]:
    """Yield points as columns, a bounded number at a time, each series in its order."""
    held: dict[str, list[MetricPoint]] = {}
    number = 0
    for point in points:
        held.setdefault(point.name, []).append(point)
        number += 1
        if number >= FULL:
            yield from _flush(held)
            held, number = {}, 0
    yield from _flush(held)


def columns(name: str, points: list[MetricPoint]) -> MetricColumns:
    """Return one series' points as columns."""
    np = arrays()
    return MetricColumns(
        name=name,
        step=_steps([point.step for point in points]),
        value=np.array([float(point.value) for point in points], dtype=np.float64),
        time=np.array([point.time for point in points], dtype=np.int64),
    )


def points_of(pieces: Iterable[MetricColumns]) -> Iterator[MetricPoint]:
    """Yield the points of columns."""
    for piece in pieces:
        for step, value, time in zip(piece.step.tolist(), piece.value.tolist(), piece.time.tolist(), strict=True):
            known = None if isinstance(step, float) and math.isnan(step) else plain_step(step)
            yield MetricPoint(piece.name, value, known, time)


def _flush(held: dict[str, list[MetricPoint]]) -> Iterator[MetricColumns]:
    for name, points in held.items():
        yield columns(name, points)


def _steps(steps: list[int | float | None]) -> Any:
    np = arrays()
    if all(isinstance(step, int) and abs(step) < 1 << 63 for step in steps):
        return np.array(steps, dtype=np.int64)
    if all(step is None or isinstance(step, float) or abs(step) <= 1 << 53 for step in steps):
        return np.array([math.nan if step is None else step for step in steps], dtype=np.float64)
    column = np.empty(len(steps), dtype=object)
    column[:] = [math.nan if step is None else step for step in steps]
    return column
