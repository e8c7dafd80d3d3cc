"""Say what the delivery asks of a Neptune, whichever it is; each client's module gives it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from trackhub.model.entities import Connection, RunInfo

Plain = str | int | float | bool


class Row(NamedTuple):
    """Hold a point as Neptune does; the step is in millionths."""

    step: int
    ms: int
    value: float | str


class Moment(NamedTuple):
    """Hold a date and time for people to read, in milliseconds."""

    ms: int


class Held(NamedTuple):
    """Hold an attribute as a reader sees it.

    :ivar kind: ``string``, ``int``, ``float``, ``bool``, ``file``, ``floats``, ``texts``, or what else Neptune says.
    :ivar value: the value, or a series' last one.
    """

    kind: str
    value: object


@dataclass(slots=True)
class Changes:
    """Gather what one request changes; paths are Neptune's."""

    plain: dict[str, Plain | Moment] = field(default_factory=dict)
    sets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    floats: dict[str, list[Row]] = field(default_factory=dict)
    texts: dict[str, list[Row]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Return whether there is anything to change."""
        return bool(self.plain or self.sets or self.floats or self.texts)


class Bounds(NamedTuple):
    """Say what one attribute can hold.

    :ivar text: characters of a string.
    :ivar entry: characters of one entry of a series of strings.
    :ivar bits: bits of an integer, with its sign.
    """

    text: int
    entry: int
    bits: int


class Service(Protocol):
    """Speak to one project of one Neptune; every method returns when the server has answered for good.

    :ivar shown: the destination, for messages.
    """

    shown: str
    bounds: Bounds

    def create(self, run: RunInfo) -> str:
        """Create the run of our id, or find it; return the id by which Neptune knows it."""

    def page(self, run: str) -> str | None:
        """Return where people see a run."""

    def find(self, run_id: str) -> str | None:
        """Return Neptune's id of the run that has ours, if there is one."""

    def runs(self, paths: Iterable[str]) -> Iterator[tuple[str, Mapping[str, Held]]]:
        """Yield every run of the project with some of its attributes."""

    def attributes(self, run: str) -> dict[str, Held]:
        """Return all that is known of a run but the points of its series."""

    def change(self, run: str, changes: Changes) -> None:
        """Change a run.

        :raises Rejected: something of it can never be taken; the rest may have been.
        """

    def last_rows(self, run: str, paths: Mapping[str, str]) -> dict[str, Row]:
        """Return the newest row of each series that has one; their kinds are ``floats`` or ``texts``."""

    def rows(self, run: str, path: str, kind: str) -> Iterator[Row]:
        """Yield every row of a series, in its order."""

    def upload(self, run: str, path: str, source: Path) -> None:
        """Keep a file under a path; one that is there is replaced."""

    def download(self, run: str, path: str, target: Path) -> None:
        """Write a file to a local path."""

    def check(self, deadline: float) -> Connection:
        """Ask who is there, by a ``time.monotonic()`` deadline."""

    def close(self) -> None:
        """Close the connections."""
