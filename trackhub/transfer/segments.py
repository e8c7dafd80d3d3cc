"""Tell whether two copies of a run's journal can be united segment by segment, and do it.

A segment has one writer, so of two copies of it one is the beginning of the other. Segments that
imports wrote say again what segments elsewhere say: those and these must not come together.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from trackhub.errors import StoreError
from trackhub.journal.journal import JournalReader
from trackhub.journal.segment import IMPORT
from trackhub.journal.store import RunFolder

_CHUNK = 1 << 20


def lengths_of(folder: RunFolder) -> dict[str, int]:
    """Return how far each segment reaches now: its writer may be at work."""
    return {path.name: path.stat().st_size for path in folder.segments()}


def can_unite(there: RunFolder, here: RunFolder, lengths: Mapping[str, int]) -> bool:
    """Return whether no point can be in both that which is only there and that which is only here.

    Within each journal every point is once. So it is in both together, if one of them is the
    beginning of the other, or if what each has alone was logged by runs, not brought by an import.

    :param lengths: how far the segments there are to be read.
    """
    own = lengths_of(here)
    theirs = {name for name, length in lengths.items() if own.get(name, 0) < length}
    ours = {name for name, length in own.items() if lengths.get(name, 0) < length}
    if not theirs or not ours:
        return True
    roles = _roles(there) | _roles(here)
    # Of a segment whose header cannot be read nobody knows who wrote it.
    return all(roles.get(name, IMPORT) != IMPORT for name in theirs | ours)


def copy_segments(there: RunFolder, here: RunFolder, lengths: Mapping[str, int]) -> int:
    """Bring the segments here up to date; return how many lacked something.

    :raises StoreError: two copies differ where both have bytes, or the file system took no more.
    """
    return sum(_copy(there.journal / name, here.journal / name, length) for name, length in lengths.items())


def _roles(folder: RunFolder) -> dict[str, str]:
    reader = JournalReader(folder)
    reader.refresh()
    return {f"{name}.seg": header.role for name, header in reader.headers.items()}


def _copy(path: Path, place: Path, length: int) -> bool:
    if place.exists():
        if not _same_beginning(path, place, length):
            raise StoreError(f"{place}: it differs from {path}, though one writer wrote both: one of them is damaged")
        if place.stat().st_size >= length:
            return False
    part = place.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with path.open("rb") as source, part.open("xb") as target:
            shutil.copyfileobj(source, target, _CHUNK)
            target.truncate(length)
        part.replace(place)
    except OSError as error:
        raise StoreError(f"{place}: {error.strerror}; free some space or mend the folder, then import again") from error
    finally:
        part.unlink(missing_ok=True)
    return True


def _same_beginning(one: Path, other: Path, length: int) -> bool:
    left = min(os.path.getsize(one), os.path.getsize(other), length)  # noqa: PTH202 - one call each
    with one.open("rb") as first, other.open("rb") as second:
        while left > 0:
            size = min(_CHUNK, left)
            if first.read(size) != second.read(size):
                return False
            left -= size
    return True
