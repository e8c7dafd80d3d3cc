"""Give what a lane delivers to W&B, fitted into what it can hold; exactly once, whatever the network does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

from trackhub import hookimpl
from trackhub.errors import Rejected, RetryLater, StoreError
from trackhub.model.entities import Artifact, Batch, MetricPoint, Note, Param, RunEnd, RunInfo, RunRef, Tag
from trackhub_wandb.artifacts import alias_of, collections_of, marker_of, metadata_of, places, type_of
from trackhub_wandb.mapping import exact_text, tag_text
from trackhub_wandb.names import escape
from trackhub_wandb.rows import rows_of
from trackhub_wandb.session import KnownRun, Session
from trackhub_wandb.truth import JOB_TYPE, NOTES, Truth

_SHORT = 60
_RECENT_NS = 10 * 10**9
_MANY = 2500


class Writing(Session):
    """Implement the hooks that write."""

    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        """Make the run under our id, or find it there."""
        with self._asking():
            known = KnownRun(self._address.project_of(run.project), run.id, Truth.of(run))
            found = self._ask_of("find", known)
            if found is None:
                self._begin(known)
                found = self._ask_of("find", known)
                if found is None:
                    raise RetryLater("the run was made, and is not there yet")
            known.truth = Truth.read(found["config"])
            self._known_runs[f"{known.project}/{known.id}"] = known
            if not known.truth.run_id:
                # Made by a session that died before it could say whose it is, or by somebody else.
                params = known.truth.params
                known.truth = Truth.of(run)
                known.truth.params = params
                self._save(known)
            if run.resumed and known.truth.reopen():
                self._save(known)
                self._session(known)
            self._settled(known)
            position = self._position(known)
            return RunRef(id=f"{known.project}/{known.id}", url=found["url"], position=position)

    @hookimpl
    def trackhub_log_params(self, ref: RunRef, params: tuple[Param, ...]) -> tuple[Note, ...]:
        """Set params: entries of the config."""
        with self._asking():
            known = self._known(ref)
            held = dict(known.truth.params)
            for param in params:
                there = param.name in held
                if there and not param.overwritten and not _is_same(held[param.name], param.value):
                    raise Rejected(_changed(param, held[param.name]))
                exact_text(param.value)
                held[param.name] = param.value
            self._save(known, params=held)
            notes = _escapes(known, (param.name for param in params))
            return (*notes, *_beside(params))

    @hookimpl
    def trackhub_log_metrics(self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch) -> tuple[Note, ...]:
        """Append rows behind those that the server holds; the position goes with the last of them."""
        with self._asking():
            known = self._known(ref)
            if known.kept_by is None or known.kept_by is not self._courier or not known.kept_by.alive:
                known.kept_by = None
                self._settled(known)
            held = known.points or 0
            rest = points[max(held - batch.start, 0) :]
            if rest:
                start = max(held, batch.start)
                rows = list(rows_of(rest, start, batch.position))
                # Who catches up is quicker where a run is closed after each batch: it is then sent at once.
                recent = len(points) < _MANY and time.time_ns() - rest[-1].time < _RECENT_NS
                live = self._live and recent and known.truth.status is None
                self._send(known, rows, start + len(rest), live=live)
            return tuple(_escapes(known, dict.fromkeys(point.name for point in rest)))

    @hookimpl
    def trackhub_set_tags(self, ref: RunRef, tags: tuple[Tag, ...]) -> tuple[Note, ...]:
        """Set or replace tags: ``name=value`` among W&B's, and each as it is in the config."""
        with self._asking():
            known = self._known(ref)
            self._save(known, tags={**known.truth.tags, **{tag.name: tag.value for tag in tags}})
            return tuple(
                Note(kind="beside", subject=tag.name, detail=f"W&B shows {shown!r}; the whole is in the config")
                for tag in tags
                if tag.name not in (NOTES, JOB_TYPE)
                and (shown := tag_text(tag.name, tag.value)) != f"{tag.name}={tag.value}"
            )

    @hookimpl
    def trackhub_log_environment(self, ref: RunRef, environment: dict[str, Any]) -> tuple[Note, ...]:
        """Keep the whole in the config."""
        with self._asking():
            known = self._known(ref)
            self._save(known, environment=json.dumps(environment, default=str))
            return ()

    @hookimpl
    def trackhub_log_artifact(self, ref: RunRef, artifact: Artifact) -> tuple[Note, ...]:
        """Log a version of an artifact, unless it is there."""
        for file in artifact.files:
            if not file.source.is_file():
                raise StoreError(f"{file.source}: the bytes of {artifact.name!r} cannot be read; copy them back")
        with self._asking():
            known = self._known(ref)
            alias = alias_of(known.id, artifact)
            names = collections_of(known.id, artifact)
            held = {name: self._find_artifact(known, f"{name}:{alias}") for name in names}
            if not any(held.values()):
                kind = type_of(artifact)
                free = next(name for name in names if self._is_free(known, name, kind))
                stored = places(artifact)
                self._ask_of(
                    "log_artifact",
                    known,
                    size=sum(file.size for file in artifact.files),
                    exit_code=known.truth.exit_code,
                    name=free,
                    type=kind,
                    alias=alias,
                    metadata=metadata_of(known.id, artifact),
                    files=[[str(file.source), stored[file.path]] for file in artifact.files],
                    marker=marker_of(known.id, artifact),
                )
                if self._find_artifact(known, f"{free}:{alias}") is None:
                    raise RetryLater(f"the artifact {artifact.name!r} was given, and is not there yet")
                if free != artifact.name:
                    detail = f"W&B knows it as {free!r}"
                    return (Note(kind="escaped", subject=artifact.name, detail=detail),)
            return ()

    @hookimpl
    def trackhub_finish_run(self, ref: RunRef, end: RunEnd) -> tuple[Note, ...]:
        """Say how the run ended: W&B knows finished and failed, the config the rest."""
        with self._asking():
            known = self._known(ref)
            truth = known.truth
            if (truth.status, truth.ended, truth.reason) != (end.status, end.time, end.reason):
                before = truth.status, truth.ended, truth.reason
                truth.end(end)
                try:
                    self._save(known)
                except BaseException:
                    truth.status, truth.ended, truth.reason = before
                    raise
            self._session(known)
            return ()

    def _begin(self, known: KnownRun) -> None:
        """Make the run, with all that is known of it."""
        shown = {name: value for name, value in known.truth.shown().items() if value}
        self._ask_of(
            "session",
            known,
            begin={**shown, "config": known.truth.config()},
            first=None,
            skipped=0,
            rows=[],
            exit_code=None,
            live=False,
        )

    def _session(self, known: KnownRun) -> None:
        """Tell W&B the run's state, which only a session can."""
        self._settled(known)
        self._ask_session(known, [], live=False)

    def _ask_session(self, known: KnownRun, rows: list[dict[str, Any]], *, live: bool) -> int:
        start: int = self._ask_of(
            "session",
            known,
            begin={},
            first=known.rows,
            skipped=known.skipped,
            rows=rows,
            exit_code=known.truth.exit_code,
            live=live,
        )
        known.kept_by = self._courier if live else None
        return start

    def _send(self, known: KnownRun, rows: list[dict[str, Any]], points: int, *, live: bool) -> None:
        start = self._ask_session(known, rows, live=live)
        if start < known.rows:
            raise RetryLater(f"W&B would go on with row {start}, where {known.rows} is next; it has not settled")
        self._arrived(known, start + len(rows), points, known.skipped + start - known.rows)

    def _save(self, known: KnownRun, **changes: Any) -> None:
        """Write what is true of a run, with changes, which hold once the server has them."""
        truth = known.truth
        before = {name: getattr(truth, name) for name in changes}
        for name, value in changes.items():
            setattr(truth, name, value)
        try:
            known.kept_by = None
            self._ask_of("update", known, shown=truth.shown(), config=truth.config())
            if truth.status is not None and changes and self._ask_of("find", known)["state"] == "running":
                self._session(known)  # what came late must not make it run again
        except BaseException:
            for name, value in before.items():
                setattr(truth, name, value)
            raise

    def _find_artifact(self, known: KnownRun, name: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._ask(
            "find_artifact", entity=self._address.entity, project=known.project, name=name
        )
        return found

    def _is_free(self, known: KnownRun, name: str, kind: str) -> bool:
        found = self._find_artifact(known, f"{name}:latest")
        return found is None or found["type"] == kind


def _is_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and (one == other or repr(one) == repr(other))


def _changed(param: Param, held: Any) -> str:
    return (
        f"param {param.name!r}: W&B holds {repr(held)[:_SHORT]}, the journal says {repr(param.value)[:_SHORT]}; "
        "log it under another name, or overwrite it"
    )


def _escapes(known: KnownRun, names: Iterable[str]) -> list[Note]:
    notes = []
    for name in names:
        key = escape(name)
        if key != name and name not in known.noted:
            known.noted.add(name)
            notes.append(Note(kind="escaped", subject=name[:_SHORT], detail=f"W&B knows it as {key[:_SHORT]!r}"))
    return notes


def _beside(params: Iterable[Param]) -> list[Note]:
    return [
        Note(kind="beside", subject=param.name[:_SHORT], detail="exact in the config's entry trackhub.exact")
        for param in params
        if exact_text(param.value) is not None and not isinstance(param.value, float)
    ]
