"""Give what a lane delivers to Neptune, fitted into what it can hold; exactly once, whatever the network does."""

from __future__ import annotations

from typing import Any

from trackhub import hookimpl
from trackhub.errors import DeliveryError, Rejected
from trackhub.model.entities import Artifact, Batch, MetricPoint, Note, Param, RunEnd, RunInfo, RunRef, Tag
from trackhub_neptune import known as keep
from trackhub_neptune.artifacts import manifest_path, place_of, record_of
from trackhub_neptune.known import Known
from trackhub_neptune.planning import Plan, pieces, plan, short
from trackhub_neptune.service import Changes, Held, Moment, Row
from trackhub_neptune.session import Session
from trackhub_neptune.steps import MILLION
from trackhub_neptune.tail import Tail
from trackhub_neptune.values import Fitted, canonical, fitted, json_text, show

_MS = 1_000_000


class Writing(Session):
    """Implement the hooks that write."""

    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        """Create the run, or find it by our id, which Neptune keeps as the custom one."""
        ref = RunRef(id=self._service.create(run))
        self._known_runs.pop(ref.id, None)
        with self._writing(ref) as known:
            told = _run_text(run)
            if known.text(keep.RUN) != told:
                known.change(_about(run, known.fitted(told), self._service.bounds.text))
            if keep.END not in known.held or run.resumed:
                known.change(Changes(plain={keep.END: "null", keep.STATUS: "running", "sys/failed": False}))
            return self._ref(known)

    @hookimpl
    def trackhub_log_params(self, ref: RunRef, params: tuple[Param, ...]) -> tuple[Note, ...]:
        """Set params; one whose type changes keeps its attribute, and the newest value is kept beside."""
        with self._writing(ref) as known:
            first, then = Changes(), Changes()
            notes: list[Note] = []
            for param in params:
                path = known.path(keep.PARAMS, param.name, first)
                fits = fitted(param.value, self._service.bounds)
                newest = canonical(then_held(path, then) or known.held.get(path), self._exact(known, path, first))
                wanted = json_text(param.value)
                if newest is not None and newest != wanted and not param.overwritten:
                    raise Rejected(
                        f"param {param.name!r}: {self._service.shown} holds {newest[:60]}, the journal says "
                        f"{wanted[:60]}; log it under another name, or overwrite it"
                    )
                shown = then_held(path, then) or known.held.get(path)
                if shown is not None and shown.kind != fits.kind:
                    place = short(f"trackhub/{path}")
                    detail = f"Neptune changes no type: it shows the first value, the newest is in {place!r}"
                    notes.append(Note(kind="beside", subject=param.name, detail=detail))
                self._set(known, path, fits, wanted, first=first, then=then)
                notes += _noted(param.name, path, keep.PARAMS, fits)
            known.change(first)
            known.change(then)
            return tuple(notes)

    @hookimpl
    def trackhub_set_tags(self, ref: RunRef, tags: tuple[Tag, ...]) -> tuple[Note, ...]:
        """Set or replace tags."""
        with self._writing(ref) as known:
            first, then = Changes(), Changes()
            notes: list[Note] = []
            for tag in tags:
                path = known.path(keep.TAGS, tag.name, first)
                fits = fitted(tag.value, self._service.bounds)
                self._set(known, path, fits, json_text(tag.value), first=first, then=then)
                notes += _noted(tag.name, path, keep.TAGS, fits)
            known.change(first)
            known.change(then)
            return tuple(notes)

    @hookimpl
    def trackhub_log_metrics(self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch) -> tuple[Note, ...]:
        """Append points; what says how far they go is kept before them and after."""
        with self._writing(ref) as known:
            end = batch.start + len(points)
            left = points[max(known.tail.end - batch.start, 0) :]
            notes: list[Note] = []
            begin = end - len(left)
            for first, behind in pieces(left):
                position = batch.position if behind == len(left) else None
                notes += self._append(known, left[first:behind], begin + first, position)
            if not left and batch.position is not None and known.tail.end == end:
                self._keep_tail(known, known.tail.taken(end, batch.position, {}))
            return tuple(notes)

    @hookimpl
    def trackhub_log_artifact(self, ref: RunRef, artifact: Artifact) -> tuple[Note, ...]:
        """Upload an artifact's files, then write its record; one that is recorded is not sent again."""
        with self._writing(ref) as known:
            path = manifest_path(artifact)
            text = json_text(record_of(artifact))
            if known.text(path) == text:
                return ()
            for file in artifact.files:
                if not file.source.is_file():
                    raise DeliveryError(
                        f"artifact {artifact.name!r}: the bytes of {file.path!r} are gone: {file.source}"
                    )
                self._service.upload(ref.id, place_of(artifact, file.path), file.source)
            known.change(Changes(plain={path: known.fitted(text)}))
            moved = [place for file in artifact.files if file.path not in (place := place_of(artifact, file.path))]
            if not moved:
                return ()
            return (Note(kind="escaped", subject=artifact.name, detail=f"Neptune knows it as {short(moved[0])!r}"),)

    @hookimpl
    def trackhub_log_environment(self, ref: RunRef, environment: dict[str, Any]) -> None:
        """Keep what ran as JSON."""
        with self._writing(ref) as known:
            known.change(Changes(plain={keep.ENVIRONMENT: known.fitted(json_text(environment))}))

    @hookimpl
    def trackhub_finish_run(self, ref: RunRef, end: RunEnd) -> None:
        """Set how and when the run ended; Neptune's own flag says only whether it failed."""
        with self._writing(ref) as known:
            told = json_text({"status": end.status, "time": end.time, "reason": end.reason})
            if known.text(keep.END) != told:
                changes = Changes(plain={keep.END: known.fitted(told), keep.STATUS: end.status})
                changes.plain["sys/failed"] = end.status != "finished"
                known.change(changes)

    # ---- points --------------------------------------------------------------------------

    def _append(
        self, known: Known, points: tuple[MetricPoint, ...], start: int, position: str | None
    ) -> tuple[Note, ...]:
        made = plan(points, start, known)
        end = start + len(points)
        self._check_ours(known, made, end)
        before = known.tail.under_way(end, made.keys)
        made.first.plain[keep.TAIL] = known.fitted(before.text)
        known.change(made.first)
        known.tail = before
        known.change(self._missing(known, made))
        known.moved(made.marks)
        keys = {key: made.marks[path] for key, path in zip(made.keys, made.before, strict=True)}
        self._keep_tail(known, before.taken(end, position, keys))
        return tuple(made.notes)

    def _missing(self, known: Known, made: Plan) -> Changes:
        """Return the rows and entries that are not there yet."""
        changes = Changes()
        for path, rows in made.rows.items():
            there = known.there.get(path)
            some = rows if there is None else [row for row in rows if row.step > there.step]
            if some:
                changes.floats[path] = some
        if made.entries:
            known.learn_marks([keep.POINTS])
            there = known.there.get(keep.POINTS)
            ms = known.json(keep.RUN)["started"] // _MS if keep.RUN in known.held else 0
            entries = [
                Row(place * MILLION, ms, self._entry_text(known, entry.text()))
                for place, entry in made.entries
                if there is None or place * MILLION > there.step
            ]
            if entries:
                changes.texts[keep.POINTS] = entries
        return changes

    def _entry_text(self, known: Known, text: str) -> str:
        return known.texts.fitted(text, self._service.bounds.entry)

    def _check_ours(self, known: Known, made: Plan, end: int) -> None:
        """Refuse to go on in a series to which somebody else has written: its steps would not be ours."""
        for path, rows in made.rows.items():
            there, before = known.there.get(path), made.before[path]
            ours = there == before or any(row.step == there.step for row in rows if there is not None)
            if not ours and known.tail.reach <= end:
                raise DeliveryError(
                    f"{self._service.shown}: {path} of run {known.run} has points that are not of this delivery; "
                    "log to it by trackhub alone"
                )

    def _keep_tail(self, known: Known, tail: Tail) -> None:
        known.change(Changes(plain={keep.TAIL: known.fitted(tail.text)}))
        known.tail = tail

    # ---- params and tags -----------------------------------------------------------------

    def _exact(self, known: Known, path: str, first: Changes) -> str | None:
        beside = first.plain.get(f"trackhub/{path}")
        if beside is not None:
            return known.texts.whole(str(beside))
        return known.text(f"trackhub/{path}") or None

    def _set(self, known: Known, path: str, fits: Fitted, exact: str, *, first: Changes, then: Changes) -> None:
        """Change a param or a tag; what tells it exactly is there before what shows it."""
        held = then_held(path, then) or known.held.get(path)
        beside = f"trackhub/{path}"
        other_type = held is not None and held.kind != fits.kind
        if fits.exact is not None or other_type or beside in known.held or beside in first.plain:
            text = known.fitted(exact)
            if known.held.get(beside) != Held("string", text):
                first.plain[beside] = text
        if not other_type and (held is None or held != Held(fits.kind, fits.shown)):
            then.plain[path] = fits.shown


def then_held(path: str, then: Changes) -> Held | None:
    """Return what an attribute will hold after changes that are not made yet."""
    value = then.plain.get(path)
    if value is None:
        return None
    return Held("string" if isinstance(value, str) else type(value).__name__, value)


def _noted(name: str, path: str, folder: str, fits: Fitted) -> list[Note]:
    notes = []
    if path != f"{folder}/{name}":
        notes.append(Note(kind="escaped", subject=name, detail=f"Neptune knows it as {short(path)!r}"))
    if fits.exact is not None:
        notes.append(
            Note(kind="beside", subject=name, detail=f"the exact value is kept in {short('trackhub/' + path)!r}")
        )
    return notes


def _run_text(run: RunInfo) -> str:
    parent = None if run.parent is None else run.parent.id
    known = {"id": run.id, "name": run.name, "project": run.project, "started": run.started}
    return json_text({**known, "group": run.group, "parent": parent})


def _about(run: RunInfo, told: str, longest: int) -> Changes:
    changes = Changes(plain={keep.RUN: told, "trackhub/project": show(run.project, longest)})
    changes.plain["sys/name"] = show(run.name, 700)
    changes.plain["trackhub/started"] = Moment(run.started // _MS)
    if run.group is not None:
        changes.plain["trackhub/group"] = show(run.group, longest)
        changes.sets["sys/group_tags"] = (show(run.group, 700),)
    if run.parent is not None:
        changes.plain["trackhub/parent"] = run.parent.id
    return changes
