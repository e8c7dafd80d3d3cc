"""Deliver runs in the foreground, until all is delivered or nothing moves any more."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import msgspec

from trackhub.backend import Destination
from trackhub.delivery.dispatch import Dispatch
from trackhub.delivery.record import HALTED, reached, record_of
from trackhub.delivery.report import DeliveryReport, DestinationReport
from trackhub.delivery.wording import worded
from trackhub.delivery.worker import wait_until
from trackhub.errors import TrackhubError
from trackhub.journal.journal import JournalReader
from trackhub.journal.store import RunFolder, Store
from trackhub.model.events import RunStarted

log = logging.getLogger("trackhub")

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
        self._troubles: dict[RunFolder, str] = {}  # what kept a run from being ended, or even read
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
            try:
                family = (*parents_of(folder), folder)
                for one in family:
                    self._take_one(one)
            except (TrackhubError, OSError) as error:  # one run's store may be gone; the others are not
                self._taken.setdefault(folder, {})
                self._in_trouble(folder, error)

    def _take_one(self, folder: RunFolder) -> None:
        if folder not in self._taken:
            self._judge(folder)
            self._taken[folder] = {path.stem: path.stat().st_size for path in folder.segments()}
        for destination in self._destinations:
            # Looked at again while watching: a run that was all there may have been resumed.
            if (folder, destination.url) not in self._given and not record_of(folder, destination).has_all(folder):
                self._given.add((folder, destination.url))
                self._dispatch.add(folder, destination)

    def _judge(self, folder: RunFolder) -> None:
        """End a run whose process has gone; where that cannot be written, what there is is delivered all the same."""
        try:
            self._end(folder)
        except (TrackhubError, OSError) as error:
            self._in_trouble(folder, error)
        else:
            self._troubles.pop(folder, None)

    def _in_trouble(self, folder: RunFolder, error: Exception) -> None:
        trouble = f"run {folder.id}: {worded(error)}"
        if self._troubles.get(folder) != trouble:
            self._troubles[folder] = trouble
            log.warning("%s", trouble)

    def _reports(self) -> list[tuple[RunFolder, DestinationReport]]:
        return [
            (folder, self._report(folder, destination))
            for folder in sorted(self._taken, key=lambda folder: folder.path)
            for destination in self._destinations
        ]

    def _report(self, folder: RunFolder, destination: Destination) -> DestinationReport:
        record, trouble = record_of(folder, destination), self._troubles.get(folder)
        try:
            # Where nothing could be kept, as in another user's run, its lane alone knows.
            report = (not record.updated and self._dispatch.report(folder, destination)) or record.report(folder)
        except OSError:  # its segments cannot even be listed
            report = DestinationReport(destination=record.destination)
        return report if trouble is None else msgspec.structs.replace(report, state="stopped", error=trouble)

    def _judge_again(self, now: float) -> None:
        """End, now and then, runs whose process has gone while they were watched."""
        if now - self._judged < JUDGE_S:
            return
        self._judged = now
        for folder in self._taken:
            if not all(record_of(folder, one).has_all(folder) for one in self._destinations):
                self._judge(folder)

    def _others_settled(self) -> bool:
        """Return whether what other processes deliver is where it was when this sync began."""
        records = (
            (record_of(folder, one), self._taken[folder])
            for folder, _ in self._dispatch.elsewhere()
            for one in self._destinations
        )
        # A lane that was halted holds no lock: whoever holds one, though the record says so, tries again now.
        return all(record.state not in HALTED and reached(record, goal) for record, goal in records)

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
