"""Give tests a folder, backends that write and read it, and TensorBoard itself."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from trackhub_tensorboard.plugin import open_backend

from trackhub.backend import Destination, Options
from trackhub.model.entities import Artifact, ArtifactFile, RunInfo

Open = Callable[..., Any]
BEGAN = 1_700_000_000_000_000_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Take the deprecations of TensorBoard's own modules for what they are: not ours."""
    for item in items:
        item.add_marker(
            pytest.mark.filterwarnings("ignore::DeprecationWarning:(tensorboard|tensorboardX|google|numpy)")
        )
        if "tensorboard" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(120))


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@pytest.fixture
def open_at(logs: Path) -> Iterator[Open]:
    """Return a function that opens a backend afresh, as another process would."""
    opened = []

    def open_at(path: Path | None = None) -> Any:
        backend = open_backend(Destination.parse(f"tensorboard:{path or logs}"), Options())
        opened.append(backend)
        return backend

    yield open_at
    for backend in opened:
        backend.trackhub_close()


@pytest.fixture
def backend(open_at: Open) -> Any:
    return open_at()


@pytest.fixture
def info() -> Callable[..., RunInfo]:
    """Return a function that makes runs, each with an id of its own."""
    made: list[str] = []

    def info(**fields: Any) -> RunInfo:
        made.append(f"{len(made) + 1:032x}")
        return RunInfo(**{"id": made[-1], "name": "forest", "project": "digits", "started": BEGAN, **fields})

    return info


@pytest.fixture
def artifact(tmp_path: Path) -> Callable[..., Artifact]:
    """Return a function that makes artifacts of bytes."""

    def artifact(name: str, files: dict[str, bytes], version: int = 1, kind: str = "file") -> Artifact:
        made = []
        for path, content in files.items():
            digest = hashlib.sha256(content).hexdigest()
            source = tmp_path / f"source-{digest}"
            source.write_bytes(content)
            made.append(ArtifactFile(path=path, sha256=digest, size=len(content), source=source))
        return Artifact(name=name, type=kind, time=BEGAN, files=tuple(made), version=version)

    return artifact


class TensorBoard:
    """Ask a TensorBoard that is running what it shows."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str, **query: Any) -> Any:
        return json.loads(self.bytes(f"{path}?{urllib.parse.urlencode(query)}")[1])

    def bytes(self, path: str) -> tuple[str, bytes]:
        with urllib.request.urlopen(self._url + path, timeout=30) as answer:
            return answer.headers["content-type"], answer.read()

    def post(self, path: str, body: Any) -> Any:
        request = urllib.request.Request(
            self._url + path, json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def charts(self) -> dict[str, dict[str, list[tuple[int, Any]]]]:
        """Return each run's charts, with the steps and values that they show."""
        tags = self.get("/data/plugin/scalars/tags")
        return {run: {tag: self.chart(run, tag) for tag in sorted(found)} for run, found in tags.items()}

    def chart(self, run: str, tag: str) -> list[tuple[int, Any]]:
        return [(step, value) for _, step, value in self.get("/data/plugin/scalars/scalars", run=run, tag=tag)]

    def until(self, ask: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
        """Ask until the answer is as it should be, as TensorBoard reads files when it likes; then return it."""
        answer: Any = None
        for _ in range(200):
            with contextlib.suppress(urllib.error.HTTPError):  # a run or a tag that it has not read yet
                answer = ask()
                if wanted(answer):
                    break
            time.sleep(0.1)
        return answer


@pytest.fixture(params=["true", "false"], ids=["data-server", "python"])
def tensorboard(request: pytest.FixtureRequest, logs: Path, tmp_path: Path) -> Iterator[Callable[[], TensorBoard]]:
    """Return a function that starts TensorBoard on the folder, with either of its two ways to read files."""
    running = []

    def tensorboard() -> TensorBoard:
        logs.mkdir(exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logs), "--host", "127.0.0.1"]
        command += ["--port", str(port), "--load_fast", request.param, "--reload_interval", "1"]
        with (tmp_path / "tensorboard.log").open("wb") as log:
            running.append(subprocess.Popen(command, stdout=log, stderr=log, env=dict(os.environ)))
        board = TensorBoard(port)
        for _ in range(300):
            with contextlib.suppress(OSError):
                board.get("/data/runs")
                return board
            time.sleep(0.1)
        raise AssertionError((tmp_path / "tensorboard.log").read_text())

    yield tensorboard
    for process in running:
        process.terminate()
        process.wait(timeout=30)
