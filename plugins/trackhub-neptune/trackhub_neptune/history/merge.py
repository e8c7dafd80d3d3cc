"""Put together what several sources tell of one run, from parts to a record, columns and files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from trackhub.model.entities import MetricColumns, Note, RunRecord, RunRef, StoredFile
from trackhub.types import Scalar
from trackhub_neptune.history.buffer import arrays
from trackhub_neptune.history.exact import from_text
from trackhub_neptune.history.part import KeptFile, Line, Part

_TYPES = {"strings": "text-series", "histograms": "histogram-series", "previews": "preview-series"}
_MILLISECOND = 1_000_000


class Run:
    """Be one run, as all its sources tell it: later ones add to earlier ones, and what both hold counts once."""

    def __init__(self, parts: list[Part]) -> None:
        self.parts = sorted(parts, key=lambda part: (part.began, part.source))
        self.id = parts[0].id
        self.project = parts[0].project
        self._files: dict[StoredFile, KeptFile] | None = None

    @property
    def key(self) -> str:
        """Return what a reference to the run holds: ids are unique in their project only."""
        return f"{self.project or ''}:{self.id}"

    @property
    def kind(self) -> str:
        """Return what it is: a run, or a piece of the model registry."""
        return self.parts[-1].kind

    @property
    def fields(self) -> dict[str, Any]:
        """Return every attribute that holds one value; of several the last counts."""
        fields: dict[str, Any] = {}
        for part in self.parts:
            for attribute in part.cleared:
                fields.pop(attribute, None)
            fields.update(part.fields)
        return fields

    @property
    def sets(self) -> dict[str, set[str]]:
        """Return every set of strings."""
        sets: dict[str, set[str]] = {}
        for part in self.parts:
            for attribute, words in part.removed.items():
                sets.get(attribute, set()).difference_update(words)
            for attribute, words in part.sets.items():
                sets.setdefault(attribute, set()).update(words)
        return sets

    def record(self, project: str, ids: dict[str, str], extra: list[Note]) -> RunRecord:
        """Return what is known of the run.

        :param ids: the id of every run of the project, by each name it has there.
        :param extra: notes that were found elsewhere.
        """
        fields, sets = self.fields, self.sets
        notes = [note for part in self.parts for note in part.notes] + extra
        parent = fields.pop("sys/forking/parent", None) or next(
            (part.parent for part in self.parts if part.parent), None
        )
        if parent is None and self.kind == "model_version":
            parent = fields.get("sys/model_id")
        if parent is not None and parent not in ids:
            notes.append(Note(kind="parent", subject=str(parent), detail="the parent is not among the runs found"))
        failed = fields.pop("sys/failed", None)
        name = fields.pop("sys/name", None)
        tags = dict.fromkeys(sorted(sets.pop("sys/tags", set())), "")
        if self.kind != "run":
            tags["neptune.type"] = self.kind
        started, ended = self._times(fields)
        metrics, points = self._ends()
        params = fields | {attribute: sorted(words) for attribute, words in sets.items()}
        return RunRecord(
            id=self.id,
            name=str(name) if name else self.id,
            project=project,
            status="failed" if failed is True else "finished",
            started=started,
            ended=ended,
            params=dict(sorted(params.items())),
            tags=tags,
            metrics=metrics,
            points=points,
            parent=None if parent is None else ids.get(str(parent), str(parent)),
            ref=RunRef(id=self.key),
            notes=tuple(dict.fromkeys(notes)) if notes else (),
        )

    def columns(self) -> Iterator[MetricColumns]:
        """Yield the points of every source; what an earlier one held is not told again."""
        if len(self.parts) == 1:
            yield from self.parts[0].reading.columns()
            return
        np = arrays()
        known: dict[str, set[tuple[int, int, int]]] = {}
        for place, part in enumerate(self.parts):
            cleared = self._cleared_after(place)
            mine: dict[str, set[tuple[int, int, int]]] = {}
            for piece in part.reading.columns():
                if piece.name in cleared:
                    continue
                marks = _marks(piece)
                mine.setdefault(piece.name, set()).update(marks)
                before = known.get(piece.name)
                if not before:
                    yield piece
                    continue
                rows = np.array([mark not in before for mark in marks], dtype=bool)
                if rows.any():
                    yield MetricColumns(
                        name=piece.name, step=piece.step[rows], value=piece.value[rows], time=piece.time[rows]
                    )
            for name, marks_ in mine.items():
                known.setdefault(name, set()).update(marks_)

    def files(self) -> dict[StoredFile, KeptFile]:
        """Return every file and how it is written, listed under the name of its attribute."""
        if self._files is not None:
            return self._files
        kept: dict[tuple[str, str], KeptFile] = {}
        texts: dict[str, str] = {}
        for place, part in enumerate(self.parts):
            cleared = self._cleared_after(place)
            kept.update({(file.artifact, file.file): file for file in part.files if file.artifact not in cleared})
            texts.update({name: kind for name, (kind, _) in part.texts.items() if name not in cleared})
        for attribute, kind in texts.items():
            artifact = f"{attribute}.jsonl"
            file = KeptFile(artifact, PurePosixPath(artifact).name, self._writer(attribute), type=_TYPES[kind])
            if (file.artifact, file.file) in kept:
                file = KeptFile(
                    f"{attribute}.series.jsonl", f"{file.file[:-6]}.series.jsonl", file.write, type=file.type
                )
            kept[file.artifact, file.file] = file
        self._files = _listed(kept)
        return self._files

    def lines(self, attribute: str) -> Iterator[str]:
        """Yield the values of a series that is no number, one a line, as JSON."""
        known: set[str] = set()
        for place, part in enumerate(self.parts):
            if attribute not in part.texts or attribute in self._cleared_after(place):
                continue
            mine = []
            for line in part.reading.lines(attribute):
                text = _json(line)
                if text not in known:
                    yield text
                if len(self.parts) > 1:
                    mine.append(text)
            known.update(mine)

    def _writer(self, attribute: str) -> Callable[[Path], None]:
        def write(target: Path) -> None:
            with target.open("w", encoding="utf-8", newline="\n") as file:
                for line in self.lines(attribute):
                    file.write(f"{line}\n")

        return write

    def _cleared_after(self, place: int) -> set[str]:
        return {attribute for part in self.parts[place + 1 :] for attribute in part.cleared}

    def _times(self, fields: dict[str, Any]) -> tuple[int | None, int | None]:
        """Return when the run was created and when it was last heard of."""
        created = fields.pop("sys/creation_time", None)
        told = [part.started for part in self.parts if part.started is not None]
        started = min(told) if told else from_text(str(created))
        heard = [part.last for part in self.parts if part.last is not None]
        pinged = from_text(str(fields.get("sys/ping_time", "")))
        ended = max([*heard, *([pinged] if pinged else [])], default=None)
        return started, ended if ended is None or started is None else max(started, ended)

    def _ends(self) -> tuple[dict[str, Scalar], int]:
        """Return each metric's last value, and the number of points."""
        if len(self.parts) == 1:
            series = self.parts[0].series
            return {name: end.value for name, end in series.items()}, sum(end.count for end in series.values())
        metrics: dict[str, Scalar] = {}
        points = 0
        for piece in self.columns():
            metrics[piece.name] = piece.value[-1].item()
            points += len(piece.value)
        return metrics, points


def _marks(piece: MetricColumns) -> list[tuple[int, int, int]]:
    """Return what tells points apart: step, millisecond and value, as their bits."""
    np = arrays()
    steps = np.asarray(piece.step, dtype=np.float64).view(np.int64).tolist()
    values = (
        np.where(np.isnan(piece.value), np.nan, piece.value).view(np.int64).tolist()
    )  # one NaN is as good as another
    return list(zip(steps, (piece.time // _MILLISECOND).tolist(), values, strict=True))


def _json(line: Line) -> str:
    return json.dumps(line, ensure_ascii=False)


def _listed(kept: dict[tuple[str, str], KeptFile]) -> dict[StoredFile, KeptFile]:
    files: dict[StoredFile, KeptFile] = {}
    taken: set[str] = set()
    for file in kept.values():
        artifact, inner = _below(file.artifact), _below(file.file)
        whole = inner in {artifact, PurePosixPath(artifact).name}
        path = wanted = artifact if whole else f"{artifact}/{inner}"
        number = 1
        while path in taken:
            number += 1
            path = f"{wanted} ({number})"
        taken.add(path)
        told = StoredFile(path=path, size=file.size, artifact=artifact, file=inner, type=file.type, time=file.time)
        files[told] = file
    return files


def _below(path: str) -> str:
    """Return a path that stays below the run, whatever an attribute was called.

    >>> _below("/a/../b"), _below("a//b")
    ('a/__/b', 'a/b')
    """
    parts = ["__" if part == ".." else part for part in PurePosixPath(path.lstrip("/")).parts]
    return "/".join(parts) or "_"
