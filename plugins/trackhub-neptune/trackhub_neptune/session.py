"""Hold what every hook needs: the service, and what is known of each run; the service comes from outside."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator

from trackhub.errors import RetryLater
from trackhub.model.entities import RunRef
from trackhub_neptune.known import Known
from trackhub_neptune.service import Changes, Service

_SEEN = "trackhub/seen"
_PATIENCE_S = 20.0
_PAUSE_S = 0.1


class Session:
    """Speak to one project of one Neptune; made without I/O, used by one lane's thread."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._known_runs: dict[str, Known] = {}

    def _known(self, run: str) -> Known:
        """Return what is known of a run; nothing is, after anything failed."""
        if run not in self._known_runs:
            self._known_runs[run] = self._settled(run)
        return self._known_runs[run]

    @contextlib.contextmanager
    def _writing(self, ref: RunRef) -> Iterator[Known]:
        """Give what is known of a run, and forget it where a call fails: nobody knows what was taken."""
        try:
            yield self._known(ref.id)
        except BaseException:
            self._known_runs.pop(ref.id, None)
            raise

    def _settled(self, run: str) -> Known:
        """Return a run as it is once all that was written before can be read.

        A reader may be behind what a server took. It has caught up when it tells a text that is
        written now, as the writes of a run keep their order.
        """
        text = uuid.uuid4().hex
        self._service.change(run, Changes(plain={_SEEN: text}))
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            held = self._service.attributes(run)
            if _SEEN in held and held[_SEEN].value == text:
                return Known(self._service, run, held)
            if time.monotonic() > deadline:
                raise RetryLater(f"{self._service.shown}: what was written to the run cannot be read yet")
            time.sleep(_PAUSE_S)

    def _ref(self, known: Known) -> RunRef:
        return RunRef(id=known.run, url=self._service.page(known.run), position=known.tail.position or None)
