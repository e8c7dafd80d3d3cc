"""Show one run, from a store or from a vendor, in the same words; what is large is read when asked for."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Protocol

from trackhub.model.entities import StoredFile
from trackhub.query.series import Series
from trackhub.query.summary import RunSummary
from trackhub.types import Scalar, Status

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Origin(Protocol):
    """Read what a summary does not hold."""

    def series(self, name: str) -> Series:
        """Return every point of a metric."""

    def files(self) -> tuple[StoredFile, ...]:
        """Return the artifact files, each artifact's newest version."""

    def fetch(self, file: StoredFile) -> Path:
        """Return where an artifact file lies on this machine, bringing it here if need be."""


class RunView:
    """Hold a run for reading.

    :ivar summary: the same with times in nanoseconds, and with each metric's last step and count.
    """

    __slots__ = ("_origin", "summary")

    def __init__(self, summary: RunSummary, origin: Origin) -> None:
        self.summary = summary
        self._origin = origin

    def __repr__(self) -> str:
        return f"<RunView {self.name} {self.id} {self.status}>"

    @property
    def id(self) -> str:
        """Return the run's id."""
        return self.summary.id

    @property
    def name(self) -> str:
        """Return the run's name, unique in its project."""
        return self.summary.name

    @property
    def project(self) -> str:
        """Return the run's project."""
        return self.summary.project

    @property
    def status(self) -> Status:
        """Return how the run stands."""
        return self.summary.status

    @property
    def started(self) -> datetime.datetime | None:
        """Return when the run began, in UTC."""
        return moment(self.summary.started)

    @property
    def ended(self) -> datetime.datetime | None:
        """Return when the run ended, in UTC; None while it runs."""
        return moment(self.summary.ended)

    @property
    def params(self) -> dict[str, Any]:
        """Return the params under their dotted keys."""
        return self.summary.params

    @property
    def tags(self) -> dict[str, str]:
        """Return the tags."""
        return self.summary.tags

    @property
    def metrics(self) -> dict[str, Scalar]:
        """Return each metric's newest value."""
        return {name: last.value for name, last in self.summary.metrics.items()}

    @property
    def points(self) -> int | None:
        """Return how many metric points there are; None where a vendor does not say."""
        return self.summary.points

    @property
    def parent(self) -> str | None:
        """Return the id of the run that this one belongs to."""
        return self.summary.parent

    @property
    def group(self) -> str | None:
        """Return the group that the run was put in."""
        return self.summary.group

    @property
    def artifacts(self) -> tuple[StoredFile, ...]:
        """Return the artifact files as ``<artifact>/<file>``, each artifact's newest version."""
        return self._origin.files()

    def artifact_path(self, name: str) -> Path:
        """Return where an artifact file lies on this machine, bringing it here if need be.

        :param name: ``<artifact>/<file>``, or the artifact's name where it is one file.
        :raises KeyError: there is none, or there are several; the message names them.
        """
        files = self.artifacts
        found = [file for file in files if file.path == name] or [
            file for file in files if file.path.startswith(f"{name}/")
        ]
        if len(found) == 1:
            return self._origin.fetch(found[0])
        if found:
            raise KeyError(f"artifact {name!r} has {len(found)} files: name one, such as {found[0].path!r}")
        raise KeyError(f"{self.name} has no artifact {name!r}{near(name, [file.path for file in files])}")

    def history(self, name: str) -> Series:
        """Return every point of a metric, in the order they were logged.

        :raises KeyError: the run has no such metric; the message names the nearest.
        """
        if name not in self.summary.metrics:
            raise KeyError(f"{self.name} has no metric {name!r}{near(name, list(self.summary.metrics))}")
        return self._origin.series(name)


def near(name: str, known: Sequence[str]) -> str:
    """Return the end of a sentence that names what is like a name.

    >>> near("los", ["loss", "acc"]), near("calm", ["calm-otter-3f9a", "acc"])
    ("; did you mean 'loss'?", "; did you mean 'calm-otter-3f9a'?")
    """
    # Who types the half of a long name is not close to it by the measure of edits.
    found = get_close_matches(name, known, n=3) or [one for one in known if name and name in one][:3]
    return f"; did you mean {' or '.join(map(repr, found))}?" if found else ""


def moment(nanoseconds: int | None) -> datetime.datetime | None:
    """Return a time as Python has it, to the microsecond, in UTC."""
    return None if nanoseconds is None else _EPOCH + datetime.timedelta(microseconds=nanoseconds // 1000)
