"""Write runs that a backend reads into journals of a store: only what these lack, so that it may be done again.

The journal is the one truth of what has been imported: an import that was killed goes on where it
was, one of a source that grew adds what is new, and one of a source that did not adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from trackhub.backend import BackendCalls
from trackhub.delivery.lock import RunLock
from trackhub.errors import RunLocked, StoreError, TrackhubError, Unauthorized
from trackhub.journal.bulk import append_columns
from trackhub.journal.columns import read_columns
from trackhub.journal.segment import SegmentHeader
from trackhub.journal.store import RunFolder, Store
from trackhub.journal.writer import JournalWriter
from trackhub.model.entities import MetricColumns, ModelRecord, Note, RunRecord, RunRef
from trackhub.model.events import EnvironmentCaptured, ParamsLogged, RunEnded, RunStarted, TagsSet
from trackhub.model.identity import NS_PER_MS
from trackhub.model.values import flatten
from trackhub.query.summary import RunDetail, read_detail
from trackhub.redact import Redactor
from trackhub.transfer.columns import lacking_series, whole_series
from trackhub.transfer.environment import redacted_environment
from trackhub.transfer.files import Fetching
from trackhub.transfer.identity import IMPORTED_ID, id_here
from trackhub.transfer.models import Registering
from trackhub.transfer.report import ImportedRun, ImportReport, renamed
from trackhub.transfer.searching import parents_first, search

NewHeader = Callable[[RunFolder], SegmentHeader]
Progress = Callable[[int, int, str], None]


def import_runs(
    calls: BackendCalls,
    store: Store,
    new_header: NewHeader,
    *,
    project: str | None = None,
    into: str | None = None,
    redactor: Redactor | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Bring every run of a source into a store.

    :param project: which of the source's projects; of runs that belong to none, the one they get.
    :param into: the project they get here, whatever they had; a run that is here already stays where it is.
    :param progress: told how many runs are done, of how many, and which comes next.
    :raises PluginError: the plugin cannot list runs.
    :raises SettingsError: a project is needed, and none was given.
    """
    records, left_out = search(calls, project, into)
    models: dict[str, list[ModelRecord]] = {}
    for model in calls.read_models(None) if records and calls.can("read_models") else ():
        models.setdefault(model.run_id, []).append(model)
    runs = []
    for number, record in enumerate(parents_first(records)):
        if progress is not None:
            progress(number, len(records), record.name)
        importing = _Importing(calls, store, record, into, redactor or Redactor())
        runs.append(importing.run(new_header, models.get(record.id, ())))
    if progress is not None:
        progress(len(records), len(records), "")
    return ImportReport(source=calls.destination.shown, runs=tuple(runs), notes=left_out)


class _Importing:
    """Bring one run."""

    def __init__(
        self, calls: BackendCalls, store: Store, record: RunRecord, into: str | None, redactor: Redactor
    ) -> None:
        self._calls = calls
        self._record = record
        self._redactor = redactor
        self._store = store
        scheme = calls.destination.scheme
        self._id = id_here(scheme, record.project, record.id)
        self._parent = None if record.parent is None else id_here(scheme, record.project, record.parent)
        self._folder = store.find(self._id) or store.run(into or record.project, self._id)
        self._ref = record.ref or RunRef(id=record.id)
        self._added: dict[str, int] = {}
        self._notes = list(record.notes)
        self._name = record.name
        self._changed: dict[str, str] = {}
        self._unfetched = 0
        self._points = self._files = 0
        if into not in {None, self._folder.project}:
            why = f"it is here already, in project {self._folder.project!r}, and stays there"
            self._notes.append(Note(kind="not moved", subject=str(into), detail=why))

    def run(self, new_header: NewHeader, models: Sequence[ModelRecord]) -> ImportedRun:
        """Add what the journal lacks; what goes wrong with this run must not keep the others away."""
        error = None
        lock = RunLock(self._folder.path / "import.lock")
        try:
            self._folder.create()
            if not lock.take():
                raise RunLocked(f"{lock.holder()} imports this run; try again when it is done")
            self._bring(JournalWriter(self._folder.journal, lambda: new_header(self._folder)), models)
            if self._unfetched:
                error = f"{self._unfetched} of its files could not be fetched, as noted; import again"
        except (Unauthorized, StoreError):
            raise
        except (TrackhubError, OSError, ValueError, TypeError) as trouble:
            error = f"{type(trouble).__name__}: {trouble}" if not isinstance(trouble, TrackhubError) else str(trouble)
        finally:
            lock.release()
        record = self._record
        return ImportedRun(
            id=self._id,
            name=self._name,
            project=self._folder.project,
            source_id=record.id,
            status=record.status,
            points=self._points,
            files=self._files,
            added={kind: count for kind, count in self._added.items() if count},
            notes=(*self._notes, *renamed(record.name, self._name)),
            error=error,
        )

    def _bring(self, writer: JournalWriter, models: Sequence[ModelRecord]) -> None:
        detail = read_detail(self._folder)
        held = read_columns(self._folder)
        # What was logged here is not overruled by what somewhere else is told of it.
        ours = "run" in detail.roles
        told = whole_series(self._calls, self._ref)
        self._points = sum(len(series.time) for series in told)
        started = self._started(told)
        self._name = detail.summary.name
        try:
            attempts = detail.attempts or (self._begin(writer, started),)
            self._say(writer, detail, started, ours=ours)
            self._added["points"] = append_columns(writer, lacking_series(told, held))
            self._bring_files(writer, detail, self._record.ended or started)
            self._bring_models(writer, models, self._record.ended or started)
            if self._changed:  # behind what is older, or a reader that merges by time would be late with that
                writer.append(TagsSet(time=max(started, detail.summary.last_event), tags=self._changed))
            if not ours:
                self._end(writer, detail, attempts, told)
        finally:
            writer.close()

    def _begin(self, writer: JournalWriter, started: int) -> str:
        record, folder = self._record, self._folder
        attempt = writer.begin()
        self._name = self._store.take_name(folder.project, record.name, folder.id)
        writer.append(
            RunStarted(
                time=started,
                id=folder.id,
                name=self._name,
                project=folder.project,
                attempt=attempt,
                parent=self._parent,
                group=record.group,
            )
        )
        self._added["runs"] = 1
        return attempt

    def _say(self, writer: JournalWriter, detail: RunDetail, time: int, *, ours: bool) -> None:
        """Add the params, tags and environment that the journal lacks, or has otherwise from an earlier import."""
        record, redactor = self._record, self._redactor
        params = redactor.params(dict(flatten(record.params)))
        tags = redactor.tags(record.tags)
        if self._id != record.id:
            tags = {IMPORTED_ID: record.id} | tags
        held = detail.summary
        fresh = {name: value for name, value in params.items() if name not in held.params}
        other = {name for name, value in params.items() if name in held.params and not _equal(held.params[name], value)}
        tags_other = {name for name, value in tags.items() if held.tags.get(name, value) != value}
        fresh_tags = {name: value for name, value in tags.items() if name not in held.tags}
        if ours:
            for kind, names in (("param", other), ("tag", tags_other)):
                self._notes += [
                    Note(kind="kept ours", subject=name, detail=f"the {kind} has another value there")
                    for name in sorted(names)
                ]
        else:
            self._changed = {name: tags[name] for name in sorted(tags_other)}
        if fresh:
            writer.append(ParamsLogged(time=time, params=fresh))
        if other and not ours:
            writer.append(
                ParamsLogged(time=time, params={name: params[name] for name in sorted(other)}, overwrite=True)
            )
        if fresh_tags:
            writer.append(TagsSet(time=time, tags=fresh_tags))
        environment = redacted_environment(record.environment, redactor)
        if environment and not detail.environment:
            writer.append(EnvironmentCaptured(time=time, environment=environment))
        self._added |= {"params": len(fresh) + len(other) * (not ours), "tags": len(fresh_tags) + len(self._changed)}
        self._notes += [
            Note(kind="redacted", subject=name, detail=f"{count} times") for name, count in redactor.hits.items()
        ]
        redactor.hits.clear()

    def _bring_files(self, writer: JournalWriter, detail: RunDetail, otherwise: int) -> None:
        if not self._calls.can("list_artifacts") or not self._calls.can("download_artifact"):
            return
        listed = self._calls.list_artifacts(self._ref)
        self._files = len(listed)
        fetching = Fetching(self._calls, self._ref, self._folder, detail.artifacts)
        added = 0
        for event in fetching.events(listed, otherwise):
            writer.append(event)
            added += len(event.files)
        self._added["files"] = added
        self._unfetched = fetching.unfetched
        self._notes += fetching.notes

    def _bring_models(self, writer: JournalWriter, models: Sequence[ModelRecord], otherwise: int) -> None:
        if models:
            registering = Registering(read_detail(self._folder))
            events = list(registering.events(models, otherwise))
            for event in events:
                writer.append(event)
            self._added["models"] = len(events)
            self._notes += registering.notes

    def _end(
        self, writer: JournalWriter, detail: RunDetail, attempts: Sequence[str], told: list[MetricColumns]
    ) -> None:
        record, held = self._record, detail.summary
        if record.status == "running":
            return
        last = max((int(series.time.max()) for series in told), default=0)
        ended = record.ended or max(last, self._started(told))
        # To the millisecond: most sources keep no finer time, and one of them may have told it before.
        if held.ended is None or held.ended // NS_PER_MS < ended // NS_PER_MS:
            for attempt in attempts:
                writer.append(RunEnded(time=ended, status=record.status, attempt=attempt, reason=record.reason))
            self._added["ends"] = 1

    def _started(self, told: list[MetricColumns]) -> int:
        if self._record.started is not None:
            return self._record.started
        return min((int(series.time.min()) for series in told if len(series.time)), default=0)


def _equal(ours: Any, theirs: Any) -> bool:
    return type(ours) is type(theirs) and (ours == theirs or (ours != ours and theirs != theirs))  # noqa: PLR0124 - NaN
