"""Fold a journal into what it says and since when, so that another journal of the same run can be held against it."""

from __future__ import annotations

from typing import Any, NamedTuple

from trackhub.journal.journal import JournalReader
from trackhub.journal.segment import IMPORT
from trackhub.journal.store import RunFolder
from trackhub.model.events import (
    EnvironmentCaptured,
    Event,
    MetricsLogged,
    ModelAliasSet,
    ModelRegistered,
    ParamsLogged,
    RunEnded,
    RunResumed,
    RunStarted,
    TagsSet,
    UnknownEvent,
)
from trackhub.model.life import RunLife


class Setting(NamedTuple):
    """Hold a param or a tag as it stands, and since when."""

    value: Any
    time: int
    overwrite: bool = False


class Telling:
    """Read all that a journal says, but for points and files.

    :ivar environment: by its top keys.
    :ivar opened: the event that began each attempt; ``imported`` are those that stand for what ran elsewhere.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.life = RunLife()
        self.params: dict[str, Setting] = {}
        self.tags: dict[str, Setting] = {}
        self.environment: dict[str, Setting] = {}
        self.opened: dict[str, RunStarted | RunResumed] = {}
        self.imported: set[str] = set()
        self.ends: list[RunEnded] = []
        self.models: list[ModelRegistered | ModelAliasSet] = []
        self.unknown: list[UnknownEvent] = []
        reader = JournalReader(folder)
        for placed in reader.events():
            if isinstance(placed.event, MetricsLogged):
                continue
            header = reader.headers.get(placed.segment)
            self.apply(placed.event, brought_by=placed.segment if header and header.role == IMPORT else None)

    def apply(self, event: Event, *, brought_by: str | None) -> None:
        """Take one event into account.

        :param brought_by: the segment, if an import wrote it.
        """
        self.life.apply(event)
        if isinstance(event, RunStarted | RunResumed):
            self.opened.setdefault(event.attempt, event)
            # What an import opens itself it calls by its segment; an attempt that it took over keeps its own name.
            if event.attempt == brought_by:
                self.imported.add(event.attempt)
        elif isinstance(event, RunEnded):
            self.ends.append(event)
        elif isinstance(event, ParamsLogged):
            for name, value in event.params.items():
                if event.overwrite or name not in self.params:
                    self.params[name] = Setting(value, event.time, event.overwrite)
        elif isinstance(event, TagsSet):
            self.tags |= {name: Setting(value, event.time) for name, value in event.tags.items()}
        elif isinstance(event, EnvironmentCaptured):
            self.environment |= {name: Setting(value, event.time) for name, value in event.environment.items()}
        elif isinstance(event, ModelRegistered | ModelAliasSet):
            self.models.append(event)
        elif isinstance(event, UnknownEvent):
            self.unknown.append(event)
