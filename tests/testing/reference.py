"""Be a backend that keeps the whole contract; its vendor is a folder with a file a run, replaced atomically."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import numpy as np

from trackhub import hookimpl
from trackhub.backend import BackendSpec, Destination, Limits, Options
from trackhub.errors import Rejected, RetryLater, Unauthorized
from trackhub.model.entities import (
    AliasMove,
    Artifact,
    Batch,
    Connection,
    MetricColumns,
    MetricPoint,
    ModelAlias,
    ModelRecord,
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
from trackhub.model.registry import with_aliases


@dataclass
class Held:
    """Hold a run as the vendor does."""

    id: str
    info: RunInfo
    params: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    points: dict[int, MetricPoint] = field(default_factory=dict)
    files: list[StoredFile] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict)
    models: dict[tuple[str, str, int], ModelRecord] = field(default_factory=dict)
    position: str | None = None
    status: str = "running"
    ended: int | None = None
    reason: str = ""


class Vendor:
    """Keep runs in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, run_id: str) -> Held:
        held: Held = pickle.loads((self.folder / f"{run_id}.run").read_bytes())
        return held

    def save(self, held: Held) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.folder / f"{held.id}.{os.getpid()}.tmp"
        fresh.write_bytes(pickle.dumps(held))
        fresh.replace(self.folder / f"{held.id}.run")

    def has(self, run_id: str) -> bool:
        return (self.folder / f"{run_id}.run").exists()

    def all(self) -> list[Held]:
        return [self.load(path.stem) for path in sorted(self.folder.glob("*.run"))]

    def file(self, ref: RunRef, path: str) -> Path:
        return self.folder / f"{ref.id}.files" / hashlib.sha256(path.encode()).hexdigest()


class ReferenceBackend:
    """Implement every hook as ``docs/plugins/behaviour.md`` says; mutants break one thing each."""

    limits = Limits(points=500, params=50, tags=50)

    def __init__(self, destination: Destination, options: Options) -> None:
        self.shown = destination.shown
        self.url = destination.url
        self.on = destination.transport
        self.vendor = Vendor(Path(urlsplit(f"x:{destination.rest}").path))

    def ask(self) -> None:
        """Reach the vendor, or say why not."""
        if self.on == "down":
            raise RetryLater(f"{self.shown}: nobody answers")
        if self.on == "denied":
            raise Unauthorized(f"{self.shown}: the key is wrong; set REFERENCE_KEY")

    def held(self, ref: RunRef) -> Held:
        self.ask()
        return self.vendor.load(ref.id)

    # ---- writing -------------------------------------------------------------------------

    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        self.ask()
        held = self.vendor.load(run.id) if self.vendor.has(run.id) else Held(id=run.id, info=run)
        if run.resumed and held.status != "running":
            held.status, held.ended, held.reason = "running", None, ""
        self.vendor.save(held)
        return self.ref_of(held)

    def ref_of(self, held: Held) -> RunRef:
        return RunRef(id=held.id, url=f"http://vendor/{held.id}", position=held.position)

    @hookimpl
    def trackhub_log_params(self, ref: RunRef, params: tuple[Param, ...]) -> None:
        held = self.held(ref)
        for param in params:
            known = held.params.get(param.name, param.value)
            if not param.overwritten and repr(known) != repr(param.value):
                raise Rejected(f"{self.shown}: param {param.name!r} is {known!r} already")
            held.params[param.name] = param.value
        self.vendor.save(held)

    @hookimpl
    def trackhub_log_metrics(self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch) -> tuple[Note, ...]:
        held = self.held(ref)
        self.put(held, points, batch)
        held.position = batch.position or held.position
        self.vendor.save(held)
        return tuple(Note(kind="kept", subject=point.name, detail="as it is") for point in points[:1])

    def put(self, held: Held, points: tuple[MetricPoint, ...], batch: Batch) -> None:
        """Put points where they stand; what stands there already is the same."""
        for place, point in enumerate(points, batch.start):
            point.name.encode()
            held.points[place] = point

    @hookimpl
    def trackhub_set_tags(self, ref: RunRef, tags: tuple[Tag, ...]) -> None:
        held = self.held(ref)
        held.tags |= {tag.name: tag.value for tag in tags}
        self.vendor.save(held)

    @hookimpl
    def trackhub_log_artifact(self, ref: RunRef, artifact: Artifact) -> None:
        held = self.held(ref)
        for file in artifact.files:
            path = f"{artifact.name}@{artifact.version}:{file.path}"
            stored = StoredFile(
                path=path,
                size=file.size,
                sha256=file.sha256,
                artifact=artifact.name,
                file=file.path,
                type=artifact.type,
                version=artifact.version,
                time=artifact.time,
            )
            self.keep(ref, held, stored, file.source)
        self.vendor.save(held)

    def keep(self, ref: RunRef, held: Held, stored: StoredFile, source: Path) -> None:
        place = self.vendor.file(ref, stored.path)
        place.parent.mkdir(exist_ok=True)
        shutil.copyfile(source, place)
        if stored.path not in {file.path for file in held.files}:
            held.files.append(stored)

    @hookimpl
    def trackhub_register_model_version(self, ref: RunRef, version: ModelVersion) -> None:
        held = self.held(ref)
        self.register(held, version)
        self.vendor.save(held)

    def register(self, held: Held, version: ModelVersion) -> None:
        """Register a version, unless it is."""
        place = (version.model, version.artifact, version.version)
        record = ModelRecord(
            model=version.model,
            run_id=held.info.id,
            artifact=version.artifact,
            version=version.version,
            time=version.time,
            number=f"{held.id}-{len(held.models)}",
        )
        held.models.setdefault(place, record)

    @hookimpl
    def trackhub_set_model_alias(self, ref: RunRef, alias: ModelAlias) -> None:
        held = self.held(ref)
        place = (alias.model, alias.artifact, alias.version)
        if place not in held.models:
            raise Rejected(f"{self.shown}: the run has registered no such version of {alias.model!r}")
        self.move(held, place, AliasMove(alias.alias, alias.time))
        self.vendor.save(held)

    def move(self, held: Held, place: tuple[str, str, int], move: AliasMove) -> None:
        """Keep a move at the version that it goes to; where the alias stands follows from all of them."""
        record = held.models[place]
        held.models[place] = msgspec.structs.replace(record, moves=(*{*record.moves, move},))

    @hookimpl
    def trackhub_log_environment(self, ref: RunRef, environment: dict[str, Any]) -> None:
        held = self.held(ref)
        held.environment = environment
        self.vendor.save(held)

    @hookimpl
    def trackhub_finish_run(self, ref: RunRef, end: RunEnd) -> None:
        held = self.held(ref)
        held.status, held.ended, held.reason = end.status, end.time, end.reason
        self.vendor.save(held)

    @hookimpl
    def trackhub_flush(self, deadline: float) -> bool:
        return True

    @hookimpl
    def trackhub_close(self) -> None:
        """Hold nothing."""

    @hookimpl
    def trackhub_check_connection(self, deadline: float) -> Connection:
        self.ask()
        return Connection(version="1.0", account="me")

    # ---- reading -------------------------------------------------------------------------

    @hookimpl
    def trackhub_search_runs(self, project: str | None) -> tuple[RunRecord, ...]:
        return tuple(self.record_of(held) for held in self.vendor.all() if project in {None, held.info.project})

    @hookimpl
    def trackhub_read_run(self, run_id: str, project: str | None) -> RunRecord | None:
        found = [held for held in self.vendor.all() if held.info.id == run_id and project in {None, held.info.project}]
        return self.record_of(found[0]) if found else None

    def record_of(self, held: Held) -> RunRecord:
        info = held.info
        return RunRecord(
            id=info.id,
            name=info.name,
            project=info.project,
            status=held.status,  # type: ignore[arg-type]
            started=info.started,
            ended=held.ended,
            params=held.params,
            tags=held.tags,
            metrics={point.name: point.value for _, point in sorted(held.points.items())},
            points=len(held.points),
            parent=info.parent.id if info.parent else None,
            group=info.group,
            ref=self.ref_of(held),
            reason=held.reason,
            environment=held.environment,
        )

    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        return tuple(point for _, point in sorted(self.vendor.load(ref.id).points.items()))

    @hookimpl
    def trackhub_read_columns(self, ref: RunRef) -> Iterator[MetricColumns]:
        points = [point for _, point in sorted(self.vendor.load(ref.id).points.items())]
        for name in dict.fromkeys(point.name for point in points):
            series = [point for point in points if point.name == name]
            yield MetricColumns(
                name=name,
                step=np.array([point.step for point in series], object),
                value=np.array([point.value for point in series], object),
                time=np.array([point.time for point in series], np.int64),
            )

    @hookimpl
    def trackhub_list_artifacts(self, ref: RunRef) -> tuple[StoredFile, ...]:
        return tuple(self.vendor.load(ref.id).files)

    @hookimpl
    def trackhub_download_artifact(self, ref: RunRef, path: str, target: str) -> None:
        if path not in {file.path for file in self.vendor.load(ref.id).files}:
            raise Rejected(f"{self.shown}: the run has no file {path!r}")
        shutil.copyfile(self.vendor.file(ref, path), target)

    @hookimpl
    def trackhub_read_models(self, model: str | None) -> tuple[ModelRecord, ...]:
        every = [record for held in self.vendor.all() for record in held.models.values()]
        return tuple(record for record in with_aliases(every) if model in {None, record.model})


CAPABILITIES = (
    *("start_run", "log_params", "log_metrics", "set_tags", "log_artifact", "log_environment", "finish_run"),
    *("register_model_version", "set_model_alias", "read_models"),
    *("flush", "close", "check_connection"),
    *("search_runs", "read_run", "read_metrics", "read_columns", "list_artifacts", "download_artifact"),
)


def offer(backend: type[ReferenceBackend], scheme: str, **more: Any) -> BackendSpec:
    """Return the spec of a backend of this kind."""
    usual = {"capabilities": CAPABILITIES, "transports": (None, "down", "denied"), "limits": backend.limits}
    return BackendSpec(scheme=scheme, factory=backend, **{**usual, **more})


@hookimpl
def trackhub_backends() -> list[BackendSpec]:
    return [offer(ReferenceBackend, "reference")]


def now() -> int:
    """Return the time, for mutants that take their own."""
    return time.time_ns()
