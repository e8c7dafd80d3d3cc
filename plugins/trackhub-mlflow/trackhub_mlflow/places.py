"""Decide where an artifact's files lie among MLflow's, so that none replaces another; pure functions."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator

from trackhub.model.entities import Artifact
from trackhub_mlflow.names import escape_path, escape_segment

RESERVED = "trackhub"


def places(artifact: Artifact, taken: Collection[str]) -> dict[str, str]:
    """Return where each file of an artifact lies, by its path inside it.

    The first version lies under its name, later ones under ``name@v2`` and so on; a single file
    keeps its suffix, by which MLflow's pages know how to show it. Where that meets another artifact,
    as ``a`` and ``a/b`` do, the name becomes one folder of its own.

    :param taken: the places of other artifacts' files and all folders above them.
    """
    root = escape_path(artifact.name)
    if root.partition("/")[0] == RESERVED:
        root = f"_x{ord(RESERVED[0]):02X}_{root[1:]}"
    version = f"@v{artifact.version}" if artifact.version > 1 else ""
    paths = [file.path for file in artifact.files]
    wanted = {path: f"{root}{version}/{escape_path(path)}" for path in paths}
    if len(paths) == 1 and is_whole(artifact.name, paths[0]):
        stem, suffix = posixpath.splitext(root)
        wanted = {paths[0]: f"{stem}{version}{suffix}"}
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


def is_whole(name: str, path: str) -> bool:
    """Return whether a file of an artifact is called as the artifact itself.

    >>> is_whole("plots/loss.png", "loss.png"), is_whole("weights", "model.pt")
    (True, False)
    """
    return path in (name, posixpath.basename(name))


def listed(name: str, version: int, path: str) -> str:
    """Return the path under which a file is listed: it begins with its artifact's name.

    >>> listed("weights", 1, "model.pt"), listed("weights", 2, "model.pt"), listed("model.pt", 1, "model.pt")
    ('weights/model.pt', 'weights@v2/model.pt', 'model.pt')
    """
    root = f"{name}@v{version}" if version > 1 else name
    return root if is_whole(name, path) else f"{root}/{path}"
