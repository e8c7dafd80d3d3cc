"""Read runs back from Comet, those that came through trackhub exactly as they were logged."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from trackhub import hookimpl
from trackhub.errors import Rejected
from trackhub.model.entities import MetricPoint, RunRecord, RunRef, StoredFile
from trackhub_comet import mapping, records, tables
from trackhub_comet.address import project_name
from trackhub_comet.beside import Beside
from trackhub_comet.restoring import restore
from trackhub_comet.session import Session
from trackhub_comet.shelf import Shelf


class Reading(Session):
    """Implement the hooks that read; each asks anew, as another process may be writing."""

    _listed: tuple[str, dict[StoredFile, str]] = ("", {})

    @hookimpl
    def trackhub_search_runs(self, project: str | None) -> tuple[RunRecord, ...]:
        """Return a project's runs, or those of every project of the workspace."""
        with self._asking():
            found = (self._listing(metadata) for metadata in self._experiments(project))
            return tuple(record for record in found if project is None or record.project == project)

    @hookimpl
    def trackhub_read_run(self, run_id: str, project: str | None) -> RunRecord | None:
        """Return the run of our id, or of Comet's where it is not ours."""
        with self._asking():
            for key in (self._address.key(self._workspace, run_id), run_id):
                metadata = self._wire.metadata(key) if key.isascii() and key.isalnum() else None
                if metadata is not None:
                    record = self._whole(metadata)
                    return record if project in (None, record.project) else None
            return None

    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        """Return every point, in the order of the journal; of what Comet samples away, what was kept beside."""
        with self._asking():
            others, shelf = self._wire.others(ref.id), Shelf(self._wire, ref.id)
            rows = self._rows(ref.id, others, shelf)
            return tuple(restore(rows, others, shelf.text, Beside(shelf).points).points)

    @hookimpl
    def trackhub_list_artifacts(self, ref: RunRef) -> tuple[StoredFile, ...]:
        """Return every file; those that came through trackhub with what is known of them."""
        with self._asking():
            self._listed = (ref.id, records.files_of(Shelf(self._wire, ref.id).entries.values()))
            return tuple(self._listed[1])

    @hookimpl
    def trackhub_download_artifact(self, ref: RunRef, path: str, target: str) -> None:
        """Write one file, named as listed, to a local path, at once or not at all."""
        with self._asking():
            asset = self._asset(ref, path)
            if asset is None and self.trackhub_list_artifacts(ref):
                asset = self._asset(ref, path)
            if asset is None:
                raise Rejected(f"{self._address.shown}: the run has no artifact file {path!r}; list them first")
            place = Path(target).absolute()
            with tempfile.TemporaryDirectory(prefix=".trackhub-", dir=place.parent) as folder:
                written = Path(folder, "file")
                with written.open("wb") as file:
                    file.writelines(Shelf(self._wire, ref.id).pieces(asset))
                written.replace(place)

    def _forget(self) -> None:
        super()._forget()
        self._listed = ("", {})

    def _experiments(self, project: str | None) -> Iterator[dict[str, Any]]:
        if self._address.project is not None:
            names = [project_name(self._address.project)]
        elif project is not None:
            # A project of another client's may be called what we would not call one.
            names = [*dict.fromkeys((project_name(project), project))]
        else:
            names = self._wire.projects(self._workspace)
        for name in names:
            yield from self._wire.experiments(self._workspace, name)

    def _listing(self, metadata: dict[str, Any]) -> RunRecord:
        """Return a record for a listing: last values are Comet's own."""
        key = str(metadata["experimentKey"])
        others, shelf = self._wire.others(key), Shelf(self._wire, key)
        metrics = records.last_values(self._wire.last_values(key), others, shelf.text)
        return records.record_of(metadata, others, self._wire.params(key), metrics, shelf.text)

    def _whole(self, metadata: dict[str, Any]) -> RunRecord:
        """Return a record with all that can be said of a run."""
        key = str(metadata["experimentKey"])
        others, shelf = self._wire.others(key), Shelf(self._wire, key)
        rows = self._rows(key, others, shelf)
        held = restore(rows, others, shelf.text, Beside(shelf).points)
        asset = others.get(mapping.ENVIRONMENT)
        environment = json.loads(shelf.content(asset)) if asset else {}
        return records.record_of(
            metadata,
            others,
            self._wire.params(key),
            {point.name: point.value for point in held.points},
            shelf.text,
            environment=environment,
            labels=() if mapping.RUN_ID in others else self._wire.tags(key),
            sampled=() if mapping.RUN_ID in others else tables.sampled(rows),
        )

    def _rows(self, key: str, others: dict[str, str], shelf: Shelf) -> Sequence[Mapping[str, Any]]:
        """Return the rows of a run; of another client's, with the whole tables that Comet may have."""
        rows = self._wire.metrics(key)
        if mapping.RUN_ID in others:
            return rows
        return tables.completed(rows, shelf.entries.values(), shelf.content)

    def _asset(self, ref: RunRef, path: str) -> str | None:
        run_id, files = self._listed
        return next((asset for file, asset in files.items() if run_id == ref.id and file.path == path), None)
