"""Bring one run to one destination: read its journal, call the backend, then move the cursor."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from trackhub.backend import BackendCalls
from trackhub.delivery.batch import Content, collect
from trackhub.delivery.deadletters import DeadLetters
from trackhub.delivery.handover import Handover, vendor_answers
from trackhub.delivery.lock import RunLock
from trackhub.delivery.merging import POINTS, Merging, foreign_part
from trackhub.delivery.policy import LONGEST_S, MOST_UNKNOWN, delay
from trackhub.delivery.record import DeliveryRecord, Inflight, RateMeter, RecordFile, record_of
from trackhub.delivery.redelivery import batches
from trackhub.delivery.report import DestinationReport, State
from trackhub.delivery.resolving import Resolving
from trackhub.errors import Rejected, RetryLater, Unauthorized
from trackhub.journal.journal import JournalReader, Position, decode_position
from trackhub.journal.store import RunFolder, Store
from trackhub.model.entities import ParentRun, RunEnd, RunInfo, RunRef
from trackhub.model.events import ArtifactLogged, MetricsLogged
from trackhub.model.life import RunLife

log = logging.getLogger("trackhub")

PARENT_WAIT_S = 10.0
IDLE_S = 0.5
FLUSH_S = 30.0


def _ignore(*_: object) -> None:
    """Observe nothing."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Hold what a lane takes from outside, so that a test can give it another clock.

    :ivar longest_wait_s: no back-off is longer, unless the vendor asks for it.
    """

    clock: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random
    failed: Callable[[str, str, str], None] = _ignore
    finished: Callable[[str, str, RunEnd], None] = _ignore
    longest_wait_s: float = LONGEST_S


class RunLane:
    """Deliver one run; :meth:`step` does the next piece and never raises what a vendor raises."""

    def __init__(self, folder: RunFolder, calls: BackendCalls, around: Surroundings | None = None) -> None:
        self.folder = folder
        self._calls = calls
        self._around = around or Surroundings()
        destination = calls.destination
        self._name = destination.name or destination.shown
        self._file = RecordFile(folder, destination.slug)
        self._lock = RunLock(folder.delivery / f"{destination.slug}.lock")
        self._dead = DeadLetters(folder.delivery / f"{destination.slug}.dead.jsonl")
        self._record = self._read_record()
        self._life = RunLife()
        self._reader: JournalReader | None = None
        self._started = False
        self._idle = False
        self._halted = False
        self._handover: Handover | None = None
        self._merging: Merging | None = None
        self._beside: Position = {}
        self._failures = 0
        self._unknown_failures = 0
        self._not_before = 0.0
        self._parent_since: float | None = None
        self._meter = RateMeter()

    @property
    def done(self) -> bool:
        """Return whether this lane can do no more by itself: all is delivered, or a person is needed."""
        # Both are set once the record is saved: who sees a lane done reads the file next.
        return self._halted or (self._idle and self._record.has_all(self.folder))

    @property
    def drained(self) -> bool:
        """Return whether the last step found nothing left, though the run may go on."""
        return self.done or self._idle

    @property
    def elsewhere(self) -> str | None:
        """Return who else delivers this run to this destination, if somebody does."""
        return self._lock.holder() if self._reader is None and self._not_before else None

    def report(self) -> DestinationReport:
        """Return how far the run has come."""
        record = self._record if self._reader is not None else self._read_record()
        return record.report(self.folder)

    def step(self) -> float:
        """Deliver the next piece; return after how many seconds another step is worth it."""
        now = self._around.clock()
        if now < self._not_before:
            return self._not_before - now
        if self._halted:
            return float("inf")
        self._idle = False
        try:
            if not self._lock.take():
                self._not_before = now + 1.0
                return 1.0
            more = self._deliver()
        except _ParentFirst:
            return 0.2
        except RetryLater as error:
            return self._retry(str(error), error.retry_after_s)
        except Unauthorized as error:
            return self._stop("unauthorized", str(error))
        except Rejected as error:
            return self._stop("stopped", str(error))
        except Exception as error:  # whatever else a vendor's code raises is tried a bounded number of times
            log.debug("%s: %s", self._name, error, exc_info=True)
            return self._unknown(f"{type(error).__name__}: {error}")
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            # A vendor that calls sys.exit() ends its own lane, loudly, and no other.
            return self._stop("stopped", f"the vendor's client ended with {type(error).__name__}: {error}")
        self._failures = self._unknown_failures = 0
        self._idle = not more
        return 0.0 if more else IDLE_S

    def close(self) -> None:
        """Let another process go on with this run."""
        self._lock.release()

    # ---- one piece -----------------------------------------------------------------------

    def _deliver(self) -> bool:
        """Deliver one batch, or the run's end; return whether there may be more."""
        reader = self._reader or self._open()
        if self._handover is None:
            self._handover = self._next(reader)
        if self._life.started is None:
            return False  # the journal has begun, but not its first event
        if self._handover is None and self._record.revive:
            self._start()
            self._revive()
            return True
        if self._handover is None:
            return self._catch_up(reader)
        self._start()
        if self._handover is not None:  # the vendor may have had it already
            self._give(self._handover)
        return True

    def _open(self) -> JournalReader:
        self._record = self._read_record()  # whoever had the lock before may have moved it
        if self._record.state in {"stopped", "unauthorized"}:
            self._set("waiting")  # a new lane is a new try
        reader = JournalReader(self.folder)
        for placed in reader.events(until=self._record.cursor):
            self._life.apply(placed.event)
        self._reader = reader
        return reader

    def _next(self, reader: JournalReader) -> Handover | None:
        again = self._record.inflight
        content = collect(reader, self._calls.limits, again.end if again else None)
        if not content.events:
            self._record.inflight = None
            return None
        for event in content.events:
            self._life.apply(event)
        return self._handed(content, redelivered=again is not None)

    def _handed(self, content: Content, *, redelivered: bool) -> Handover:
        if self._merging is not None:
            # What of it the vendor has, it was asked: nothing is given a second time.
            content, redelivered = self._merging.rest(content), False
        return Handover(content, start=self._record.points, redelivered=redelivered, beside=self._beside)

    def _give(self, handover: Handover) -> None:
        content, record = handover.content, self._record
        if record.inflight is None:
            record.inflight = Inflight(end=content.end, events=len(content.events))
            try:
                self._keep()
            except RetryLater:
                record.inflight = None
                raise
        handover.give(self._calls, self._ref, Resolving(self.folder, record))
        for refusal in handover.refusals:
            self._dead.add(refusal.hook, refusal.item, refusal.reason)
            self._around.failed(self.folder.id, self._name, refusal.reason)
        record.add(handover.notes, handover.skipped, [refusal.reason for refusal in handover.refusals])
        record.cursor = dict(content.end)
        record.inflight = None
        record.points += len(content.points)
        record.delivered += len(content.events)
        record.rate = self._meter.add(len(content.points), self._around.clock())
        self._handover = None
        self._set("delivering" if self._life.end is None else "ending")
        self._save()

    def _revive(self) -> None:
        """Give what was refused once more, behind everything else; what is refused again stays a dead letter."""
        record, refusals = self._record, []
        again, record.revive = record.revive == "given", "given"
        self._keep()
        points = 0
        for content in batches(self._dead.read(), self._calls.limits):
            handover = Handover(content, start=record.points, redelivered=again, beside=self._beside)
            handover.give(self._calls, self._ref, Resolving(self.folder, record))
            refusals += handover.refusals
            record.add(handover.notes, handover.skipped, [])
            points += len(content.points)
        self._dead.replace((refusal.hook, refusal.item, refusal.reason) for refusal in refusals)
        record.rejected = 0
        record.add((), {}, [refusal.reason for refusal in refusals])
        record.points += points
        record.revive, record.ended = "", None  # its end is told once more, now that there is more before it
        self._set("delivering")
        self._save()

    def _catch_up(self, reader: JournalReader) -> bool:
        """Tell the vendor of the run's end, once everything before it is delivered."""
        record, end = self._record, self._life.end
        moved = any(offset != record.cursor.get(name) for name, offset in reader.position.items())
        if end is None or record.ended == end:
            state: State = "delivering" if end is None else "delivered"
            if moved or record.state != state:
                record.cursor |= reader.position
                self._set(state)
                self._save()
            return False
        self._start()
        if self._calls.can("finish_run"):
            record.add(self._calls.finish_run(self._ref, end) or (), {}, [])
        else:
            record.add((), {"finish_run": 1}, [])
        if not self._calls.flush(time.monotonic() + FLUSH_S):
            raise RetryLater("the vendor's client still holds something back")
        record.cursor |= reader.position
        record.ended = end
        self._set("delivered")
        self._save()
        self._around.finished(self.folder.id, self._name, end)
        return False

    def _start(self) -> None:
        """Create the run on the vendor, or find it, once a lane and again when it was resumed."""
        started = self._life.started
        reopened = self._record.ended is not None and self._life.end is None
        if started is None or (self._started and not reopened):
            return
        ref = self._calls.start_run(
            RunInfo(
                id=started.id,
                name=started.name,
                project=started.project,
                started=started.time,
                parent=self._parent(started.parent),
                group=started.group,
                resumed=self._life.resumed,
            )
        )
        first = self._record.ref is None
        self._started = True
        self._record.ref = ref
        self._record.ended = None
        self._set("delivering")
        held = decode_position(ref.position or "")
        self._beside = foreign_part(held, self.folder)
        if self._beside:
            self._merge(ref, held)
        elif first and any(
            offset > self._record.cursor.get(name, 0) for name, offset in held.items() if name != POINTS
        ):
            self._skip_to(held)
        self._save()

    @property
    def _ref(self) -> RunRef:
        if self._record.ref is None:
            raise RetryLater("the run has not been started on the destination")
        return self._record.ref

    def _merge(self, ref: RunRef, held: Position) -> None:
        """Go on behind what the vendor was given from another journal of this run."""
        self._merging = Merging(self._calls, ref, self.folder, held, self._record.cursor)
        self._record.points = self._merging.points
        if self._handover is not None:
            self._handover = self._handed(self._handover.content, redelivered=False)

    def _skip_to(self, held: Position) -> None:
        """Take the vendor's word for what it has, where our own cursor was lost.

        Batches go in order and points go last in each, so all before the place is there.
        """
        reader, life, record = JournalReader(self.folder), RunLife(), self._record
        record.points = record.delivered = 0
        for placed in reader.events(until=held):
            life.apply(placed.event)
            record.delivered += 1
            if isinstance(placed.event, MetricsLogged):
                record.points += len(placed.event.metrics)
            elif isinstance(placed.event, ArtifactLogged):
                record.version_of(placed.event.name, placed.event.files)
        record.inflight, record.cursor = None, dict(reader.position)
        self._life, self._reader, self._handover = life, reader, None

    def _parent(self, parent: str | None) -> ParentRun | None:
        if parent is None:
            return None
        place = Store(self.folder.path.parents[2]).find(parent)
        if place is None:
            return ParentRun(id=parent)
        record = RecordFile(place, self._calls.destination.slug).read()
        if record is not None and record.ref is not None:
            return ParentRun(id=parent, ref=record.ref)
        now = self._around.clock()
        if self._parent_since is None:
            self._parent_since = now
        if now - self._parent_since < PARENT_WAIT_S:
            raise _ParentFirst("its parent run comes first")
        return ParentRun(id=parent)

    # ---- what went wrong -----------------------------------------------------------------

    def _read_record(self) -> DeliveryRecord:
        return record_of(self.folder, self._calls.destination)

    def _set(self, state: State, error: str | None = None) -> None:
        self._record.state, self._record.error = state, error

    def _retry(self, error: str, retry_after_s: float | None = None) -> float:
        self._failures += 1
        around = self._around
        wait = delay(
            self._failures, random=around.random(), retry_after_s=retry_after_s, longest_s=around.longest_wait_s
        )
        self._set("retrying", error)
        self._save()
        self._not_before = self._around.clock() + wait
        return wait

    def _unknown(self, error: str) -> float:
        self._unknown_failures += 1
        if self._unknown_failures <= MOST_UNKNOWN or not vendor_answers(self._calls):
            return self._retry(error)
        if self._handover is not None and self._started and not self._handover.apart:
            self._handover.apart = True
            return self._retry(error)
        return self._stop("stopped", f"{error}; it failed {self._unknown_failures} times: `trackhub sync` tries again")

    def _stop(self, state: State, error: str) -> float:
        self._set(state, error)
        self._save()
        self._halted = True
        self._around.failed(self.folder.id, self._name, error)
        return float("inf")

    def _keep(self) -> None:
        """Save the record, or give nothing."""
        try:
            self._file.write(self._record)
        except OSError as error:
            raise RetryLater(f"the cursor cannot be kept: {error}") from error

    def _save(self) -> None:
        try:
            self._file.write(self._record)
        except OSError as error:  # a full disk must not end the lane: the cursor is only late
            log.warning("%s: the cursor cannot be kept: %s", self._name, error)


class _ParentFirst(Exception):  # noqa: N818  (it is no error)
    """Say that the parent's run must exist on the vendor before its child's."""
