"""Be a vendor that can be read, and that holds a run as its journal does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from trackhub import hookimpl
from trackhub.journal.journal import JournalReader
from trackhub.journal.store import RunFolder
from trackhub.model.entities import MetricPoint, RunInfo, RunRecord, RunRef, StoredFile
from trackhub.model.events import MetricsLogged
from trackhub.query.summary import read_detail


class Mirror:
    """Be a vendor that holds a run exactly as its journal does; a test may then change what it holds."""

    def __init__(self, folder: RunFolder) -> None:
        detail = read_detail(folder)
        run = detail.summary
        self.record: RunRecord | None = RunRecord(
            id=run.id,
            name=run.name,
            project=run.project,
            status=run.status,
            started=run.started,
            ended=run.ended,
            params=dict(run.params),
            tags={**run.tags, "vendor.own": "x"},
            metrics={name: last.value for name, last in run.metrics.items()},
            ref=RunRef(id="theirs"),
        )
        self.points = [
            MetricPoint(name, value, row.step, row.time)
            for placed in JournalReader(folder).events()
            if isinstance(row := placed.event, MetricsLogged)
            for name, value in row.metrics.items()
        ]
        self.files = [
            StoredFile(path=f"{item.name}/{file.path}", size=file.size, sha256=file.sha256)
            for item in detail.artifacts
            for file in item.files
        ]

    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        raise NotImplementedError

    @hookimpl
    def trackhub_search_runs(self, project: str | None) -> tuple[RunRecord, ...]:
        return (self.record,) if self.record and project in {None, self.record.project} else ()

    @hookimpl
    def trackhub_read_run(self, run_id: str) -> RunRecord | None:
        return self.record if self.record and self.record.id == run_id else None

    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        assert ref.id == "theirs"
        return tuple(reversed(self.points))

    @hookimpl
    def trackhub_list_artifacts(self) -> tuple[StoredFile, ...]:
        return tuple(self.files)

    @hookimpl
    def trackhub_download_artifact(self, path: str, target: str) -> None:
        Path(target).write_text(f"content of {path}")

    def change(self, **changes: Any) -> None:
        """Hold another record."""
        assert self.record is not None
        self.record = msgspec.structs.replace(self.record, **changes)
