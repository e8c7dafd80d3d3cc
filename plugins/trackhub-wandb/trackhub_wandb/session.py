"""Hold what every hook needs: a courier, and what is known of each run; made without I/O, used by one lane's thread."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from trackhub.errors import RetryLater
from trackhub.model.entities import RunRef
from trackhub_wandb.address import Address
from trackhub_wandb.courier import POOL, Courier, Failed
from trackhub_wandb.rows import POINTS, POSITION, SKIPPED, Row, in_order
from trackhub_wandb.truth import Truth

_PATIENCE = 2.5
"""How many timeouts of the SDK one question may take: it asks several things, and tries again."""
_LONGEST_S = 58.0
_UPLOAD_BYTES_S = 250_000
_LOOK_S = 0.05
_SELDOM_S = 0.5
_SENDS_S = 1.0
"""How long the SDK gathers rows of a run that is kept open."""
_REST_S = 5.0
_PIECE = 1000


@dataclass
class KnownRun:
    """Know one run at W&B.

    :ivar rows: the number behind that of its last row, as far as they were acknowledged.
    :ivar skipped: how many numbers before it have no row.
    :ivar points: how many points there are; None if nobody has looked.
    :ivar surplus: how many lines the server keeps beyond those rows, as it kept what was sent again.
    :ivar kept_by: the courier that keeps it open, and has sent all those rows.
    :ivar noted: the names of which a note was given.
    """

    project: str
    id: str
    truth: Truth
    rows: int = 0
    skipped: int = 0
    points: int | None = None
    surplus: int = 0
    kept_by: Courier | None = None
    noted: set[str] = field(default_factory=set)


class Session:
    """Speak to one W&B server."""

    def __init__(self, address: Address, *, timeout_s: float, settle_s: float, live: bool) -> None:
        self._address = address
        self._live = live
        self._timeout_s = timeout_s
        self._settle_s = settle_s
        self._known_runs: dict[str, KnownRun] = {}
        self._courier: Courier | None = None

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """Raise what the SDK raises inside as an error that a lane understands."""
        try:
            yield
        except Failed as error:
            raise error.meant(self._address.shown) from None
        except RetryLater as error:
            shown = self._address.shown
            text = str(error)
            said = text if text.startswith(shown) else f"{shown}: {text}"
            raise RetryLater(said, retry_after_s=error.retry_after_s) from None

    def _ask(self, what: str, *, within_s: float | None = None, size: int = 0, **given: Any) -> Any:
        if self._courier is None or not self._courier.alive:
            self._courier = POOL.take(self._address.server, self._address.key, self._timeout_s)
        limit = min(self._timeout_s * _PATIENCE, _LONGEST_S) if within_s is None else within_s
        return self._courier.ask(what, given, limit + size / _UPLOAD_BYTES_S)

    def _ask_of(self, what: str, known: KnownRun, *, size: int = 0, **given: Any) -> Any:
        return self._ask(what, size=size, entity=self._address.entity, project=known.project, run=known.id, **given)

    def _rest(self) -> None:
        """Let somebody else use the courier."""
        courier, self._courier = self._courier, None
        if courier is not None and courier.alive:
            try:
                courier.ask("rest", {}, _REST_S)
            except (RetryLater, Failed):
                courier.end()  # nothing is lost: what was not acknowledged is given again
                return
            POOL.give_back(courier, self._address.server, self._address.key, self._timeout_s)

    def _known(self, ref: RunRef) -> KnownRun:
        """Return what is known of a run that was started."""
        if ref.id not in self._known_runs:
            project, _, run = ref.id.rpartition("/")
            found = self._ask("find", entity=self._address.entity, project=project, run=run)
            if found is None:
                raise RetryLater(f"{self._address.shown}: the run {ref.id} is not there; was it deleted?")
            self._known_runs[ref.id] = KnownRun(project, run, Truth.read(found["config"]))
        return self._known_runs[ref.id]

    def _settled(self, known: KnownRun) -> None:
        """Learn how many rows the server holds, once all that it tells agrees.

        The SDK goes on at the line that the server names, with the number behind the last one that the server
        names: while one of them lags behind, rows would be lost or come twice.
        """
        deadline = time.monotonic() + self._settle_s
        while True:
            found = self._ask_of("find", known)
            if found is None:
                raise RetryLater(f"the run {known.project}/{known.id} is not there; was it deleted?")
            rows, lines = found["last"] + 1, found["lines"]
            if rows > known.rows or known.points is None:
                self._look(known, rows)
            surplus = lines - (rows - known.skipped)
            if rows == known.rows and surplus == known.surplus:
                return
            if time.monotonic() > deadline:
                if rows < known.rows or surplus < 0:
                    raise RetryLater(
                        f"W&B tells of {lines} lines, the last of number {rows - 1}, and took {known.rows - 1}; "
                        "it lags behind, or has lost some"
                    )
                known.surplus = surplus
                return
            time.sleep(_LOOK_S)

    def _look(self, known: KnownRun, rows: int) -> None:
        """Learn from the last row how many points there are."""
        points, skipped = 0, 0
        if rows:
            (row,) = self._rows(known, rows - 1, rows) or [{}]
            if POINTS not in row:
                place = f"{known.project}/{known.id}"
                raise RetryLater(f"row {rows - 1} of the run {place} is none of trackhub's; who wrote it?")
            points, skipped = int(row[POINTS]), int(row.get(SKIPPED) or 0)
        known.rows, known.points, known.skipped = rows, points, skipped

    def _arrived(self, known: KnownRun, rows: int, points: int, skipped: int) -> None:
        """Wait until the server tells of so many rows."""
        deadline = time.monotonic() + self._settle_s
        pause = _LOOK_S
        if known.kept_by is not None:
            time.sleep(_SENDS_S)
        while (held := self._ask_of("last", known) + 1) < rows:
            if time.monotonic() > deadline:
                self._drop()
                raise RetryLater(f"W&B tells of {held} rows, and was given {rows}; what is missing is given again")
            time.sleep(pause)
            pause = min(pause * 1.5, _SELDOM_S)
        known.rows, known.points, known.skipped = rows, points, skipped

    def _drop(self) -> None:
        """End the SDK's process: what it still has of a session must not arrive behind what comes next."""
        if self._courier is not None:
            self._courier.end()
            self._courier = None

    def _rows(self, known: KnownRun, first: int, end: int) -> list[Row]:
        """Return the rows in a range of numbers, each once.

        A page holds as many rows as it has numbers: where a server keeps copies, others do not fit in, and are asked
        for again. Of a run that is not ours, numbers may be missing as they like.
        """
        rows = in_order(self._ask_of("rows", known, first=first, end=end))
        if not rows or POINTS not in rows[-1]:
            return rows
        numbers = [int(row["_step"]) for row in rows]
        for before, after in zip([first - 1, *numbers], [*numbers, end], strict=True):
            if after - before > 1 and (before >= first or after < end):
                rows += self._rows(known, before + 1, after)
        return in_order(rows)

    def _position(self, known: KnownRun) -> str | None:
        """Return the newest position among a run's rows: the last row of a batch has it."""
        end = known.rows
        while end > 0:
            first = max(end - _PIECE, 0)
            for row in reversed(self._rows(known, first, end)):
                if POSITION in row and row[POSITION] is not None:
                    return str(row[POSITION])
            end = first
        return None
