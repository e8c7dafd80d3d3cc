"""Read what a run that is opened again has said so far, after ending whatever of it will not end itself."""

from __future__ import annotations

from trackhub.delivery.ending import NewHeader, end_vanished
from trackhub.journal.journal import JournalReader
from trackhub.journal.store import RunFolder
from trackhub.model.events import RunStarted
from trackhub.model.known import Known
from trackhub.model.life import RunLife


class LookBack:
    """Hold how a run began and what it logged.

    :ivar started: None while nobody has begun the run, of which only a folder is there.
    :ivar last: the newest event's time, by whichever clock.
    """

    def __init__(self) -> None:
        self.started: RunStarted | None = None
        self.known = Known()
        self.last = 0


def look_back(folder: RunFolder, new_header: NewHeader, *, silence_s: float) -> LookBack:
    """Return what a run has said, after ending attempts whose process is gone and those that were imported.

    :param silence_s: how long a process that cannot be looked at may have written nothing.
    """
    end_vanished(folder, new_header, silence_s=silence_s, imported=True)
    found, life = LookBack(), RunLife()
    for placed in JournalReader(folder).events():
        life.apply(placed.event)
        found.known.add(placed.event)
    found.started, found.last = life.started, life.last
    return found
