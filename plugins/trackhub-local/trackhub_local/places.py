"""Know which places of a run's points are held, as sorted ranges; a batch says at which place it starts."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np


class Places:
    """Hold places as ranges that neither touch nor overlap.

    >>> held = Places([(0, 4)])
    >>> held.add(6, 8)
    >>> held.add(4, 5)
    >>> list(held), list(held.missing(3, 10)), len(held), held.end
    ([(0, 5), (6, 8)], [(5, 6), (8, 10)], 7, 8)
    """

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in ranges:
            self.add(start, end)

    @classmethod
    def of(cls, places: Any) -> Places:
        """Return the places that an array of them names, in any order.

        >>> list(Places.of(np.array([5, 0, 1, 2, 2])))
        [(0, 3), (5, 6)]
        """
        found = cls()
        ordered = np.unique(places)
        if len(ordered):
            breaks = np.flatnonzero(np.diff(ordered) != 1)
            found._starts = [int(ordered[0]), *ordered[breaks + 1].tolist()]
            found._ends = [*(ordered[breaks] + 1).tolist(), int(ordered[-1]) + 1]
        return found

    def add(self, start: int, end: int) -> None:
        """Take a range in."""
        if start >= end:
            return
        first = bisect.bisect_left(self._ends, start)
        last = bisect.bisect_right(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def add_all(self, places: Any) -> None:
        """Take in every place of an array."""
        for start, end in Places.of(places):
            self.add(start, end)

    def missing(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the parts of a range that are not held."""
        index = bisect.bisect_right(self._ends, start)
        while start < end:
            if index == len(self._starts) or self._starts[index] >= end:
                yield start, end
                return
            if self._starts[index] > start:
                yield start, self._starts[index]
            start = self._ends[index]
            index += 1

    def mask(self, places: Any) -> Any:
        """Return which of an array's places are held."""
        index = np.searchsorted(np.array(self._ends, np.int64), places, side="right")
        starts = np.array([*self._starts, np.iinfo(np.int64).max], np.int64)
        return starts[index] <= places

    @property
    def end(self) -> int:
        """Return the place behind the last one."""
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(zip(self._starts, self._ends, strict=True))

    def __len__(self) -> int:
        return sum(end - start for start, end in self)
