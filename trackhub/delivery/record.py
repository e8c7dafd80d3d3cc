"""Keep what one destination has of one run: a small JSON file, replaced atomically.

The cursor moves only after the vendor has the batch. Before a batch is given, its extent is
kept as ``inflight``: after a crash, the very same batch is given again and said to be one.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from trackhub.backend import Destination
from trackhub.delivery.deadletters import DeadLetters
from trackhub.delivery.lock import RunLock
from trackhub.delivery.report import DestinationReport, State
from trackhub.delivery.wording import kept_text
from trackhub.errors import RetryLater, RunLocked
from trackhub.journal.journal import Position
from trackhub.journal.store import RunFolder
from trackhub.model.entities import Note, RunEnd, RunRef
from trackhub.model.events import FileEntry

HALTED: frozenset[State] = frozenset({"stopped", "unauthorized"})
"""States that a person has to mend."""


class Inflight(msgspec.Struct, kw_only=True):
    """Hold a batch that was given and whose outcome is not known yet."""

    end: Position
    events: int


class DeliveryRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Hold a delivery's state as the file does.

    :ivar cursor: everything before it is with the vendor.
    :ivar points: metric points given so far; the next batch's ``start``.
    :ivar versions: each artifact name's contents, oldest first.
    :ivar ended: the end the vendor was told.
    :ivar revive: whether what was refused is to be given again: asked for, or being given.
    """

    destination: str
    url: str
    cursor: Position = {}
    inflight: Inflight | None = None
    ref: RunRef | None = None
    state: State = "waiting"
    error: str | None = None
    ended: RunEnd | None = None
    delivered: int = 0
    points: int = 0
    rejected: int = 0
    skipped: dict[str, int] = {}
    notes: dict[str, int] = {}
    examples: dict[str, str] = {}
    versions: dict[str, list[str]] = {}
    rate: float = 0.0
    updated: int = 0
    deliverer: dict[str, Any] = {}
    revive: Literal["", "asked", "given"] = ""

    def add(self, notes: Iterable[Note], skipped: Mapping[str, int], refusals: Collection[str]) -> None:
        """Add up what a batch had to fit, skip and give up, with one example a kind."""
        for note in notes:
            self.notes[note.kind] = self.notes.get(note.kind, 0) + 1
            self.examples.setdefault(note.kind, f"{note.subject}: {note.detail}")
        for what, count in skipped.items():
            self.skipped[what] = self.skipped.get(what, 0) + count
        for reason in refusals:
            self.rejected += 1
            self.examples["rejected"] = reason

    def version_of(self, artifact: str, files: Iterable[FileEntry]) -> int:
        """Return which content of its name an artifact is, from 1; the same content is the same version."""
        content = ",".join(f"{file.path}={file.sha256}" for file in files)
        known = self.versions.setdefault(artifact, [])
        if content not in known:
            known.append(content)
        return known.index(content) + 1

    def has_all(self, folder: RunFolder) -> bool:
        """Return whether the vendor has the whole journal as it is now, and knows of its end."""
        return self.state == "delivered" and self.report(folder).lag == 0

    def report(self, folder: RunFolder) -> DestinationReport:
        """Return the record as people are told it, with the lag as of now."""
        lag = sum(max(0, path.stat().st_size - self.cursor.get(path.stem, 0)) for path in folder.segments())
        return DestinationReport(
            destination=self.destination,
            state=self.state,
            delivered=self.delivered,
            points=self.points,
            lag=lag,
            rejected=self.rejected,
            skipped=sum(self.skipped.values()),
            notes=dict(self.notes),
            rate=self.rate,
            error=self.error or (self.examples.get("rejected") if self.rejected else None),
            link=self.ref.url if self.ref else None,
        )


class RecordFile:
    """Read and replace one delivery record."""

    def __init__(self, folder: RunFolder, slug: str) -> None:
        self.path = folder.delivery / f"{slug}.json"

    def read(self) -> DeliveryRecord | None:
        """Return the record; None when there is none, or none that can be read."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=DeliveryRecord)
        except (OSError, msgspec.MsgspecError):
            # Without its cursor a delivery begins anew: mappings are idempotent, and the vendor's own
            # position saves the time where it keeps one.
            return None

    def write(self, record: DeliveryRecord) -> None:
        """Replace the record; a reader sees the old one or the new one."""
        record.updated = time.time_ns()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(f".{os.getpid()}.tmp")
        try:
            content = msgspec.json.encode(record)
        except UnicodeEncodeError:  # a vendor's words, or its id of the run
            content = msgspec.json.encode(kept_text(msgspec.to_builtins(record)))
        fresh.write_bytes(content)
        fresh.replace(self.path)


@contextlib.contextmanager
def kept(what: str) -> Iterator[None]:
    """Try again later where the disk is full: nothing goes on that could not be kept.

    :raises RetryLater: it cannot be.
    """
    try:
        yield
    except OSError as error:
        raise RetryLater(f"{what} cannot be kept: {error}; once it can, this goes on") from error


def reached(record: DeliveryRecord, goal: Position) -> bool:
    """Return whether a destination has everything up to a place, or can have no more by itself."""
    if record.state in HALTED:
        return True
    return record.state != "ending" and all(record.cursor.get(name, 0) >= offset for name, offset in goal.items())


def record_of(folder: RunFolder, destination: Destination) -> DeliveryRecord:
    """Return what a destination has of a run: the record, or that there is nothing yet."""
    name = destination.name or destination.shown
    return RecordFile(folder, destination.slug).read() or DeliveryRecord(destination=name, url=destination.shown)


def revive(folder: RunFolder, destination: Destination) -> bool:
    """Ask the next lane to give again what a destination refused; return whether it refused anything.

    :raises RunLocked: somebody delivers the run there now.
    """
    # Looked at first: who delivers a run that was refused nothing is not in the way.
    if not _refused(folder, destination):
        return False
    with _alone(folder, destination):
        file = RecordFile(folder, destination.slug)
        record = record_of(folder, destination)
        if not record.revive:
            record.revive, record.state = "asked", "waiting"
            file.write(record)
    return True


def _refused(folder: RunFolder, destination: Destination) -> bool:
    # A record may have been lost, or forgotten, while the letters lie there.
    letters = DeadLetters(folder.delivery / f"{destination.slug}.dead.jsonl")
    return record_of(folder, destination).rejected > 0 or letters.count() > 0


def forget(folder: RunFolder, destination: Destination) -> None:
    """Remove what is known of a run at a destination, as if it had never been given there.

    :raises RunLocked: somebody delivers it there now.
    """
    with _alone(folder, destination):
        RecordFile(folder, destination.slug).path.unlink(missing_ok=True)


def forget_named(folder: RunFolder, text: str) -> bool:
    """Remove what is known of a run at the destinations of a name or URL, dead letters too; return whether there was.

    :raises RunLocked: somebody delivers it there now.
    """
    found = False
    for path in sorted(folder.delivery.glob("*.json")):
        record = RecordFile(folder, path.stem).read()
        if record is not None and text in {record.destination, record.url}:
            with _held(folder, path.stem, record.url):
                path.unlink(missing_ok=True)
                path.with_suffix(".dead.jsonl").unlink(missing_ok=True)
            found = True
    return found


def _alone(folder: RunFolder, destination: Destination) -> contextlib.AbstractContextManager[None]:
    return _held(folder, destination.slug, destination.shown)


@contextlib.contextmanager
def _held(folder: RunFolder, slug: str, shown: str) -> Iterator[None]:
    lock = RunLock(folder.delivery / f"{slug}.lock")
    if not lock.take():
        raise RunLocked(f"{lock.holder()} delivers run {folder.id} to {shown}; try again when it is done")
    try:
        yield
    finally:
        lock.release()


def read_records(folder: RunFolder) -> list[DeliveryRecord]:
    """Return the records of a run's destinations, by file name."""
    records = []
    for path in sorted(Path(folder.delivery).glob("*.json")):
        record = RecordFile(folder, path.stem).read()
        if record is not None:
            records.append(record)
    return records


class RateMeter:
    """Measure points a second over the last ten seconds or so."""

    def __init__(self) -> None:
        self._rate = 0.0
        self._last: float | None = None

    def add(self, points: int, now: float) -> float:
        """Take a delivery into account and return the rate."""
        if self._last is not None and now > self._last:
            weight = min(1.0, (now - self._last) / 10.0)
            self._rate += weight * (points / (now - self._last) - self._rate)
        self._last = now
        return round(self._rate, 1)
