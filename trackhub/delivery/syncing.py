"""Deliver runs in the foreground, until all is delivered or nothing moves any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from trackhub.backend import Destination
from trackhub.delivery.dispatch import Dispatch
from trackhub.delivery.record import reached, record_of
from trackhub.delivery.report import DeliveryReport, DestinationReport
from trackhub.delivery.worker import wait_until
from trackhub.journal.journal import JournalReader
from trackhub.journal.store import RunFolder, Store
from trackhub.model.events import RunStarted

PATIENCE_S = 30.0
"""How long nothing may move before a sync without a time limit gives up."""
RESCAN_S = 2.0
JUDGE_S = 60.0

Progress = Callable[[RunFolder, DestinationReport], None]


class Syncing:
    """Bring runs to destinations.

    :param end: ends a run's attempts whose process is gone.
    :param progress: told of every run's state, again and again.
    """

    def __init__(
        self,
        dispatch: Dispatch,
        destinations: Sequence[Destination],
        *,
        end: Callable[[RunFolder], object],
        progress: Progress | None = None,
    ) -> None:
        self._dispatch = dispatch
        self._destinations = destinations
        self._end = end
        self._progress = progress
        self._taken: dict[RunFolder, dict[str, int]] = {}  # to each run's journal as it was found
        self._given: set[tuple[RunFolder, str]] = set()
        self._judged = time.monotonic()

    def run(self, runs: Sequence[RunFolder] | Store, *, watch: bool, timeout_s: float | None) -> DeliveryReport:
        """Deliver until all is there, time is up, or nothing moves; with ``watch``, until interrupted."""
        began = moved = time.monotonic()
        seen: object = None
        self._take(runs)
        while True:
            wait_until(lambda: self._dispatch.settled and not watch, RESCAN_S if watch else 0.2)
            reports = self._reports()
            for folder, report in reports if self._progress is not None else ():
                self._tell(folder, report)
            now = time.monotonic()
            state = [(report.delivered, report.points, report.state, report.lag) for _, report in reports]
            if state != seen:
                seen, moved = state, now
            if watch:
                self._take(runs)
                self._judge_again(now)
            elif (self._dispatch.settled and self._others_settled()) or now - moved > PATIENCE_S:
                break
            if timeout_s is not None and now - began > timeout_s:
                break
        return DeliveryReport.summed(report for _, report in self._reports())

    def _take(self, runs: Sequence[RunFolder] | Store) -> None:
        """Hand over the runs that were not yet, each after its parents."""
        for folder in runs.runs() if isinstance(runs, Store) else runs:
            for one in (*parents_of(folder), folder):
                if one not in self._taken:
                    self._end(one)
                    self._taken[one] = {path.stem: path.stat().st_size for path in one.segments()}
                for destination in self._destinations:
                    # Looked at again while watching: a run that was all there may have been resumed.
                    if (one, destination.url) not in self._given and not record_of(one, destination).has_all(one):
                        self._given.add((one, destination.url))
                        self._dispatch.add(one, destination)

    def _reports(self) -> list[tuple[RunFolder, DestinationReport]]:
        return [
            (folder, record_of(folder, destination).report(folder))
            for folder in sorted(self._taken, key=lambda folder: folder.path)
            for destination in self._destinations
        ]

    def _judge_again(self, now: float) -> None:
        """End, now and then, runs whose process has gone while they were watched."""
        if now - self._judged < JUDGE_S:
            return
        self._judged = now
        for folder in self._taken:
            if not all(record_of(folder, one).has_all(folder) for one in self._destinations):
                self._end(folder)

    def _others_settled(self) -> bool:
        """Return whether what other processes deliver is where it was when this sync began."""
        return all(
            all(reached(record_of(folder, one), self._taken[folder]) for one in self._destinations)
            for folder, _ in self._dispatch.elsewhere()
        )

    def _tell(self, folder: RunFolder, report: DestinationReport) -> None:
        if self._progress is not None:
            self._progress(folder, report)


def parents_of(folder: RunFolder) -> list[RunFolder]:
    """Return a run's parents that its store has, the topmost first."""
    parents: list[RunFolder] = []
    store = Store(folder.path.parents[2])
    current: RunFolder | None = folder
    while current is not None:
        parent = _parent_id(current)
        current = store.find(parent) if parent is not None else None
        if current is None or current in parents or current == folder:
            break
        parents.insert(0, current)
    return parents


def _parent_id(folder: RunFolder) -> str | None:
    for placed in JournalReader(folder).events():
        return placed.event.parent if isinstance(placed.event, RunStarted) else None
    return None
