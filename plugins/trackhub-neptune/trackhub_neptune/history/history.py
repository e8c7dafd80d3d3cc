"""Be the backend of what Neptune left at a path: it reads, and cannot be written to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from trackhub import hookimpl
from trackhub.backend import Destination
from trackhub.errors import Rejected, SettingsError
from trackhub.model.entities import Connection, MetricColumns, MetricPoint, Note, RunRecord, RunRef, StoredFile
from trackhub_neptune.history.buffer import points_of
from trackhub_neptune.history.database import ForeignDatabaseError, read_database
from trackhub_neptune.history.export import Exports
from trackhub_neptune.history.exported import Shelves
from trackhub_neptune.history.merge import Run
from trackhub_neptune.history.offline import read_folder
from trackhub_neptune.history.part import Part
from trackhub_neptune.history.scan import Found, report_lines, scan

_FEW = 3


class History:
    """Read runs from 1.x folders, neptune-scale databases and exports, wherever they lie below a path."""

    def __init__(self, path: str, destination: Destination) -> None:
        self._path = Path(path).expanduser().absolute()
        self._shown = destination.shown
        files = destination.query.get("files")
        self._files = Path(files).expanduser().absolute() if files else None
        for place in (self._path, self._files):
            if place is not None and not place.exists():
                raise SettingsError(f"{self._shown}: there is no {place}")
        self._scratch: TemporaryDirectory[str] | None = None
        self._runs: dict[str, Run] = {}
        self._notes: list[Note] = []
        self._reports: dict[tuple[str, str], list[Note]] = {}
        self._ids: dict[str | None, dict[str, str]] = {}
        self._searched = False

    @hookimpl
    def trackhub_search_runs(self, project: str | None) -> tuple[RunRecord, ...]:
        """Return the runs of a project, and those of which nothing says the project; of every project for None."""
        self._search()
        homeless = [run for run in self._runs.values() if run.project is None]
        if project is None and homeless:
            raise SettingsError(self._which_project(homeless))
        chosen = [run for run in self._runs.values() if project is None or _is_of(run, project)]
        records = tuple(self._record(run, project) for run in chosen)
        self._note_others(project)
        self._note_ends(records)
        return records

    @hookimpl
    def trackhub_read_run(self, run_id: str, project: str | None) -> RunRecord | None:
        """Return the run of an id, or None."""
        self._search_once()
        found = [run for run in self._runs.values() if run.id == run_id and (project is None or _is_of(run, project))]
        return self._record(found[0], project) if found else None

    @hookimpl
    def trackhub_read_notes(self) -> tuple[Note, ...]:
        """Return what was found and is no part of any run."""
        return tuple(self._notes)

    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        """Return every point of a run."""
        return tuple(points_of(self._run(ref).columns()))

    @hookimpl
    def trackhub_read_columns(self, ref: RunRef) -> Iterator[MetricColumns]:
        """Yield every point of a run as columns."""
        return self._run(ref).columns()

    @hookimpl
    def trackhub_list_artifacts(self, ref: RunRef) -> tuple[StoredFile, ...]:
        """Return the files of a run, each under the name of its attribute."""
        return tuple(self._run(ref).files())

    @hookimpl
    def trackhub_download_artifact(self, ref: RunRef, path: str, target: str) -> None:
        """Write one file, named as listed, to a local path."""
        for told, file in self._run(ref).files().items():
            if told.path == path:
                try:
                    file.write(Path(target))
                except FileNotFoundError as error:
                    raise Rejected(f"{self._shown}: {path}: it was there when it was listed: {error}") from error
                return
        raise Rejected(f"{self._shown}: the run has no file {path!r}; list them first")

    @hookimpl
    def trackhub_check_connection(self) -> Connection:
        """Say what lies at the path."""
        found = self._scan()
        counts = (
            f"{len(found.folders)} folders of the 1.x client",
            f"{len(found.databases)} databases of neptune-scale",
            f"{len(found.exports)} Parquet files of neptune-exporter",
        )
        return Connection(version="files", detail=f"{self._path}: {', '.join(counts)}")

    @hookimpl
    def trackhub_close(self) -> None:
        """Remove what was copied to be read."""
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    # ---- finding -------------------------------------------------------------------------

    def _search_once(self) -> None:
        if not self._searched:
            self._search()

    def _search(self) -> None:
        """Read what lies at the path, anew: more may have been put there."""
        found = self._scan()
        self._notes = []
        for error in found.closed:
            self._say("unreadable", Path(str(error.filename)), f"the folder was not looked into: {error.strerror}")
        parts = list(self._read_folders(found)) + list(self._read_databases(found))
        exports = Exports(Shelves(self._files, found.named), self._name)
        parts += exports.read(found.exports)
        self._notes += exports.notes
        together: dict[tuple[str | None, str], list[Part]] = {}
        for part in parts:
            together.setdefault((part.project, part.id), []).append(part)
        runs = [Run(group) for group in together.values()]
        runs.sort(key=lambda run: (run.project or "", min(part.started or 0 for part in run.parts), run.id))
        self._runs = {run.key: run for run in runs}
        self._ids = {}
        for run in runs:
            self._ids.setdefault(run.project, {}).update(dict.fromkeys((*_aliases(run), run.id), run.id))
        self._read_reports(found)
        self._searched = True

    def _scan(self) -> Found:
        found = scan(self._path)
        if not found.anything:
            raise SettingsError(
                f"{self._shown}: nothing in {self._path} is of Neptune: no folder of the 1.x client (data-1.log), "
                "no neptune-scale database (run_operations.sqlite3), no Parquet file of neptune-exporter"
            )
        return found

    def _read_folders(self, found: Found) -> Iterator[Part]:
        for folder in found.emptied:
            self._say("delivered before", folder, "everything of this run had gone to Neptune; nothing of it is here")
        for folder in found.folders:
            try:
                yield read_folder(folder, self._name(folder))
            except OSError as error:
                self._say("unreadable", folder, str(error))

    def _read_databases(self, found: Found) -> Iterator[Part]:
        if found.databases and self._scratch is None:
            self._scratch = TemporaryDirectory(prefix="trackhub-neptune-")
        for path in found.databases:
            try:
                yield read_database(path, self._name(path), Path(self._scratch.name if self._scratch else "."))
            except ForeignDatabaseError as error:
                if path.name == "run_operations.sqlite3":
                    self._say("unreadable", path, str(error))
            except (sqlite3.Error, OSError) as error:
                self._say("unreadable", path, str(error))

    def _read_reports(self, found: Found) -> None:
        """Take what the exporter says it could not export; it belongs to a run, where that is here."""
        self._reports = {}
        for path in found.reports:
            for line in report_lines(path):
                detail = f"the exporter met {line['exception']} there; {self._name(path)} says so"
                note = Note(kind="not exported", subject=str(line["attribute_path"] or "the run"), detail=detail)
                key = (str(line["project_id"]), str(line["run_id"]))
                if f"{key[0]}:{key[1]}" in self._runs:
                    self._reports.setdefault(key, []).append(note)
                else:
                    self._notes.append(Note(kind=note.kind, subject=" ".join(key), detail=f"{note.subject}: {detail}"))

    # ---- telling -------------------------------------------------------------------------

    def _record(self, run: Run, project: str | None) -> RunRecord:
        ids = self._ids.get(run.project, {})
        return run.record(run.project or project or "", ids, self._reports.get((run.project or "", run.id), []))

    def _run(self, ref: RunRef) -> Run:
        self._search_once()
        try:
            return self._runs[ref.id]
        except KeyError:
            raise Rejected(f"{self._shown}: there is no run {ref.id!r}; list the runs again") from None

    def _which_project(self, homeless: list[Run]) -> str:
        known = sorted({run.project for run in self._runs.values() if run.project})
        shown = ", ".join(run.parts[0].source for run in homeless[:_FEW])
        also = f"; with it come no runs of {', '.join(known)}, which are taken by their own names" if known else ""
        return (
            f"{self._shown}: of which project are these runs? The 1.x client did not write it down for {len(homeless)} "
            f"of them ({shown}{', ...' if len(homeless) > _FEW else ''}): say --project NAME{also}"
        )

    def _note_others(self, project: str | None) -> None:
        """Say of which other projects there are runs."""
        counts: dict[str, int] = {}
        for run in self._runs.values():
            if run.project is not None and project is not None and not _is_of(run, project):
                counts[run.project] = counts.get(run.project, 0) + 1
        for name, count in sorted(counts.items()):
            detail = f"{count} runs are of it, and were left out, as --project {project} was asked for"
            self._notes.append(Note(kind="other project", subject=name, detail=detail))

    def _note_ends(self, records: tuple[RunRecord, ...]) -> None:
        """Say that Neptune kept no end: once, as that is so of every run that did not fail."""
        count = sum(record.status != "failed" for record in records)
        if count:
            detail = f"Neptune kept no end of {count} runs; as they are not marked as failed, they count as finished"
            self._notes.append(Note(kind="status", subject="sys/failed", detail=detail))

    def _say(self, kind: str, path: Path, detail: str) -> None:
        self._notes.append(Note(kind=kind, subject=self._name(path), detail=detail))

    def _name(self, path: Path) -> str:
        """Return a path as people see it: from the place that they named."""
        if path == self._path or not path.is_relative_to(self._path):
            return path.name
        return path.relative_to(self._path).as_posix()


def _is_of(run: Run, project: str) -> bool:
    """Return whether a run is of a project, told with or without its workspace."""
    return run.project is None or project in {run.project, run.project.partition("/")[2]}


def _aliases(run: Run) -> Iterator[str]:
    fields = run.fields
    for attribute in ("sys/id", "sys/custom_run_id"):
        if isinstance(fields.get(attribute), str):
            yield fields[attribute]
