"""Be a vendor whose server is a folder: what a run holds is in files that outlive every process.

It keeps points by their place in the run, as a vendor with a dense sequence does.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from trackhub import hookimpl
from trackhub.backend import BackendSpec, Options
from trackhub.errors import RetryLater, Unauthorized
from trackhub.model.entities import RunRef


class SinkOptions(Options):
    """Say how the sink misbehaves.

    :ivar on: what it does to every call: ``hang``, ``exit``, ``down``, ``denied`` or nothing.
    """

    on: str = ""
    delay_s: float = 0.0


class Sink:
    def __init__(self, destination, options):
        self.folder = Path(destination.rest)
        self.options = options

    def _misbehave(self):
        time.sleep(self.options.delay_s)
        if self.options.on == "hang":
            time.sleep(3600)
        if self.options.on == "exit":
            sys.exit(7)
        if self.options.on == "down" and not (self.folder / "up").exists():
            raise RetryLater("the sink is down")
        if self.options.on == "denied":
            raise Unauthorized("the key is wrong: set FILESINK_API_KEY")

    def _append(self, ref, kind, content):
        with (self.folder / ref.id / f"{kind}.jsonl").open("a") as file:
            file.write(json.dumps(content) + "\n")

    @hookimpl
    def trackhub_start_run(self, run):
        self._misbehave()
        place = self.folder / run.id
        place.mkdir(parents=True, exist_ok=True)
        with (place / "starts.jsonl").open("a") as file:
            file.write(
                json.dumps({"name": run.name, "pid": os.getpid(), "parent": run.parent and run.parent.id}) + "\n"
            )
        return RunRef(id=run.id, url=f"file://{place}")

    @hookimpl
    def trackhub_log_params(self, ref, params):
        self._append(ref, "params", {param.name: param.value for param in params})

    @hookimpl
    def trackhub_log_metrics(self, ref, points, batch):
        self._misbehave()
        path = self.folder / ref.id / "points.jsonl"
        held = path.read_bytes().count(b"\n") if path.exists() else 0
        lines = [
            json.dumps([point.name, point.value, point.step, point.time]) + "\n"
            for index, point in enumerate(points, batch.start)
            if index >= held
        ]
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(fd, "".join(lines).encode())  # one write, so that a kill leaves all of it or nothing
        os.close(fd)

    @hookimpl
    def trackhub_set_tags(self, ref, tags):
        self._append(ref, "tags", {tag.name: tag.value for tag in tags})

    @hookimpl
    def trackhub_log_artifact(self, ref, artifact):
        self._append(
            ref, "artifacts", {"name": artifact.name, "files": {f.path: f.source.read_text() for f in artifact.files}}
        )

    @hookimpl
    def trackhub_log_environment(self, ref, environment):
        self._append(ref, "environment", environment)

    @hookimpl
    def trackhub_finish_run(self, ref, end):
        self._append(ref, "ends", {"status": end.status, "time": end.time, "reason": end.reason})


@hookimpl
def trackhub_backends():
    yield BackendSpec(scheme="filesink", factory=Sink, options=SinkOptions, summary="files, for tests")
