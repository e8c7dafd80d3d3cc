"""Hold one run's folder: every file of it, for its one writer or for any reader."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from trackhub.model.entities import Batch, MetricPoint, Note, Param, RunEnd, RunInfo, RunRecord, RunRef, Tag
from trackhub_local import disk, entries, values
from trackhub_local.damage import Damaged
from trackhub_local.document import Document, understood
from trackhub_local.lock import locked
from trackhub_local.metrics import Metrics
from trackhub_local.models import Models
from trackhub_local.names import component
from trackhub_local.runs import RUN
from trackhub_local.shelf import Shelf
from trackhub_local.summary import Summary
from trackhub_local.times import told


class OneRun:
    """Read and write one run's files.

    :param ref: the run's folder, as the delivery knows it.
    :param formats: see :class:`Metrics`.
    """

    def __init__(self, folder: Path, ref: str, formats: Sequence[ModuleType]) -> None:
        self.folder = folder
        self.metrics = Metrics(folder, formats)
        self.shelf = Shelf(folder)
        self.models = Models(folder)
        self._ref = ref
        self._run = Document(folder / RUN, "run")
        self._params = Document(folder / "params.json", "params")
        self._tags = Document(folder / "tags.json", "tags")
        self._environment = Document(folder / "environment.json", "environment")
        self._swept = False

    # ---- writing: each within ``writing()`` ----------------------------------------------

    @contextlib.contextmanager
    def writing(self, *, new: bool = False) -> Iterator[None]:
        """Hold the run alone.

        :param new: make the folder where it is not there.
        :raises Damaged: the folder holds no run.
        """
        if not new and not self._run.path.is_file():
            raise Damaged(self._run.path, "it is gone", "put the run's folder back")
        own = self.folder / disk.OWN
        own.mkdir(parents=new, exist_ok=True)
        with locked(own / "lock"):
            if not self._swept:
                disk.sweep(self.folder)
                self._swept = True
            yield

    def start(self, run: RunInfo) -> RunRef:
        """Make the run, or find it; one that goes on after its end is running again."""
        held = self._run.read()
        if held is None:
            self._run.write(
                {
                    "id": run.id,
                    "name": run.name,
                    "project": run.project,
                    "status": "running",
                    **told("started", run.started),
                    **told("ended", None),
                    "reason": "",
                    "parent": run.parent.id if run.parent else None,
                    "group": run.group,
                }
            )
        elif run.resumed and held.get("status") != "running":
            self._run.write({**held, "status": "running", **told("ended", None), "reason": ""})
        return self.ref(self.metrics.position)

    def finish(self, end: RunEnd) -> None:
        """Write the run's end, and bring everything into the files that people open."""
        held = self._run.read() or {}
        self._run.write({**held, "status": end.status, **told("ended", end.time), "reason": end.reason})
        self.merge()

    def merge(self) -> None:
        """Bring everything into the files that people open."""
        self.metrics.merge()
        self.shelf.merge()

    def set_params(self, params: tuple[Param, ...]) -> None:
        """Set params; see :func:`entries.with_params`."""
        known = _entries(self._params, "params")
        with understood(self._params.path):
            more = entries.with_params(known, params, str(self.folder))
        if more != known:
            self._params.write({"params": more})

    def set_tags(self, tags: tuple[Tag, ...]) -> None:
        """Set or replace tags."""
        known = _entries(self._tags, "tags")
        more = entries.with_tags(known, tags)
        if more != known:
            self._tags.write({"tags": more})

    def set_environment(self, environment: dict[str, Any]) -> None:
        """Keep what ran; a later one takes the place of the one before."""
        said = values.say(environment)
        self._environment.write({"environment": said.pop("value"), **said})

    def append(self, points: tuple[MetricPoint, ...], batch: Batch) -> tuple[Note, ...]:
        """Take points; see :meth:`Metrics.append`."""
        return self.metrics.append(points, batch)

    # ---- reading -------------------------------------------------------------------------

    def ref(self, position: str | None = None) -> RunRef:
        """Return what names this run."""
        return RunRef(id=self._ref, url=self.folder.as_uri(), position=position)

    def identity(self) -> tuple[str, str]:
        """Return the run's id and project.

        :raises Damaged: the folder holds no run that can be read.
        """
        held = self._head()
        with understood(self._run.path):
            return str(held["id"]), str(held["project"])

    def is_run(self, run_id: str, project: str | None) -> bool:
        """Return whether this is the run of our id; a folder that cannot be read is not, but by its name."""
        if not self._run.path.is_file():
            return False
        try:
            known, of = self.identity()
        except Damaged:
            if self.folder.name == component(run_id):
                raise
            return False
        return known == run_id and project in {None, of}

    def record(self) -> RunRecord:
        """Return all that is known of the run but its points and files."""
        held = self._head()
        summary = self.metrics.summary()
        with understood(self._run.path):
            return RunRecord(
                id=held["id"],
                name=held["name"],
                project=held["project"],
                status=held["status"],
                started=held["started_ns"],
                ended=held["ended_ns"],
                reason=held["reason"],
                parent=held["parent"],
                group=held["group"],
                params=self._values(self._params, "params"),
                tags=self._values(self._tags, "tags"),
                environment=self._read_environment(),
                metrics=summary.last,
                points=len(summary.held),
                ref=self.ref(),
                notes=_gaps(summary),
            )

    def _head(self) -> dict[str, Any]:
        held = self._run.read()
        if held is None:
            raise Damaged(self._run.path, "it is gone", "put it back")
        return held

    def _values(self, document: Document, key: str) -> dict[str, Any]:
        known = _entries(document, key)
        with understood(document.path):
            return {name: values.read(entry) for name, entry in known.items()}

    def _read_environment(self) -> dict[str, Any]:
        said = self._environment.read()
        if said is None:
            return {}
        with understood(self._environment.path):
            return dict(values.read({**said, "value": said["environment"]}))


def _gaps(summary: Summary) -> tuple[Note, ...]:
    """Tell of points that were given before others and are not here."""
    missing = summary.held.end - len(summary.held)
    if not missing:
        return ()
    places = ", ".join(f"{start} to {end - 1}" for start, end in islice(summary.held.missing(0, summary.held.end), 5))
    return (Note(kind="gap", subject=f"{missing} points", detail=f"refused when they were delivered: places {places}"),)


def _entries(document: Document, key: str) -> dict[str, dict[str, Any]]:
    said = document.read()
    if said is None:
        return {}
    with understood(document.path):
        return dict(said[key])
