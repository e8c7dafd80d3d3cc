"""Find where in the journal a batch's refused items stand, so that each is told from its equals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator

import msgspec

from trackhub.delivery.batch import Content
from trackhub.model.entities import MetricPoint, Param, Tag
from trackhub.model.events import Event, MetricsLogged, ParamsLogged, TagsSet


class Origins:
    """Name the event that each item of a batch comes from; made only for what was refused.

    Items that are equal take the events in turn: the same items of the same batch get the same ones again.
    """

    def __init__(self, content: Content) -> None:
        self._places: defaultdict[Hashable, list[str]] = defaultdict(list)
        for event, (segment, end) in zip(content.events, content.ends, strict=False):
            for key in _keys(event):
                self._places[key].append(f"{segment}@{end}")

    def take(self, item: msgspec.Struct) -> str:
        """Return the segment and the offset behind the item's event, as ``segment@offset``; empty if it has none."""
        places = self._places.get(_key(item))
        return places.pop(0) if places else ""


def before(place: str, cursor: dict[str, int]) -> bool:
    """Return whether a place lies before a cursor."""
    segment, _, end = place.rpartition("@")
    return end.isdecimal() and int(end) <= cursor.get(segment, 0)


def _key(item: msgspec.Struct) -> Hashable:
    if isinstance(item, MetricPoint):
        return "point", item.name, item.step, item.time, type(item.value), item.value
    if isinstance(item, Param | Tag):
        return type(item), item.name, item.time
    return "alone"


def _keys(event: Event) -> Iterator[Hashable]:
    if isinstance(event, MetricsLogged):
        for name, value in event.metrics.items():
            yield "point", name, event.step, event.time, type(value), value
    elif isinstance(event, ParamsLogged):
        yield from ((Param, name, event.time) for name in event.params)
    elif isinstance(event, TagsSet):
        yield from ((Tag, name, event.time) for name in event.tags)
    else:
        yield "alone"
