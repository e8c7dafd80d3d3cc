"""Bring runs from one store into another: the same segments where they can stand side by side, else what they say."""

from __future__ import annotations

from collections.abc import Callable

from trackhub.delivery.lock import RunLock
from trackhub.errors import RunLocked, StoreError, TrackhubError
from trackhub.journal.segment import SegmentHeader
from trackhub.journal.store import RunFolder, Store
from trackhub.journal.writer import JournalWriter
from trackhub.model.entities import Note
from trackhub.query.summary import RunDetail, read_detail
from trackhub.transfer.contents import copy_contents, lost_contents
from trackhub.transfer.joining import Joining
from trackhub.transfer.report import ImportedRun, ImportReport, renamed
from trackhub.transfer.segments import can_unite, copy_segments, lengths_of

NewHeader = Callable[[RunFolder], SegmentHeader]
Progress = Callable[[int, int, str], None]


def merge_store(
    source: Store,
    target: Store,
    new_header: NewHeader,
    *,
    project: str | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Bring what a store lacks of another one's runs; again, it brings what was added since.

    What each destination has is not copied: the vendors know it.

    :param new_header: makes the header of a segment in which an import writes.
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
        runs.append(_bring(folder, target, new_header))
    if progress is not None:
        progress(len(folders), len(folders), "")
    return ImportReport(source=str(source.path), runs=tuple(runs))


def _bring(folder: RunFolder, target: Store, new_header: NewHeader) -> ImportedRun:
    here = target.find(folder.id) or target.run(folder.project, folder.id)
    there = read_detail(folder)
    added: dict[str, int] = {"runs": int(not here.begun)}
    notes = _damaged(folder, there)
    error = None
    here.create()
    lock = RunLock(here.path / "import.lock")
    try:
        if not lock.take():
            raise RunLocked(f"{lock.holder()} imports this run; try again when it is done")
        # Artifacts first: a journal never names bytes that are not there.
        added["files"] = copy_contents(folder, here)
        notes += lost_contents(there, here)
        lengths = lengths_of(folder)
        if can_unite(folder, here, lengths):
            added["segments"] = copy_segments(folder, here, lengths)
        else:
            joining = Joining(folder, there, here)
            joining.bring(lambda: JournalWriter(here.journal, lambda: new_header(here)))
            added |= joining.added
            notes += joining.notes
    except TrackhubError as trouble:
        error = str(trouble)
    finally:
        lock.release()
    run = read_detail(here).summary
    name = target.take_name(here.project, run.name, here.id)
    return ImportedRun(
        id=run.id,
        name=name,
        project=here.project,
        source_id=run.id,
        status=run.status,
        points=there.summary.points or 0,
        files=len({file.sha256 for artifact in there.artifacts for file in artifact.files}),
        added={kind: count for kind, count in added.items() if count},
        notes=(*notes, *renamed(there.summary.name, name)),
        error=error,
    )


def _damaged(folder: RunFolder, detail: RunDetail) -> list[Note]:
    return [
        Note(
            kind="mended" if damage.reason.endswith("mended") else "damaged",
            subject=str(folder.journal / damage.segment),
            detail=f"{damage.length} bytes at {damage.offset}: {damage.reason}",
        )
        for damage in detail.damage
    ]
