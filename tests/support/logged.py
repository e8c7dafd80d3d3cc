"""Make values as a lane gives them to a backend, with little to write."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from trackhub.model.entities import Artifact, ArtifactFile, MetricPoint, ParentRun, RunInfo
from trackhub.model.ids import new_run_id
from trackhub.types import Scalar, Step

START = 1_790_000_000_123_456_789


def run_info(
    project: str,
    *,
    run_id: str | None = None,
    name: str = "forest-1",
    parent: ParentRun | None = None,
    resumed: bool = False,
) -> RunInfo:
    """Return a run that began some time ago."""
    return RunInfo(id=run_id or new_run_id(), name=name, project=project, started=START, parent=parent, resumed=resumed)


def point(name: str, value: Scalar, step: Step = None, *, ms: int = 0) -> MetricPoint:
    """Return a point some milliseconds after the start."""
    return MetricPoint(name, value, step, START + ms * 1_000_000)


def artifact(folder: Path, name: str, files: dict[str, bytes], *, version: int = 1) -> Artifact:
    """Return an artifact whose files lie in a folder, named after their content as in a store."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for path, content in files.items():
        digest = hashlib.sha256(content).hexdigest()
        (folder / digest).write_bytes(content)
        entries.append(ArtifactFile(path=path, sha256=digest, size=len(content), source=folder / digest))
    return Artifact(name=name, type="file", time=time.time_ns(), files=tuple(entries), version=version)
