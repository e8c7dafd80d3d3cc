"""Decide where an artifact's files lie among MLflow's, so that none replaces another; pure functions."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping

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
    root, version = _root(artifact.name), _suffix(artifact.version)
    paths = [file.path for file in artifact.files]
    wanted = {path: f"{root}{version}/{escape_path(path)}" for path in paths}
    if len(paths) == 1 and is_whole(artifact.name, paths[0]):
        stem, suffix = posixpath.splitext(root)
        wanted = {paths[0]: f"{stem}{version}{suffix}"}
    if not any(place in taken for place in wanted.values()) and not any(
        folder in taken and f"{folder}/" not in taken for place in wanted.values() for folder in folders(place)
    ):
        return wanted
    alone = _alone(artifact.name, artifact.version)
    return {path: f"{alone}/{escape_path(path)}" for path in paths}


def folder_of(name: str, version: int, stored: Mapping[str, str]) -> str | None:
    """Return the folder that an artifact's files lie in; None where it is one file without a folder of its own.

    :param stored: the place of each file, by its path inside the artifact.

    >>> folder_of("weights", 2, {"a/b": "weights@v2/a/b"}), folder_of("plots/a.png", 1, {"a.png": "plots/a.png"})
    ('weights@v2', None)
    """
    alone = _alone(name, version)
    for path, place in stored.items():
        if len(stored) == 1 and is_whole(name, path) and not place.startswith(f"{alone}/"):
            return None
        return place.removesuffix(f"/{escape_path(path)}")
    return f"{_root(name)}{_suffix(version)}"


def copied(name: str, version: int, path: str) -> str:
    """Return where the copy of an artifact's only file lies that gives it a folder.

    >>> copied("plots/a.png", 1, "a.png")
    'trackhub/models/plots_x2F_a.png@v1/a.png'
    """
    return f"{RESERVED}/models/{_alone(name, version)}/{escape_segment(posixpath.basename(path))}"


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


def _root(name: str) -> str:
    root = escape_path(name)
    return f"_x{ord(RESERVED[0]):02X}_{root[1:]}" if root.partition("/")[0] == RESERVED else root


def _suffix(version: int) -> str:
    return f"@v{version}" if version > 1 else ""


def _alone(name: str, version: int) -> str:
    return f"{escape_segment(name)}@v{version}"
