"""Run real training scripts and syncs in processes of their own, kill them, and say what their journals hold."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trackhub.journal.artifacts import ArtifactStore
from trackhub.journal.journal import JournalReader
from trackhub.journal.store import RunFolder, Store
from trackhub.model.entities import Artifact, ArtifactFile, MetricPoint, Param, Tag
from trackhub.model.events import ArtifactLogged, MetricsLogged, ParamsLogged, TagsSet
from trackhub.model.life import RunLife

SYNC = """
import sys, trackhub
for store, _, to in (pair.partition("=") for pair in sys.argv[1:]):
    report = trackhub.sync(store, to=to)
    if not report.complete or report.rejected:
        sys.exit(str(report))
"""


@dataclass
class Journal:
    """Hold what a run's journal says, as a lane would give it."""

    points: list[MetricPoint] = field(default_factory=list)
    params: list[Param] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    life: RunLife = field(default_factory=RunLife)


class TrainingWorld:
    """Hold a folder in which scripts train, its store, and where they log to."""

    def __init__(self, folder: Path, to: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.to = to
        self.store = Store(folder / ".trackhub")
        self.killed = 0
        self._scripts = 0

    def environment(self, **more: str) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("TRACKHUB_", "MLFLOW_"))}
        ours = {"TRACKHUB_TO": self.to, "TRACKHUB_DELIVERY": "process", "TRACKHUB_CAPTURE": "false"}
        return {**plain, **ours, "TRACKHUB_FINISH_TIMEOUT_S": "60", **more}

    def start(self, code: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
        """Start a script."""
        self._scripts += 1
        script = self.folder / f"train{self._scripts}.py"
        script.write_text(code)
        return self._start([str(script), *map(str, arguments)], environment)

    def start_sync(self, *pairs: str) -> subprocess.Popen[str]:
        """Start a sync of the whole store, or of others: ``folder=destination``."""
        return self._start(["-c", SYNC, *(pairs or (f"{self.store.path}={self.to}",))], {})

    def sync(self, *pairs: str, tries: int = 1, timeout_s: float = 150) -> None:
        """Deliver the whole store, or others; nothing may be left or refused.

        :param tries: how often a person would, where a network makes a sync give up.
        """
        for left in reversed(range(tries)):
            with self.start_sync(*pairs) as process:
                out, err = process.communicate(timeout=timeout_s)
            if process.returncode == 0:
                return
            assert left, out + err

    def kill(self, pid: int) -> None:
        """Send SIGKILL to a process that was started here."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.killed += 1

    def run_of(self, run_id: str) -> RunFolder:
        folder = self.store.find(run_id)
        assert folder is not None
        return folder

    def journal(self, run_id: str) -> Journal:
        """Return what the run's journal says now: the newest params and tags, every point, every artifact version."""
        folder, told = self.run_of(run_id), Journal()
        params: dict[str, Param] = {}
        tags: dict[str, Tag] = {}
        versions: dict[str, list[Any]] = {}
        for placed in JournalReader(folder).events():
            event = placed.event
            told.life.apply(event)
            if isinstance(event, MetricsLogged):
                told.points += [
                    MetricPoint(name, value, event.step, event.time) for name, value in event.metrics.items()
                ]
            elif isinstance(event, ParamsLogged):
                params |= {name: Param(name, value, event.time) for name, value in event.params.items()}
            elif isinstance(event, TagsSet):
                tags |= {name: Tag(name, value, event.time) for name, value in event.tags.items()}
            elif isinstance(event, ArtifactLogged) and event.files not in versions.setdefault(event.name, []):
                versions[event.name].append(event.files)
                told.artifacts.append(_artifact(folder, event, len(versions[event.name])))
        told.params, told.tags = list(params.values()), list(tags.values())
        return told

    def _start(self, arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def delivery_of(training: int) -> int | None:
    """Return the pid of a training's delivery process; its command line names its parent."""
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            with contextlib.suppress(OSError):
                words = (place / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if "trackhub.deliver" in words and words[words.index("trackhub.deliver") + 1] == str(training):
                    return int(place.name)
    return None


@contextlib.contextmanager
def ending(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Leave no process of a test behind, nor its delivery."""
    try:
        yield process
    finally:
        delivery = delivery_of(process.pid)
        process.kill()
        process.communicate()
        if delivery is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(delivery, signal.SIGKILL)


def eventually(condition: Callable[[], object], timeout_s: float = 30.0) -> Any:
    """Return a condition's result once it is true."""
    deadline = time.monotonic() + timeout_s
    while not (result := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return result


def _artifact(folder: RunFolder, event: ArtifactLogged, version: int) -> Artifact:
    store = ArtifactStore(folder.artifacts)
    files = tuple(
        ArtifactFile(path=file.path, sha256=file.sha256, size=file.size, source=store.locate(file.sha256))
        for file in event.files
    )
    return Artifact(name=event.name, type=event.type, time=event.time, version=version, files=files)
