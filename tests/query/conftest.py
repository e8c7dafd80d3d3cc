"""Write whole runs into a store, as a training would have, at times that are certain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trackhub.journal.liveness import this_process
from trackhub.journal.segment import SegmentHeader
from trackhub.journal.store import RunFolder, Store
from trackhub.journal.writer import JournalWriter
from trackhub.model.events import Event, ParamsLogged, RunEnded, RunStarted, TagsSet
from trackhub.model.ids import new_run_id, readable_name

START = 1_763_000_000_000_000_000
MS = 1_000_000

Rows = Iterable[tuple[Any, Mapping[str, Any]]]


class Runs:
    """Write runs; each event comes a millisecond after the one before it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = START

    def tick(self) -> int:
        """Return the next time."""
        self.now += MS
        return self.now

    def writer(self, folder: RunFolder, name: str = "w1", **header: Any) -> JournalWriter:
        """Return a writer of this process, or of the one that the header names."""
        mark = this_process()
        full = SegmentHeader(
            run=folder.id,
            project=folder.project,
            writer=name,
            role="run",
            created=self.now,
            host=mark.host,
            pid=mark.pid,
            boot=mark.boot,
            birth=mark.birth,
        )
        return JournalWriter(folder.journal, lambda: msgspec.structs.replace(full, **header))

    def add(
        self,
        name: str | None = None,
        *,
        project: str = "digits",
        params: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None,
        rows: Rows = (),
        events: Iterable[Event] = (),
        status: str | None = "finished",
        parent: str | None = None,
        group: str | None = None,
        **header: Any,
    ) -> RunFolder:
        """Write a run and return its folder; ``status=None`` leaves it open."""
        run_id = new_run_id()
        folder = self.store.run(project, run_id)
        folder.create()
        taken = self.store.take_name(project, name or readable_name(run_id), run_id)
        writer = self.writer(folder, **header)
        writer.append(
            RunStarted(
                time=self.tick(), id=run_id, name=taken, project=project, attempt="w1", parent=parent, group=group
            )
        )
        if params:
            writer.append(ParamsLogged(time=self.tick(), params=params))
        if tags:
            writer.append(TagsSet(time=self.tick(), tags=tags))
        for step, metrics in rows:
            writer.row_at(self.tick(), metrics, step)
        for event in events:
            writer.append(event)
        if status is not None:
            writer.append(RunEnded(time=self.tick(), status=status, attempt="w1"))
        writer.close()
        return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return an empty store."""
    return Store(tmp_path / "store")


@pytest.fixture
def runs_of() -> Callable[[Store], Runs]:
    """Return what writes runs into a store."""
    return Runs


@pytest.fixture
def written(store: Store) -> Runs:
    """Return what writes runs into the test's store."""
    return Runs(store)
