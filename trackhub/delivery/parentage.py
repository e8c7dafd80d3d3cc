"""Find a run's parent on a destination: it comes first, since the child names it; reads records, asks no vendor."""

from __future__ import annotations

from collections.abc import Callable

from trackhub.delivery.record import RecordFile
from trackhub.journal.store import RunFolder, Store
from trackhub.model.entities import ParentRun

WAIT_S = 10.0
"""How long a child waits for a parent that its store has, but that nobody delivers."""


class ParentFirst(Exception):  # noqa: N818  (it is no error)
    """Say that the parent's run must exist on the vendor before its child's."""


class Parentage:
    """Name a run's parent as one destination knows it.

    :param slug: the destination's.
    """

    def __init__(self, folder: RunFolder, slug: str, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._slug = slug
        self._clock = clock
        self._since: float | None = None

    def of(self, parent: str | None) -> ParentRun | None:
        """Return the parent, with its place on the vendor where it has one.

        :raises ParentFirst: it may soon have one.
        """
        if parent is None:
            return None
        folder = Store(self._folder.path.parents[2]).find(parent)
        if folder is None:
            return ParentRun(id=parent)
        record = RecordFile(folder, self._slug).read()
        if record is not None and record.ref is not None:
            return ParentRun(id=parent, ref=record.ref)
        now = self._clock()
        if self._since is None:
            self._since = now
        if now - self._since < WAIT_S:
            raise ParentFirst(f"run {parent} comes first: it is the parent of {self._folder.id}")
        return ParentRun(id=parent)
