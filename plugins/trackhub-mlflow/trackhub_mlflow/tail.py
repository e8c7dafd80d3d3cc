"""Remember how far MLflow was given points, and the newest rows, so that an equal one is noticed; kept in a tag.

MLflow takes two equal rows for one. Rows that come close together are compared here; those of the
newest millisecond are kept with the run too, so that another process can go on.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from itertools import islice

from trackhub_mlflow.mapping import LONGEST_TAG
from trackhub_mlflow.points import Row, digest

TAIL = "mlflow.trackhub.tail"
_REMEMBERED = 20_000
_SIZE = 5
_EACH = 6.25  # characters that a row's hash takes
_REST = 100  # characters for the numbers and the digest
_LONGEST_POSITION = 4000
_NOTHING = "0 0 - 0  "


class Tail:
    """Know which rows were given before.

    :param tags: the run's tags.
    :ivar position: the journal's position after the last batch, or nothing.
    """

    def __init__(self, tags: Mapping[str, str]) -> None:
        self._marks: dict[int, int] = {}  # the place of the first row of each, by age
        self.position = ""
        self.reread(tags)

    def reread(self, tags: Mapping[str, str]) -> None:
        """Take what the run's tags say; a row remembered here stays so."""
        start, end, self._digest, time, rows, self.position = (tags.get(TAIL) or _NOTHING).split(" ", 5)
        self._start, self._end, self._time = int(start), int(end), int(time)
        held = base64.b85decode(rows)
        self._newest = {held[place : place + _SIZE] for place in range(0, len(held), _SIZE)}

    def has_all(self, rows: Sequence[Row], start: int) -> bool:
        """Return whether this very batch was taken, whole: MLflow writes tags after the rows."""
        return start == self._start and digest(rows) == self._digest

    def repeated(self, rows: Sequence[Row], marks: Sequence[int], start: int) -> set[int]:
        """Return the places of rows that are equal to one before them.

        :param marks: each row's :attr:`Row.mark`.
        :param start: the first row's place in the run.
        """
        differ = len(set(marks)) == len(marks) and self._marks.keys().isdisjoint(marks)
        if differ and not self._touches(rows, start):
            return set()
        firsts: dict[int, int] = {}
        found = set()
        for place, (row, mark) in enumerate(zip(rows, marks, strict=True), start):
            # What stands at its own place was given before, and is given again; so is all before the end.
            first = min(firsts.setdefault(mark, place), self._marks.get(mark, place))
            if first < place or (place >= self._end and row.time == self._time and _short(row) in self._newest):
                found.add(place - start)
        return found

    def text(self, rows: Sequence[Row], start: int, position: str | None) -> str:
        """Return the tag that goes with a batch.

        :param position: the journal's, after the batch; None where it is not the batch's last part.
        """
        place = self.position if position is None else position
        if len(place) > _LONGEST_POSITION:
            place = ""  # of very many writers: without it, a lost cursor costs the time to give all again
        most = int((LONGEST_TAG - _REST - len(place)) / _EACH)
        end = start + len(rows)
        if end < self._end:  # a piece of what was given before says nothing new
            end, time, newest = self._end, self._time, set(islice(self._newest, most))
        else:
            time = max([row.time for row in rows])
            newest = set(islice({_short(row) for row in rows if row.time == time}, most))
            if time == self._time:
                newest |= set(islice(self._newest - newest, most - len(newest)))
        rest = base64.b85encode(b"".join(sorted(newest))).decode()
        return f"{start} {end} {digest(rows)} {time} {rest} {place}"

    def add(self, marks: Sequence[int], start: int) -> None:
        """Remember rows that were taken.

        :param start: the place of the first of them.
        """
        end = start + len(marks)
        firsts = dict(zip(reversed(marks), range(end - 1, start - 1, -1), strict=True))
        for mark in self._marks.keys() & firsts.keys():
            firsts[mark] = min(firsts[mark], self._marks[mark])
        self._marks.update(firsts)
        if len(self._marks) > 2 * _REMEMBERED:
            self._marks = dict(islice(self._marks.items(), len(self._marks) - _REMEMBERED, None))

    def _touches(self, rows: Sequence[Row], start: int) -> bool:
        """Return whether a row may be of the millisecond whose rows were kept with the run."""
        new = start + len(rows) > self._end
        return new and bool(self._newest) and min([row.time for row in rows]) <= self._time


def position_of(tags: Mapping[str, str]) -> str | None:
    """Return the newest position that a run's tags hold."""
    return Tail(tags).position or None


def _short(row: Row) -> bytes:
    return hashlib.blake2b(repr(row.identity).encode("utf-8", "surrogatepass"), digest_size=_SIZE).digest()
