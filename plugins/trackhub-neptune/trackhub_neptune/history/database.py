"""Read the SQLite file in which neptune-scale kept a run, from its operations to a part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trackhub_neptune.history import snapshot
from trackhub_neptune.history.exact import from_milliseconds, is_exact, step_of, to_text
from trackhub_neptune.history.part import KeptFile, Part
from trackhub_neptune.history.snapshot import FileRef, Histogram, MalformedError, Moment, Update
from trackhub_neptune.history.sqlite import CREATE, SNAPSHOT, Database, DatabaseReading, operations
from trackhub_neptune.history.uploads import copier, named


class ForeignDatabaseError(ValueError):
    """Report a database that is not neptune-scale's."""


def read_database(path: Path, shown: str, scratch: Path) -> Part:
    """Return what a database tells of its run.

    :param scratch: a folder for a copy, where one is needed.
    :raises ForeignDatabaseError: it is another program's.
    :raises sqlite3.DatabaseError: it cannot be read.
    """
    database = Database(path, scratch)
    tables = {name for (name,) in database.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {"metadata", "run_operations"} <= tables:
        raise ForeignDatabaseError(f"{path}: it has no run_operations")
    told = next(database.rows("SELECT version, project, run_id FROM metadata ORDER BY id"), None)
    if told is None:
        raise ForeignDatabaseError(f"{path}: it does not say of which run it is")
    version, project, run_id = told
    reading = DatabaseReading(database)
    part = Part(run_id, project, "run", shown, reading)
    if version != "v5":
        part.note("version", str(version), f"{path}: only the format v5 is known; it was read as that")
    _Summary(part, database, tables).read()
    return part


class _Summary:
    """Read all operations once, and keep what fits in memory."""

    def __init__(self, part: Part, database: Database, tables: set[str]) -> None:
        self._part = part
        self._database = database
        self._inexact = 0
        self._unknown: dict[str, int] = {}
        self._files: dict[str, tuple[FileRef, int]] = {}
        self._series_files: dict[str, list[tuple[FileRef, int | float | None, int]]] = {}
        self._uploads: dict[str, tuple[str, bool]] = {}
        if "file_upload_requests" in tables:
            rows = database.rows("SELECT destination, source_path, is_temporary FROM file_upload_requests ORDER BY id")
            self._uploads = {where: (source, bool(temporary)) for where, source, temporary in rows}
        if "operation_errors" in tables:
            rows = database.rows("SELECT error_type, count(*) FROM operation_errors GROUP BY 1 ORDER BY 1")
            for kind, number in rows:
                part.note("server refused", kind, f"the client was told so {number} times; what it sent is read")

    def read(self) -> None:
        """Fill the part."""
        part, path = self._part, self._database.path
        first = True
        for number, time, kind, data in operations(self._database, part):
            if first and number > 1:
                detail = f"operations 1 to {number - 1} had gone to Neptune and are not in {path}"
                part.note("delivered before", path.name, detail)
            part.began = from_milliseconds(time) if first else part.began
            first = False
            part.seen(from_milliseconds(time))
            try:
                if kind == CREATE:
                    self._create(snapshot.new_run(data))
                elif kind == SNAPSHOT:
                    self._update(snapshot.update(data), from_milliseconds(time))
                else:
                    self._unknown[f"operation type {kind}"] = self._unknown.get(f"operation type {kind}", 0) + 1
            except MalformedError as error:
                part.note("damaged", path.name, f"{path}, operation {number}: {error}")
        for subject, count in sorted(self._unknown.items()):
            part.note("unknown", subject, f"{count} times, as no known client writes it")
        if self._inexact:
            detail = f"{self._inexact} points have steps with more digits than a float holds; the nearest is kept"
            part.note("rounded", "step", detail)
        self._keep_files()

    def _create(self, run: snapshot.NewRun) -> None:
        part = self._part
        part.started = run.created if part.started is None else part.started
        if run.experiment:
            part.fields["sys/name"] = run.experiment
        if run.family and run.family != part.id:
            part.fields["sys/family"] = run.family
        if run.parent:
            part.parent = run.parent
            step = run.fork_step or (0, 0)
            part.fields["sys/forking/step"] = step_of(*step)
            part.fields["sys/forking/inherit_configs"] = run.inherits
            if run.parent_project and run.parent_project != part.project:
                part.fields["sys/forking/parent_project"] = run.parent_project

    def _update(self, found: Update, written: int) -> None:
        part = self._part
        time = written if found.time is None else found.time
        part.seen(time)
        for subject in found.unknown:
            self._unknown[subject] = self._unknown.get(subject, 0) + 1
        for attribute, value in found.assigned.items():
            self._assign(attribute, value, time)
        for attribute, words in found.added.items():
            part.sets.setdefault(attribute, set()).update(words)
            part.removed.setdefault(attribute, set()).difference_update(words)
        for attribute, words in found.removed.items():
            part.sets.setdefault(attribute, set()).difference_update(words)
            part.removed.setdefault(attribute, set()).update(words)
        for attribute, value in found.appended.items():
            self._append(attribute, value, found, time)

    def _assign(self, attribute: str, value: Any, time: int) -> None:
        part = self._part
        if isinstance(value, FileRef):
            self._files[attribute] = (value, time)
        elif isinstance(value, set):
            part.sets[attribute] = set(value)
        elif isinstance(value, Moment):
            part.fields[attribute] = to_text(value.time)
        elif value is not None:
            part.fields[attribute] = value

    def _append(self, attribute: str, value: Any, found: Update, time: int) -> None:
        part = self._part
        step = None if found.step is None else step_of(*found.step)
        self._inexact += found.step is not None and not is_exact(*found.step)
        if isinstance(value, float | int):
            if found.preview is None:
                part.count(attribute, float(value))
            else:
                part.count_text(f"{attribute}.preview", "previews")
        elif isinstance(value, str):
            part.count_text(attribute, "strings")
        elif isinstance(value, Histogram):
            part.count_text(attribute, "histograms")
        elif isinstance(value, FileRef):
            self._series_files.setdefault(attribute, []).append((value, step, time))

    def _keep_files(self) -> None:
        part = self._part
        for attribute, (ref, time) in self._files.items():
            source = self._source(attribute, ref)
            if source:
                artifact = named(attribute, Path(ref.destination).suffix)
                part.files.append(KeptFile(artifact, Path(artifact).name, copier(source), source.stat().st_size, time))
        for attribute, refs in self._series_files.items():
            for place, (ref, step, time) in enumerate(refs):
                source = self._source(f"{attribute}, step {step}", ref)
                if source:
                    name = f"{place:06d}" if step is None else f"{step}"
                    if any(file.artifact == attribute and Path(file.file).stem == name for file in part.files):
                        name = f"{name}-{place:06d}"
                    file = name + Path(ref.destination).suffix
                    part.files.append(KeptFile(attribute, file, copier(source), source.stat().st_size, time))

    def _source(self, subject: str, ref: FileRef) -> Path | None:
        """Return where a file's bytes lie, if they still do."""
        upload = self._uploads.get(ref.destination)
        if upload is None:
            self._part.note("file gone", subject, f"{ref.destination} had gone to Neptune, of which nothing is left")
            return None
        told = Path(upload[0])
        beside = [self._database.path.parent / told.name, self._database.path.parent / "files" / told.name]
        for source in [told, *beside] if upload[1] else [told]:
            if source.is_file():
                if not upload[1] and source.stat().st_size != ref.size:
                    detail = f"{source} had {ref.size} bytes when it was logged; it is taken as it is now"
                    self._part.note("changed since", subject, detail)
                return source
        what = "the copy" if upload[1] else "only a reference to"
        self._part.note("file gone", subject, f"{what} {told} was kept, and there is nothing any more")
        return None
