"""Compare what was logged with what a backend reads back from its server; nothing is taken on trust.

Points are compared as a multiset, with the types of values and steps: order within a series is not
promised by every vendor, counts are.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from trackhub.model.entities import Artifact, MetricPoint, Param, RunRecord, RunRef, Tag

_MS = 1_000_000


def differences(
    backend: object,
    ref: RunRef,
    *,
    run_id: str = "",
    project: str = "",
    points: Iterable[MetricPoint] | None = None,
    params: Iterable[Param] | None = None,
    tags: Iterable[Tag] | None = None,
    artifacts: Iterable[Artifact] | None = None,
    resolution_ns: int = _MS,
) -> list[str]:
    """Return what the server has too little, too much or otherwise; an empty list is a pass.

    :param backend: a backend with ``trackhub_`` hooks, or a lane's typed calls.
    :param points: those of the whole run; what is None is not compared.
    :param resolution_ns: what the vendor's times are a multiple of.
    """
    found: list[str] = []
    if points is not None:
        found += _point_differences(_call(backend, "read_metrics", ref), points, resolution_ns)
    if params is not None or tags is not None:
        record: RunRecord | None = _call(backend, "read_run", run_id, project)
        if record is None:
            return [*found, f"run {run_id} is not there"]
        if params is not None:
            found += _mapping_differences("param", record.params, {param.name: param.value for param in params})
        if tags is not None:
            found += _mapping_differences("tag", record.tags, {tag.name: tag.value for tag in tags})
    if artifacts is not None:
        found += _artifact_differences(backend, ref, artifacts)
    return found


def identity(point: MetricPoint, resolution_ns: int = _MS) -> tuple[str, str, str, str, int]:
    """Return what makes a point itself: types kept, NaN equal to NaN."""
    # Hexadecimal, as Python writes no decimal int of more than 4300 digits; a zero has no sign.
    value = hex(point.value) if isinstance(point.value, int) else repr(point.value + 0.0)
    kinds = f"{type(point.value).__name__} {type(point.step).__name__}"
    step = point.step + 0.0 if isinstance(point.step, float) else point.step
    return (point.name, kinds, value, repr(step), point.time // resolution_ns)


def _point_differences(held: Iterable[MetricPoint], logged: Iterable[MetricPoint], resolution_ns: int) -> list[str]:
    there = Counter(identity(point, resolution_ns) for point in held)
    wanted = Counter(identity(point, resolution_ns) for point in logged)
    missing = [f"point missing {count}x: {point}" for point, count in (wanted - there).items()]
    return missing + [f"point too many {count}x: {point}" for point, count in (there - wanted).items()]


def _mapping_differences(what: str, held: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    return [
        f"{what} {name!r}: {held.get(name, '(missing)')!r} instead of {wanted.get(name, '(nothing)')!r}"
        for name in sorted({*held, *wanted})
        if name not in held or name not in wanted or repr(held[name]) != repr(wanted[name])
    ]


def _artifact_differences(backend: object, ref: RunRef, artifacts: Iterable[Artifact]) -> list[str]:
    """Compare by content: every logged file's bytes must be there, downloaded and hashed."""
    found = []
    held: Counter[tuple[str, str]] = Counter()
    names = sorted({artifact.name for artifact in artifacts}, key=len, reverse=True)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "file")
        for file in _call(backend, "list_artifacts", ref):
            _call(backend, "download_artifact", ref, file.path, str(target))
            digest = hashlib.sha256(target.read_bytes()).hexdigest()
            if file.sha256 not in (None, digest):
                found.append(f"artifact file {file.path!r}: its bytes are not those of its digest")
            held[next((name for name in names if file.path.startswith(name)), ""), digest] += 1
    wanted = Counter((artifact.name, file.sha256) for artifact in artifacts for file in artifact.files)
    found += [f"artifact file missing {count}x: {file}" for file, count in (wanted - held).items()]
    return found + [f"artifact file too many {count}x: {file}" for file, count in (held - wanted).items()]


def _call(backend: object, hook: str, *arguments: object) -> Any:
    found = getattr(backend, f"trackhub_{hook}", None) or getattr(backend, hook)
    return found(*arguments)
