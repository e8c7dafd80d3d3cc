"""Say in entries of plain values what a run's artifacts are, and where each of their files lies; read them back."""

from __future__ import annotations

from typing import Any

from trackhub.model.entities import Artifact, StoredFile
from trackhub_local.document import Document, understood
from trackhub_local.times import told

Entry = dict[str, Any]
_ENTRY = ("name", "type", "version", "time", "time_ns")
_FILE = ("path", "place", "size", "sha256")


def entry_of(artifact: Artifact, version: int, places: list[str]) -> Entry:
    """Return what is written of an artifact.

    :param places: where its files lie, each below the folder of artifacts.
    """
    files = [
        {"path": file.path, "place": place, "size": file.size, "sha256": file.sha256}
        for file, place in zip(artifact.files, places, strict=True)
    ]
    head = {"name": artifact.name, "type": artifact.type, "version": version, **told("time", artifact.time)}
    return {**head, "files": files}


def read_entries(document: Document) -> list[Entry]:
    """Return what a manifest holds; one that is not there holds nothing.

    :raises Damaged: an entry lacks something.
    """
    said = document.read()
    if said is None:
        return []
    with understood(document.path):
        return [
            {key: entry[key] for key in _ENTRY}
            | {"files": [{key: file[key] for key in _FILE} for file in entry["files"]]}
            for entry in said["artifacts"]
        ]


def together(written: list[Entry], newest: list[Entry]) -> list[Entry]:
    """Return the entries of a manifest, and those newer ones that it does not hold yet."""
    known = {(entry["name"], entry["version"]) for entry in written}
    return [*written, *(entry for entry in newest if (entry["name"], entry["version"]) not in known)]


def holds(entry: Entry, artifact: Artifact) -> bool:
    """Return whether an entry is of an artifact's very files, in whatever order."""
    held = sorted((file["path"], file["sha256"]) for file in entry["files"])
    return bool(entry["name"] == artifact.name and held == sorted((file.path, file.sha256) for file in artifact.files))


def listed(entry: Entry, file: dict[str, Any], known: dict[str, Any]) -> StoredFile:
    """Return a file as the contract lists it, under a path that none of those known has."""
    name, place, version = entry["name"], file["path"], entry["version"]
    path = name if name.rpartition("/")[2] == place and len(entry["files"]) == 1 else f"{name}/{place}"
    path = path if version == 1 else f"{path}@v{version}"
    while path in known:
        path += "~"
    return StoredFile(
        path=path,
        size=file["size"],
        sha256=file["sha256"],
        artifact=name,
        file=place,
        type=entry["type"],
        version=version,
        time=entry["time_ns"],
    )
