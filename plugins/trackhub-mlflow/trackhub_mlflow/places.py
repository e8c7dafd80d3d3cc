"""Decide where an artifact's files lie among MLflow's, so that none replaces another; pure functions."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator

from trackhub.model.entities import Artifact
from trackhub_mlflow.names import escape_path, escape_segment

RESERVED = "trackhub"
_VERSIONED = re.compile(r"@v[0-9]+\Z")


def places(artifact: Artifact, taken: Collection[str]) -> dict[str, str]:
    """Return where each file of an artifact lies, by its path inside it.

    The first version lies under its name, later ones under ``name@v2`` and so on. Where that meets
    another artifact, as ``a`` and ``a/b`` do, its name becomes one folder of its own.

    :param taken: the places of other artifacts' files and all folders above them.
    """
    root = escape_path(artifact.name)
    if root.partition("/")[0] == RESERVED:
        root = f"_x{ord(RESERVED[0]):02X}_{root[1:]}"
    versioned = f"{root}@v{artifact.version}" if artifact.version > 1 else root
    paths = [file.path for file in artifact.files]
    wanted = {path: f"{versioned}/{escape_path(path)}" for path in paths}
    if paths == [artifact.name]:
        wanted = {artifact.name: versioned}
    if not any(place in taken for place in wanted.values()) and not any(
        folder in taken and f"{folder}/" not in taken for place in wanted.values() for folder in folders(place)
    ):
        return wanted
    alone = f"{escape_segment(artifact.name)}@v{artifact.version}"
    return {path: f"{alone}/{escape_path(path)}" for path in paths}


def marks(stored: Iterable[str]) -> Iterator[str]:
    """Yield what stored files take: their places, and the folders above them, once with a slash."""
    for place in stored:
        yield place
        for folder in folders(place):
            yield folder
            yield f"{folder}/"


def folders(place: str) -> Iterator[str]:
    """Yield the folders above a place.

    >>> list(folders("a/b/c"))
    ['a/b', 'a']
    """
    while place := posixpath.dirname(place):
        yield place


def listed(name: str, version: int, path: str) -> str:
    """Return the path under which a file is listed: it begins with its artifact's name.

    >>> listed("weights", 2, "model.pt"), listed("weights@v2", 1, "model.pt")
    ('weights@v2/model.pt', 'weights@v2@v1/model.pt')
    """
    root = f"{name}@v{version}" if version > 1 or _VERSIONED.search(name) else name
    return root if path == name else f"{root}/{path}"
