"""Keep the folder of one run: follow what its event files say, and append to a file of this process's own."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from trackhub_tensorboard.charts import Heads, draw
from trackhub_tensorboard.columns import Columns, columns_from, joined, points_of
from trackhub_tensorboard.events import opening
from trackhub_tensorboard.framing import Damage
from trackhub_tensorboard.records import Record, read
from trackhub_tensorboard.state import State

FRONT = "events.out.tfevents.0000000000.trackhub.front"
"""The HPARAMS page's row: made anew with each change, as TensorBoard reads it once, and first."""
_BINARY = getattr(os, "O_BINARY", 0)  # Windows would write its line ends
_OURS = re.compile(r"events\.out\.tfevents\.(\d{10,})\..*\.trackhub")


class RunFolder:
    """Be one run's folder; ``state`` is what is in its files.

    Event files are only ever appended to, and by who made them: a process that goes on with a run
    begins a file of its own, named so that it sorts last. So nothing changes beneath a TensorBoard that
    is reading, a torn end stays where it is, and what it was to hold comes into the next file.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.state = State()
        self.damages: dict[str, list[Damage]] = {}
        self._clock = clock
        self._read: dict[str, int] = {}
        self._torn: dict[tuple[str, int], tuple[int, Heads]] = {}
        self._mine: str | None = None

    def streams(self) -> list[str]:
        """Return our event files' names, oldest first."""
        return self.ours(one.name for one in self.path.iterdir())

    @staticmethod
    def ours(names: Iterable[str]) -> list[str]:
        """Return the names among some that are of our event files, oldest first."""
        found = {name: match for name in names if (match := _OURS.fullmatch(name))}
        return sorted(found, key=lambda name: (int(found[name][1]), name))

    def refresh(self) -> State:
        """Read what was added since the last time, by whomever."""
        for name in self.streams():
            for record in self._added(name):
                if record.torn:
                    self._apply_torn(name, record)
                else:
                    self.state.apply(record.kind, record.header)
        return self.state

    def adopt(self) -> None:
        """Go on in the file that is there, as this process made it with the folder."""
        [self._mine] = self.streams()

    def append(self, data: bytes) -> None:
        """Append records in one go; they are in the kernel's hands when this returns."""
        name = self._stream()
        file = os.open(self.path / name, os.O_WRONLY | os.O_APPEND | _BINARY)
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(file, left) :]
        except BaseException:
            self._mine = None  # nothing can follow half a record: the next try begins a file
            raise
        finally:
            os.close(file)

    def columns(self) -> Columns:
        """Return all points."""
        parts = []
        for name in self.streams():
            with (self.path / name).open("rb") as file:
                points = (record for record in read(file, 0) if record.kind == "points")
                parts += [(record.header["start"], columns_from(record.header, record.bodies)) for record in points]
        return joined(parts)

    def _added(self, name: str) -> Iterator[Record]:
        path, start = self.path / name, self._read.get(name, 0)
        if path.stat().st_size <= start:
            return
        damages: list[Damage] = []
        with path.open("rb") as file:
            for record in read(file, start, damages):
                self._read[name] = record.end
                yield record
        self.damages[name] = damages

    def _apply_torn(self, name: str, record: Record) -> None:
        """Take in what is there of a record's points, once: another process may be writing more of it."""
        header, heads = record.header, self.state.heads
        seen, before = self._torn.get(
            (name, record.end), (0, {one: heads.get(one, []) for one in record.header["names"]})
        )
        if header["count"] > seen:
            self._torn[name, record.end] = (header["count"], before)
            there = draw(points_of(columns_from(header, record.bodies)), before)
            self.state.apply(record.kind, {**header, "heads": there.heads})

    def _stream(self) -> str:
        if self._mine is not None and (self.path / self._mine).stat().st_size == self._read.get(self._mine):
            return self._mine
        newest = max((int(name.split(".")[3]) for name in self.streams()), default=0)
        self._mine = begin(self.path, max(int(self._clock()), newest + 1))
        self._read[self._mine] = (self.path / self._mine).stat().st_size
        return self._mine


def begin(folder: Path, second: int) -> str:
    """Make an event file and return its name."""
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:60]
    while True:
        name = f"events.out.tfevents.{second:010d}.{host}.{os.getpid()}.trackhub"
        try:
            file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
        except FileExistsError:
            second += 1
            continue
        try:
            with os.fdopen(file, "wb") as opened:
                opened.write(opening(second * 1_000_000_000))
        except BaseException:
            (folder / name).unlink()  # a full disk is tried again and again
            raise
        return name


def header_of(folder: Path) -> dict[str, Any] | None:
    """Return what a folder's first record says of its run, or None where it is no run of ours."""
    for name in RunFolder(folder).streams()[:1]:
        with (folder / name).open("rb") as file:
            return next((record.header for record in read(file, 0) if record.kind == "run"), None)
    return None
