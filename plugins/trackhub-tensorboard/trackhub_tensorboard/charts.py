"""Choose where TensorBoard draws each point: at its step, in a chart that never steps back; pure.

TensorBoard's data server forgets the points of a chart whose step is not below that of a newer one,
so that a training which was started again replaces what it had drawn. Points are not ours to hide:
one whose step was passed is drawn in the metric's next chart, at its own step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from trackhub.model.entities import MetricPoint, Note
from trackhub.types import Step
from trackhub_tensorboard.events import scalars, single
from trackhub_tensorboard.names import chart

CHARTS = 8
"""How many charts a metric may have; in the last one, points are drawn one after the other."""
_MOST = 2**63 - 1

Heads = dict[str, list[int]]
"""The newest step of each of a metric's charts."""


class Drawing(NamedTuple):
    """Hold points as framed events, how many points each event has, and where the charts then stand."""

    events: list[bytes]
    groups: list[int]
    heads: Heads
    notes: list[Note]


def draw(points: Sequence[MetricPoint], heads: Heads) -> Drawing:
    """Return the events of points that stand one after the other in the run."""
    drawn = Heads()
    notes: dict[tuple[str, str], Note] = {}
    rows = []
    for point in points:
        mine = drawn.get(point.name)
        if mine is None:
            mine = drawn[point.name] = list(heads.get(point.name, ()))
        turn, step = advance(mine, point.step)
        tag = chart(point.name, turn)
        rows.append(((step, point.time), (tag, point.value)))
        if tag != point.name or step != point.step or not isinstance(point.value, float):
            _tell(notes, point, tag, step)
    events, groups = [], []
    for (step, time), group in groupby(rows, key=itemgetter(0)):
        held = [value for _, value in group]
        events.append(scalars(held, step, time))
        groups.append(len(held))
    return Drawing(events, groups, drawn, list(notes.values()))


def advance(mine: list[int], step: Step) -> tuple[int, int]:
    """Return the chart and the step of a metric's next point, and move the chart's newest step there.

    A missing step, or a fraction, follows the newest one; the first missing step is 0.

    >>> newest = []
    >>> [advance(newest, step) for step in (1, 2, 2, 1, 3, None, 0.5, 9.5)]
    [(1, 1), (1, 2), (2, 2), (3, 1), (1, 3), (1, 4), (1, 5), (1, 9)]
    """
    whole = _whole(step)
    if isinstance(step, int):
        for turn, newest in enumerate(mine):
            if whole > newest:
                mine[turn] = whole
                return turn + 1, whole
    if not mine or (isinstance(step, int) and len(mine) < CHARTS):
        mine.append(whole)
        return len(mine), whole
    turn = len(mine) - 1 if isinstance(step, int) else 0
    mine[turn] = min(max(whole, mine[turn] + 1), _MOST)
    return turn + 1, mine[turn]


def _whole(step: Step) -> int:
    """Return a step as an integer of 64 bits."""
    if step is None or step != step:  # noqa: PLR0124 - NaN
        return 0
    if math.isinf(step):
        return _MOST if step > 0 else -_MOST
    return min(max(math.floor(step), -_MOST), _MOST)


def _tell(notes: dict[tuple[str, str], Note], point: MetricPoint, tag: str, step: int) -> None:
    """Say once a call what is shown otherwise of a metric; what it was is beside, in the record."""
    name = point.name
    if tag != name:
        detail = f"shown as the chart {tag!r}"
        notes.setdefault((name, tag), Note(kind="escaped", subject=name, detail=detail))
    if step != point.step:
        detail = f"step {point.step!r} is shown as {step}; TensorBoard has integers that rise"
        notes.setdefault((name, "step"), Note(kind="beside", subject=name, detail=detail))
    if isinstance(point.value, int) and math.isinf(single(point.value)):
        detail = "an integer that TensorBoard's 32 bits cannot hold is shown as infinite"
        notes.setdefault((name, "value"), Note(kind="beside", subject=name, detail=detail))
