"""Name the values that cross the plugin boundary: frozen, plain, and the same for every vendor.

Times are UTC nanoseconds since the epoch. New fields come with defaults, so that adding one
breaks no plugin.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from trackhub.types import EndStatus, Scalar, Status, Step, Value


class RunRef(msgspec.Struct, frozen=True, kw_only=True):
    """Point at a run on a vendor.

    :ivar id: the vendor's own id of the run.
    :ivar url: where people see it, if the vendor has pages.
    :ivar position: the newest journal position kept with the vendor, as given in :class:`Batch`.
    """

    id: str
    url: str | None = None
    position: str | None = None


class ParentRun(msgspec.Struct, frozen=True, kw_only=True):
    """Name a run's parent: our id, and the vendor's if it has been delivered there."""

    id: str
    ref: RunRef | None = None


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Say what is known of a run when a backend creates it, or finds it again by ``id``."""

    id: str
    name: str
    project: str
    started: int
    parent: ParentRun | None = None
    group: str | None = None
    resumed: bool = False


class RunEnd(msgspec.Struct, frozen=True, kw_only=True):
    """Say how and when a run ended; ``reason`` is the exception or the signal, if any."""

    status: EndStatus
    time: int
    reason: str = ""


class Param(msgspec.Struct, frozen=True):
    """Hold one param, set once; ``overwritten`` marks a later value that the user allowed."""

    name: str
    value: Value
    time: int
    overwritten: bool = False


class MetricPoint(msgspec.Struct, frozen=True, gc=False):
    """Hold one value of a series, with the step as the user gave it."""

    name: str
    value: Scalar
    step: Step
    time: int


class MetricColumns(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Hold points of one series as columns: NumPy arrays of one dimension and the same length.

    :ivar step: int64; float64, where NaN is a missing step and a whole one is an int; objects
        where neither says every step exactly.
    :ivar value: float64, int64 or bool; objects where none holds every value exactly.
    :ivar time: int64, UTC nanoseconds.
    """

    name: str
    step: Any
    value: Any
    time: Any

    def points(self) -> Iterator[MetricPoint]:
        """Yield the points one by one."""
        whole = self.step.dtype.kind == "f"
        for step, value, time in zip(self.step.tolist(), self.value.tolist(), self.time.tolist(), strict=True):
            plain = step
            if isinstance(step, float):
                plain = None if step != step else int(step) if whole and step.is_integer() else step  # noqa: PLR0124
            yield MetricPoint(self.name, value, plain, time)


class Tag(msgspec.Struct, frozen=True):
    """Hold one tag; a later one of the same name replaces it."""

    name: str
    value: str
    time: int


class ArtifactFile(msgspec.Struct, frozen=True, kw_only=True):
    """Name one file of an artifact and where its bytes lie on this machine.

    :ivar path: the file's place inside the artifact, with ``/``.
    """

    path: str
    sha256: str
    size: int
    source: Path


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """Hold named bytes.

    :ivar version: 1 for the first content of this name in the run, 2 for the next, and so on.
    """

    name: str
    type: str
    time: int
    files: tuple[ArtifactFile, ...]
    version: int = 1


class ModelVersion(msgspec.Struct, frozen=True, kw_only=True):
    """Name an artifact of a run as a version of a model.

    :ivar artifact: which artifact it is, and ``version`` which of its contents, as in :class:`Artifact`.
    :ivar time: when it was registered.
    """

    model: str
    artifact: str
    version: int
    time: int


class ModelAlias(msgspec.Struct, frozen=True, kw_only=True):
    """Move an alias of a model to a version that the run registered; it stands where its newest move left it.

    :ivar time: when it was moved.
    """

    model: str
    alias: str
    artifact: str
    version: int
    time: int


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Say where a batch of points stands in its run.

    :ivar start: how many points of the run this destination was given before, those it refused
        too; the same when the batch is given again.
    :ivar redelivered: this very batch was given before and its outcome is not known.
    :ivar position: the journal position after the batch, to keep with the vendor where it can.
    """

    start: int
    redelivered: bool = False
    position: str | None = None


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Say how a backend fitted something into what its vendor can hold; counted and shown.

    :ivar kind: one word for the count, such as ``escaped``, ``beside``, ``merged``.
    """

    kind: str
    subject: str
    detail: str


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """Say what answered at a destination."""

    version: str
    account: str | None = None
    detail: str = ""


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Hold a run as a store or a vendor tells it back.

    :ivar id: our run id where the vendor keeps it, else the vendor's.
    :ivar metrics: each metric's last value.
    :ivar notes: what of the run the source could not say, or could not say exactly, by name.
    """

    id: str
    name: str
    project: str
    status: Status
    started: int | None = None
    ended: int | None = None
    params: dict[str, Any] = {}
    tags: dict[str, str] = {}
    metrics: dict[str, Scalar] = {}
    points: int | None = None
    parent: str | None = None
    group: str | None = None
    ref: RunRef | None = None
    reason: str = ""
    environment: dict[str, Any] = {}
    notes: tuple[Note, ...] = ()


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """Name one artifact file as a vendor lists it.

    :ivar path: unique in the run: the artifact's name, and the file's place in it where they differ.
    :ivar artifact: which artifact it belongs to; ``type``, ``version`` and ``time`` are that one's.
    :ivar file: the file's place inside the artifact.
    """

    path: str
    size: int | None = None
    sha256: str | None = None
    artifact: str | None = None
    file: str | None = None
    type: str | None = None
    version: int = 1
    time: int | None = None


class AliasMove(msgspec.Struct, frozen=True):
    """Say when an alias was moved to a version."""

    alias: str
    time: int


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one version of a model as a store or a vendor tells it back.

    :ivar run_id: the run that registered it: our id where the vendor keeps it, else the vendor's.
    :ivar artifact: which artifact of that run, and ``version`` which of its contents.
    :ivar number: the vendor's own number of the version.
    :ivar aliases: those that stand on it now.
    :ivar moves: every move of an alias to it, in order of time, though the alias may have gone on.
    """

    model: str
    run_id: str
    artifact: str
    version: int = 1
    time: int | None = None
    number: str | None = None
    aliases: tuple[str, ...] = ()
    moves: tuple[AliasMove, ...] = ()
