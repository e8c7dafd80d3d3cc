"""Read runs back from W&B, under our names, unsampled; from the SDK's process, to records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from trackhub import hookimpl
from trackhub.errors import RetryLater
from trackhub.model.entities import MetricPoint, RunRecord, RunRef, StoredFile
from trackhub_wandb.artifacts import MARKER, listed
from trackhub_wandb.records import record_of
from trackhub_wandb.rows import points_of
from trackhub_wandb.session import KnownRun, Session
from trackhub_wandb.times import time_of
from trackhub_wandb.truth import Truth

_PIECE = 10_000


class _Held(NamedTuple):
    """Hold where a listed file lies: in which artifact of W&B's, and where in it."""

    file: StoredFile
    artifact: str
    place: str


class Reading(Session):
    """Implement the hooks that read."""

    @hookimpl
    def trackhub_search_runs(self, project: str | None) -> tuple[RunRecord, ...]:
        """Return a project's runs, of whatever W&B project holds them."""
        with self._asking():
            records = [record_of(found) for place in self._places(project) for found in self._of_place(place)]
            return tuple(record for record in records if project is None or record.project == project)

    @hookimpl
    def trackhub_read_run(self, run_id: str, project: str | None) -> RunRecord | None:
        """Return the run of our id."""
        with self._asking():
            for place in self._places(project):
                found = self._ask("find", entity=self._address.entity, project=place, run=run_id)
                if found is not None:
                    return record_of(found)
            return None

    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        """Return every point, by the rows of its history."""
        with self._asking():
            known = self._place_of(ref)
            points: list[MetricPoint] = []
            end = self._ask_of("last", known) + 1
            for first in range(0, end, _PIECE):
                for row in self._rows(known, first, min(first + _PIECE, end)):
                    points += points_of(row)
            return tuple(points)

    @hookimpl
    def trackhub_list_artifacts(self, ref: RunRef) -> tuple[StoredFile, ...]:
        """Return every file of the artifacts that the run logged."""
        with self._asking():
            return tuple(held.file for held in self._files(ref))

    @hookimpl
    def trackhub_download_artifact(self, ref: RunRef, path: str, target: str) -> None:
        """Write one file to a local path."""
        with self._asking():
            for held in self._files(ref):
                if held.file.path == path:
                    size = held.file.size or 0
                    place = str(Path(target).absolute())
                    self._ask("download", size=size, name=held.artifact, path=held.place, target=place)
                    return
        raise FileNotFoundError(f"{self._address.shown}: the run {ref.id} has no file {path!r}")

    def _places(self, project: str | None) -> list[str]:
        """Return the W&B projects in which runs of a project may be."""
        if self._address.project is not None or project is not None:
            return [self._address.project_of(project or "")]
        found: list[str] = self._ask("projects", entity=self._address.entity)
        return found

    def _of_place(self, place: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("runs", entity=self._address.entity, project=place)
        return found

    def _place_of(self, ref: RunRef) -> KnownRun:
        project, _, run = ref.id.rpartition("/")
        return KnownRun(project, run, Truth())

    def _files(self, ref: RunRef) -> list[_Held]:
        found = []
        for version in self._ask_of("artifacts", self._place_of(ref)):
            found += _ours(version) if version["marker"] else _theirs(version)
        return found


def _ours(version: dict[str, Any]) -> list[_Held]:
    told = json.loads(version["marker"])
    there = {file["path"] for file in version["files"]}
    held = []
    for file in told["files"]:
        if file["stored"] not in there:
            raise RetryLater(f"the artifact {version['name']} lacks {file['stored']!r}, which {MARKER} names")
        stored = StoredFile(
            path=listed(told["name"], told["version"], file["path"]),
            size=file["size"],
            sha256=file["sha256"],
            artifact=told["name"],
            file=file["path"],
            type=told["type"],
            version=told["version"],
            time=time_of(told["time"]),
        )
        held.append(_Held(stored, version["name"], file["stored"]))
    return held


def _theirs(version: dict[str, Any]) -> list[_Held]:
    """Return the files of an artifact that somebody else logged."""
    name, _, label = version["name"].rpartition("/")[2].partition(":")
    number = int(label.removeprefix("v")) + 1
    return [
        _Held(
            StoredFile(
                path=listed(name, number, file["path"]),
                size=file["size"],
                artifact=name,
                file=file["path"],
                type=version["type"],
                version=number,
                time=time_of(version["created"]),
            ),
            version["name"],
            file["path"],
        )
        for file in version["files"]
    ]
