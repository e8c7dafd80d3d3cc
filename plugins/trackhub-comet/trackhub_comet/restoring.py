"""Put a run's points together from Comet's rows and from what is kept beside; nothing here asks the server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from trackhub.model.entities import MetricPoint
from trackhub_comet import mapping
from trackhub_comet.names import unescape
from trackhub_comet.points import BESIDE, foreign_point, place_of, point_back
from trackhub_comet.tail import Tail


@dataclass(slots=True)
class Restored:
    """Hold a run's points.

    :ivar placed: those that came through trackhub, by their place in the run, in order.
    :ivar loose: those of other clients, as they came.
    """

    placed: dict[int, MetricPoint] = field(default_factory=dict)
    loose: list[MetricPoint] = field(default_factory=list)

    @property
    def points(self) -> list[MetricPoint]:
        """Return all of them, in the order of the journal as far as it is known."""
        return [*self.placed.values(), *self.loose]


def restore(
    rows: Iterable[Mapping[str, Any]],
    others: Mapping[str, str],
    whole: Callable[[str], str],
    beside: Callable[[], Mapping[int, MetricPoint]],
) -> Restored:
    """Return the points that rows stand for; one that came twice counts once.

    :param whole: returns a text by the place where it lies.
    :param beside: returns the exact points that are kept, by place.
    """
    made = Restored()
    ours = mapping.RUN_ID in others
    names = Names(others, whole)
    placed: dict[int, MetricPoint] = {}
    inexact = False
    for row in rows:
        name = str(row["metricName"])
        found = place_of(row.get("epoch")) if ours and not row.get("runContext") else None
        if ours and name.startswith(mapping.OURS):
            continue
        if found is None:
            point = foreign_point(row)
            if point is not None:
                made.loose.append(point)
            continue
        place, kind = found
        inexact = inexact or kind == BESIDE
        placed[place] = point_back(names[name], row, kind)
    end = Tail.of(others.get(mapping.TAIL)).end
    if ours and (inexact or end > 0):
        # Of what Comet samples away, what was kept beside stands for a row, if the row was taken.
        placed |= {place: point for place, point in beside().items() if place < end or place in placed}
    made.placed = {place: placed[place] for place in sorted(placed)}
    made.loose.sort(key=lambda point: point.time)
    return made


class Names(dict[str, str]):
    """Give each key's name, found when it is first asked for.

    :param others: the run's others, which keep long names.
    """

    def __init__(self, others: Mapping[str, str], whole: Callable[[str], str]) -> None:
        super().__init__()
        self._others = others
        self._whole = whole

    def __missing__(self, key: str) -> str:
        name = self[key] = unescape(key, self.long)
        return name

    @cached_property
    def long(self) -> dict[str, str]:
        """Return the names whose keys were cut, by their hash."""
        return {
            key.removeprefix(mapping.LONG_NAME): mapping.text_back(whole_text(text, self._whole))
            for key, text in self._others.items()
            if key.startswith(mapping.LONG_NAME)
        }


def whole_text(text: str, whole: Callable[[str], str]) -> str:
    """Return the whole of a text that may have been cut."""
    place = mapping.whole_place(text)
    return whole(place) if place else text
