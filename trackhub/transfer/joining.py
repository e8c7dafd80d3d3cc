"""Bring what a journal lacks of another journal of the same run, by what they say; reads both, appends to one.

For journals that cannot be united segment by segment, since an import wrote in one of them what
the other has from elsewhere. As with any source, again adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from trackhub.journal.bulk import append_columns
from trackhub.journal.columns import read_columns
from trackhub.journal.store import RunFolder
from trackhub.journal.writer import JournalWriter
from trackhub.model.codec import pack
from trackhub.model.entities import MetricColumns, Note
from trackhub.model.events import (
    ArtifactLogged,
    EnvironmentCaptured,
    Event,
    FileEntry,
    ModelAliasSet,
    ModelRegistered,
    ParamsLogged,
    RunEnded,
    RunResumed,
    RunStarted,
    TagsSet,
)
from trackhub.model.identity import NS_PER_MS
from trackhub.query.summary import RunDetail, read_detail
from trackhub.transfer.columns import lacking_series
from trackhub.transfer.telling import Setting, Telling


class Joining:
    """Find what a run here lacks of the same run there; the bytes of its files are here already.

    :param detail: what the journal there says.
    :ivar added: how much was brought, by kind.
    :ivar notes: what is said otherwise here.
    """

    def __init__(self, there: RunFolder, detail: RunDetail, here: RunFolder) -> None:
        self.added: dict[str, int] = {}
        self.notes: list[Note] = []
        self._there, self._here = there, here
        self._detail = detail
        self._theirs, self._ours = Telling(there), Telling(here)
        self._artifacts = read_detail(here).artifacts

    def bring(self, new_writer: Callable[[], JournalWriter]) -> None:
        """Append what is lacking: first all that was logged, then how it ended.

        :param new_writer: what makes a writer with a segment of its own.
        """
        told = [
            MetricColumns(name=name, step=column.step, value=column.value, time=column.time)
            for name, column in read_columns(self._there).items()
        ]
        # Each of the two in order of time, or a reader that merges them would be late with what comes behind.
        rows, others = new_writer(), new_writer()
        try:
            self.added["points"] = append_columns(rows, lacking_series(told, read_columns(self._here)))
            for event in sorted(self._events(), key=lambda event: event.time):
                others.append(event)
            for end in self._ends():
                others.append(end)
                self.added["ends"] = self.added.get("ends", 0) + 1
        finally:
            rows.close()
            others.close()

    def _events(self) -> Iterator[Event]:
        yield from self._attempts()
        yield from self._params()
        yield from self._tags()
        lacking = {name: it for name, it in self._theirs.environment.items() if name not in self._ours.environment}
        for name, setting in lacking.items():
            yield EnvironmentCaptured(time=setting.time, environment={name: setting.value})
        yield from self._files()
        yield from self._models()
        for event in self._theirs.unknown:
            if event not in self._ours.unknown:
                yield event

    def _attempts(self) -> Iterator[RunStarted | RunResumed]:
        """Yield what opens an attempt that is not known here; what only stands for others is none of its own."""
        if self._ours.life.started is None and self._theirs.life.started is not None:
            yield self._open(msgspec.structs.replace(self._theirs.life.started, project=self._here.project))
        for attempt, event in self._theirs.opened.items():
            if attempt not in self._ours.opened and attempt not in self._theirs.imported and self._adds(attempt):
                yield self._open(RunResumed(time=event.time, attempt=attempt, rank=event.rank))

    def _adds(self, attempt: str) -> bool:
        """Return whether an attempt changes how the run stands here."""
        if attempt in self._theirs.life.open_attempts and self._detail.summary.status == "running":
            return self._ours.life.status != "running"
        # What an import opened here stands for all that ran elsewhere: it gets the newest end.
        return not self._ours.imported and _later(self._detail.summary.ended or 0, self._known_end())

    def _known_end(self) -> int:
        return max((end.time for end in self._ours.ends), default=0)

    def _open(self, event: RunStarted | RunResumed) -> RunStarted | RunResumed:
        self._ours.apply(event, brought_by=None)
        return event

    def _params(self) -> Iterator[ParamsLogged]:
        found: dict[tuple[int, bool], dict[str, Any]] = {}
        for name, there in self._theirs.params.items():
            here = self._ours.params.get(name)
            if here is None or (there.overwrite and here.time < there.time and not _same(here, there)):
                self._count("params")
                found.setdefault((there.time, here is not None), {})[name] = there.value
            elif not _same(here, there):
                self.notes.append(Note(kind="kept ours", subject=name, detail="the param has another value there"))
        for (time, overwrite), params in found.items():
            yield ParamsLogged(time=time, params=params, overwrite=overwrite)

    def _tags(self) -> Iterator[TagsSet]:
        found: dict[int, dict[str, str]] = {}
        for name, there in self._theirs.tags.items():
            here = self._ours.tags.get(name)
            if here is None or (here.time < there.time and here.value != there.value):
                self._count("tags")
                found.setdefault(there.time, {})[name] = there.value
        for time, tags in found.items():
            yield TagsSet(time=time, tags=tags)

    def _files(self) -> Iterator[ArtifactLogged]:
        held = {(one.name, frozenset(one.files)) for one in self._artifacts}
        newest = {one.name: one for one in self._artifacts}
        last = {one.name: one for one in self._detail.artifacts}
        for one in self._detail.artifacts:
            files = tuple(file for file in one.files if (self._here.artifacts / file.sha256).is_file())
            is_lacking = (one.name, frozenset(files)) not in held
            # Logged once more there, an older content has become the newest.
            ours = newest.get(one.name)
            is_newer = one is last[one.name] and ours is not None and _later(one.time, ours.time)
            again = is_newer and ours is not None and frozenset(ours.files) != frozenset(files)
            if files and (is_lacking or again):
                self._count("files", len(files))
                yield ArtifactLogged(time=one.time, name=one.name, type=one.type, files=self._as_here(one.name, files))

    def _models(self) -> Iterator[ModelRegistered | ModelAliasSet]:
        held = {_model_key(event) for event in self._ours.models}
        for event in self._theirs.models:
            if _model_key(event) not in held and all(
                (self._here.artifacts / file.sha256).is_file() for file in event.files
            ):
                held.add(_model_key(event))
                self._count("models")
                yield msgspec.structs.replace(event, files=self._as_here(event.artifact, event.files))

    def _ends(self) -> Iterator[RunEnded]:
        """Yield the ends that are not known here, and that of what only stood for the run there."""
        run, ours, theirs = self._detail.summary, self._ours, self._theirs
        for end in theirs.ends:
            if end not in ours.ends and end.attempt in ours.opened and end.attempt not in ours.imported:
                yield self._close(end)
        if run.status == "running" or run.ended is None:
            return
        # Here nobody can look whether those processes live, so that what was found there is written down.
        for attempt in theirs.life.open_attempts:
            if attempt in ours.life.open_attempts:
                yield self._close(
                    RunEnded(time=run.ended, status=run.status, attempt=attempt, reason=run.reason, inferred=True)
                )
        is_late = _later(run.ended, self._known_end())
        for attempt in ours.life.attempts:
            if attempt in ours.imported and (attempt in ours.life.open_attempts or is_late):
                yield self._close(RunEnded(time=run.ended, status=run.status, attempt=attempt, reason=run.reason))

    def _close(self, end: RunEnded) -> RunEnded:
        self._ours.apply(end, brought_by=None)
        return end

    def _as_here(self, name: str, files: tuple[FileEntry, ...]) -> tuple[FileEntry, ...]:
        """Return files in the order that they have here, by which a journal knows a version again."""
        known = {frozenset(one.files): one.files for one in self._artifacts if one.name == name}
        return known.get(frozenset(files), files)

    def _count(self, kind: str, count: int = 1) -> None:
        self.added[kind] = self.added.get(kind, 0) + count


def _same(here: Setting, there: Setting) -> bool:
    return pack(here.value) == pack(there.value)


def _later(one: int, other: int) -> bool:
    """Return whether a time is later than another one, of which a vendor may have kept the millisecond."""
    return one // NS_PER_MS > other // NS_PER_MS


def _model_key(event: ModelRegistered | ModelAliasSet) -> tuple[Any, ...]:
    moved = (event.alias, event.time // NS_PER_MS) if isinstance(event, ModelAliasSet) else None
    return event.model, event.artifact, frozenset(event.files), moved
