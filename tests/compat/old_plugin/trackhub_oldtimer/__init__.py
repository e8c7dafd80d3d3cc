"""Keep runs as JSON lines in a folder; written for hookspec 1.0, and never changed since."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from trackhub import hookimpl
from trackhub.backend import BackendSpec, Destination, Limits, Options
from trackhub.errors import Rejected
from trackhub.model.entities import Connection, MetricPoint, Note, RunRecord, RunRef, StoredFile


class OldtimerOptions(Options):
    """Say how the files are named."""

    suffix: str = "jsonl"


class OldtimerBackend:
    """Append what is given; the newest line of a kind and key counts."""

    def __init__(self, destination: Destination, options: OldtimerOptions) -> None:
        self.folder = Path(destination.rest)
        self.suffix = options.suffix

    def _place(self, run_id):
        return self.folder / f"{run_id}.{self.suffix}"

    def _append(self, ref, kind, entries):
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps([kind, key, value]) + "\n" for key, value in entries]
        with self._place(ref.id).open("a", encoding="utf-8") as file:
            file.write("".join(lines))

    def _held(self, run_id, kind):
        lines = self._place(run_id).read_text("utf-8").splitlines()
        return {str(key): value for one, key, value in map(json.loads, lines) if one == kind}

    @hookimpl
    def trackhub_start_run(self, run):
        ref = RunRef(id=run.id, url=self._place(run.id).absolute().as_uri())
        known = {"name": run.name, "project": run.project, "started": run.started}
        self._append(ref, "run", [*known.items(), ("parent", run.parent.id if run.parent else None)])
        if run.resumed:
            self._append(ref, "end", [("status", "running")])
        return ref

    @hookimpl
    def trackhub_log_params(self, ref, params):
        self._append(ref, "param", [(param.name, param.value) for param in params])

    @hookimpl
    def trackhub_log_metrics(self, ref, points, batch):
        rows = [(place, [p.name, p.value, p.step, p.time]) for place, p in enumerate(points, batch.start)]
        self._append(ref, "point", rows)
        return (Note(kind="kept", subject=points[0].name, detail="as a line"),)

    @hookimpl
    def trackhub_set_tags(self, ref, tags):
        self._append(ref, "tag", [(tag.name, tag.value) for tag in tags])

    @hookimpl
    def trackhub_log_artifact(self, ref, artifact):
        files = {
            f"{artifact.name}/{file.path}": base64.b64encode(file.source.read_bytes()).decode()
            for file in artifact.files
        }
        self._append(ref, "file", list(files.items()))

    @hookimpl
    def trackhub_log_environment(self, ref, environment):
        self._append(ref, "environment", [("all", environment)])

    @hookimpl
    def trackhub_finish_run(self, ref, end):
        self._append(ref, "end", [("status", end.status), ("time", end.time)])

    @hookimpl
    def trackhub_flush(self, deadline):
        return True

    @hookimpl
    def trackhub_close(self):
        pass

    @hookimpl
    def trackhub_check_connection(self):
        return Connection(version="1")

    @hookimpl
    def trackhub_search_runs(self, project):
        records = [self._record(path.stem) for path in sorted(self.folder.glob(f"*.{self.suffix}"))]
        return tuple(record for record in records if project in (None, record.project))

    @hookimpl
    def trackhub_read_run(self, run_id):
        return self._record(run_id) if self._place(run_id).exists() else None

    def _record(self, run_id):
        run, end, points = (self._held(run_id, kind) for kind in ("run", "end", "point"))
        return RunRecord(
            id=run_id,
            name=run["name"],
            project=run["project"],
            status=end.get("status", "running"),
            started=run["started"],
            ended=end.get("time"),
            params=self._held(run_id, "param"),
            tags=self._held(run_id, "tag"),
            metrics={name: value for name, value, _, _ in points.values()},
            ref=RunRef(id=run_id),
        )

    @hookimpl
    def trackhub_read_metrics(self, ref):
        return tuple(MetricPoint(*point) for point in self._held(ref.id, "point").values())

    @hookimpl
    def trackhub_list_artifacts(self, ref):
        return tuple(StoredFile(path=path) for path in self._held(ref.id, "file"))

    @hookimpl
    def trackhub_download_artifact(self, ref, path, target):
        held = self._held(ref.id, "file")
        if path not in held:
            raise Rejected(f"there is no file {path!r}")
        Path(target).write_bytes(base64.b64decode(held[path]))


@hookimpl
def trackhub_backends():
    yield BackendSpec(
        scheme="oldtimer",
        factory=OldtimerBackend,
        options=OldtimerOptions,
        limits=Limits(points=100),
        summary="JSON lines in a folder",
        hookspec=(1, 0),
    )


@hookimpl
def trackhub_run_finished(run_id, destination, end):
    Path(f"{run_id}.finished").write_text(f"{destination} {end.status}", encoding="utf-8")
