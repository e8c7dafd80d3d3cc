"""Write runs to event files: what is true as records, and beside each what TensorBoard shows of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trackhub import hookimpl
from trackhub.errors import Rejected, RetryLater
from trackhub.model.entities import (
    Artifact,
    Batch,
    MetricPoint,
    Note,
    Param,
    RunEnd,
    RunInfo,
    RunRef,
    Tag,
)
from trackhub_tensorboard import showing
from trackhub_tensorboard.charts import draw
from trackhub_tensorboard.columns import columns_of
from trackhub_tensorboard.errors import translated
from trackhub_tensorboard.events import session_end, text
from trackhub_tensorboard.folders import claim, inside
from trackhub_tensorboard.names import FILES, TAGS
from trackhub_tensorboard.pictures import LARGEST_SHOW
from trackhub_tensorboard.records import packed, written
from trackhub_tensorboard.runfolder import FRONT, RunFolder
from trackhub_tensorboard.shelf import keep
from trackhub_tensorboard.state import State, same

Notes = tuple[Note, ...]


class Writing:
    """Implement the hooks that write; each returns once the kernel has it."""

    _root: Path
    _shown: str

    def __init__(self) -> None:
        self._folders: dict[str, RunFolder] = {}

    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        """Claim the run's folder, or find it again by the id in its first record."""
        header = {
            "id": run.id,
            "name": run.name,
            "project": run.project,
            "started": run.started,
            "parent": run.parent.id if run.parent else None,
            "group": run.group,
            "texts": [showing.RUN],
        }
        with translated(self._shown):
            first = written("run", header, [text(showing.RUN, showing.about(run), 0, run.started)], run.started)
            place, made = claim(self._root, run, first)
            with self._following(RunRef(id=place)) as (folder, state):
                if made:
                    folder.adopt()
                if run.resumed and state.end is not None:
                    folder.append(written("resumed", {}, [], state.end["time"]))
                    self._bring_front(folder)
                return RunRef(id=place, position=state.position)

    @hookimpl
    def trackhub_log_params(self, ref: RunRef, params: tuple[Param, ...]) -> None:
        """Set params, and make the run's row on the HPARAMS page anew."""
        with self._following(ref) as (folder, state):
            values: dict[str, Any] = {}
            for param in params:
                held = {**state.params, **values} if param.name in values else state.params
                if param.name not in held:
                    values[param.name] = param.value
                elif not same(held[param.name], param.value):
                    if not param.overwritten:
                        raise Rejected(self._refusal(param, held[param.name]))
                    values[param.name] = param.value
            if values:
                folder.append(written("params", {"values": values}, [], params[-1].time))
            self._bring_front(folder)

    @hookimpl
    def trackhub_log_metrics(self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch) -> Notes:
        """Append the points that are not there yet: places of the run tell them from those that are."""
        with self._following(ref) as (folder, state):
            end = batch.start + len(points)
            missing = list(state.places.missing(batch.start, end))
            if not missing and batch.position not in {None, state.position} and end >= state.positioned:
                missing = [(end, end)]  # nothing but the position is new
            parts, notes, heads = [], [], dict(state.heads)
            for first, behind in missing:
                mine = points[first - batch.start : behind - batch.start]
                drawing = draw(mine, heads)
                heads.update(drawing.heads)
                columns = columns_of(mine)
                header = {
                    "start": first,
                    "count": len(mine),
                    "given": len(mine),
                    "position": batch.position if behind == missing[-1][1] else None,
                    "end": end,
                    "names": columns.names,
                    "odd": columns.odd,
                    "groups": packed(drawing.groups),
                    "heads": drawing.heads,
                }
                when = mine[0].time if mine else 0
                parts.append(written("points", header, drawing.events, when, columns.bodies()))
                notes += drawing.notes
            if parts:
                folder.append(b"".join(parts))
            return tuple(notes)

    @hookimpl
    def trackhub_set_tags(self, ref: RunRef, tags: tuple[Tag, ...]) -> None:
        """Set tags; each is a text, with the values that it had before."""
        with self._following(ref) as (folder, state):
            values = {tag.name: tag.value for tag in tags}
            new = [tag for tag in tags if values[tag.name] is tag.value and state.tags.get(tag.name) != tag.value]
            if not new:
                return
            shown = [self._text(state, f"{TAGS}{tag.name}", tag.value, tag.time) for tag in new]
            header = {"values": {tag.name: tag.value for tag in new}, "texts": [f"{TAGS}{tag.name}" for tag in new]}
            folder.append(written("tags", header, shown, tags[-1].time))

    @hookimpl
    def trackhub_log_environment(self, ref: RunRef, environment: dict[str, Any]) -> None:
        """Keep what ran, as a text."""
        with self._following(ref) as (folder, state):
            if state.environment == environment:
                return
            shown = self._text(state, showing.ENVIRONMENT, showing.environment(environment), state.run["started"])
            header = {"values": environment, "texts": [showing.ENVIRONMENT]}
            folder.append(written("environment", header, [shown], state.run["started"]))

    @hookimpl
    def trackhub_log_artifact(self, ref: RunRef, artifact: Artifact) -> Notes | None:
        """Keep an artifact's files, and show its images and short texts."""
        with self._following(ref) as (folder, state):
            if (artifact.name, artifact.version) in state.artifacts:
                return None
            shelf = folder.path / FILES
            files, shown, size, left = [], list[bytes](), 0, 0
            for file in artifact.files:
                place = keep(shelf, artifact, file)
                files.append({"path": file.path, "sha256": file.sha256, "size": file.size, "place": place})
                events = showing.file_events(artifact, file.path, shelf / place)
                if size + sum(map(len, events)) > LARGEST_SHOW:
                    left += 1
                    continue
                size += sum(map(len, events))
                shown += events
            header = {
                "name": artifact.name,
                "type": artifact.type,
                "number": artifact.version,
                "time": artifact.time,
                "files": files,
            }
            folder.append(written("artifact", header, shown, artifact.time))
            detail = f"{left} more images or texts are in its files and not shown"
            return (Note(kind="beside", subject=artifact.name, detail=detail),) if left else None

    @hookimpl
    def trackhub_finish_run(self, ref: RunRef, end: RunEnd) -> None:
        """Say how the run ended, as a text and on the HPARAMS page."""
        with self._following(ref) as (folder, state):
            header = {"status": end.status, "time": end.time, "reason": end.reason}
            if state.end is None or any(state.end[key] != value for key, value in header.items()):
                shown = [
                    self._text(state, showing.END, showing.ending(end), end.time),
                    *([session_end(end.status, end.time)] if state.params else []),
                ]
                folder.append(written("end", {**header, "texts": [showing.END]}, shown, end.time))
            self._bring_front(folder)

    def _text(self, state: State, tag: str, shown: str, time: int) -> bytes:
        return text(tag, shown, state.texts.get(tag, 0), time)

    def _refusal(self, param: Param, held: Any) -> str:
        return f"{self._shown}: param {param.name!r} is {held!r} and cannot become {param.value!r}"

    def _bring_front(self, folder: RunFolder) -> None:
        """Make the HPARAMS page's row anew, if it differs; in one step, so that none reads half of it."""
        state = folder.refresh()
        if not state.params:
            return
        target, content = folder.path / FRONT, showing.front(state)
        with contextlib.suppress(FileNotFoundError):
            if target.read_bytes() == content:
                return
        partial = folder.path / f".front.{os.getpid()}.partial"
        partial.write_bytes(content)
        partial.replace(target)

    @contextlib.contextmanager
    def _following(self, ref: RunRef) -> Iterator[tuple[RunFolder, State]]:
        """Give a run's folder, and what it now holds."""
        with translated(self._shown):
            folder = self._folders.get(ref.id)
            if folder is None:
                folder = self._folders[ref.id] = RunFolder(inside(self._root, ref.id))
            state = folder.refresh()
            if not state.run:
                self._folders.pop(ref.id)
                raise RetryLater(f"{self._shown}: {folder.path} holds no run; was it moved?")

            yield folder, state
