"""Read the event files of one run that others wrote: what TensorFlow, torch, tensorboardX and their like can say."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from trackhub.model.entities import MetricColumns, Note
from trackhub_tensorboard.framing import OVERHEAD, Damage, frames
from trackhub_tensorboard.pieces import Found, Pieces, Spot
from trackhub_tensorboard.protos import DecodeError, Event, HParamsPluginData, Status, make_ndarray
from trackhub_tensorboard.seconds import nanoseconds
from trackhub_tensorboard.state import same

_STATUS = {Status.STATUS_SUCCESS: "finished", Status.STATUS_FAILURE: "failed", Status.STATUS_RUNNING: "running"}


class Series:
    """Hold one series: steps, values and seconds; ``others`` are the values that are no floats."""

    def __init__(self) -> None:
        self.steps, self.values, self.seconds = array("q"), array("d"), array("d")
        self.others: dict[int, Any] = {}

    def add(self, step: int, value: Any, second: float) -> None:
        """Append a point; integers and flags stay what they are."""
        if not isinstance(value, float):
            self.others[len(self.values)] = value
        self.steps.append(step)
        self.values.append(float(value))
        self.seconds.append(second)

    def columns(self, name: str) -> MetricColumns:
        """Return the points as arrays that hold them exactly."""
        value: Any = np.array(self.values)
        if self.others:
            kinds = {type(one) for one in self.others.values()}
            if len(self.others) < len(value) or len(kinds) > 1:
                value = value.astype(object)
                for index, one in self.others.items():
                    value[index] = one
            else:
                value = np.array(list(self.others.values()), bool if kinds == {bool} else None)
        return MetricColumns(name=name, step=np.array(self.steps), value=value, time=nanoseconds(self.seconds))

    @property
    def last(self) -> Any:
        """Return the newest value."""
        index = len(self.values) - 1
        return self.others.get(index, self.values[index])


class ForeignRun:
    """Hold what the event files of a run say; large things stay in the files, and are known by their spot."""

    def __init__(self, folder: Path, files: tuple[str, ...]) -> None:
        self.folder = folder
        self.series: dict[str, Series] = {}
        self.pieces = Pieces()
        self.params: dict[str, Any] = {}
        self.group: str | None = None
        self.status: str | None = None
        self.first: float | None = None
        self.last: float | None = None
        self.notes: list[Note] = []
        self._plugins: dict[str, str] = {}
        self._marks = 0
        for name in files:
            try:
                self._read(name)
            except OSError as error:
                self.notes.append(Note(kind="unreadable", subject=name, detail=error.strerror or str(error)))
        if self._marks:
            detail = f"{self._marks} marks of sessions (start, checkpoint, stop) say nothing that a run holds"
            self.notes.append(Note(kind="left", subject="session_log", detail=detail))

    @property
    def is_empty(self) -> bool:
        """Return whether nothing was found."""
        return not (self.series or self.pieces.found or self.params or self.status)

    @property
    def points(self) -> int:
        """Return how many points there are."""
        return sum(len(one.values) for one in self.series.values())

    @property
    def weight(self) -> int:
        """Return what the run takes of memory, in points."""
        parts = sum(len(piece.parts) for piece in self.pieces.found.values())
        return self.points + 40 * parts + 1000

    def columns(self) -> Iterator[MetricColumns]:
        """Yield every series."""
        for name, one in self.series.items():
            yield one.columns(name)

    def _read(self, name: str) -> None:
        damages: list[Damage] = []
        series = self.series
        parse = Event.FromString
        with (self.folder / name).open("rb") as file:
            for end, payload in frames(file, 0, damages):
                try:
                    event = parse(payload)
                except DecodeError as error:
                    damages.append(
                        Damage(end - len(payload) - OVERHEAD, f"a record is no event: {error}", len(payload))
                    )
                    continue
                second, step = event.wall_time, event.step
                what = event.WhichOneof("what")
                if what == "summary":
                    for index, value in enumerate(event.summary.value):
                        if value.WhichOneof("value") == "simple_value":
                            tag = value.tag
                            held = series.get(tag)
                            if held is None:
                                held = series[tag] = Series()
                            held.steps.append(step)
                            held.values.append(value.simple_value)
                            held.seconds.append(second)
                        else:
                            self._other(value, step, second, Spot(name, end - len(payload) - OVERHEAD, index))
                elif what not in {"file_version", None}:
                    self._whole(what, event, Spot(name, end - len(payload) - OVERHEAD, 0))
                if what != "file_version":
                    self.first = second if self.first is None else min(self.first, second)
                    self.last = second if self.last is None else max(self.last, second)
        for damage in damages:
            detail = f"{damage.what} at byte {damage.offset}; {damage.lost} bytes are not read"
            self.notes.append(Note(kind="damaged", subject=name, detail=detail))

    def _other(self, value: Any, step: int, second: float, spot: Spot) -> None:
        """Take in what is no plain number: a tensor, an image, a histogram, or the HPARAMS page's row."""
        tag, kind = value.tag, value.WhichOneof("value")
        plugin = value.metadata.plugin_data.plugin_name or self._plugins.get(tag, "")
        self._plugins.setdefault(tag, plugin)
        if plugin == "hparams" and self._session(value.metadata.plugin_data.content):
            return
        if kind == "tensor" and plugin in {"scalars", ""}:
            number = scalar(value.tensor)
            if number is not None:
                self.series.setdefault(tag, Series()).add(step, number, second)
                return
        self.pieces.add(Found(tag, kind or "", plugin, step, second, spot), value)

    def _session(self, content: bytes) -> bool:
        try:
            data = HParamsPluginData.FromString(content)
        except DecodeError:
            return False
        what = data.WhichOneof("data")
        if what == "session_start_info":
            start = data.session_start_info
            for name, value in start.hparams.items():
                self._param(name, plain(value))
            self.group = self.group or start.group_name or None
        elif what == "session_end_info":
            self.status = _STATUS.get(data.session_end_info.status, self.status)
        else:
            return False
        return True

    def _param(self, name: str, value: Any) -> None:
        if name in self.params and not same(self.params[name], value):
            detail = f"{value!r} was logged later, TensorBoard shows the first value"
            self.notes.append(Note(kind="left", subject=f"hparam {name}", detail=detail))
        self.params.setdefault(name, value)

    def _whole(self, what: str, event: Any, spot: Spot) -> None:
        if what == "session_log":
            self._marks += 1
            return
        name = event.tagged_run_metadata.tag if what == "tagged_run_metadata" else ""
        self.pieces.add(Found(name, what, "", event.step, event.wall_time, spot), getattr(event, what))


def plain(value: Any) -> Any:
    """Return a value of protobuf's as one of Python's; what is a number is a float."""
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        return [plain(one) for one in value.list_value.values]
    if kind == "struct_value":
        return {name: plain(one) for name, one in value.struct_value.fields.items()}
    return None if kind in {None, "null_value"} else getattr(value, kind)


def scalar(tensor: Any) -> Any:
    """Return the number in a tensor, or None where it holds something else."""
    if tensor.tensor_shape.dim or tensor.string_val or tensor.tensor_shape.unknown_rank:
        return None
    try:
        number = make_ndarray(tensor).item()
    except (TypeError, ValueError):
        return None
    return number if isinstance(number, bool | int | float) else None
