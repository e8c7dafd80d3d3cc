"""Read runs back from MLflow, those that came through trackhub exactly as they were logged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trackhub import hookimpl
from trackhub.errors import Rejected
from trackhub.model.entities import MetricPoint, Note, RunRecord, RunRef, StoredFile
from trackhub_mlflow import mapping, records
from trackhub_mlflow.places import RESERVED
from trackhub_mlflow.points import Row
from trackhub_mlflow.session import Session


class Reading(Session):
    """Implement the hooks that read."""

    _listed: tuple[str, dict[StoredFile, str]] = ("", {})

    @hookimpl
    def trackhub_search_runs(self, project: str | None) -> tuple[RunRecord, ...]:
        """Return a project's runs, or those of every project."""
        if self._address.missing:
            return ()
        with self._asking():
            return tuple(self._record(run, name, exact=False) for run, name in self._runs.of_project(project))

    @hookimpl
    def trackhub_read_run(self, run_id: str, project: str | None) -> RunRecord | None:
        """Return the run of our id, or of MLflow's where it is not ours."""
        if self._address.missing:
            return None
        with self._asking():
            found = self._runs.one(run_id, project)
            return None if found is None else self._record(*found, exact=True)

    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        """Return every point, series by series, each by time."""
        with self._asking():
            run = self._client.get_run(ref.id)
            rows = [
                Row(metric.key, metric.value, metric.timestamp, metric.step)
                for key in run.data.metrics
                for metric in self._client.get_metric_history(ref.id, key)
            ]
            return tuple(records.points_of(rows, run.data.tags, self._known_of(run).exceptions.records()))

    @hookimpl
    def trackhub_read_notes(self) -> tuple[Note, ...]:
        """Say where there is no database to read."""
        missing = self._address.missing
        return (Note(kind="missing", subject=missing, detail="there is no database"),) if missing else ()

    @hookimpl
    def trackhub_list_artifacts(self, ref: RunRef) -> tuple[StoredFile, ...]:
        """Return every file; those that came through trackhub with what the manifest says of them."""
        with self._asking():
            known = self._known_of(self._client.get_run(ref.id))  # anew: another process may be writing
            self._listed = (ref.id, records.files_of(known.artifacts, known.shelf.walk(RESERVED)))
            return tuple(self._listed[1])

    @hookimpl
    def trackhub_download_artifact(self, ref: RunRef, path: str, target: str) -> None:
        """Write one file, named as listed, to a local path."""
        with self._asking():
            place = self._place(ref, path)
            if place is None and self.trackhub_list_artifacts(ref):
                place = self._place(ref, path)
            if place is None:
                raise Rejected(f"{self._address.shown}: the run has no artifact file {path!r}; list them first")
            self._known(ref).shelf.get_file(place, Path(target).absolute())

    def _forget(self) -> None:
        super()._forget()
        self._listed = ("", {})

    def _record(self, run: Any, project: str, *, exact: bool) -> RunRecord:
        """Return a run's record; what takes another request to find out only where it is to be exact."""
        known = self._known_of(run)

        def whole(text: str) -> str:
            path = mapping.whole_path(text)
            return known.shelf.get_text(path) if path else text

        if not exact or not records.is_ours(run.data.tags):
            return records.record_of(run, project, self._ref(run), whole)
        return records.record_of(
            run, project, self._ref(run), whole, exceptions=known.exceptions.records(), environment=known.environment()
        )

    def _place(self, ref: RunRef, path: str) -> str | None:
        run_id, files = self._listed
        return next((place for file, place in files.items() if run_id == ref.id and file.path == path), None)
