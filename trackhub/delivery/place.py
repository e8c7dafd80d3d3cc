"""Compare the place that a vendor keeps of a run with this journal and its cursor; no vendor is asked.

A place says of each segment up to where somebody has given it: true of that vendor whoever says it,
and whether the segment lies in this journal yet or comes into it later, by a merge.
"""

from __future__ import annotations

from trackhub.journal.journal import Position, decode_position, encode_position
from trackhub.journal.store import RunFolder

_POINTS = "#"
"""Beside the segments of a position that a vendor keeps: how many points it was given by then."""


class Place:
    """Hold how far a vendor was given a run, by whomever.

    :param text: what the vendor keeps; None where it keeps nothing.
    :ivar segments: up to where it has each segment of any journal of the run.
    :ivar points: how many points it was given by then.
    :ivar own: up to where it has what this journal holds; ``foreign`` are the segments that lie elsewhere.
    """

    def __init__(self, text: str | None, folder: RunFolder) -> None:
        self.segments = decode_position(text or "")
        self.points = self.segments.pop(_POINTS, 0)
        sizes = _sizes(folder)
        self.own: Position = {name: min(offset, sizes[name]) for name, offset in self.segments.items() if name in sizes}
        self.foreign = {name for name in self.segments if name not in sizes}
        self._lacking = {name: sizes.get(name, 0) for name, at in self.segments.items() if sizes.get(name, 0) < at}

    def lies_beyond(self, position: Position) -> bool:
        """Return whether the vendor has something of this journal that lies behind a position."""
        return any(offset > position.get(name, 0) for name, offset in self.own.items())

    def covers(self, position: Position) -> bool:
        """Return whether the vendor has all that lies before a position."""
        return all(self.own.get(name, 0) >= offset for name, offset in position.items())

    def has_arrived(self, folder: RunFolder) -> bool:
        """Return whether something came into the journal that the vendor had before we did."""
        if not self._lacking:
            return False
        sizes = _sizes(folder)
        return any(sizes.get(name, 0) > size for name, size in self._lacking.items())

    def after(self, end: Position, points: int) -> str:
        """Return the place for the vendor to keep once it has a batch, too; it never goes back."""
        return encode_position({**furthest(self.segments, end), _POINTS: points})


def furthest(one: Position, other: Position) -> Position:
    """Return the position before which all lies that lies before either.

    >>> furthest({"a": 3, "b": 1}, {"a": 2, "c": 5})
    {'a': 3, 'b': 1, 'c': 5}
    """
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in {**one, **other}}


def _sizes(folder: RunFolder) -> dict[str, int]:
    return {path.stem: path.stat().st_size for path in folder.segments()}
