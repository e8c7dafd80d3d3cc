"""Read runs back from Neptune, those that came through trackhub exactly as they were logged."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from trackhub import hookimpl
from trackhub.errors import Rejected
from trackhub.model.entities import MetricPoint, RunRecord, RunRef, StoredFile
from trackhub_neptune import known as keep
from trackhub_neptune.artifacts import listed
from trackhub_neptune.known import Known
from trackhub_neptune.names import key_of
from trackhub_neptune.points import Entry, number_of, restored
from trackhub_neptune.records import record_of
from trackhub_neptune.service import Held
from trackhub_neptune.session import Session

_PROJECT = "trackhub/project"


class Reading(Session):
    """Implement the hooks that read."""

    @hookimpl
    def trackhub_search_runs(self, project: str | None) -> tuple[RunRecord, ...]:
        """Return the runs of one of our projects, or all that Neptune's project holds."""
        found = []
        for run, some in self._service.runs((keep.RUN, _PROJECT)):
            if project is None or self._project(run, some) == project:
                found.append(record_of(self._read(run), self._service.page(run)))
        return tuple(found)

    @hookimpl
    def trackhub_read_run(self, run_id: str, project: str | None) -> RunRecord | None:
        """Return the run of our id, or of Neptune's where it is not ours."""
        run = self._service.find(run_id)
        if run is None:
            return None
        known = self._read(run)
        record = record_of(known, self._service.page(run), self._last_exact(known))
        return record if project in (None, record.project) else None

    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        """Return every point, series by series, each in its order."""
        known = self._read(ref.id)
        series = {}
        paths = [f"{keep.METRICS}/{path}" for path, held in known.below(keep.METRICS).items() if held.kind == "floats"]
        paths += [f"{keep.METRICS}/{path}" for path in known.below(keep.KINDS)]
        for path in dict.fromkeys(paths):
            rows = self._service.rows(ref.id, path, "floats") if path in known.held else iter(())
            kind = known.kind(path) or ""
            series[key_of(path)] = (known.name(path.removeprefix(f"{keep.METRICS}/")), kind, rows)
        return tuple(restored(series, self._entries(known), known.texts.whole))

    @hookimpl
    def trackhub_list_artifacts(self, ref: RunRef) -> tuple[StoredFile, ...]:
        """Return every file of the run's artifacts."""
        return tuple(self._files(ref))

    @hookimpl
    def trackhub_download_artifact(self, ref: RunRef, path: str, target: str) -> None:
        """Write one file, named as listed, to a local path, at once or not at all."""
        place = next((place for file, place in self._files(ref).items() if file.path == path), None)
        if place is None:
            raise Rejected(f"{self._service.shown}: the run has no artifact file {path!r}; list them first")
        final = Path(target).absolute()
        with tempfile.TemporaryDirectory(prefix=".trackhub-", dir=final.parent) as folder:
            part = Path(folder, "part")
            self._service.download(ref.id, place, part)
            part.replace(final)

    def _read(self, run: str) -> Known:
        """Return a run as a reader sees it; nothing is written for that."""
        return Known(self._service, run, self._service.attributes(run))

    def _project(self, run: str, some: Mapping[str, Held]) -> str | None:
        if keep.RUN not in some:
            return None
        told = Known(self._service, run, some).json(keep.RUN)
        return str(told["project"])

    def _files(self, ref: RunRef) -> dict[StoredFile, str]:
        known = self._read(ref.id)
        paths = [f"{keep.ARTIFACTS}/{path}" for path in known.below(keep.ARTIFACTS)]
        return listed(json.loads(known.text(path)) for path in paths)

    def _entries(self, known: Known) -> Iterator[Entry]:
        if keep.POINTS in known.held:
            for row in self._service.rows(known.run, keep.POINTS, "texts"):
                yield Entry.of(known.texts.whole(str(row.value)))

    def _last_exact(self, known: Known) -> dict[str, object]:
        """Return, by key, the last value of each series whose last point is kept beside."""
        last: dict[str, Entry] = {}
        for entry in self._entries(known):
            last[entry.key] = entry
        paths = {key_of(f"{keep.METRICS}/{path}"): f"{keep.METRICS}/{path}" for path in known.below(keep.METRICS)}
        asked = {paths[key]: "floats" for key in last if key in paths}
        newest = self._service.last_rows(known.run, asked) if asked else {}
        found: dict[str, object] = {}
        for key, entry in last.items():
            row = newest.get(paths.get(key, ""))
            if row is None or entry.step == row.step:
                found[key] = number_of(known.texts.whole(entry.value))
        return found
