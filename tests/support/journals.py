"""Write small journals for tests, as a training process would."""

from __future__ import annotations

from pathlib import Path

from trackhub.journal.segment import SegmentHeader
from trackhub.journal.store import RunFolder, Store
from trackhub.journal.writer import JournalWriter
from trackhub.model.events import RunEnded, RunStarted
from trackhub.model.ids import new_run_id


class WrittenRun:
    """Hold a run's folder and its first writer.

    Times are 1, 2, 3 … milliseconds after the start, so that orders are certain.
    """

    def __init__(self, store: Path, *, parent: str | None = None, writer: str = "w1", project: str = "p") -> None:
        self.id = new_run_id()
        self.folder: RunFolder = Store(store).run(project, self.id)
        self.folder.create()
        self.now = 1_700_000_000_000_000_000
        self.writer = self.new_writer(writer)
        self.attempt = writer
        self.writer.append(
            RunStarted(time=self.tick(), id=self.id, name="n", project=project, attempt=writer, parent=parent)
        )

    def tick(self) -> int:
        self.now += 1_000_000
        return self.now

    def new_writer(self, name: str, *, pid: int = 0, host: str = "elsewhere") -> JournalWriter:
        def header() -> SegmentHeader:
            return SegmentHeader(
                run=self.id, project="p", writer=name, role="run", created=self.now, host=host, pid=pid
            )

        return JournalWriter(self.folder.journal, header)

    def rows(self, count: int, name: str = "loss", first: int = 0) -> None:
        for step in range(first, first + count):
            self.writer.row_at(self.tick(), {name: step / 2}, step)

    def end(self, status: str = "finished") -> None:
        self.writer.append(RunEnded(time=self.tick(), status=status, attempt=self.attempt))  # type: ignore[arg-type]
