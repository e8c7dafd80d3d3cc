"""Write the end of an attempt that will not write it itself: its process is gone, or never was here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from trackhub.journal.journal import JournalReader
from trackhub.journal.liveness import vanished
from trackhub.journal.segment import IMPORT, SegmentHeader
from trackhub.journal.store import RunFolder
from trackhub.journal.writer import JournalWriter
from trackhub.model.events import RunEnded, RunResumed, RunStarted
from trackhub.model.life import RunLife

NewHeader = Callable[[], SegmentHeader]
VANISHED = "its process vanished without ending the run"
RESUMED_HERE = "it was running elsewhere when it was resumed here"


def end_attempt(folder: RunFolder, attempt: str, new_header: NewHeader) -> bool:
    """End an attempt whose process is known to be gone; return whether it was open.

    The end is inferred, so what the process itself said, if it did, outranks it.
    """
    opened = _Opened(folder)
    life = opened.life
    if attempt not in life.open_attempts:
        return False
    # The clock may have been set back: an attempt ends no earlier than what the run knows of.
    _write(folder, attempt, new_header, max(time.time_ns(), life.last), VANISHED)
    return True


def end_vanished(folder: RunFolder, new_header: NewHeader, *, silence_s: float, imported: bool = False) -> bool:
    """End every attempt whose process cannot be alive any more; return whether there was one.

    :param silence_s: how long a process that cannot be looked at may have written nothing.
    :param imported: end what an import left open, too, since the run goes on here. As all that is inferred,
        it is outranked by the end that a later import brings.
    """
    opened = _Opened(folder)
    last, now, found = opened.life.last, time.time_ns(), False
    for attempt, header in opened.headers():
        reason = VANISHED
        if header is None:  # damaged: silence is all there is to go by
            over = now - last > silence_s * 1e9
        elif header.role == IMPORT:
            over, reason = imported, RESUMED_HERE
        else:
            over = vanished(header, last_event=last, now=now, silence_s=silence_s)
        if over:
            _write(folder, attempt, new_header, last, reason)
            found = True
    return found


class _Opened:
    """Read how a run stands, and which segment began each attempt: an import's is called otherwise than it."""

    def __init__(self, folder: RunFolder) -> None:
        self.life = RunLife()
        self._reader = JournalReader(folder)
        self._began: dict[str, str] = {}
        for placed in self._reader.events():
            self.life.apply(placed.event)
            if isinstance(placed.event, RunStarted | RunResumed):
                self._began.setdefault(placed.event.attempt, placed.segment)

    def headers(self) -> Iterator[tuple[str, SegmentHeader | None]]:
        """Yield the open attempts, and who began each where that can be read."""
        for attempt in self.life.open_attempts:
            yield attempt, self._reader.headers.get(self._began.get(attempt, attempt))


def _write(folder: RunFolder, attempt: str, new_header: NewHeader, time_ns: int, reason: str) -> None:
    writer = JournalWriter(folder.journal, new_header)
    writer.append(RunEnded(time=time_ns, status="crashed", attempt=attempt, reason=reason, inferred=True))
    writer.close()
