"""Tell what an import brought, run by run, and what it could not."""

from __future__ import annotations

import msgspec

from trackhub.model.entities import Note
from trackhub.types import Status

UNREADABLE = "unreadable"
"""The kind of note that a source gives on what it has and cannot read: a folder, or a run."""


class ImportedRun(msgspec.Struct, frozen=True, kw_only=True):
    """Say how one run stands after an import.

    :ivar name: its name here, which a note tells if it has another one there; ``project`` likewise.
    :ivar source_id: the run's id where it came from.
    :ivar points: how many points the source has; ``files`` how many files.
    :ivar added: what of it was not in the store before, by kind; nothing, when all was.
    :ivar notes: what could not be said, or not exactly.
    :ivar error: why something of it that the source still has is not here; import again once that is mended.
    """

    id: str
    name: str
    project: str
    source_id: str
    status: Status
    points: int = 0
    files: int = 0
    added: dict[str, int] = {}
    notes: tuple[Note, ...] = ()
    error: str | None = None


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """Say what became of everything at a source.

    :ivar notes: what of the source is part of no run.
    """

    source: str
    runs: tuple[ImportedRun, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def complete(self) -> bool:
        """Return whether all is here that the source still has; what it has lost itself is in the notes."""
        return not any(run.error for run in self.runs) and not any(note.kind == UNREADABLE for note in self.notes)

    @property
    def left_out(self) -> dict[str, int]:
        """Return how much could not be said, or not exactly, by kind, over all runs."""
        counts: dict[str, int] = {}
        for note in (*self.notes, *(note for run in self.runs for note in run.notes)):
            counts[note.kind] = counts.get(note.kind, 0) + 1
        return counts


def renamed(there: str, here: str) -> tuple[Note, ...]:
    """Return a note if a run has another name here than where it came from."""
    if here == there:
        return ()
    return (Note(kind="renamed", subject=there, detail=f"it is {here!r} here"),)
