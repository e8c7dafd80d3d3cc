"""Hold what is known of one run on Comet while a lane writes to it; read from its others, or learned since."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

from trackhub.errors import Rejected
from trackhub.model.entities import Note, Param
from trackhub_comet import mapping
from trackhub_comet.beside import Beside
from trackhub_comet.names import escape
from trackhub_comet.pace import Pace
from trackhub_comet.shelf import POSITION, Shelf
from trackhub_comet.tail import Tail
from trackhub_comet.wire import Wire


class Paces:
    """Hold the rates of one destination: Comet publishes one for each kind of value.

    :param a_minute: of metric values; the others are in proportion.
    """

    def __init__(self, a_minute: int) -> None:
        self.metrics = Pace(a_minute)
        self.params = Pace(a_minute * 10 // 12)
        self.others = Pace(a_minute * 8 // 12)


class KnownRun:
    """Know one run.

    :param others: the run's others as Comet holds them.
    :ivar tail: how far it has come.
    :ivar doubtful: points may be there that the tail does not tell of as there.
    :ivar witnessed: this process has begun a request, so that it knows whether that is doubtful.
    :ivar backfilled: the points before the long part of the run are kept beside.
    """

    def __init__(self, wire: Wire, key: str, others: Mapping[str, str], paces: Paces, shown: str) -> None:
        self.key = key
        self.others = dict(others)
        self.tail = Tail.of(others.get(mapping.TAIL))
        self.doubtful = self.tail.trying > self.tail.end
        self.witnessed = False
        self.backfilled = False
        self.shelf = Shelf(wire, key)
        self.beside = Beside(self.shelf)
        self._wire = wire
        self._paces = paces
        self._shown = shown
        self._params: dict[str, str] | None = None
        self._beat = 0.0

    # ---- others --------------------------------------------------------------------------

    def put_other(self, name: str, text: str) -> None:
        """Set an other, unless it is so."""
        if self.others.get(name) != text:
            self._paces.others.take(1, self._shown)
            self._wire.put_other(self.key, name, text)
            self.others[name] = text

    def save_names(self, names: Mapping[str, str], notes: list[Note]) -> None:
        """Keep the names whose keys were cut, before anything is written under these keys.

        :param names: names by key.
        """
        for name, text in mapping.unsaved_names(names, self.others).items():
            self.put_other(name, self.fitted(name, text, []))
        notes += [
            Note(kind="escaped", subject=name, detail=f"Comet knows it as {key!r}")
            for key, name in names.items()
            if key != name
        ]

    def put_tail(self, tail: Tail) -> None:
        """Write how far the run has come; a position that is too long lies beside, until there is a newer one."""
        if not tail.fits:
            content = tail.position.encode()
            asset = self.shelf.id_of("trackhub/position", hashlib.sha256(content).hexdigest())
            self.shelf.put_bytes(asset, "trackhub/position", content, {"is": POSITION})
            tail = replace(tail, position="", beside=asset)
        self.put_other(mapping.TAIL, tail.text)
        before, self.tail = self.tail.beside, tail
        if before and before != tail.beside:
            self.shelf.delete(before)

    @property
    def position(self) -> str | None:
        """Return the newest position of the journal that is known to be there."""
        if self.tail.beside:
            return self.shelf.content(self.tail.beside).decode()
        return self.tail.position or None

    def fitted(self, subject: str, text: str, notes: list[Note]) -> str:
        """Return a text that Comet keeps whole; of a longer one, the beginning, and the whole is kept beside."""
        fitted = mapping.fit(text)
        if fitted.place is not None:
            self.shelf.put_text(text, fitted.place)
            notes.append(
                Note(kind="beside", subject=subject, detail=f"{len(text)} characters, whole in {fitted.place}")
            )
        return fitted.shown

    # ---- params --------------------------------------------------------------------------

    def put_params(self, params: Iterable[Param]) -> list[Note]:
        """Set params; one that has another value is set only where the user said so.

        :raises Rejected: a param has two values, and the user did not say that the second one counts.
        """
        notes: list[Note] = []
        names: dict[str, str] = {}
        texts: dict[str, str] = {}
        newest = 0
        held = self._held_params()
        for param in params:
            key = escape(param.name)
            text = self.fitted(param.name, mapping.param_text(param.value), notes)
            before = texts.get(key, held.get(key, text))
            if before != text and not param.overwritten:
                raise Rejected(
                    f"param {param.name!r}: Comet holds {before[:60]!r}, the journal says {text[:60]!r}; "
                    "log it under another name, or overwrite it"
                )
            names[key], texts[key], newest = param.name, text, max(newest, param.time)
        self.save_names(names, notes)
        new = {key: text for key, text in texts.items() if held.get(key) != text}
        if new:
            self._paces.params.take(len(new), self._shown)
            self._wire.put_params(self.key, new, newest // 1_000_000)
            held |= new
        return notes

    def _held_params(self) -> dict[str, str]:
        if self._params is None:
            self._params = self._wire.params(self.key)
        return self._params

    # ---- status --------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Return whether the run's end was given."""
        return self.others.get(mapping.STATUS, "running") != "running"

    def keep_state(self) -> None:
        """Tell Comet again how the run stands: whatever is written to one that has ended may make it run."""
        if self.ended:
            self.tell_end()
        elif time.monotonic() - self._beat > _BEAT_S:
            self._wire.put_state(self.key, running=True)
            self._beat = time.monotonic()

    def tell_end(self) -> None:
        """Tell Comet the end, last the time: Comet sets its own with the state."""
        status = self.others[mapping.STATUS]
        reason = mapping.readable(self.others.get(mapping.REASON, ""))
        self._wire.put_state(self.key, running=False, crashed=status != "finished", error=reason or None)
        self._wire.put_times(self.key, None, int(self.others[mapping.ENDED]) // 1_000_000)

    def forget(self) -> None:
        """Ask again for what another one, or a request that failed, may have changed."""
        self._params = None
        self.shelf.forget()


_BEAT_S = 30.0
