"""Remember how far a run's points were given, and where its series stood; kept with the run as one text.

It is written before the points of a batch and after them, so that whoever finds it knows which places may
be there already, and from which step on each series goes on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trackhub_neptune.points import Mark

_LONGEST_POSITION = 2500


@dataclass(frozen=True, slots=True)
class Tail:
    """Hold the state of a delivery.

    :ivar end: all points before this place were taken.
    :ivar position: the journal's position after the last batch, or nothing.
    :ivar reach: points before this place may have been taken; ``end`` where nothing is under way.
    :ivar marks: where the series of what is under way stood at ``end``, by key; None where one had no row.
    """

    end: int = 0
    position: str = ""
    reach: int = 0
    marks: Mapping[str, Mark | None] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> Tail:
        """Return what a text says; nothing says that nothing was given."""
        if not text:
            return cls()
        held: dict[str, Any] = json.loads(text)
        marks = {key: Mark(*mark) if mark else None for key, mark in held.get("marks", {}).items()}
        return cls(held["end"], held.get("position", ""), held.get("reach", held["end"]), marks)

    @property
    def text(self) -> str:
        """Return the text to keep."""
        position = self.position if len(self.position) <= _LONGEST_POSITION else ""
        held: dict[str, Any] = {"end": self.end, "position": position}
        if self.reach > self.end:
            held |= {"reach": self.reach, "marks": self.marks}
        return json.dumps(held, separators=(",", ":"))

    def under_way(self, reach: int, marks: Mapping[str, Mark | None]) -> Tail:
        """Return the tail that is kept before points are sent: the older of two accounts counts."""
        both = {**marks, **(self.marks if self.reach > self.end else {})}
        return Tail(self.end, self.position, max(reach, self.reach), both)

    def taken(self, end: int, position: str | None, marks: Mapping[str, Mark | None]) -> Tail:
        """Return the tail that is kept after points were taken.

        :param marks: where their series stand now.
        """
        place = self.position if position is None else position
        if self.reach <= end:
            return Tail(end, place, end)
        return Tail(end, place, self.reach, {**self.marks, **{key: marks[key] for key in self.marks.keys() & marks}})
