"""Copy the bytes of a run's artifacts from one folder into another; none under a digest that is not theirs."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from trackhub.errors import StoreError
from trackhub.journal.store import RunFolder
from trackhub.model.entities import Note
from trackhub.query.summary import RunDetail

_CHUNK = 1 << 20


def copy_contents(there: RunFolder, here: RunFolder) -> int:
    """Bring the contents that are lacking here; return how many that were.

    :raises StoreError: the file system took no more.
    """
    if not there.artifacts.is_dir():
        return 0
    paths = sorted(path for path in there.artifacts.iterdir() if not path.name.startswith("."))
    return sum(_copy(path, here.artifacts / path.name) for path in paths)


def lost_contents(detail: RunDetail, here: RunFolder) -> list[Note]:
    """Return a note on each file that a journal names, and whose bytes are not here now."""
    found = []
    for artifact in detail.artifacts:
        for file in artifact.files:
            if not (here.artifacts / file.sha256).is_file():
                why = "the source's copy of it is lost or damaged"
                found.append(Note(kind="missing file", subject=f"{artifact.name}/{file.path}", detail=why))
    return found


def _copy(path: Path, place: Path) -> bool:
    # Of what lies here nothing is taken away; where the sizes differ, one of the two is damaged.
    if place.exists() and (place.stat().st_size == path.stat().st_size or _digest(place) == place.name):
        return False
    part = place.with_name(f".{secrets.token_hex(8)}.part")
    try:
        digest = _digest(path, part)
        if digest == place.name:
            part.replace(place)
    except OSError as error:
        raise StoreError(f"{place}: {error.strerror}; free some space or mend the folder, then import again") from error
    finally:
        part.unlink(missing_ok=True)
    return digest == place.name


def _digest(path: Path, copy: Path | None = None) -> str:
    """Return the SHA-256 of a file's bytes, which are copied on the way."""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        if copy is None:
            return hashlib.file_digest(source, "sha256").hexdigest()
        with copy.open("xb") as target:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
    return digest.hexdigest()
