"""Give what a lane delivers to MLflow, and read it back; the only module that imports the SDK."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, RunTag
from mlflow.entities import Param as MlflowParam
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request

from trackhub import hookimpl
from trackhub.errors import Rejected
from trackhub.model.entities import (
    Artifact,
    Batch,
    Connection,
    MetricPoint,
    Note,
    Param,
    RunEnd,
    RunInfo,
    RunRecord,
    RunRef,
    StoredFile,
    Tag,
)
from trackhub_mlflow import mapping, records
from trackhub_mlflow.address import Address
from trackhub_mlflow.connection import probe, within
from trackhub_mlflow.errors import translated
from trackhub_mlflow.known import KnownRun
from trackhub_mlflow.params import plan_params, still_missing
from trackhub_mlflow.places import RESERVED, places
from trackhub_mlflow.plan import plan, short
from trackhub_mlflow.points import Row
from trackhub_mlflow.runs import Runs
from trackhub_mlflow.shelf import Shelf
from trackhub_mlflow.tail import TAIL

_MS = 1_000_000
_A_CALL = 100
_T = TypeVar("_T")


class MlflowBackend:
    """Speak to one MLflow store; made without I/O, used by one lane's thread.

    :param experiment: takes every run, whatever its project.
    :param artifacts: the URI under which new experiments keep their artifacts.
    """

    def __init__(self, address: Address, experiment: str | None, artifacts: str | None) -> None:
        self._address = address
        self._experiment = experiment
        self._artifacts = artifacts
        self._known_runs: dict[str, KnownRun] = {}
        self._listed: tuple[str, dict[StoredFile, str]] = ("", {})

    @cached_property
    def _client(self) -> Any:
        # Given both URIs, as the SDK's own setter would change the whole process.
        return MlflowClient(tracking_uri=self._address.uri, registry_uri=self._address.uri)

    @cached_property
    def _runs(self) -> Runs:
        return Runs(self._client, self._address, self._experiment, self._artifacts)

    # ---- writing -------------------------------------------------------------------------

    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        """Create the run, or find it by the tag that holds our id."""
        with self._asking():
            found = self._runs.start(run)
            self._known_runs[found.info.run_id] = self._known_of(found)
            return self._ref(found)

    @hookimpl
    def trackhub_log_params(self, ref: RunRef, params: tuple[Param, ...]) -> tuple[Note, ...]:
        """Set params; MLflow changes none, so what the user overwrote is kept in a tag."""
        with self._asking():
            known = self._known(ref)
            notes: list[Note] = []
            texts = [
                self._fitted(known, param.name, mapping.param_text(param.value), mapping.LONGEST_PARAM, notes)
                for param in params
            ]
            made = plan_params(zip(params, texts, strict=True), lambda: self._held_params(ref))
            self._save(ref, known, made.names)
            for some in _pieces(made.texts.items()):
                self._log_params(ref, dict(some), made.names)
            self._put_tags(ref, made.tags)
            return (*notes, *made.notes, *_escapes(made.names))

    @hookimpl
    def trackhub_log_metrics(self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch) -> tuple[Note, ...]:
        """Append points; the position goes along and lands last, so it is never ahead of them."""
        with self._asking():
            known = self._known(ref)
            if batch.redelivered:
                known.tail.reread(self._client.get_run(ref.id).data.tags)
            made = plan(points, batch.start, known.kinds, known.tail)
            if not known.tail.has_all(made.rows, batch.start):
                self._save(ref, known, made.names)
                known.exceptions.add(made.exceptions)
                tags = {TAIL: known.tail.text(made.rows, batch.start)}
                if batch.position is not None:
                    tags[mapping.POSITION] = batch.position
                metrics = [Metric(row.key, row.value, row.time, row.step) for row in made.sent]
                self._client.log_batch(ref.id, metrics=metrics, tags=_run_tags(tags))
                known.tail.reread(tags)
            known.tail.add(made.rows)
            return tuple(made.notes)

    @hookimpl
    def trackhub_set_tags(self, ref: RunRef, tags: tuple[Tag, ...]) -> tuple[Note, ...]:
        """Set or replace tags."""
        with self._asking():
            known = self._known(ref)
            notes: list[Note] = []
            texts: dict[str, str] = {}
            names: dict[str, str] = {}
            for tag in tags:
                key = mapping.tag_key(tag.name)
                names[key] = tag.name
                texts[key] = self._fitted(known, tag.name, mapping.tag_text(tag.value), mapping.LONGEST_TAG, notes)
            self._save(ref, known, names)
            self._put_tags(ref, texts)
            return (*notes, *_escapes(names))

    @hookimpl
    def trackhub_log_artifact(self, ref: RunRef, artifact: Artifact) -> tuple[Note, ...]:
        """Upload an artifact's files, then write it into the manifest; one that is there is not sent again."""
        with self._asking():
            known = self._known(ref)
            if known.has(artifact):
                return ()
            stored = places(artifact, known.taken)
            for file in artifact.files:
                known.shelf.put_file(file.source, stored[file.path])
            known.add_artifact(artifact, stored)
            usual = {path: artifact.name if path == artifact.name else f"{artifact.name}/{path}" for path in stored}
            moved = [place for path, place in stored.items() if place != usual[path]]
            if not moved:
                return ()
            return (Note(kind="escaped", subject=artifact.name, detail=f"MLflow knows it as {short(moved[0])!r}"),)

    @hookimpl
    def trackhub_log_environment(self, ref: RunRef, environment: dict[str, Any]) -> tuple[Note, ...]:
        """Set the tags that MLflow's pages show, and keep the whole beside."""
        with self._asking():
            known = self._known(ref)
            notes: list[Note] = []
            tags = mapping.environment_tags(environment)
            fitted = {key: self._fitted(known, key, text, mapping.LONGEST_TAG, notes) for key, text in tags.items()}
            self._put_tags(ref, fitted)
            known.shelf.put_text(mapping.json_text(environment), f"{RESERVED}/environment.json")
            return tuple(notes)

    @hookimpl
    def trackhub_finish_run(self, ref: RunRef, end: RunEnd) -> tuple[Note, ...]:
        """Set the final status and end time; MLflow calls a crash a failure, a tag says which it was."""
        with self._asking():
            held = self._client.get_run(ref.id).data.tags
            notes: list[Note] = []
            tags: dict[str, str] = {}
            if end.status == "crashed" or mapping.STATUS in held:
                tags[mapping.STATUS] = end.status
            if end.reason or mapping.END_REASON in held:
                text = mapping.tag_text(end.reason)
                tags[mapping.END_REASON] = self._fitted(
                    self._known(ref), "end reason", text, mapping.LONGEST_TAG, notes
                )
            self._put_tags(ref, tags)
            self._client.set_terminated(ref.id, status=mapping.their_status(end), end_time=end.time // _MS)
            self._known_runs.pop(ref.id, None)
            return tuple(notes)

    @hookimpl
    def trackhub_flush(self) -> bool:
        """Say that nothing is held back: every hook returns when MLflow has answered."""
        return True

    @hookimpl
    def trackhub_close(self) -> None:
        """Forget what was known."""
        self._known_runs.clear()
        self._listed = ("", {})
        self.__dict__.pop("_runs", None)
        self.__dict__.pop("_client", None)

    @hookimpl
    def trackhub_check_connection(self, deadline: float) -> Connection:
        """Ask the server for its version and for one experiment, so that refused credentials show."""
        with self._asking():
            if self._address.is_database:
                return self._check_database(deadline)
            creds = get_default_host_creds(self._address.uri)  # type: ignore[no-untyped-call]
            shown = self._address.shown
            version = probe(http_request, creds, "/version", deadline, shown)
            probe(http_request, creds, "/api/2.0/mlflow/experiments/search", deadline, shown, json={"max_results": 1})
            return Connection(version=version.strip(), account=creds.username or ("token" if creds.token else None))

    # ---- reading -------------------------------------------------------------------------

    @hookimpl
    def trackhub_search_runs(self, project: str) -> tuple[RunRecord, ...]:
        """Return a project's runs."""
        with self._asking():
            return tuple(self._record(run, project, exact=False) for run in self._runs.of_project(project))

    @hookimpl
    def trackhub_read_run(self, run_id: str, project: str) -> RunRecord | None:
        """Return the run of our id, or of MLflow's where it is not ours."""
        with self._asking():
            run = self._runs.one(run_id, project)
            return None if run is None else self._record(run, project, exact=True)

    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        """Return every point, series by series, each by time."""
        with self._asking():
            run = self._client.get_run(ref.id)
            rows = [
                Row(metric.key, metric.value, metric.timestamp, metric.step)
                for key in run.data.metrics
                for metric in self._client.get_metric_history(ref.id, key)
            ]
            return tuple(records.points_of(rows, run.data.tags, self._known_of(run).exceptions.records()))

    @hookimpl
    def trackhub_list_artifacts(self, ref: RunRef) -> tuple[StoredFile, ...]:
        """Return every file; those that came through trackhub with their digests."""
        with self._asking():
            known = self._known_of(self._client.get_run(ref.id))  # anew: another process may be writing
            self._listed = (ref.id, records.files_of(known.artifacts, known.shelf.walk(RESERVED)))
            return tuple(self._listed[1])

    @hookimpl
    def trackhub_download_artifact(self, ref: RunRef, path: str, target: str) -> None:
        """Write one file, named as listed, to a local path."""
        with self._asking():
            place = self._place(ref, path)
            if place is None and self.trackhub_list_artifacts(ref):
                place = self._place(ref, path)
            if place is None:
                raise Rejected(f"{self._address.shown}: the run has no artifact file {path!r}; list them first")
            self._known(ref).shelf.get_file(place, Path(target).absolute())

    # ---- what the hooks share ------------------------------------------------------------

    def _asking(self) -> AbstractContextManager[None]:
        return translated(self._address.shown)

    def _known(self, ref: RunRef) -> KnownRun:
        if ref.id not in self._known_runs:
            self._known_runs[ref.id] = self._known_of(self._client.get_run(ref.id))
        return self._known_runs[ref.id]

    def _known_of(self, run: Any) -> KnownRun:
        repository = get_artifact_repository(run.info.artifact_uri, tracking_uri=self._address.uri)
        return KnownRun(run.data.tags, run.data.metrics, Shelf(repository, self._address.shown))

    def _ref(self, run: Any) -> RunRef:
        page = self._address.run_page(run.info.experiment_id, run.info.run_id)
        return RunRef(id=run.info.run_id, url=page, position=run.data.tags.get(mapping.POSITION))

    def _save(self, ref: RunRef, known: KnownRun, names: Mapping[str, str]) -> None:
        tags = known.unsaved_tags(names)
        self._put_tags(ref, tags)
        known.saved(tags)

    def _put_tags(self, ref: RunRef, tags: Mapping[str, str]) -> None:
        for some in _pieces(tags.items()):
            self._client.log_batch(ref.id, tags=_run_tags(dict(some)))

    def _fitted(self, known: KnownRun, name: str, text: str, longest: int, notes: list[Note]) -> str:
        fitted = mapping.fit(text, longest)
        if fitted.path is not None:
            known.keep_text(text, fitted.path)
            notes.append(Note(kind="beside", subject=name, detail=f"{len(text)} characters, whole in {fitted.path}"))
        return fitted.shown

    def _held_params(self, ref: RunRef) -> dict[str, str]:
        return mapping.newest_params(self._client.get_run(ref.id).data)

    def _log_params(self, ref: RunRef, texts: dict[str, str], names: Mapping[str, str]) -> None:
        try:
            self._client.log_batch(ref.id, params=[MlflowParam(key, text) for key, text in texts.items()])
        except MlflowException as error:
            if error.error_code != "INVALID_PARAMETER_VALUE":
                raise
            missing = still_missing(texts, self._held_params(ref), names)
            if len(missing) == len(texts):
                raise
            for some in _pieces(missing.items()):
                self._log_params(ref, dict(some), names)

    def _record(self, run: Any, project: str, *, exact: bool) -> RunRecord:
        known = self._known_of(run)

        def whole(text: str) -> str:
            path = mapping.whole_path(text)
            return known.shelf.get_text(path) if path else text

        kept = known.exceptions.records() if exact and records.is_ours(run.data.tags) else ()
        return records.record_of(run, project, self._ref(run), whole, kept)

    def _place(self, ref: RunRef, path: str) -> str | None:
        run_id, files = self._listed
        return next((place for file, place in files.items() if run_id == ref.id and file.path == path), None)

    def _check_database(self, deadline: float) -> Connection:
        folder = self._address.folder
        if folder is not None and not Path(self._address.uri.partition(":///")[2]).exists():
            return Connection(version=mlflow.__version__, detail=f"a new database will be made in {folder}")
        within(deadline, lambda: self._client.search_experiments(max_results=1), self._address.shown)
        return Connection(version=mlflow.__version__, detail="the database is opened directly")


def _escapes(names: Mapping[str, str]) -> list[Note]:
    return [
        Note(kind="escaped", subject=name, detail=f"MLflow knows it as {short(key)!r}")
        for key, name in names.items()
        if key != name
    ]


def _run_tags(tags: Mapping[str, str]) -> list[Any]:
    return [RunTag(key, text) for key, text in tags.items()]


def _pieces(items: Iterable[_T]) -> Iterator[list[_T]]:
    left = iter(items)
    while piece := list(islice(left, _A_CALL)):
        yield piece
