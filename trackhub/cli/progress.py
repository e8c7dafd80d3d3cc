"""Draw how far a sync or an import is, from what it reports; silent in a pipe."""

# ruff: noqa: PLC0415 - rich is imported only where something is drawn

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trackhub.delivery.report import DestinationReport
    from trackhub.journal.store import RunFolder, Store


class SyncProgress:
    """Show a bar for each destination: the journal's bytes that it has.

    :param runs: what is delivered, or the store of it.
    """

    def __init__(self, runs: Iterable[RunFolder] | Store, *, shown: bool) -> None:
        self._runs = runs
        self._shown = shown
        self._stack = ExitStack()
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}
        self._left: dict[str, dict[str, int]] = {}

    def __enter__(self) -> Self:
        if self._shown:
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

            from trackhub.journal.store import Store

            folders = self._runs.runs() if isinstance(self._runs, Store) else self._runs
            self._sizes = {folder.id: _bytes(folder) for folder in folders}
            self._bars = self._stack.enter_context(
                Progress(
                    TextColumn("{task.description}", markup=False),
                    BarColumn(),
                    DownloadColumn(),
                    TimeRemainingColumn(),
                    TextColumn("{task.fields[state]}", markup=False),
                    transient=True,
                )
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def update(self, folder: RunFolder, report: DestinationReport) -> None:
        """Take note of how far one run is at one destination."""
        if self._bars is None:
            return
        name = report.destination
        left = self._left.setdefault(name, dict(self._sizes))
        if folder.id not in left:
            self._sizes[folder.id] = _bytes(folder)
        left[folder.id] = report.lag
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, state="")
        total = max(sum(self._sizes.values()), sum(left.values()))
        state = "" if report.complete else report.error or report.state
        self._bars.update(self._tasks[name], total=total, completed=total - sum(left.values()), state=state)


def _bytes(folder: RunFolder) -> int:
    return sum(path.stat().st_size for path in folder.segments())


class CountProgress:
    """Show a bar of how many are done, of how many."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._stack = ExitStack()
        self._bars: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        if self._shown:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            text = TextColumn("{task.description}", markup=False)
            self._bars = self._stack.enter_context(Progress(*columns, text, transient=True))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def update(self, done: int, total: int, doing: str) -> None:
        """Take note of how many are done, and what comes next."""
        if self._bars is None:
            return
        if self._task is None:
            self._task = self._bars.add_task(doing, total=total)
        self._bars.update(self._task, completed=done, total=total, description=doing)
