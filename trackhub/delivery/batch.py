"""Cut a journal's events into batches that a backend is given at once; no vendor is asked.

Params, tags and points of a batch go by kind; everything else is a batch of its own, so that it
stands where the journal has it.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from trackhub.backend import Limits
from trackhub.journal.journal import JournalReader, Placed, Position
from trackhub.model.entities import MetricPoint, Param, Tag
from trackhub.model.events import (
    ArtifactLogged,
    EnvironmentCaptured,
    Event,
    MetricsLogged,
    ModelAliasSet,
    ModelRegistered,
    ParamsLogged,
    TagsSet,
    UnknownEvent,
)

Alone: TypeAlias = ArtifactLogged | ModelRegistered | ModelAliasSet | EnvironmentCaptured | UnknownEvent


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what a batch says, by kind.

    :ivar ends: each event's segment, and the offset behind it there.
    :ivar alone: an artifact, what becomes of one in a registry, an environment, or an event from a newer trackhub.
    """

    events: tuple[Event, ...] = ()
    ends: tuple[tuple[str, int], ...] = ()
    params: tuple[Param, ...] = ()
    tags: tuple[Tag, ...] = ()
    points: tuple[MetricPoint, ...] = ()
    alone: Alone | None = None
    end: Position = {}


class Cutter:
    """Collect events until a batch is full."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._events: list[Event] = []
        self._ends: list[tuple[str, int]] = []
        self._params: list[Param] = []
        self._tags: dict[str, Tag] = {}
        self._points: list[MetricPoint] = []
        self._alone: Any = None

    def fits(self, event: Event) -> bool:
        """Return whether the event may join; the first one always does."""
        if not self._events:
            return True
        if self._alone is not None or isinstance(event, Alone):
            return False
        if isinstance(event, MetricsLogged):
            return len(self._points) + len(event.metrics) <= self._limits.points
        if isinstance(event, ParamsLogged):
            return len(self._params) + len(event.params) <= self._limits.params
        if isinstance(event, TagsSet):
            return len(self._tags) + len(event.tags) <= self._limits.tags
        return True

    def add(self, placed: Placed) -> None:
        """Take an event in."""
        event = placed.event
        self._events.append(event)
        self._ends.append((placed.segment, placed.end))
        if isinstance(event, MetricsLogged):
            step, time = event.step, event.time
            self._points += [MetricPoint(name, value, step, time) for name, value in event.metrics.items()]
        elif isinstance(event, ParamsLogged):
            self._params += [Param(name, value, event.time, event.overwrite) for name, value in event.params.items()]
        elif isinstance(event, TagsSet):
            # Only the newest of a batch: the vendor would keep no other, and a call may not name a tag twice.
            self._tags |= {name: Tag(name, value, event.time) for name, value in event.tags.items()}
        elif isinstance(event, Alone):
            self._alone = event

    @property
    def full(self) -> bool:
        """Return whether nothing more can join."""
        return self._alone is not None or len(self._points) >= self._limits.points

    def cut(self, end: Position) -> Content:
        """Return what was collected, and the place in the journal behind it."""
        return Content(
            events=tuple(self._events),
            ends=tuple(self._ends),
            params=tuple(self._params),
            tags=tuple(self._tags.values()),
            points=tuple(self._points),
            alone=self._alone,
            end=dict(end),
        )


def collect(reader: JournalReader, limits: Limits, until: Position | None = None) -> Content:
    """Take the next batch from a reader.

    :param until: where the batch ends, when it is one that was given before.
    """
    cutter = Cutter(limits)
    reader.refresh()
    while (placed := reader.peek(until)) is not None and (until is not None or cutter.fits(placed.event)):
        reader.take(placed)
        cutter.add(placed)
        if cutter.full and until is None:
            break
    return cutter.cut(reader.position)
