"""Fold a run's journal into what lists, filters and pages show of it; reads segments, writes nothing."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from trackhub.errors import JournalError
from trackhub.journal.liveness import ProcessMark, vanished
from trackhub.journal.reader import Damage, SegmentReader
from trackhub.journal.segment import IMPORT, SegmentHeader
from trackhub.journal.store import RunFolder
from trackhub.model.entities import AliasMove, ModelRecord
from trackhub.model.events import (
    ArtifactLogged,
    EnvironmentCaptured,
    Event,
    FileEntry,
    MetricsLogged,
    ModelAliasSet,
    ModelRegistered,
    ParamsLogged,
    RunResumed,
    RunStarted,
    TagsSet,
)
from trackhub.model.ids import readable_name
from trackhub.model.life import RunLife
from trackhub.types import Status

CRASHED_AFTER_S = 86400.0
"""How long a run of another machine may be silent before it counts as crashed."""


class LastValue(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Hold a metric's newest point, and how many there are; None where a vendor does not say."""

    value: Any
    step: Any = None
    time: int | None = None
    count: int | None = None


class RunSummary(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """Hold what is known of a run at a glance; small, so that an index of many runs stays small.

    :ivar started: UTC nanoseconds, as ``ended`` and ``last_event`` are.
    :ivar reason: why the run ended: an exception, a signal, or what was inferred.
    :ivar open: who has an attempt open.
    :ivar models: what the run registered, with the moves that it knows of; no alias stands on any of them yet.
    """

    id: str
    name: str
    project: str
    status: Status
    started: int | None = None
    ended: int | None = None
    reason: str = ""
    parent: str | None = None
    group: str | None = None
    params: dict[str, Any] = {}
    tags: dict[str, str] = {}
    metrics: dict[str, LastValue] = {}
    points: int | None = None
    last_event: int = 0
    open: tuple[SegmentHeader, ...] = ()
    models: tuple[ModelRecord, ...] = ()

    def judged(self, *, now: int, silence_s: float = CRASHED_AFTER_S, here: ProcessMark | None = None) -> RunSummary:
        """Return the run as it stands at a time: crashed, once every process that has it open is gone."""
        if not self.open:
            # A folder without one readable attempt: silence is all there is to go by.
            last = max(self.last_event, self.started or 0)
            if self.status != "running" or now - last <= silence_s * 1e9:
                return self
            return msgspec.structs.replace(self, status="crashed", ended=last, reason="nothing says who began it")
        if any(header.role == IMPORT for header in self.open):
            return self  # it runs elsewhere, as far as was told
        if not all(
            vanished(it, last_event=self.last_event, now=now, silence_s=silence_s, here=here) for it in self.open
        ):
            return msgspec.structs.replace(self, status="running", ended=None, reason="")
        who = ", ".join(sorted({f"pid {header.pid} on {header.host}" for header in self.open}))
        return msgspec.structs.replace(self, status="crashed", ended=self.last_event, reason=f"{who} vanished")


class ArtifactVersion(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one version of an artifact: 1 is the first content under its name, 2 the next."""

    name: str
    type: str
    version: int
    time: int
    files: tuple[FileEntry, ...]

    @property
    def size(self) -> int:
        """Return the bytes in all files."""
        return sum(file.size for file in self.files)


class RunDetail(msgspec.Struct, frozen=True, kw_only=True):
    """Hold all that the journal says of a run, but for its series.

    :ivar artifacts: every version, each artifact's newest last.
    :ivar damage: bytes that do not verify; of a run that has ended, a torn tail too.
    :ivar writers: who may still add to a segment, ended or not: a forked child, say, or a delivery.
    :ivar settled: nothing can be added but in a new segment.
    :ivar attempts: by which the run was opened, in order of time.
    :ivar roles: what kinds of processes wrote to it.
    """

    summary: RunSummary
    environment: dict[str, Any] = {}
    artifacts: tuple[ArtifactVersion, ...] = ()
    damage: tuple[Damage, ...] = ()
    writers: tuple[SegmentHeader, ...] = ()
    settled: bool = False
    attempts: tuple[str, ...] = ()
    roles: frozenset[str] = frozenset()


def read_detail(folder: RunFolder, *, now: int | None = None, silence_s: float = CRASHED_AFTER_S) -> RunDetail:
    """Return what a run's journal says; damage is listed, never fatal.

    :param silence_s: how long a run of another machine may write nothing before it counts as crashed.
    """
    now = time.time_ns() if now is None else now
    fold = _Fold()
    readers = [SegmentReader(path) for path in folder.segments()]
    unreadable: dict[str, Damage] = {}
    streams = [_events(reader, fold, unreadable) for reader in readers]
    for event, reader in heapq.merge(*streams, key=lambda item: item[0].time):
        fold.apply(event, reader)
    summary = fold.summary(folder, readers).judged(now=now, silence_s=silence_s)
    damage = [item for reader in readers for item in reader.damage]
    if summary.status != "running":  # else a tail is a write under way
        unreadable = {reader.path.name: tail for reader in readers if (tail := reader.tail())} | unreadable
    unsealed = fold.unsealed(readers, now)
    return RunDetail(
        summary=summary,
        environment=fold.environment,
        artifacts=tuple(fold.artifacts),
        damage=(*damage, *unreadable.values()),
        writers=tuple(reader.header for reader in unsealed if reader.header is not None),
        settled=bool(readers) and not unsealed,
        attempts=fold.attempts,
        roles=frozenset(reader.header.role for reader in readers if reader.header is not None),
    )


def _events(reader: SegmentReader, fold: _Fold, unreadable: dict[str, Damage]) -> Iterator[tuple[Event, SegmentReader]]:
    """Yield a segment's events; its rows need no order between segments, so the fold takes them at once."""
    try:
        for record in reader.records():
            if type(record.event) is MetricsLogged:
                fold.row(record.event)
            else:
                yield record.event, reader
    except (JournalError, OSError) as error:
        length = reader.path.stat().st_size - reader.offset
        unreadable[reader.path.name] = Damage(reader.path.name, reader.offset, length, str(error))


class _Fold:
    """Gather what events say."""

    def __init__(self) -> None:
        self.environment: dict[str, Any] = {}
        self.artifacts: list[ArtifactVersion] = []
        self._life = RunLife()
        self._registered: list[ModelRegistered | ModelAliasSet] = []
        self._params: dict[str, Any] = {}
        self._tags: dict[str, str] = {}
        self._rows: dict[str, MetricsLogged] = {}
        self._counts: dict[str, int] = {}
        self._last = 0
        self._openers: dict[str, SegmentReader] = {}

    @property
    def attempts(self) -> tuple[str, ...]:
        """Return by which attempts the run was opened."""
        return self._life.attempts

    def row(self, row: MetricsLogged) -> None:
        """Count a row's points and keep the newest of each metric."""
        counts, rows, moment = self._counts, self._rows, row.time
        for name in row.metrics:
            counts[name] = counts.get(name, 0) + 1
            if name not in rows or rows[name].time <= moment:
                rows[name] = row
        self._last = max(self._last, moment)

    def apply(self, event: Event, reader: SegmentReader) -> None:
        """Take one event into account."""
        self._last = max(self._last, event.time)
        self._life.apply(event)
        if isinstance(event, RunStarted | RunResumed):
            self._openers.setdefault(event.attempt, reader)
        elif isinstance(event, ParamsLogged):
            for name, value in event.params.items():
                # Ranks log the same params: what came first stands, unless the user said otherwise.
                if event.overwrite or name not in self._params:
                    self._params[name] = value
        elif isinstance(event, TagsSet):
            self._tags.update(event.tags)
        elif isinstance(event, EnvironmentCaptured):
            self.environment.update(event.environment)
        elif isinstance(event, ArtifactLogged):
            self._artifact(event)
        elif isinstance(event, ModelRegistered | ModelAliasSet):
            self._registered.append(event)

    def _artifact(self, event: ArtifactLogged) -> None:
        known = [artifact for artifact in self.artifacts if artifact.name == event.name]
        again = next((artifact for artifact in known if artifact.files == event.files), None)
        if again is not None:  # the same content is the same version, and now the newest
            self.artifacts.remove(again)
        version = again.version if again else len(known) + 1
        self.artifacts.append(
            ArtifactVersion(name=event.name, type=event.type, version=version, time=event.time, files=event.files)
        )

    def _models(self, run_id: str) -> tuple[ModelRecord, ...]:
        """Return what was registered; once all is read, since an artifact may stand in a slower clock's segment."""
        versions = {(artifact.name, artifact.files): artifact.version for artifact in self.artifacts}
        found: dict[tuple[str, str, int], ModelRecord] = {}
        for event in self._registered:
            place = (event.model, event.artifact, versions.get((event.artifact, event.files), 1))
            moves = {AliasMove(event.alias, event.time)} if isinstance(event, ModelAliasSet) else set()
            known = found.get(place)
            found[place] = ModelRecord(
                model=event.model,
                run_id=run_id,
                artifact=event.artifact,
                version=place[2],
                time=min(known.time or event.time, event.time) if known else event.time,
                moves=tuple(sorted({*(known.moves if known else ()), *moves}, key=lambda it: (it.time, it.alias))),
            )
        return tuple(found.values())

    def summary(self, folder: RunFolder, readers: list[SegmentReader]) -> RunSummary:
        """Return what the events said, before anyone looks whether the processes live."""
        started, end = self._life.started, self._life.end
        openers = [self._openers[attempt] for attempt in self._life.open_attempts if attempt in self._openers]
        if end is None and not openers:
            openers = readers
        return RunSummary(
            id=folder.id,
            # The one event that names the run may be the one that is damaged.
            name=started.name if started else readable_name(folder.id),
            project=started.project if started else folder.project,
            status=end.status if end else "running",
            started=started.time if started else int(folder.id[:12], 16) * 1_000_000,
            ended=end.time if end else None,
            reason=end.reason if end else "",
            parent=started.parent if started else None,
            group=started.group if started else None,
            params=self._params,
            tags=self._tags,
            metrics={
                name: LastValue(row.metrics[name], row.step, row.time, self._counts[name])
                for name, row in self._rows.items()
            },
            points=sum(self._counts.values()),
            last_event=self._last,
            models=self._models(folder.id),
            open=tuple(reader.header for reader in openers if reader.header is not None),
        )

    def unsealed(self, readers: list[SegmentReader], now: int) -> list[SegmentReader]:
        """Return the segments that were not closed by an end, and whose process is not known to be gone.

        An end that another process inferred closes nothing: who was only silent may go on.
        """
        closed = {self._openers[attempt].path for attempt in self._life.closed_attempts if attempt in self._openers}
        return [
            reader
            for reader in readers
            if reader.path not in closed and (reader.header is None or not self._gone(reader.header, now))
        ]

    def _gone(self, header: SegmentHeader, now: int) -> bool:
        return vanished(header, last_event=self._last, now=now, silence_s=float("inf"))
