"""Say what a folder's run is: one of ours from its records, one of others from its event files."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trackhub.model.entities import MetricColumns, MetricPoint, Note, RunRecord, RunRef, StoredFile
from trackhub_tensorboard.columns import last_values, points_of, series_of
from trackhub_tensorboard.foreign import ForeignRun
from trackhub_tensorboard.framing import TORN
from trackhub_tensorboard.names import FILES
from trackhub_tensorboard.runfolder import RunFolder
from trackhub_tensorboard.seconds import nanoseconds
from trackhub_tensorboard.state import State
from trackhub_tensorboard.tree import Place

_KEPT = 4_000_000
"""How many points, or as much, of runs that were read may stay in memory, so that none is read once a question."""


class OwnRun:
    """Read a run that this plugin wrote."""

    def __init__(self, root: Path, place: Place) -> None:
        self.place = place
        self._folder = RunFolder(root / place.path)
        self._state: State = self._folder.state
        self._files: dict[str, tuple[StoredFile, str]] = {}
        self._listed = 0

    def refreshed(self) -> OwnRun:
        """Read what was added since, and return this."""
        if len(self._folder.refresh().artifacts) != self._listed:
            self._files = {file.path: (file, place) for file, place in self._shelf()}
            self._listed = len(self._state.artifacts)
        return self

    @property
    def is_known(self) -> bool:
        """Return whether the record is there that says what run it is."""
        return bool(self._state.run)

    @property
    def id(self) -> str:
        """Return our id."""
        return str(self._state.run["id"])

    @property
    def project(self) -> str:
        """Return the run's project."""
        return str(self._state.run["project"])

    def record(self) -> RunRecord:
        """Return the run's record."""
        state, columns = self._state, self._folder.columns()
        end: dict[str, Any] = state.end or {"status": "running", "time": None, "reason": ""}
        return RunRecord(
            id=self.id,
            name=state.run["name"],
            project=self.project,
            status=end["status"],
            started=state.run["started"],
            ended=end["time"],
            params=state.params,
            tags=state.tags,
            metrics=last_values(columns),
            points=len(columns.which),
            parent=state.run["parent"],
            group=state.run["group"],
            ref=RunRef(id=self.place.path, position=state.position),
            reason=end["reason"],
            environment=state.environment,
            notes=tuple(self._notes()),
        )

    def points(self) -> list[MetricPoint]:
        """Return every point, in the run's order."""
        return points_of(self._folder.columns())

    def columns(self) -> Iterator[MetricColumns]:
        """Yield every series."""
        return series_of(self._folder.columns())

    def files(self) -> tuple[StoredFile, ...]:
        """Return every file of every version."""
        return tuple(file for file, _ in self._files.values())

    def has(self, path: str) -> bool:
        """Return whether there is a file of a path, as listed."""
        return path in self._files

    def content(self, path: str) -> Iterator[bytes]:
        """Yield a file's bytes."""
        _, place = self._files[path]
        with (self._folder.path / FILES / place).open("rb") as opened:
            while block := opened.read(1 << 20):
                yield block

    def _shelf(self) -> Iterator[tuple[StoredFile, str]]:
        taken: set[str] = set()
        for artifact in self._state.artifacts.values():
            name, version = artifact["name"], artifact["number"]
            top = name if version == 1 else f"{name}@v{version}"
            for file in artifact["files"]:
                path = wanted = top if file["path"] == name else f"{top}/{file['path']}"
                number = 1
                while path in taken:
                    number += 1
                    path = f"{wanted}~{number}"
                taken.add(path)
                stored = StoredFile(
                    path=path,
                    size=file["size"],
                    sha256=file["sha256"],
                    artifact=name,
                    file=file["path"],
                    type=artifact["type"],
                    version=version,
                    time=artifact["time"],
                )
                yield stored, file["place"]

    def _notes(self) -> Iterator[Note]:
        for name, damages in self._folder.damages.items():
            for damage in damages:
                if damage.what != TORN:  # a delivery was killed here: what it was writing came again
                    detail = f"{damage.what} at byte {damage.offset}; {damage.lost} bytes are not read"
                    yield Note(kind="damaged", subject=name, detail=detail)
        for name in self.place.files:
            yield Note(kind="left", subject=name, detail="an event file of another writer, beside trackhub's")


class OtherRun:
    """Read a run that others wrote."""

    def __init__(self, root: Path, place: Place, project: str, held: ForeignRun) -> None:
        self._place = place
        self._folder = root / place.path
        self._name = root.absolute().name if place.path == "." else place.path
        self.id = place.id
        self.project = project
        self.held = held

    def record(self) -> RunRecord:
        """Return the run's record."""
        held = self.held
        notes = list(held.notes)
        if held.status is None:
            detail = "event files do not say how a run ended; it is taken to have finished with its newest event"
            notes.append(Note(kind="unknown", subject="status", detail=detail))
        first, last = (None if second is None else int(nanoseconds(second)) for second in (held.first, held.last))
        status: Any = held.status or "finished"
        return RunRecord(
            id=self.id,
            name=self._name,
            project=self.project,
            status=status,
            started=first,
            ended=None if status == "running" else last,
            params=held.params,
            metrics={name: series.last for name, series in held.series.items()},
            points=held.points,
            group=held.group,
            ref=RunRef(id=self._place.path),
            notes=tuple(notes),
        )

    def points(self) -> Iterator[MetricPoint]:
        """Yield every point, one series after the other."""
        return (point for columns in self.columns() for point in columns.points())

    def columns(self) -> Iterator[MetricColumns]:
        """Yield every series."""
        return self.held.columns()

    def files(self) -> tuple[StoredFile, ...]:
        """Return what is no number."""
        return self.held.pieces.files()

    def has(self, path: str) -> bool:
        """Return whether there is a file of a path, as listed."""
        return path in self.held.pieces.found

    def content(self, path: str) -> Iterator[bytes]:
        """Yield a file's bytes."""
        return self.held.pieces.content(path, self._folder)


class Recent:
    """Keep the runs of others that were read last, while their files stay as they are."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[Any, ...], ForeignRun] = OrderedDict()

    def get(self, root: Path, place: Place, project: str) -> OtherRun:
        """Return a run, read again only if its files have changed."""
        folder = root / place.path
        found = [(folder / name).stat() for name in place.files]
        key = (place.path, place.files, tuple((one.st_size, one.st_mtime_ns) for one in found))
        held = self._held.pop(key, None) or ForeignRun(folder, place.files)
        self._held[key] = held
        while len(self._held) > 1 and sum(one.weight for one in self._held.values()) > _KEPT:
            self._held.popitem(last=False)
        return OtherRun(root, place, project, held)

    def clear(self) -> None:
        """Forget all."""
        self._held.clear()
