"""Bring runs from one store into another: the very same segments and artifacts, so that it is the same journal.

A segment has one writer, so of two copies of it one is the beginning of the other.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from trackhub.errors import StoreError, TrackhubError
from trackhub.journal.journal import JournalReader
from trackhub.journal.segment import IMPORT
from trackhub.journal.store import RunFolder, Store
from trackhub.query.summary import read_detail
from trackhub.transfer.report import ImportedRun, ImportReport

Progress = Callable[[int, int, str], None]
_CHUNK = 1 << 20


def merge_store(
    source: Store, target: Store, *, project: str | None = None, progress: Progress | None = None
) -> ImportReport:
    """Copy what a store lacks of another one's runs; again, it copies what was added since.

    What each destination has is not copied: the vendors know it.

    :param project: only this project's runs.
    :raises StoreError: the target cannot be written.
    """
    if source.path.resolve() == target.path.resolve():
        raise StoreError(f"{source.path}: it is the store itself; name another one, or another target with --store")
    folders = list(source.runs(project))
    runs = []
    for number, folder in enumerate(folders):
        if progress is not None:
            progress(number, len(folders), folder.id)
        runs.append(_bring(folder, target))
    if progress is not None:
        progress(len(folders), len(folders), "")
    return ImportReport(source=str(source.path), runs=tuple(runs))


def _bring(folder: RunFolder, target: Store) -> ImportedRun:
    here = target.find(folder.id) or target.run(folder.project, folder.id)
    new = not here.journal.is_dir()
    here.create()
    added, error = {"runs": int(new), "segments": 0, "files": 0}, None
    try:
        theirs, ours = _imported(folder), _imported(here)
        if theirs - ours and ours - theirs:
            raise StoreError(
                f"run {folder.id} was imported from elsewhere into both stores: each has its own copy of every point, "
                "and both together would have them twice; go on with one of the two"
            )
        # Artifacts first: a journal never names bytes that are not there.
        for path in sorted(folder.artifacts.iterdir()) if folder.artifacts.is_dir() else ():
            if not path.name.startswith("."):
                added["files"] += _copy(path, here.artifacts / path.name)
        for path in folder.segments():
            added["segments"] += _copy(path, here.journal / path.name)
    except TrackhubError as trouble:
        error = str(trouble)
    run = read_detail(here).summary
    target.take_name(here.project, run.name, here.id)
    return ImportedRun(
        id=run.id,
        name=run.name,
        project=here.project,
        source_id=run.id,
        status=run.status,
        points=run.points or 0,
        files=sum(1 for path in here.artifacts.iterdir() if not path.name.startswith(".")),
        added={kind: count for kind, count in added.items() if count},
        error=error,
    )


def _imported(folder: RunFolder) -> set[str]:
    """Return the segments that were written by imports."""
    reader = JournalReader(folder)
    reader.refresh()
    return {name for name, header in reader.headers.items() if header.role == IMPORT}


def _copy(path: Path, place: Path) -> bool:
    """Bring a file that only grows up to date; return whether it lacked anything.

    :raises StoreError: the two differ where both have bytes.
    """
    # Only as far as it reaches now: its writer may be at work.
    length = path.stat().st_size
    if place.exists():
        if not _same_beginning(path, place):
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


def _same_beginning(one: Path, other: Path) -> bool:
    left = min(os.path.getsize(one), os.path.getsize(other))  # noqa: PTH202 - one call each
    with one.open("rb") as first, other.open("rb") as second:
        while left > 0:
            size = min(_CHUNK, left)
            if first.read(size) != second.read(size):
                return False
            left -= size
    return True
