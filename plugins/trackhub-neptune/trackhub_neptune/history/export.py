"""Read the runs of an export, from its Parquet files to parts: one for each run in each folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from trackhub.model.entities import Note
from trackhub_neptune.history import parquet
from trackhub_neptune.history.buffer import arrays
from trackhub_neptune.history.exact import from_milliseconds, step_of, to_text
from trackhub_neptune.history.exported import SCOPES, Shelves, keep
from trackhub_neptune.history.exportpoints import ExportReading
from trackhub_neptune.history.parquet import POINTS, ExportFile
from trackhub_neptune.history.part import Part, SeriesEnd

TEXTS = {"string_series": "strings", "histogram_series": "histograms"}
FILES = ("file", "file_series", "file_set", "artifact")
_VALUES = {
    "float": "float_value",
    "int": "int_value",
    "string": "string_value",
    "bool": "bool_value",
    "datetime": "datetime_value",
    "string_set": "string_set_value",
}
_PART = re.compile(r"(.+)_part_(\d+)\.parquet(\.tmp)?")
Shown = Callable[[Path], str]


def order_of(path: Path) -> tuple[str, str, int, str]:
    """Return what puts files in the order in which they were written, tenth after ninth."""
    match = _PART.fullmatch(path.name)
    return (str(path.parent), match[1] if match else path.name, int(match[2]) if match else 0, path.name)


def is_part(path: Path) -> bool:
    """Return whether a file is called as the exporter calls its own."""
    return _PART.fullmatch(path.name) is not None


class Exports:
    """Gather the parts of all exports.

    :ivar notes: what is known of no run: damaged files.
    """

    def __init__(self, shelves: Shelves, shown: Shown) -> None:
        self.notes: list[Note] = []
        self._shelves = shelves
        self._shown = shown
        self._parts: dict[tuple[Path, str, str], Part] = {}
        self._readings: dict[int, ExportReading] = {}
        self._unknown: dict[tuple[int, str], int] = {}

    def read(self, paths: Iterable[Path]) -> list[Part]:
        """Return the parts that some files make, in a stable order."""
        ordered = sorted(paths, key=order_of)
        names = set(ordered)
        for path in ordered:
            if path.suffix == ".tmp" and path.with_suffix("") in names:
                self._say("left over", path, "the finished file lies beside it, and was read")
                continue
            try:
                self._read_file(path)
            except parquet.damage() as error:
                if is_part(path):
                    self._say("unreadable", path, f"nothing of it was read: {error}")
        self._note_interrupted(ordered)
        for part in self._parts.values():
            self._readings[id(part)].tell(part)
        for (key, kind), count in self._unknown.items():
            self._part_by(key).note("unknown", kind, f"{count} values of a type that no known exporter writes")
        return list(self._parts.values())

    def _read_file(self, path: Path) -> None:
        with ExportFile(path) as file:
            if not file.is_export:
                return
            if path.suffix == ".tmp":
                self._say("interrupted", path, "the export was stopped before it named the file; it was read whole")
            for group in file.groups:
                try:
                    self._read_group(file, group)
                except parquet.damage() as error:  # one damaged group leaves the others
                    self._say("unreadable", path, f"row group {group} of {len(file.groups)}: {error}")

    def _read_group(self, file: ExportFile, group: int) -> None:
        bounds = file.bounds(group, "attribute_type")
        if bounds in {(kind, kind) for kind in ("float_series", *TEXTS)}:
            for batch in file.batches(group, POINTS):
                self._take(file, group, batch)
        else:
            columns = (*POINTS, *(name for name in _VALUES.values() if name != "float_value"), "file_value")
            for batch in file.batches(group, columns, few=True):
                self._take(file, group, batch)

    def _take(self, file: ExportFile, group: int, batch: Any) -> None:
        """Take the rows of a batch: of each run by itself, and of each type."""
        np = arrays()
        projects, project_words = parquet.codes(batch, "project_id")
        runs, run_words = parquet.codes(batch, "run_id")
        types, type_words = parquet.codes(batch, "attribute_type")
        keys = (projects * len(run_words) + runs) * len(type_words) + types
        for key in np.unique(keys).tolist():
            rest, kind = divmod(key, len(type_words))
            project, run = divmod(rest, len(run_words))
            part = self._part(file.path, project_words[project], run_words[run])
            rows = np.flatnonzero(keys == key)
            self._readings[id(part)].groups.setdefault(file.path, set()).add((group, type_words[kind]))
            self._take_rows(
                part, file.path, str(type_words[kind]), batch if len(rows) == len(keys) else batch.take(rows)
            )

    def _take_rows(self, part: Part, path: Path, kind: str, batch: Any) -> None:
        if kind == "float_series":
            self._take_points(part, batch)
        elif kind in TEXTS:
            names, words = parquet.codes(batch, "attribute_path")
            for place, count in enumerate(arrays().bincount(names, minlength=len(words)).tolist()):
                if count:
                    known = part.texts.get(str(words[place]), (TEXTS[kind], 0))[1]
                    part.texts[str(words[place])] = (TEXTS[kind], known + count)
        elif kind in _VALUES:
            for row in batch.select(["attribute_path", _VALUES[kind]]).to_pylist():
                _assign(part, row["attribute_path"], kind, row[_VALUES[kind]])
        elif kind in FILES:
            millionths, missing = parquet.steps(batch)
            shelves = self._shelves.of(path.parent)
            for row, step, none in zip(batch.to_pylist(), millionths.tolist(), missing.tolist(), strict=True):
                if row["file_value"] and row["file_value"]["path"]:
                    whole = None if none else step_of(0, step)
                    keep(part, row["attribute_path"], kind, row["file_value"]["path"], shelves=shelves, step=whole)
        else:
            self._unknown[id(part), kind] = self._unknown.get((id(part), kind), 0) + batch.num_rows

    def _take_points(self, part: Part, batch: Any) -> None:
        """Count a batch's points, and keep each series' last value, by arrays."""
        np = arrays()
        names, words = parquet.codes(batch, "attribute_path")
        numbers = parquet.values(batch)
        newest = np.zeros(len(words), dtype=np.int64)
        newest[names] = np.arange(len(names))  # of an index that comes twice the last value stays
        for place, count in enumerate(np.bincount(names, minlength=len(words)).tolist()):
            if count:
                name, value = str(words[place]), float(numbers[newest[place]])
                end = part.series.setdefault(name, SeriesEnd(0, value))
                end.count, end.value = end.count + count, value
        moments, nulls = parquet.times(batch, 0)
        millionths, missing = parquet.steps(batch)
        reading = self._readings[id(part)]
        reading.timeless += nulls
        reading.inexact += parquet.plain_steps(millionths, missing)[1]
        if nulls < len(moments):
            part.seen(int(moments.max()))

    def _part(self, path: Path, project: str | None, run: str | None) -> Part:
        key = (path.parent, str(project), str(run))
        part = self._parts.get(key)
        if part is None:
            kind = SCOPES.get(path.parent.name, "run")
            reading = ExportReading(str(project), str(run))
            part = self._parts[key] = Part(str(run), str(project), kind, self._shown(path.parent), reading)
            reading.part = part
            self._readings[id(part)] = reading
        return part

    def _part_by(self, key: int) -> Part:
        return next(part for part in self._parts.values() if id(part) == key)

    def _note_interrupted(self, paths: list[Path]) -> None:
        """Name the runs that the exporter had not done with: it names a run's first file last."""
        present: dict[tuple[str, str], set[int]] = {}
        for path in paths:
            folder, prefix, number, _ = order_of(path)
            if is_part(path):
                present.setdefault((folder, prefix), set()).add(number)
        for (folder, prefix), numbers in present.items():
            lost = sorted(set(range(max(numbers))) - numbers)
            if lost:
                files = ", ".join(f"{prefix}_part_{number}.parquet" for number in lost)
                self._say("interrupted", Path(folder) / f"{prefix}_part_*.parquet", f"missing: {files}")

    def _say(self, kind: str, path: Path, detail: str) -> None:
        self.notes.append(Note(kind=kind, subject=self._shown(path), detail=detail))


def _assign(part: Part, attribute: str, kind: str, value: Any) -> None:
    """Take one value; the exporter wrote null where a run of its batch has none."""
    if value is None:
        return
    if kind == "string_set":
        part.sets[attribute] = {str(word) for word in value}
    elif kind == "datetime":
        time = from_milliseconds(round(value.timestamp() * 1000))
        part.fields[attribute] = to_text(time)
        if attribute == "sys/creation_time":
            part.started = time
    else:
        part.fields[attribute] = value
