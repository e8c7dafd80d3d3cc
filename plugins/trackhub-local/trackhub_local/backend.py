"""Keep runs in a folder, for a lane or a reader: every hook of the contract, on one run's files at a time."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from trackhub import hookimpl
from trackhub.errors import RetryLater
from trackhub.model.entities import (
    Artifact,
    Batch,
    Connection,
    MetricColumns,
    MetricPoint,
    ModelAlias,
    ModelRecord,
    ModelVersion,
    Note,
    Param,
    RunEnd,
    RunInfo,
    RunRecord,
    RunRef,
    StoredFile,
    Tag,
)
from trackhub.model.registry import with_aliases
from trackhub_local import csvfile
from trackhub_local.disk import speaking
from trackhub_local.onerun import OneRun
from trackhub_local.runs import folder_of_ref, home_of, ref_of, run_folders


class LocalBackend:
    """Be the backend of one folder.

    :param metrics: the format that points are kept in: ``parquet`` or ``csv``.
    """

    def __init__(self, base: Path, metrics: str) -> None:
        self._base = base
        self._formats = _formats(metrics)
        self._runs: dict[str, OneRun] = {}
        self._unread: list[Note] = []

    # ---- writing -------------------------------------------------------------------------

    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        """Make the run's folder, or find it."""
        folder = home_of(self._base, run.project, run.id)
        with speaking(folder):
            one = self._of(RunRef(id=ref_of(self._base, folder)))
            with one.writing(new=True):
                return one.start(run)

    @hookimpl
    def trackhub_log_params(self, ref: RunRef, params: tuple[Param, ...]) -> None:
        """Write ``params.json`` anew."""
        with self._writing(ref) as one:
            one.set_params(params)

    @hookimpl
    def trackhub_log_metrics(self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch) -> tuple[Note, ...]:
        """Append points to the tail, and merge it into the file of points when it is time to."""
        with self._writing(ref) as one:
            return one.append(points, batch)

    @hookimpl
    def trackhub_set_tags(self, ref: RunRef, tags: tuple[Tag, ...]) -> None:
        """Write ``tags.json`` anew."""
        with self._writing(ref) as one:
            one.set_tags(tags)

    @hookimpl
    def trackhub_log_artifact(self, ref: RunRef, artifact: Artifact) -> tuple[Note, ...]:
        """Copy files below ``artifacts/``."""
        with self._writing(ref) as one:
            return one.shelf.add(artifact)

    @hookimpl
    def trackhub_register_model_version(self, ref: RunRef, version: ModelVersion) -> None:
        """Write ``models.json`` anew."""
        with self._writing(ref) as one:
            one.models.register(version)

    @hookimpl
    def trackhub_set_model_alias(self, ref: RunRef, alias: ModelAlias) -> None:
        """Write ``models.json`` anew."""
        with self._writing(ref) as one:
            one.models.move(alias)

    @hookimpl
    def trackhub_log_environment(self, ref: RunRef, environment: dict[str, Any]) -> None:
        """Write ``environment.json`` anew."""
        with self._writing(ref) as one:
            one.set_environment(environment)

    @hookimpl
    def trackhub_finish_run(self, ref: RunRef, end: RunEnd) -> None:
        """Write the end, and leave whole files."""
        with self._writing(ref) as one:
            one.finish(end)

    @hookimpl
    def trackhub_flush(self) -> bool:
        """Say that nothing is held back: every hook returns when its bytes are on the disk."""
        return True

    @hookimpl
    def trackhub_close(self) -> None:
        """Leave whole files."""
        runs, self._runs = list(self._runs.values()), {}
        for one in runs:
            # Where it fails, the tail has it all, and readers read the tail.
            with contextlib.suppress(RetryLater), speaking(one.folder), one.writing():
                one.merge()

    @hookimpl
    def trackhub_check_connection(self) -> Connection:
        """Look whether the folder can be written."""
        with speaking(self._base):
            there = next(path for path in (self._base, *self._base.parents) if os.path.lexists(path))
            if not there.is_dir():
                raise RetryLater(f"{there}: a file stands where a folder is needed: move it away")
            if not os.access(there, os.W_OK | os.X_OK):
                raise RetryLater(f"{there}: it may not be written: change its mode or its owner")
            detail = f"{self._base}" if there == self._base else f"{self._base} will be made"
        return Connection(version=version("trackhub-local"), detail=f"{detail}, points as {self._formats[0].NAME}")

    # ---- reading -------------------------------------------------------------------------

    @hookimpl
    def trackhub_search_runs(self, project: str | None) -> tuple[RunRecord, ...]:
        """Return a project's runs, wherever below the folder they lie."""
        self._unread = []
        if not self._base.exists():
            self._unread.append(Note(kind="missing", subject=str(self._base), detail="the folder is not there"))
        found = []
        with speaking(self._base):
            for one in self._all():
                with self._noting(one):
                    if project in {None, one.identity()[1]}:
                        found.append(one.record())
        return tuple(found)

    @hookimpl
    def trackhub_read_run(self, run_id: str, project: str | None) -> RunRecord | None:
        """Return the run of our id: where it belongs, else wherever it was moved."""
        with speaking(self._base):
            found = next((one for one in self._candidates(run_id, project) if one.is_run(run_id, project)), None)
            return found.record() if found is not None else None

    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        """Return the points in the order of the journal."""
        with self._reading(ref) as one:
            return tuple(point for rows in one.metrics.read() for point in rows.points())

    @hookimpl
    def trackhub_read_columns(self, ref: RunRef) -> Iterator[MetricColumns]:
        """Yield the points as columns, a piece of the file at a time."""
        with self._reading(ref) as one:
            for rows in one.metrics.read():
                yield from rows.series()

    @hookimpl
    def trackhub_read_notes(self) -> tuple[Note, ...]:
        """Return the runs that the last search could not read, and why."""
        return tuple(self._unread)

    @hookimpl
    def trackhub_list_artifacts(self, ref: RunRef) -> tuple[StoredFile, ...]:
        """Return what the manifest tells."""
        with self._reading(ref) as one:
            return tuple(stored for stored, _ in one.shelf.files().values())

    @hookimpl
    def trackhub_download_artifact(self, ref: RunRef, path: str, target: str) -> None:
        """Copy one file; its bytes are checked on the way."""
        with self._reading(ref) as one:
            one.shelf.download(path, Path(target))

    @hookimpl
    def trackhub_read_models(self, model: str | None) -> tuple[ModelRecord, ...]:
        """Return what all runs below the folder registered; a run that cannot be read is left out."""
        found: list[ModelRecord] = []
        with speaking(self._base):
            for one in self._all():
                with self._noting(one):
                    found += one.models.records(one.identity()[0])
        return tuple(record for record in with_aliases(found) if model in {None, record.model})

    # ---- runs ----------------------------------------------------------------------------

    def _of(self, ref: RunRef) -> OneRun:
        one = self._runs.get(ref.id)
        if one is None:
            one = self._runs[ref.id] = OneRun(folder_of_ref(self._base, ref.id), ref.id, self._formats)
        return one

    def _candidates(self, run_id: str, project: str | None) -> Iterator[OneRun]:
        if project is not None:
            yield self._at(home_of(self._base, project, run_id))
        yield from self._all()

    def _at(self, folder: Path) -> OneRun:
        return OneRun(folder, ref_of(self._base, folder), self._formats)

    def _all(self) -> Iterator[OneRun]:
        for folder in run_folders(self._base):
            yield self._at(folder)

    @contextlib.contextmanager
    def _writing(self, ref: RunRef) -> Iterator[OneRun]:
        one = self._of(ref)
        with speaking(one.folder), one.writing():
            yield one

    @contextlib.contextmanager
    def _reading(self, ref: RunRef) -> Iterator[OneRun]:
        folder = folder_of_ref(self._base, ref.id)
        with speaking(folder):
            one = OneRun(folder, ref.id, self._formats)
            one.identity()
            yield one

    @contextlib.contextmanager
    def _noting(self, one: OneRun) -> Iterator[None]:
        """Note a run that cannot be read; the others can."""
        try:
            with speaking(one.folder):
                yield
        except RetryLater as error:
            ref = ref_of(self._base, one.folder)
            self._unread.append(Note(kind="unreadable", subject=ref, detail=str(error)))


def _formats(metrics: str) -> tuple[ModuleType, ...]:
    """Return the modules that read points, the one that writes them first; pyarrow may be missing where it is CSV."""
    try:
        parquet = importlib.import_module("trackhub_local.parquet")
    except ImportError:
        if metrics == "parquet":
            raise
        parquet = importlib.import_module("trackhub_local.noparquet")
    formats: Iterable[ModuleType] = (parquet, csvfile) if metrics == "parquet" else (csvfile, parquet)
    return tuple(formats)
