"""Remember which places of a run are held, as few ranges."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator


class Ranges:
    """Hold numbers, mostly dense ones.

    >>> held = Ranges()
    >>> held.add(0, 4)
    >>> held.add(6, 8)
    >>> list(held.missing(2, 10)), len(held)
    ([(4, 6), (8, 10)], 6)
    """

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __len__(self) -> int:
        return sum(self._ends) - sum(self._starts)

    def add(self, start: int, end: int) -> None:
        """Add the numbers from a start up to, and without, an end."""
        if start >= end:
            return
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def missing(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the ranges between a start and an end that are not held."""
        for index in range(bisect_right(self._ends, start), len(self._starts)):
            if self._starts[index] >= end:
                break
            if start < self._starts[index]:
                yield start, self._starts[index]
            start = self._ends[index]
        if start < end:
            yield start, end
