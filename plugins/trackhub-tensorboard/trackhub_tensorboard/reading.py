"""Answer what is asked of a folder of event files, whoever wrote them; nothing here writes to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from trackhub import hookimpl
from trackhub.errors import Rejected, SettingsError
from trackhub.model.entities import MetricColumns, MetricPoint, Note, RunRecord, RunRef, StoredFile
from trackhub_tensorboard.errors import translated
from trackhub_tensorboard.folders import inside
from trackhub_tensorboard.recall import OtherRun, OwnRun, Recent
from trackhub_tensorboard.runfolder import header_of
from trackhub_tensorboard.tree import Place, place_at, places


class Reading:
    """Implement the hooks that read."""

    _root: Path
    _shown: str

    def __init__(self) -> None:
        self._recent = Recent()
        self._own: OwnRun | None = None  # the one that was asked of last
        self._notes: list[Note] = []

    @hookimpl
    def trackhub_search_runs(self, project: str | None) -> tuple[RunRecord, ...]:
        """Return the runs of a project; those of which nothing says the project are of the one asked for."""
        self._notes = []
        met: dict[str, str] = {}
        records = []
        with translated(self._shown):
            for place in self._places():
                run = self._run_at(place, project)
                if isinstance(run, OwnRun) and not run.is_known:
                    self._note("damaged", place, "its first record, which says what run it is, cannot be read")
                    continue
                if project is not None and run.project != project:
                    continue
                if isinstance(run, OtherRun) and run.held.is_empty:
                    self._note("empty", place, "its event files hold no data", run.held.notes)
                elif run.id in met:
                    self._note("copy", place, f"a copy of the run in {met[run.id]}, which is read instead")
                else:
                    met[run.id] = place.path
                    records.append(run.record())
        return tuple(records)

    @hookimpl
    def trackhub_read_run(self, run_id: str, project: str | None) -> RunRecord | None:
        """Return the run of our id, or of the path of its first event file, if others wrote it."""
        with translated(self._shown):
            for place in self._places():
                if place.ours:
                    header = header_of(self._root / place.path)
                    found = header is not None and header["id"] == run_id and project in {None, header["project"]}
                else:
                    found = place.id == run_id
                if found:
                    return self._run_at(place, project).record()
        return None

    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        """Return every point of a run; of ours in the order in which they were logged."""
        with translated(self._shown):
            run = self._run(ref)
            return tuple(run.points())

    @hookimpl
    def trackhub_read_columns(self, ref: RunRef) -> Iterator[MetricColumns]:
        """Yield every point of a run as columns, a series at a time."""
        with translated(self._shown):
            yield from self._run(ref).columns()

    @hookimpl
    def trackhub_read_notes(self) -> tuple[Note, ...]:
        """Return what the last search found beside runs: empty event files, and copies of runs."""
        return tuple(self._notes)

    @hookimpl
    def trackhub_list_artifacts(self, ref: RunRef) -> tuple[StoredFile, ...]:
        """Return a run's files: those of its artifacts, or what others' event files hold beside numbers."""
        with translated(self._shown):
            return self._run(ref).files()

    @hookimpl
    def trackhub_download_artifact(self, ref: RunRef, path: str, target: str) -> None:
        """Write a file to a local path."""
        with translated(self._shown):
            run = self._run(ref)
            if not run.has(path):
                raise Rejected(f"{self._shown}: {ref.id} has no file {path!r}")
            try:
                with Path(target).open("wb") as out:
                    out.writelines(run.content(path))
            except BaseException:
                Path(target).unlink(missing_ok=True)
                raise

    def _places(self) -> Iterator[Place]:
        if self._root.is_dir():
            return places(self._root, self._unreadable)
        self._notes.append(Note(kind="missing", subject=str(self._root.absolute()), detail="there is no such folder"))
        return iter(())

    def _run(self, ref: RunRef) -> OwnRun | OtherRun:
        place = place_at(self._root, inside(self._root, ref.id))
        return self._run_at(place, "")  # nobody asks the project of what is in a run

    def _run_at(self, place: Place, project: str | None) -> OwnRun | OtherRun:
        if place.ours:
            if self._own is None or self._own.place != place:
                self._own = OwnRun(self._root, place)
            return self._own.refreshed()
        if project is None:
            raise SettingsError(
                f"{self._shown}: nothing says of which project {place.path!r} is; name one, as with --project"
            )
        return self._recent.get(self._root, place, project)

    def _unreadable(self, error: OSError) -> None:
        self._notes.append(Note(kind="unreadable", subject=str(error.filename), detail=error.strerror or str(error)))

    def _note(self, kind: str, place: Place, detail: str, more: Sequence[Note] = ()) -> None:
        self._notes.append(Note(kind=kind, subject=place.path, detail=detail))
        self._notes.extend(msgspec.structs.replace(note, subject=f"{place.path}/{note.subject}") for note in more)
