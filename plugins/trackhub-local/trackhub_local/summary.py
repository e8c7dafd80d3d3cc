"""Tell what rows hold in short: which places, and each metric's last value; a Parquet file's footer keeps it."""

from __future__ import annotations

import json

from trackhub.types import Scalar
from trackhub_local import marks
from trackhub_local.places import Places
from trackhub_local.rows import Rows


class Summary:
    """Gather what rows hold, piece by piece.

    :ivar held: the rows' places.
    :ivar ordered: whether every piece came behind the one before, so that the last values are.
    """

    def __init__(self) -> None:
        self.held = Places()
        self.ordered = True
        self._last: dict[str, tuple[Scalar, float, str]] = {}

    def add(self, rows: Rows) -> None:
        """Take in rows that are in order."""
        if not len(rows):
            return
        self.ordered &= int(rows.place[0]) >= self.held.end
        self.held.add_all(rows.place)
        self._last |= rows.last()

    @property
    def last(self) -> dict[str, Scalar]:
        """Return each metric's last value, in the order in which the metrics began."""
        return {name: value for name, (value, _, _) in self._last.items()}

    def text(self) -> str:
        """Return what :meth:`read` takes."""
        last = {name: [number, mark] for name, (_, number, mark) in self._last.items()}
        return json.dumps({"held": list(self.held), "last": last}, ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> Summary:
        """Return a summary from its text.

        :raises ValueError: the text is none.
        """
        found, said = cls(), json.loads(text)
        found.held = Places((int(start), int(end)) for start, end in said["held"])
        for name, (number, mark) in said["last"].items():
            value, _ = marks.decode(float(number), 0.0, mark)
            found._last[name] = (value, float(number), mark)
        return found
