"""Write the end that a vanished process could not write itself."""

from __future__ import annotations

import time
from collections.abc import Callable

from trackhub.journal.journal import JournalReader
from trackhub.journal.liveness import vanished
from trackhub.journal.segment import IMPORT, SegmentHeader
from trackhub.journal.store import RunFolder
from trackhub.journal.writer import JournalWriter
from trackhub.model.events import RunEnded
from trackhub.model.life import RunLife

NewHeader = Callable[[], SegmentHeader]


def end_attempt(folder: RunFolder, attempt: str, new_header: NewHeader) -> bool:
    """End an attempt whose process is known to be gone; return whether it was open.

    The end is inferred, so what the process itself said, if it did, outranks it.
    """
    life, _ = _read(folder)
    if attempt not in life.open_attempts:
        return False
    _write(folder, attempt, new_header, time.time_ns(), "its process vanished without ending the run")
    return True


def end_vanished(folder: RunFolder, new_header: NewHeader, *, silence_s: float) -> bool:
    """End every attempt whose process cannot be alive any more; return whether there was one.

    :param silence_s: how long a process on another machine may have written nothing.
    """
    life, reader = _read(folder)
    if not life.open_attempts:
        return False
    last, now, found = life.last, time.time_ns(), False
    for attempt in life.open_attempts:
        header = reader.headers.get(attempt)
        if header is None or header.role == IMPORT:
            continue
        if vanished(header, last_event=last, now=now, silence_s=silence_s):
            _write(folder, attempt, new_header, last, "its process vanished without ending the run")
            found = True
    return found


def _read(folder: RunFolder) -> tuple[RunLife, JournalReader]:
    life, reader = RunLife(), JournalReader(folder)
    for placed in reader.events():
        life.apply(placed.event)
    return life, reader


def _write(folder: RunFolder, attempt: str, new_header: NewHeader, time_ns: int, reason: str) -> None:
    writer = JournalWriter(folder.journal, new_header)
    writer.append(RunEnded(time=time_ns, status="crashed", attempt=attempt, reason=reason, inferred=True))
    writer.close()
