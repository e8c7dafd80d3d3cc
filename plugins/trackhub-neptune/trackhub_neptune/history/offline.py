"""Read the runs that the 1.x client left in its folders, from their logs to parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trackhub.model.entities import MetricColumns, MetricPoint
from trackhub_neptune.history.buffer import gather
from trackhub_neptune.history.exact import from_seconds, plain_step, to_text
from trackhub_neptune.history.folder import identity_of, operations
from trackhub_neptune.history.part import Line, Part
from trackhub_neptune.history.replay import Replay, is_logged


def read_folder(folder: Path, shown: str) -> Part:
    """Return what a folder tells of its run.

    Neptune's own run id is what the run is called: the client kept neither the project nor a custom run id.
    """
    identity = identity_of(folder)
    reading = _FolderReading(folder)
    part = Part(identity.id, None, identity.kind, shown, reading)
    part.started = identity.created
    replay = Replay(part)
    for operation in operations(folder, part):
        if part.started is None:
            part.started = operation.time
        replay.apply(operation, folder)
    part.began = part.started or 0
    replay.finish()
    reading.barriers = replay.barriers
    return part


class _FolderReading:
    """Read a folder's points and texts again, without what was cleared later."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.barriers: dict[str, int] = {}

    def columns(self) -> Iterator[MetricColumns]:
        """Yield the points."""
        return gather(self._points())

    def lines(self, attribute: str) -> Iterator[Line]:
        """Yield the values of a series of strings."""
        for name, logged in self._logged("LogStrings"):
            if name == attribute:
                time = to_text(from_seconds(logged["ts"]))
                yield {"step": plain_step(logged.get("step")), "time": time, "value": logged["value"]}

    def _points(self) -> Iterator[MetricPoint]:
        for name, logged in self._logged("LogFloats"):
            yield MetricPoint(name, float(logged["value"]), plain_step(logged.get("step")), from_seconds(logged["ts"]))

    def _logged(self, kind: str) -> Iterator[tuple[str, Line]]:
        for operation in operations(self._folder):
            values = operation.body.get("values")
            if operation.body["type"] != kind or not isinstance(values, list):
                continue
            attribute = "/".join(str(word) for word in operation.body["path"])
            if operation.order > self.barriers.get(attribute, -1):
                yield from ((attribute, logged) for logged in values if is_logged(kind, logged))
