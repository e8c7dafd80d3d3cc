"""Read runs back from a vendor through its plugin's read hooks, in the words that a store's runs have."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from trackhub.backend import BackendCalls
from trackhub.errors import TrackhubError
from trackhub.model.entities import RunRecord, RunRef, StoredFile
from trackhub.query.index import cache_folder
from trackhub.query.runs import select
from trackhub.query.series import Series
from trackhub.query.summary import LastValue, RunSummary
from trackhub.query.view import RunView


def vendor_runs(
    calls: BackendCalls,
    project: str | None,
    *,
    where: str | None = None,
    order_by: str | None = None,
    limit: int | None = None,
) -> list[RunView]:
    """Return a project's runs as the vendor holds them, or those of all, newest first unless ordered otherwise.

    :raises PluginError: the plugin cannot read.
    :raises QueryError: the filter or the order cannot be read.
    """
    refs = {}
    summaries = []
    for record in calls.search_runs(project):
        refs[record.id] = record.ref
        summaries.append(summary_of(record))
    summaries.sort(key=lambda run: (run.started or 0, run.id), reverse=True)
    chosen = select(summaries, where=where, order_by=order_by)[:limit]
    return [RunView(summary, VendorOrigin(calls, summary, refs[summary.id])) for summary in chosen]


def summary_of(record: RunRecord) -> RunSummary:
    """Return what a vendor says of a run as a store would say it."""
    return RunSummary(
        id=record.id,
        name=record.name,
        project=record.project,
        status=record.status,
        started=record.started,
        ended=record.ended,
        parent=record.parent,
        group=record.group,
        params=record.params,
        tags=record.tags,
        metrics={name: LastValue(value) for name, value in record.metrics.items()},
        points=record.points,
    )


class VendorOrigin:
    """Read what a summary does not hold from the vendor."""

    def __init__(self, calls: BackendCalls, summary: RunSummary, ref: RunRef | None) -> None:
        self._calls = calls
        self._summary = summary
        self._known = ref

    @property
    def _ref(self) -> RunRef:
        if self._known is None:
            raise TrackhubError(f"{self._calls.destination.shown} does not say where it keeps run {self._summary.id}")
        return self._known

    def series(self, name: str) -> Series:
        """Return every point of a metric, in order of time."""
        points = [point for point in self._calls.read_metrics(self._ref) if point.name == name]
        return Series.of(name, sorted(points, key=lambda point: point.time))

    def files(self) -> tuple[StoredFile, ...]:
        """Return the artifact files as the vendor lists them."""
        return self._calls.list_artifacts(self._ref)

    def fetch(self, file: StoredFile) -> Path:
        """Download an artifact file into the user's cache folder and return where it lies."""
        # The path is the vendor's word: it must not lead out of the folder.
        parts = [part for part in PurePosixPath(file.path).parts if part not in {"/", "..", "."}]
        target = cache_folder().joinpath("downloads", self._calls.destination.slug, self._summary.id, *parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._calls.download_artifact(self._ref, file.path, str(target))
        return target
