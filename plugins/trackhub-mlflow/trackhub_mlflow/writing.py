"""Give what a lane delivers to MLflow, fitted into what it can hold; exactly once, whatever the network does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from trackhub import hookimpl
from trackhub.model.entities import Artifact, Batch, MetricPoint, Note, Param, RunEnd, RunInfo, RunRef, Tag
from trackhub_mlflow import mapping
from trackhub_mlflow.known import ENVIRONMENT, KnownRun
from trackhub_mlflow.params import plan_params, still_missing
from trackhub_mlflow.places import listed, places
from trackhub_mlflow.plan import plan, short
from trackhub_mlflow.session import Session
from trackhub_mlflow.tail import TAIL

_MS = 1_000_000
_A_CALL = 100
_T = TypeVar("_T")


class Writing(Session):
    """Implement the hooks that write."""

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
                tags = {TAIL: known.tail.text(made.rows, batch.start, batch.position)}
                self._client.log_batch(ref.id, metrics=self._sdk.metrics(made.sent), tags=self._sdk.tags(tags))
                known.tail.reread(tags)
            known.tail.add(made.marks, batch.start)
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
                known.put_once(file, stored[file.path])
            known.add_artifact(artifact, stored)
            moved = [place for path, place in stored.items() if place != listed(artifact.name, 1, path)]
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
            known.shelf.put_text(mapping.json_text(environment), ENVIRONMENT)
            return tuple(notes)

    @hookimpl
    def trackhub_finish_run(self, ref: RunRef, end: RunEnd) -> tuple[Note, ...]:
        """Set the final status and end time; MLflow calls a crash a failure, a tag says which it was."""
        with self._asking():
            run = self._client.get_run(ref.id)
            held = run.data.tags
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
            self._runs.leave_alone(run)
            self._registry.settle(ref.id)
            self._known_runs.pop(ref.id, None)
            return tuple(notes)

    def _save(self, ref: RunRef, known: KnownRun, names: Mapping[str, str]) -> None:
        tags = known.unsaved_tags(names)
        self._put_tags(ref, tags)
        known.saved(tags)

    def _put_tags(self, ref: RunRef, tags: Mapping[str, str]) -> None:
        for some in _pieces(tags.items()):
            self._client.log_batch(ref.id, tags=self._sdk.tags(dict(some)))

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
            self._client.log_batch(ref.id, params=self._sdk.params(texts))
        except Exception as error:
            if getattr(error, "error_code", None) != "INVALID_PARAMETER_VALUE":
                raise
            missing = still_missing(texts, self._held_params(ref), names)
            if len(missing) == len(texts):
                raise
            for some in _pieces(missing.items()):
                self._log_params(ref, dict(some), names)


def _escapes(names: Mapping[str, str]) -> list[Note]:
    return [
        Note(kind="escaped", subject=name, detail=f"MLflow knows it as {short(key)!r}")
        for key, name in names.items()
        if key != name
    ]


def _pieces(items: Iterable[_T]) -> Iterator[list[_T]]:
    left = iter(items)
    while piece := list(islice(left, _A_CALL)):
        yield piece
