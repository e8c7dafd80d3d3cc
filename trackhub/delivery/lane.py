"""Bring one run to one destination: read its journal, call the backend, then move the cursor."""

from __future__ import annotations

import logging
import threading
import time

from trackhub.backend import BackendCalls
from trackhub.delivery.batch import Content, collect
from trackhub.delivery.deadletters import DeadLetters, Letter
from trackhub.delivery.handover import Handover, vendor_answers
from trackhub.delivery.lock import RunLock
from trackhub.delivery.merging import Merging
from trackhub.delivery.origins import Origins, before
from trackhub.delivery.parentage import Parentage, ParentFirst
from trackhub.delivery.place import Place, furthest
from trackhub.delivery.policy import MOST_UNKNOWN, delay
from trackhub.delivery.record import HALTED, DeliveryRecord, Inflight, RateMeter, RecordFile, kept, record_of
from trackhub.delivery.redelivery import Redelivery
from trackhub.delivery.report import DestinationReport, State
from trackhub.delivery.resolving import Resolving
from trackhub.delivery.surroundings import Surroundings
from trackhub.delivery.wording import worded
from trackhub.errors import Rejected, RetryLater, Unauthorized
from trackhub.journal.journal import JournalReader, Position
from trackhub.journal.store import RunFolder
from trackhub.model.entities import RunInfo, RunRef
from trackhub.model.events import ArtifactLogged, MetricsLogged
from trackhub.model.life import RunLife

__all__ = ["RunLane", "Surroundings"]

log = logging.getLogger("trackhub")

IDLE_S = 0.5
FLUSH_S = 30.0


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
        self._redelivery: Redelivery | None = None
        self._merging: Merging | None = None
        self._place = Place(None, folder)
        self._failures = 0
        self._unknown_failures = 0
        self._not_before = 0.0
        self._parentage = Parentage(folder, destination.slug, self._around.clock)
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
        waits = self._reader is None and self._not_before and not self._halted
        return self._lock.holder() if waits else None

    def report(self) -> DestinationReport:
        """Return how far the run has come."""
        record = self._record
        if self._reader is None:  # whoever has the lock may have moved it on
            newest = self._read_record()
            # Unless it could not be kept why this lane was halted.
            record = record if self._halted and newest.updated < record.updated else newest
        return record.report(self.folder)

    def step(self) -> float:
        """Deliver the next piece; return after how many seconds another step is worth it."""
        now = self._around.clock()
        if now < self._not_before:
            return self._not_before - now
        if self._halted and not self._got_through_elsewhere():
            return float("inf")
        self._idle = False
        try:
            if not self._lock.take():
                self._not_before = now + 1.0
                return 1.0
            more = self._deliver()
        except ParentFirst:
            return 0.2
        except RetryLater as error:
            return self._retry(worded(error), error.retry_after_s)
        except Unauthorized as error:
            return self._stop("unauthorized", worded(error))
        except Rejected as error:
            return self._stop("stopped", worded(error))
        except Exception as error:  # whatever else a vendor's code raises is tried a bounded number of times
            log.debug("%s: %s", self._name, error, exc_info=True)
            return self._unknown(worded(error, named=True))
        except BaseException as error:
            # Ctrl-C reaches the main thread alone: in any other one it is the vendor's own.
            if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                raise
            # A vendor that calls sys.exit() ends its own lane, loudly, and no other.
            return self._stop("stopped", f"the vendor's client ended with {worded(error, named=True)}")
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
        if self._handover is None and self._place.has_arrived(self.folder):
            self._started = False  # a merge brought what the vendor has from elsewhere: ask how far it is
        # Letters that are being given have a place among the points already: nothing may come between.
        if self._handover is None and self._record.revive != "given":
            self._handover = self._next(reader)
        if self._life.started is None:
            return False  # the journal has begun, but not its first event
        if self._handover is not None:
            self._start()
            if self._handover is not None:  # the vendor may have had it already
                self._give(self._handover)
            return True
        if self._record.revive:
            self._start()
            self._revive()
            return True
        return self._catch_up(reader)

    def _open(self) -> JournalReader:
        self._record = self._read_record()  # whoever had the lock before may have moved it
        if self._record.state in HALTED:
            self._set("waiting")  # a new lane is a new try
        reader, self._life = JournalReader(self.folder), RunLife()
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
        return Handover(content, start=self._record.points, redelivered=redelivered)

    def _give(self, handover: Handover) -> None:
        content, record = handover.content, self._record
        if record.inflight is None:
            record.inflight = Inflight(end=content.end, events=len(content.events))
            try:
                self._keep()
            except RetryLater:
                record.inflight = None
                raise
        if not handover.given:
            handover.give(self._calls, self._ref, Resolving(self.folder, record), self._place)
        self._bury(handover)
        for refusal in handover.refusals:
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

    def _bury(self, handover: Handover) -> None:
        """Keep what was refused, or say nothing of the batch."""
        if not handover.refusals:
            return
        origins = Origins(handover.content)
        with kept("the dead letters"):
            self._dead.add(
                [Letter.of(one.hook, one.item, one.reason, origins.take(one.item)) for one in handover.refusals]
            )

    def _revive(self) -> None:
        """Give what was refused once more, behind everything else; what is refused again stays a dead letter."""
        record = self._record
        if self._redelivery is None:
            again = record.revive == "given"
            record.revive = "given"
            self._keep()
            self._redelivery = Redelivery(
                self._dead.read(), self._calls.limits, start=record.points, cursor=record.cursor, redelivered=again
            )
        letters = self._redelivery
        if letters.current is not None:
            letters.give(self._calls, self._ref, Resolving(self.folder, record), self._place)
            return
        with kept("the dead letters"):
            self._dead.replace(letters.left)
        record.rejected = 0
        record.add(letters.notes, letters.skipped, [letter.reason for letter in letters.left])
        record.points += letters.points
        record.revive, record.ended = "", None  # its end is told once more, now that there is more before it
        self._redelivery = None
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
                parent=self._parentage.of(started.parent),
                group=started.group,
                resumed=self._life.resumed,
            )
        )
        self._go_on_from(ref)
        self._started = True  # only now: what failed on the way is done again
        self._record.ref, self._record.ended = ref, None
        self._set("delivering")
        self._save()

    def _go_on_from(self, ref: RunRef) -> None:
        """Leave out what the vendor has already, by whomever it was given."""
        record = self._record
        self._place, self._merging = Place(ref.position, self.folder), None
        inflight = record.inflight.end if record.inflight is not None else {}
        # A batch whose answer was lost is given again as it was, though the vendor says that it has it.
        beyond = self._place.lies_beyond(furthest(record.cursor, inflight))
        behind = beyond and self._place.covers(inflight)
        if behind:
            self._skip_to(furthest(record.cursor, self._place.own))
        if record.ref is None:
            # Letters from before the record was lost: what lies behind the cursor is given anew, and judged anew.
            cursor = record.cursor
            with kept("the dead letters"):
                record.rejected = self._dead.keep(
                    lambda letter: before(letter.place, cursor) or (not letter.place and bool(cursor))
                )
        if self._place.foreign or (beyond and not behind):
            self._merge(ref)

    @property
    def _ref(self) -> RunRef:
        if self._record.ref is None:
            raise RetryLater("the run has not been started on the destination")
        return self._record.ref

    def _merge(self, ref: RunRef) -> None:
        """Go on behind what the vendor was given from another journal of this run."""
        self._merging = Merging(self._calls, ref, self.folder, self._place.points, self._record.cursor)
        self._record.points = self._merging.points
        if self._handover is not None:
            self._handover = self._handed(self._handover.content, redelivered=False)

    def _skip_to(self, position: Position) -> None:
        """Take the vendor's word for what it has, where our own cursor was lost or another store gave it.

        Batches go in order and points go last in each, so all before the place is there.
        """
        reader, life, record = JournalReader(self.folder), RunLife(), self._record
        points, record.delivered = 0, 0
        for placed in reader.events(until=position):
            life.apply(placed.event)
            record.delivered += 1
            if isinstance(placed.event, MetricsLogged):
                points += len(placed.event.metrics)
            elif isinstance(placed.event, ArtifactLogged):
                record.version_of(placed.event.name, placed.event.files)
        # Letters that were given again count, too: their places are taken.
        record.points = max(points, record.points, self._place.points)
        record.inflight, record.cursor = None, dict(reader.position)
        self._life, self._reader, self._handover = life, reader, None

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
        batch = self._redelivery.current if self._redelivery is not None else self._handover
        if batch is not None and self._started and not batch.apart:
            batch.apart = True
            return self._retry(error)
        return self._stop("stopped", f"{error}; it failed {self._unknown_failures} times: `trackhub sync` tries again")

    def _stop(self, state: State, error: str) -> float:
        self._set(state, error)
        self._save()
        self._halted = True
        # A person mends it, then syncs: whoever does that is not to find the run locked.
        self._reader = self._handover = self._redelivery = self._merging = None
        self._started = False
        self._lock.release()
        self._around.failed(self.folder.id, self._name, error)
        return float("inf")

    def _got_through_elsewhere(self) -> bool:
        """Return whether somebody else could deliver since this lane was halted: then it goes on, too."""
        newest = self._file.read()
        if newest is None or newest.state in HALTED or newest.updated <= self._record.updated:
            return False
        self._halted = False
        self._failures = self._unknown_failures = 0
        return True

    def _keep(self) -> None:
        """Save the record, or give nothing."""
        with kept("the cursor"):
            self._file.write(self._record)

    def _save(self) -> None:
        try:
            self._file.write(self._record)
        except OSError as error:  # a full disk must not end the lane: the cursor is only late
            log.warning("%s: the cursor cannot be kept: %s", self._name, error)
