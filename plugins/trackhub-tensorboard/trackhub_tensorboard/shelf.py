"""Keep an artifact's files beside the run's event files, whole and under their names where these can be."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from trackhub.errors import RetryLater
from trackhub.model.entities import Artifact, ArtifactFile
from trackhub_tensorboard.names import folder

_BLOCK = 1 << 20


def keep(shelf: Path, artifact: Artifact, file: ArtifactFile) -> str:
    """Copy a file onto the shelf, unless it is there, and return its place on it.

    :raises RetryLater: the file is not what the journal says it was.
    """
    place = _place(artifact, file)
    for choice in (place, _apart(place, f"{artifact.name}\n{artifact.version}\n{file.path}")):
        target = shelf / choice
        if target.is_file() and target.stat().st_size == file.size and digest(target) == file.sha256:
            return choice
        if not os.path.lexists(target) and _is_way(shelf, target.parent):
            _copy(file, target)
            return choice
    raise RetryLater(f"{target} is there with another content; move it away")


def digest(path: Path) -> str:
    """Return a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _place(artifact: Artifact, file: ArtifactFile) -> str:
    """Return where a file is to be: under the artifact's name, in a folder of that name unless it is called so."""
    version = f"@v{artifact.version}" if artifact.version > 1 else ""
    top = folder(artifact.name)
    if is_alone(artifact, file.path):
        stem, suffix = os.path.splitext(top)  # noqa: PTH122 - of a text
        return f"{stem}{version}{suffix}"
    return "/".join([top + version, *map(folder, file.path.split("/"))])


def is_alone(artifact: Artifact, path: str) -> bool:
    """Return whether an artifact is one file that is called as it is."""
    return len(artifact.files) == 1 and path == artifact.name.rpartition("/")[2]


def _apart(place: str, whose: str) -> str:
    """Return a place of this file alone, for where another's name becomes the same."""
    top, _, rest = place.partition("/")
    return f"{top}~{hashlib.sha256(whose.encode()).hexdigest()[:16]}/{rest or top}"


def _is_way(shelf: Path, parent: Path) -> bool:
    """Return whether a file can be put here: no file stands where a folder must be."""
    return all(
        not os.path.lexists(one) or one.is_dir() for one in (parent, *parent.parents) if one.is_relative_to(shelf)
    )


def _copy(file: ArtifactFile, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{hashlib.sha256(target.name.encode()).hexdigest()[:16]}.{os.getpid()}.partial")
    seen = hashlib.sha256()
    try:
        with file.source.open("rb") as source, partial.open("wb") as out:
            while block := source.read(_BLOCK):
                seen.update(block)
                out.write(block)
        if seen.hexdigest() != file.sha256:
            raise RetryLater(f"{file.source}: its bytes are not those that were logged as {file.path!r}")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
