"""Decide where an artifact's files lie among a run's attributes, and what is recorded of them; pure functions."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterable
from typing import Any

from trackhub.model.entities import Artifact, StoredFile
from trackhub_neptune.known import ARTIFACTS
from trackhub_neptune.names import escape

_FILES = "artifacts"
_LONGEST_PLACE = 1000


def place_of(artifact: Artifact, path: str) -> str:
    """Return the attribute that holds a file; the artifact's name is one folder, so that no two meet.

    >>> from pathlib import Path
    >>> weights = Artifact(name="net/weights", type="model", time=0, files=(), version=2)
    >>> place_of(weights, "layers/one.bin")
    'artifacts/net_x2F_weights@v2/layers/one.bin'
    """
    name = re.sub(r"@(?=v[0-9]+\Z)", "_x40_", escape(artifact.name, flat=True))
    version = f"@v{artifact.version}" if artifact.version > 1 else ""
    place = f"{_FILES}/{name}{version}/{escape(path)}"
    if len(place.encode()) <= _LONGEST_PLACE:
        return place
    digest = hashlib.sha256(f"{artifact.name}\0{path}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_FILES}/{digest}{version}"


def manifest_path(artifact: Artifact) -> str:
    """Return the attribute that records one version of an artifact."""
    digest = hashlib.sha256(artifact.name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{ARTIFACTS}/{digest}/v{artifact.version}"


def record_of(artifact: Artifact) -> dict[str, Any]:
    """Return what is recorded of an artifact."""
    files = [
        {"path": file.path, "sha256": file.sha256, "size": file.size, "place": place_of(artifact, file.path)}
        for file in artifact.files
    ]
    known = {"name": artifact.name, "type": artifact.type, "version": artifact.version, "time": artifact.time}
    return {**known, "files": files}


def listed(records: Iterable[dict[str, Any]]) -> dict[StoredFile, str]:
    """Return the files of recorded artifacts, each with the attribute that holds it."""
    found: dict[StoredFile, str] = {}
    taken: set[str] = set()
    for record in sorted(records, key=lambda one: (one["time"], one["name"], one["version"])):
        for file in record["files"]:
            path = _unique(_listed(record["name"], record["version"], file["path"]), taken)
            stored = StoredFile(
                path=path,
                size=file["size"],
                sha256=file["sha256"],
                artifact=record["name"],
                file=file["path"],
                type=record["type"],
                version=record["version"],
                time=record["time"],
            )
            found[stored] = file["place"]
    return found


def _listed(name: str, version: int, path: str) -> str:
    root = f"{name}@v{version}" if version > 1 else name
    return root if path in (name, posixpath.basename(name)) else f"{root}/{path}"


def _unique(wanted: str, taken: set[str]) -> str:
    path, number = wanted, 2
    while path in taken:
        path, number = f"{wanted} ({number})", number + 1
    taken.add(path)
    return path
