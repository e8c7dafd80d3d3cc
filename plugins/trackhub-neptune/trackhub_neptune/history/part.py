"""Hold what one source tells of one run, until the sources of a run are put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from trackhub.model.entities import MetricColumns, Note
from trackhub.types import Scalar

Line = dict[str, Any]
"""One value of a series that is no number, as it is written to a file of JSON lines."""


class Reading(Protocol):
    """Read a part's bulk when it is asked for."""

    def columns(self) -> Iterator[MetricColumns]:
        """Yield the points, each series in its own order."""

    def lines(self, attribute: str) -> Iterator[Line]:
        """Yield the values of a series that is no number."""


@dataclass(slots=True)
class SeriesEnd:
    """Say how many points a series has, and its last value."""

    count: int
    value: Scalar


@dataclass(frozen=True, slots=True)
class KeptFile:
    """Name one file of a run.

    :ivar artifact: what it belongs to, named after its attribute.
    :ivar file: its place inside the artifact.
    :ivar write: writes its bytes to a path.
    """

    artifact: str
    file: str
    write: Callable[[Path], None]
    size: int | None = None
    time: int | None = None
    type: str = "file"


@dataclass(slots=True)
class Part:
    """Hold one run as one source tells it.

    :ivar project: ``None`` where the source does not know.
    :ivar kind: ``run``, ``model``, ``model_version`` or ``project``.
    :ivar source: the file or folder, for people.
    :ivar fields: every attribute that holds one value.
    :ivar sets: every set of strings; ``removed`` holds what was taken out of one that another source may hold.
    :ivar cleared: the attributes that were deleted or cleared, here and in the parts before.
    :ivar began: when the source itself was begun, to put several sources of a run in order.
    :ivar last: the newest time that anything of the run has.
    :ivar texts: the series that are no numbers, by attribute: what they are, and how many values they have.
    """

    id: str
    project: str | None
    kind: str
    source: str
    reading: Reading
    fields: dict[str, Any] = field(default_factory=dict)
    sets: dict[str, set[str]] = field(default_factory=dict)
    removed: dict[str, set[str]] = field(default_factory=dict)
    cleared: set[str] = field(default_factory=set)
    began: int = 0
    started: int | None = None
    last: int | None = None
    series: dict[str, SeriesEnd] = field(default_factory=dict)
    texts: dict[str, tuple[str, int]] = field(default_factory=dict)
    files: list[KeptFile] = field(default_factory=list)
    parent: str | None = None
    notes: list[Note] = field(default_factory=list)

    def seen(self, time: int) -> None:
        """Take a time at which the run lived."""
        if self.last is None or time > self.last:
            self.last = time

    def note(self, kind: str, subject: str, detail: str) -> None:
        """Say what could not be brought home, or not exactly."""
        self.notes.append(Note(kind=kind, subject=subject, detail=detail))

    def count(self, name: str, value: Scalar) -> None:
        """Take one more point of a series."""
        end = self.series.get(name)
        if end is None:
            self.series[name] = SeriesEnd(1, value)
        else:
            end.count += 1
            end.value = value

    def count_text(self, attribute: str, kind: str) -> None:
        """Take one more value of a series that is no number."""
        self.texts[attribute] = (kind, self.texts.get(attribute, (kind, 0))[1] + 1)
