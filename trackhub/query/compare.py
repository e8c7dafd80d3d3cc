"""Hold a run as a vendor tells it back against its journal; reads both, writes to neither.

Points are compared as a multiset of name, step, time to the millisecond, and value: a point that
is there twice, moved or rounded is a difference. What a vendor adds of its own is none.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

import msgspec

from trackhub.backend import BackendCalls
from trackhub.journal.journal import JournalReader
from trackhub.journal.store import RunFolder
from trackhub.model.entities import MetricPoint, ModelRecord, RunRecord, RunRef, StoredFile
from trackhub.model.events import MetricsLogged
from trackhub.model.identity import NS_PER_MS, PointIdentity, identity_of
from trackhub.query.summary import ArtifactVersion, RunDetail, RunSummary, read_detail
from trackhub.types import Status

_MOST_EXAMPLES = 10


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Name one thing that is not with the vendor as it is in the journal."""

    kind: str
    subject: str
    ours: Any
    theirs: Any


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """Tell how a run at a destination compares to its journal.

    :ivar status: how the run stands in the journal.
    :ivar ours: how much the journal holds, by kind; ``theirs`` what of it the vendor gave back.
    :ivar differing: how many differences there are, by kind; ``differences`` are some of them.
    :ivar unchecked: what the backend has no hook to read.
    """

    destination: str
    run: str
    name: str
    status: Status
    ours: dict[str, int] = {}
    theirs: dict[str, int] = {}
    differing: dict[str, int] = {}
    differences: tuple[Difference, ...] = ()
    unchecked: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Return whether all that could be read back is as it was logged."""
        return not self.differing


def verify(folder: RunFolder, calls: BackendCalls) -> VerifyReport:
    """Return how a run at a destination compares to its journal.

    :raises PluginError: the backend has no hook to read a run.
    """
    detail = read_detail(folder)
    ours = detail.summary
    comparison = _Comparison()
    record = calls.read_run(ours.id, ours.project)
    if record is None:
        comparison.differ("run", ours.id, "logged", None)
    else:
        comparison.compare(ours, record)
        ref = record.ref or RunRef(id=record.id)
        if calls.can("read_metrics"):
            comparison.points(_points(folder), calls.read_metrics(ref))
        else:
            comparison.unchecked.append("points")
        if calls.can("list_artifacts"):
            comparison.files(detail, calls.list_artifacts(ref))
        else:
            comparison.unchecked.append("files")
        if ours.models and calls.can("read_models"):
            comparison.models(ours.models, calls.read_models(None))
        elif ours.models:
            comparison.unchecked.append("models")
    return VerifyReport(
        destination=calls.destination.name or calls.destination.shown,
        run=ours.id,
        name=ours.name,
        status=ours.status,
        ours=comparison.ours,
        theirs=comparison.theirs,
        differing=dict(comparison.differing),
        differences=tuple(comparison.examples),
        unchecked=tuple(comparison.unchecked),
    )


class _Comparison:
    """Count what is compared, and gather what differs."""

    def __init__(self) -> None:
        self.ours: dict[str, int] = {}
        self.theirs: dict[str, int] = {}
        self.differing: Counter[str] = Counter()
        self.examples: list[Difference] = []
        self.unchecked: list[str] = []

    def differ(self, kind: str, subject: str, ours: Any, theirs: Any) -> None:
        """Take note of a difference."""
        self.differing[kind] += 1
        if self.differing[kind] <= _MOST_EXAMPLES:
            self.examples.append(Difference(kind=kind, subject=subject, ours=ours, theirs=theirs))

    def compare(self, ours: RunSummary, theirs: RunRecord) -> None:
        """Compare all that is said once: status, times, params, tags."""
        if ours.status != theirs.status:
            self.differ("status", "status", ours.status, theirs.status)
        for name in ("started", "ended"):
            mine, other = getattr(ours, name), getattr(theirs, name)
            if mine is not None and other is not None and mine // NS_PER_MS != other // NS_PER_MS:
                self.differ("time", name, mine, other)
        for kind in ("params", "tags"):
            mine, other = getattr(ours, kind), getattr(theirs, kind)
            self.ours[kind], self.theirs[kind] = len(mine), sum(name in other for name in mine)
            for name, value in mine.items():
                if name not in other or not _same_value(value, other[name]):
                    self.differ(kind, name, value, other.get(name))

    def points(self, ours: Iterable[MetricPoint], theirs: Iterable[MetricPoint]) -> None:
        """Compare the points, however they are ordered."""
        left: Counter[PointIdentity] = Counter(map(identity_of, theirs))
        self.theirs["points"] = left.total()
        self.ours["points"] = 0
        for point in ours:
            self.ours["points"] += 1
            left[identity_of(point)] -= 1
        for (name, step, time, value), surplus in left.items():
            for _ in range(abs(surplus)):
                shown = f"{value} at {time} ms"
                pair = (shown, None) if surplus < 0 else (None, shown)
                self.differ("points", f"{name}, step {step}", *pair)

    def files(self, detail: RunDetail, theirs: Iterable[StoredFile]) -> None:
        """Compare each artifact's newest version, by digest where the vendor tells it, else by size."""
        held: dict[Any, StoredFile] = {}
        plain: dict[str, StoredFile] = {}
        for file in theirs:
            held[file.path] = held[file.artifact, file.version, file.file] = file
            if file.artifact is None:
                plain[file.path] = file
        newest = {artifact.name: artifact for artifact in detail.artifacts}
        wanted = [(artifact, entry) for artifact in newest.values() for entry in artifact.files]
        found = 0
        for artifact, entry in wanted:
            path, sha256, size = f"{artifact.name}/{entry.path}", entry.sha256, entry.size
            # By what the vendor says it belongs to; by its path where the vendor does not say.
            told = held.get((artifact.name, artifact.version, entry.path)) or held.get(path)
            if told is None and _is_plain(artifact):
                told = plain.get(artifact.name)
            found += told is not None
            if told is None:
                self.differ("files", path, sha256, None)
            elif told.sha256 is not None and told.sha256 != sha256:
                self.differ("files", path, sha256, told.sha256)
            elif told.size is not None and told.size != size:
                self.differ("files", path, f"{size} bytes", f"{told.size} bytes")
        self.ours["files"], self.theirs["files"] = len(wanted), found

    def models(self, ours: Iterable[ModelRecord], theirs: Iterable[ModelRecord]) -> None:
        """Compare which versions were registered, and every move of an alias to them."""
        held = {(one.run_id, one.model, one.artifact, one.version): _moves(one) for one in theirs}
        self.ours["models"] = self.theirs["models"] = 0
        for one in ours:
            told = held.get((one.run_id, one.model, one.artifact, one.version))
            self.ours["models"] += 1
            self.theirs["models"] += told is not None
            if told != (moves := _moves(one)):
                shown = f"{one.artifact}, version {one.version}, moves {sorted(moves)}"
                self.differ("models", one.model, shown, None if told is None else f"moves {sorted(told)}")


def _moves(record: ModelRecord) -> set[tuple[str, int]]:
    return {(move.alias, move.time // NS_PER_MS) for move in record.moves}


def _is_plain(artifact: ArtifactVersion) -> bool:
    """Return whether an artifact is one file under its own name, which a vendor may list by that name alone."""
    return len(artifact.files) == 1 and PurePosixPath(artifact.name).name == artifact.files[0].path


def _points(folder: RunFolder) -> Iterator[MetricPoint]:
    for placed in JournalReader(folder).events():
        if isinstance(row := placed.event, MetricsLogged):
            for name, value in row.metrics.items():
                yield MetricPoint(name, value, row.step, row.time)


def _same_value(ours: Any, theirs: Any) -> bool:
    """Return whether a param or a tag is what was logged; a vendor may keep its text only."""
    if ours == theirs:
        return isinstance(ours, bool) == isinstance(theirs, bool)
    text = json.dumps(ours, sort_keys=True)  # in which NaN is equal to itself
    if isinstance(theirs, str) and not isinstance(ours, str):
        return theirs in {str(ours), text, json.dumps(ours)}
    return text == json.dumps(theirs, sort_keys=True)
