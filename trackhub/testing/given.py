"""Give a run to a backend by its hooks, as a lane would, and read it back by another backend."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trackhub.backend import BackendCalls, Notes
from trackhub.model.entities import (
    Artifact,
    ArtifactFile,
    Batch,
    MetricPoint,
    ModelAlias,
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
from trackhub.testing.comparing import expect
from trackhub.types import EndStatus

if TYPE_CHECKING:
    from trackhub.testing.bench import Bench

BEGAN = 1_600_000_000_123_456_789
"""When the runs of the suite began: long ago, and at no round number."""
MS = 1_000_000


def point(name: str, value: Any, step: Any = None, *, ms: int = 0) -> MetricPoint:
    """Return a point some milliseconds after a run's start."""
    return MetricPoint(name, value, step, BEGAN + ms * MS)


class GivenRun:
    """Hold a run that was started by a backend.

    :ivar calls: the backend; :meth:`elsewhere` takes another one, as a new process does.
    """

    def __init__(self, bench: Bench, info: RunInfo) -> None:
        self.bench = bench
        self.info = info
        self.calls: BackendCalls = bench.calls
        self.ref: RunRef = self.calls.start_run(info)
        self._given = 0

    # ---- giving --------------------------------------------------------------------------

    def elsewhere(self, info: RunInfo | None = None) -> RunRef:
        """Go on in another process: start the run again with a backend made afresh."""
        self.calls = self.bench.open()
        return self.calls.start_run(info or self.info)

    def points(self, points: Iterable[MetricPoint], *, size: int | None = None) -> None:
        """Give points that come next, in batches."""
        points = tuple(points)
        size = min(size or len(points) or 1, self.calls.limits.points)
        for offset in range(0, len(points), size):
            self.batch(points[offset : offset + size], start=self._given)

    def batch(self, points: tuple[MetricPoint, ...], *, start: int, redelivered: bool = False) -> None:
        """Give one batch of points."""
        position = place_after(start + len(points))
        batch = Batch(start=start, redelivered=redelivered, position=position)
        self._noted(self.calls.log_metrics(self.ref, points, batch))
        self._given = max(self._given, start + len(points))

    def params(self, values: Mapping[str, Any], *, overwritten: bool = False) -> None:
        """Give params."""
        params = [Param(name, value, BEGAN, overwritten) for name, value in values.items()]
        for some in _pieces(params, self.calls.limits.params):
            self._noted(self.calls.log_params(self.ref, some))

    def tags(self, texts: Mapping[str, str]) -> None:
        """Give tags."""
        tags = [Tag(name, text, BEGAN) for name, text in texts.items()]
        for some in _pieces(tags, self.calls.limits.tags):
            self._noted(self.calls.set_tags(self.ref, some))

    def artifact(self, name: str, files: Mapping[str, bytes], *, type: str = "file", version: int = 1) -> Artifact:  # noqa: A002
        """Give an artifact with these files."""
        entries = tuple(self._file(path, content) for path, content in files.items())
        artifact = Artifact(name=name, type=type, time=BEGAN, files=entries, version=version)
        self._noted(self.calls.log_artifact(self.ref, artifact))
        return artifact

    def register(self, model: str, artifact: str, *, version: int = 1, ms: int = 0) -> None:
        """Give a version of a model."""
        given = ModelVersion(model=model, artifact=artifact, version=version, time=BEGAN + ms * MS)
        self._noted(self.calls.register_model_version(self.ref, given))

    def alias(self, model: str, alias: str, artifact: str, *, version: int = 1, ms: int = 0) -> None:
        """Give a move of an alias."""
        given = ModelAlias(model=model, alias=alias, artifact=artifact, version=version, time=BEGAN + ms * MS)
        self._noted(self.calls.set_model_alias(self.ref, given))

    def environment(self, environment: dict[str, Any]) -> None:
        """Give what ran."""
        self._noted(self.calls.log_environment(self.ref, environment))

    def end(self, status: EndStatus = "finished", *, ms: int = 5000, reason: str = "") -> None:
        """Give the run's end."""
        self._noted(self.calls.finish_run(self.ref, RunEnd(status=status, time=BEGAN + ms * MS, reason=reason)))

    # ---- reading -------------------------------------------------------------------------

    def record(self) -> RunRecord:
        """Return the run's record as the vendor holds it."""
        found = self.bench.read.run(self.info.id, self.info.project)
        if found is None:
            raise AssertionError(f"run {self.info.id} is not there")
        return found

    def held(self, name: str | None = None) -> list[MetricPoint]:
        """Return the points that the vendor holds, of one series or all."""
        points = self.bench.read.points(self.ref)
        return [one for one in points if name is None or one.name == name]

    def files(self) -> dict[tuple[str | None, str | None, int], StoredFile]:
        """Return the listed files by artifact, place in it, and version."""
        listed = self.bench.read.files(self.ref)
        found = {(file.artifact, file.file, file.version): file for file in listed}
        expect(len(found) == len(listed), f"one file is listed twice: {[file.path for file in listed]}")
        return found

    def contents(self) -> dict[tuple[str | None, str | None, int], bytes]:
        """Return the listed files' bytes."""
        return {place: self.bench.read.content(self.ref, file.path) for place, file in self.files().items()}

    def _noted(self, notes: Notes) -> None:
        told = notes is None or (isinstance(notes, tuple) and all(isinstance(note, Note) for note in notes))
        self.bench.notes_are_right &= told

    def _file(self, path: str, content: bytes) -> ArtifactFile:
        digest = hashlib.sha256(content).hexdigest()
        source: Path = self.bench.folder / digest
        source.write_bytes(content)
        return ArtifactFile(path=path, sha256=digest, size=len(content), source=source)


def place_after(count: int) -> str:
    """Return a position in a journal, as a lane would give it."""
    return f'{{"w1":{100 + count}}}'


def _pieces(items: list[Any], size: int) -> list[tuple[Any, ...]]:
    return [tuple(items[offset : offset + size]) for offset in range(0, len(items), size)]
