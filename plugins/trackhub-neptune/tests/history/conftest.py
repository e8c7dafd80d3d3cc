"""Give tests what Neptune's own clients leave, and a way to read it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import neptune_left
import pytest
from trackhub_neptune.history import open_history

from trackhub.backend import Destination
from trackhub.model.entities import MetricPoint, RunRecord

Open = Callable[..., Any]


def leave(client: str, module: str, folder: Path, *words: str, **more: str) -> None:
    """Run a script that logs with one of Neptune's clients, in a process of its own; with words, it is killed."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    script = Path(neptune_left.__file__).with_name(f"{client}.py")
    environment = {name: text for name, text in os.environ.items() if not name.startswith("NEPTUNE")} | more
    done = subprocess.run(
        [sys.executable, str(script), str(folder), *words], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == (-signal.SIGKILL if words else 0), done.stderr


@pytest.fixture(scope="session")
def _v1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("v1")
    leave("v1", "neptune", folder)
    return folder


@pytest.fixture(scope="session")
def v1_killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what a 1.x client leaves that was killed while it logged."""
    folder = tmp_path_factory.mktemp("v1-killed")
    leave("v1", "neptune", folder, "killed")
    return folder


@pytest.fixture(scope="session")
def scale(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what neptune-scale leaves of two offline runs."""
    folder = tmp_path_factory.mktemp("scale")
    leave("scale", "neptune_scale", folder)
    return folder


@pytest.fixture(scope="session")
def scale_killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what neptune-scale leaves of a run that was killed while it logged."""
    folder = tmp_path_factory.mktemp("scale-killed")
    leave("scale", "neptune_scale", folder, "killed")
    return folder


@pytest.fixture(scope="session")
def v1(_v1: Path) -> Path:
    """Return the folder in which an offline run was logged; not to be changed."""
    return _v1


@pytest.fixture
def v1_copy(_v1: Path, tmp_path: Path) -> Path:
    """Return the one folder of an offline run, copied, to be changed at will."""
    [found] = (_v1 / ".neptune" / "offline").iterdir()
    return Path(shutil.copytree(found, tmp_path / "left" / found.name))


@pytest.fixture
def open_at() -> Iterator[Open]:
    """Return a function that opens a path for reading."""
    opened = []

    def open_at(path: Path, query: str = "") -> Any:
        backend = open_history(str(path), Destination.parse(f"neptune:{path}{query}"))
        opened.append(backend)
        return backend

    yield open_at
    for backend in opened:
        backend.trackhub_close()


class Told:
    """Hold all that a source tells of its runs, to look at and to compare."""

    def __init__(self, backend: Any, project: str | None, folder: Path) -> None:
        self.backend = backend
        self.folder = folder
        self.records: tuple[RunRecord, ...] = backend.trackhub_search_runs(project)
        self.notes = backend.trackhub_read_notes()

    def run(self, run_id: str) -> RunRecord:
        [found] = [record for record in self.records if run_id in {record.id, record.name}]
        return found

    @property
    def only(self) -> RunRecord:
        [record] = self.records
        return record

    def points(self, record: RunRecord, name: str) -> list[tuple[Any, float, int]]:
        return [(p.step, p.value, p.time) for p in self.all_points(record) if p.name == name]

    def all_points(self, record: RunRecord) -> tuple[MetricPoint, ...]:
        points: tuple[MetricPoint, ...] = self.backend.trackhub_read_metrics(record.ref)
        return points

    def files(self, record: RunRecord) -> dict[str, bytes]:
        found = {}
        for number, told in enumerate(self.backend.trackhub_list_artifacts(record.ref)):
            target = self.folder / f"{number}.bin"
            self.backend.trackhub_download_artifact(record.ref, told.path, str(target))
            found[told.path] = target.read_bytes()
            assert told.size in {None, len(found[told.path])}
        return found

    def everything(self) -> list[Any]:
        """Return all there is, to compare one reading with another."""
        return [
            (repr(record), [repr(point) for point in self.all_points(record)], sorted(self.files(record).items()))
            for record in self.records
        ]


@pytest.fixture
def told(open_at: Open, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Told]:
    """Return a function that reads all there is at a path."""

    def told(path: Path, project: str | None = None, query: str = "") -> Told:
        return Told(open_at(path, query), project, tmp_path_factory.mktemp("fetched"))

    return told


def kinds(notes: Any) -> set[str]:
    """Return what kinds of notes there are."""
    return {note.kind for note in notes}
