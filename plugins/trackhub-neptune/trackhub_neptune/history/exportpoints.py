"""Read a run's points and texts out of an export again, from row groups to columns and lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from trackhub.model.entities import MetricColumns
from trackhub_neptune.history import parquet
from trackhub_neptune.history.buffer import arrays
from trackhub_neptune.history.exact import MILLION, step_of, to_text
from trackhub_neptune.history.parquet import KEYS, POINTS, ExportFile
from trackhub_neptune.history.part import Line, Part


class ExportReading:
    """Read a run's points and texts from the row groups that hold them."""

    def __init__(self, project: str, run: str) -> None:
        self._project = project
        self._run = run
        self.part: Part | None = None
        self.groups: dict[Path, set[tuple[int, str | None]]] = {}
        self.timeless = 0
        self.inexact = 0

    def tell(self, part: Part) -> None:
        """Note what of the points is not exactly what was logged."""
        if self.inexact:
            detail = f"{self.inexact} points have steps with more digits than a float holds; the nearest is kept"
            part.note("rounded", "step", detail)
        if self.timeless:
            part.note(
                "no time", "timestamp", f"{self.timeless} points have none; they are given the run's creation time"
            )

    def columns(self) -> Iterator[MetricColumns]:
        """Yield the points, batch by batch and series by series."""
        np = arrays()
        started = (self.part.started if self.part else None) or 0
        for batch in self._batches("float_series", POINTS):
            names, words = parquet.codes(batch, "attribute_path")
            moments, _ = parquet.times(batch, started)
            numbers = parquet.values(batch)
            millionths, missing = parquet.steps(batch)
            order = np.argsort(names.astype(np.int16) if len(words) < 1 << 15 else names, kind="stable")
            ends = np.cumsum(np.bincount(names, minlength=len(words))).tolist()
            begin = 0
            for word, end in zip(words, ends, strict=True):
                if end > begin:
                    rows = order[begin:end]
                    step, _ = parquet.plain_steps(millionths[rows], missing[rows])
                    yield MetricColumns(name=str(word), step=step, value=numbers[rows], time=moments[rows])
                begin = end

    def lines(self, attribute: str) -> Iterator[Line]:
        """Yield the values of a series of strings or histograms."""
        for kind, column in (("string_series", "string_value"), ("histogram_series", "histogram_value")):
            for batch in self._batches(kind, (*KEYS, "step", "timestamp", column), attribute):
                millionths, missing = parquet.steps(batch)
                moments, _ = parquet.times(batch, 0)
                held = batch.column(column).to_pylist()
                for step, none, time, value in zip(
                    millionths.tolist(), missing.tolist(), moments.tolist(), held, strict=True
                ):
                    line: Line = {"step": None if none else step_of(step // MILLION, step % MILLION)}
                    line["time"] = to_text(time) if time else None
                    yield line | (value if isinstance(value, dict) else {"value": value})

    def _batches(self, kind: str, columns: Iterable[str], attribute: str | None = None) -> Iterator[Any]:
        """Yield the rows of this run that have a type, and an attribute if one is given."""
        np = arrays()
        wanted = tuple(columns)
        for path, held in self.groups.items():
            with ExportFile(path) as file:
                for group in sorted({number for number, type_ in held if type_ == kind}):
                    if attribute is not None and not file.may_hold(group, "attribute_path", [attribute]):
                        continue
                    try:
                        for batch in file.batches(group, wanted, few=kind != "float_series"):
                            mask = np.ones(batch.num_rows, dtype=bool)
                            for name, word in zip(KEYS, (self._project, self._run, attribute, kind), strict=True):
                                if word is not None:
                                    numbers, words = parquet.codes(batch, name)
                                    mask &= numbers == (words.index(word) if word in words else -1)
                            if mask.all():
                                yield batch
                            elif mask.any():
                                yield batch.take(np.flatnonzero(mask))
                    except parquet.damage():
                        continue  # noted when the file was searched
