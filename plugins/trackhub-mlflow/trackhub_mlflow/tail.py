"""Remember the newest rows that MLflow was given, so that an equal one is noticed; kept in a tag.

MLflow takes two equal rows for one. Rows that come close together are compared here; those of the
newest millisecond are kept with the run too, so that another process can go on.
"""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from trackhub_mlflow.points import Row, digest

TAIL = "trackhub.tail"
_REMEMBERED = 20_000
_SIZE = 5
_MOST = 1200  # of 6 1/4 characters each, with room for the rest of a tag's 8000
_NOTHING = "0 0 - 0 "


class Tail:
    """Know which rows were given before.

    :param tags: the run's tags.
    """

    def __init__(self, tags: Mapping[str, str]) -> None:
        self._hashes: set[int] = set()
        self._order: deque[int] = deque()
        self.reread(tags)

    def reread(self, tags: Mapping[str, str]) -> None:
        """Take what the run's tags say; a row remembered here stays so."""
        start, end, self._digest, time, rows = (tags.get(TAIL) or _NOTHING).split(" ")
        self._start, self._end, self._time = int(start), int(end), int(time)
        held = base64.b85decode(rows)
        self._newest = {held[place : place + _SIZE] for place in range(0, len(held), _SIZE)}

    def has_all(self, rows: Sequence[Row], start: int) -> bool:
        """Return whether this very batch was taken, whole: MLflow writes tags after the rows."""
        return start == self._start and digest(rows) == self._digest

    def repeated(self, rows: Sequence[Row], start: int) -> set[int]:
        """Return the places of rows that are equal to one before them."""
        follows = start >= self._end
        seen: set[int] = set()
        found = set()
        for place, row in enumerate(rows):
            mark = hash(row.identity)
            near = mark in seen or (follows and mark in self._hashes)
            if near or (follows and row.time == self._time and _short(row) in self._newest):
                found.add(place)
            seen.add(mark)
        return found

    def text(self, rows: Sequence[Row], start: int) -> str:
        """Return the tag that goes with a batch."""
        time = max(row.time for row in rows)
        newest = {_short(row) for row in rows if row.time == time}
        if time == self._time:
            newest |= set(islice(self._newest - newest, _MOST - len(newest)))
        rest = base64.b85encode(b"".join(sorted(newest))).decode()
        return f"{start} {start + len(rows)} {digest(rows)} {time} {rest}"

    def add(self, rows: Iterable[Row]) -> None:
        """Remember rows that were taken."""
        for row in rows:
            mark = hash(row.identity)
            if mark not in self._hashes:
                self._hashes.add(mark)
                self._order.append(mark)
        while len(self._order) > _REMEMBERED:
            self._hashes.discard(self._order.popleft())


def _short(row: Row) -> bytes:
    return hashlib.blake2b(repr(row.identity).encode("utf-8", "surrogatepass"), digest_size=_SIZE).digest()
