"""Fold events into a run's identity and status; lanes and readers share this one rule.

A run is opened by attempts: the first start, and each resume. It runs while one of them is
open; otherwise it stands as the attempt that ended last.
"""

from __future__ import annotations

from trackhub.model.entities import RunEnd
from trackhub.model.events import Event, RunEnded, RunResumed, RunStarted
from trackhub.types import Status


class RunLife:
    """Follow who a run is and how it stands.

    >>> life = RunLife()
    >>> life.apply(RunStarted(time=1, id="0" * 32, name="a", project="p", attempt="w1"))
    >>> life.status
    'running'
    >>> life.apply(RunEnded(time=9, status="finished", attempt="w1"))
    >>> life.status, life.end.time
    ('finished', 9)
    """

    __slots__ = ("_attempts", "last", "started")

    def __init__(self) -> None:
        self.started: RunStarted | None = None
        self.last = 0
        self._attempts: dict[str, RunEnded | None] = {}

    def apply(self, event: Event) -> None:
        """Take one event into account; most kinds only move ``last``, the newest event's time."""
        self.last = max(self.last, event.time)
        if isinstance(event, RunStarted):
            if self.started is None or event.time < self.started.time:
                self.started = event
            self._attempts.setdefault(event.attempt, None)
        elif isinstance(event, RunResumed):
            self._attempts.setdefault(event.attempt, None)
        elif isinstance(event, RunEnded):
            known = self._attempts.get(event.attempt)
            # What the process itself said outranks what another one inferred.
            if known is None or (known.inferred, event.time) > (event.inferred, known.time):
                self._attempts[event.attempt] = event

    @property
    def attempts(self) -> tuple[str, ...]:
        """Return every attempt, the first one first."""
        return tuple(self._attempts)

    @property
    def open_attempts(self) -> tuple[str, ...]:
        """Return the attempts that have not ended."""
        return tuple(attempt for attempt, end in self._attempts.items() if end is None)

    @property
    def closed_attempts(self) -> tuple[str, ...]:
        """Return the attempts that said themselves how they ended: nothing comes after that."""
        return tuple(attempt for attempt, end in self._attempts.items() if end is not None and not end.inferred)

    @property
    def resumed(self) -> bool:
        """Return whether the run was opened more than once."""
        return len(self._attempts) > 1

    @property
    def end(self) -> RunEnd | None:
        """Return how the run ended, or None while an attempt is open."""
        if not self._attempts or self.open_attempts:
            return None
        ends = [end for end in self._attempts.values() if end is not None]
        last = max(ends, key=lambda end: (end.time, end.inferred))
        return RunEnd(status=last.status, time=last.time, reason=last.reason)

    @property
    def status(self) -> Status:
        """Return how the run stands."""
        end = self.end
        return end.status if end else "running"
