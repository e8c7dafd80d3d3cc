"""Write a run's journal as a training process would, and remember what was written."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from trackhub.journal.artifacts import ArtifactStore
from trackhub.journal.segment import SegmentHeader
from trackhub.journal.store import RunFolder, Store
from trackhub.journal.writer import JournalWriter
from trackhub.model.entities import MetricPoint
from trackhub.model.events import (
    ArtifactLogged,
    EnvironmentCaptured,
    FileEntry,
    ParamsLogged,
    RunEnded,
    RunResumed,
    RunStarted,
    TagsSet,
)
from trackhub.model.ids import new_run_id
from trackhub.testing.given import BEGAN, MS
from trackhub.types import EndStatus, Scalar, Step


class WrittenRun:
    """Hold a run's folder and its writers; every event is a millisecond after the one before.

    :ivar points: what was logged, in order; ``params``, ``texts`` and ``files`` likewise.
    """

    def __init__(self, store: Path, *, project: str, parent: str | None = None, name: str = "a journal") -> None:
        self.id = new_run_id()
        self.folder: RunFolder = Store(store).run(project, self.id)
        self.folder.create()
        self.now = BEGAN
        self.points: list[MetricPoint] = []
        self.params: dict[str, Any] = {}
        self.texts: dict[str, str] = {}
        self.files: dict[tuple[str, str, int], bytes] = {}
        self._project = project
        self._versions: dict[str, list[object]] = {}
        self.attempt = "w1"
        self.writer = self.new_writer(self.attempt)
        started = RunStarted(time=self.now, id=self.id, name=name, project=project, attempt=self.attempt, parent=parent)
        self.writer.append(started)

    def tick(self) -> int:
        """Let a millisecond pass and return the time."""
        self.now += MS
        return self.now

    def new_writer(self, name: str) -> JournalWriter:
        """Return a writer with a segment of its own, as another process has."""

        def header() -> SegmentHeader:
            # A forked child gets a segment of its own, under its own name.
            own = name if os.getpid() == pid else f"{name}-{os.getpid()}"
            return SegmentHeader(
                run=self.id, project=self._project, writer=own, role="run", created=self.now, host="elsewhere", pid=0
            )

        pid = os.getpid()
        return JournalWriter(self.folder.journal, header)

    def row(self, metrics: Mapping[str, Scalar], step: Step = None, *, by: JournalWriter | None = None) -> None:
        """Log metrics at a step."""
        time = self.tick()
        (by or self.writer).row_at(time, metrics, step)
        self.points += [MetricPoint(name, value, step, time) for name, value in metrics.items()]

    def rows(self, count: int, *, first: int = 0, name: str = "loss", by: JournalWriter | None = None) -> None:
        """Log a series."""
        for step in range(first, first + count):
            self.row({name: step / 3}, step, by=by)

    def set_params(self, params: dict[str, Any], *, overwrite: bool = False) -> None:
        """Log params."""
        self.writer.append(ParamsLogged(time=self.tick(), params=params, overwrite=overwrite))
        self.params |= params

    def set_tags(self, tags: dict[str, str]) -> None:
        """Set tags."""
        self.writer.append(TagsSet(time=self.tick(), tags=tags))
        self.texts |= tags

    def artifact(self, name: str, files: Mapping[str, bytes], kind: str = "file") -> None:
        """Keep files as an artifact; the same content again is the same version."""
        store = ArtifactStore(self.folder.artifacts)
        entries = tuple(
            FileEntry(path, store.keep_bytes(content, PurePosixPath(path).name).sha256, len(content))
            for path, content in files.items()
        )
        self.writer.append(ArtifactLogged(time=self.tick(), name=name, type=kind, files=entries))
        known = self._versions.setdefault(name, [])
        if entries not in known:
            known.append(entries)
        version = known.index(entries) + 1
        self.files |= {(name, path, version): content for path, content in files.items()}

    def environment(self, environment: dict[str, Any]) -> None:
        """Keep what ran."""
        self.writer.append(EnvironmentCaptured(time=self.tick(), environment=environment))

    def end(self, status: EndStatus = "finished", reason: str = "") -> None:
        """End the newest attempt."""
        self.writer.append(RunEnded(time=self.tick(), status=status, attempt=self.attempt, reason=reason))

    def resume(self) -> None:
        """Open the run again, in a segment of its own."""
        self.writer.close()
        self.attempt = f"w{len(self.folder.segments()) + 1}"
        self.writer = self.new_writer(self.attempt)
        self.writer.append(RunResumed(time=self.tick(), attempt=self.attempt))

    def rows_in_child(self, count: int, *, name: str) -> None:
        """Log a series in a forked child, by the writer that it inherits.

        :raises AssertionError: the child failed.
        """
        with warnings.catch_warnings():
            # Python warns of threads; the child does nothing but write the journal.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if not child:
            code = 1
            with contextlib.suppress(BaseException):
                self.rows(count, name=name)
                code = 0
            os._exit(code)
        if os.waitpid(child, 0)[1]:
            raise AssertionError("the forked child could not write its journal")
        for step in range(count):  # what the child's copy of this object remembered
            self.points.append(MetricPoint(name, step / 3, step, self.tick()))
