"""Tell which points of a batch are held already, where its places have been held before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from trackhub.model.entities import MetricPoint
from trackhub_local.places import Places
from trackhub_local.rows import Rows

Placed = list[tuple[int, MetricPoint]]


class Known:
    """Compare points that are given with the rows that are held, by place; by content once those differ.

    :param held: returns the rows from a place on, in order.
    :param given: the places of which this process has seen the points; it grows as they are given.
    :ivar first: the place from which on rows are compared; batches come in order.
    :ivar renumbered: the source counts its points otherwise than these rows were counted.
    """

    def __init__(self, held: Callable[[int], Rows], given: Places, first: int) -> None:
        self.first = first
        self.renumbered = False
        self._held = held
        self._rows = held(first)
        self._given = given
        self._left: Counter[Any] = Counter()

    def fresh(self, placed: Placed, end: int) -> Placed:
        """Return those that are not held, each with the place that it gets.

        :param end: the place behind all that is held.
        """
        rows = Rows.of([point for _, point in placed], [place for place, _ in placed])
        if not self.renumbered:
            index = np.searchsorted(self._rows.place, rows.place)
            index[index == len(self._rows)] = 0
            there = self._rows.place[index] == rows.place if len(self._rows) else np.zeros(len(rows), np.bool_)
            if _contents(self._rows.take(index[there])) == _contents(rows.take(there)):
                return [placed[number] for number in np.flatnonzero(~there).tolist()]
            self._renumber()
        fresh: Placed = []
        for content, (_, point) in zip(_contents(rows), placed, strict=True):
            if self._left[content] > 0:
                self._left[content] -= 1
            else:
                fresh.append((end + len(fresh), point))
        return fresh

    def _renumber(self) -> None:
        self.renumbered = True
        held = self._held(0)
        # What was matched place by place is not there for another point.
        self._left = Counter(_contents(held.take(~self._given.mask(held.place))))
        self._rows = Rows.empty()


def _contents(rows: Rows) -> list[tuple[Any, ...]]:
    """Return what makes points equal, to the bit."""
    # NaN is one NaN, whoever made it.
    value, step = (np.where(np.isnan(column), np.nan, column).view(np.int64) for column in (rows.value, rows.step))
    columns = (rows.name, value, step, rows.mark, rows.time)
    return [
        (rows.names[name], bits, step_bits, rows.said[mark], time)
        for name, bits, step_bits, mark, time in zip(*(column.tolist() for column in columns), strict=True)
    ]
