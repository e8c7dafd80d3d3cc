"""Bring a source's artifact files into a run's folder; each content is fetched once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from trackhub.backend import BackendCalls
from trackhub.errors import Rejected, RetryLater, StoreError, TrackhubError, Unauthorized
from trackhub.journal.artifacts import ArtifactStore
from trackhub.journal.store import RunFolder
from trackhub.model.entities import Note, RunRef, StoredFile
from trackhub.model.events import ArtifactLogged, FileEntry
from trackhub.query.summary import ArtifactVersion

_MOST_IN_A_ROW = 3
"""So many files may be out of reach one after the other; then the source is away, and is not asked for each."""


class Version(NamedTuple):
    """Hold one version of an artifact as a source lists it."""

    name: str
    number: int
    type: str
    time: int | None
    files: list[StoredFile]


class Fetching:
    """Fetch what a run's folder lacks.

    :param held: the versions that the journal has.
    :ivar notes: files that the source lists and does not give.
    :ivar unfetched: how many of these it may still have: it did not say that they are gone.
    """

    def __init__(self, calls: BackendCalls, ref: RunRef, folder: RunFolder, held: Iterable[ArtifactVersion]) -> None:
        self.notes: list[Note] = []
        self.unfetched = 0
        self._in_a_row = 0
        self._calls = calls
        self._ref = ref
        self._folder = folder
        self._store = ArtifactStore(folder.artifacts)
        self._held = {(version.name, frozenset(version.files)) for version in held}

    def events(self, files: Iterable[StoredFile], otherwise: int) -> Iterator[ArtifactLogged]:
        """Yield what the journal lacks, once the bytes are here.

        What was fetched stays, and is not fetched again.

        :param otherwise: the time of what the source gives none for.
        """
        versions = [(otherwise if version.time is None else version.time, version) for version in versions_of(files)]
        # In order of time: a journal's segments are merged by it, and what was logged last is the newest.
        for time, version in sorted(versions, key=lambda timed: timed[0]):
            unfetched = self.unfetched
            entries = tuple(entry for file in version.files if (entry := self._entry(version, file)) is not None)
            # A version of which more may come is brought whole once it has come, or there would be two of it.
            if self.unfetched > unfetched or not entries or (version.name, frozenset(entries)) in self._held:
                continue
            yield ArtifactLogged(time=time, name=version.name, type=version.type, files=entries)

    def _entry(self, version: Version, file: StoredFile) -> FileEntry | None:
        """Return a file's entry, its bytes being here; None where the source does not give them."""
        path = file.file or PurePosixPath(file.path).name or version.name
        if file.sha256 is not None:
            place = self._store.locate(file.sha256)
            if place.is_file() and file.size in {None, place.stat().st_size}:
                return FileEntry(path=path, sha256=file.sha256, size=place.stat().st_size)
        if self._in_a_row >= _MOST_IN_A_ROW:
            self.unfetched += 1
            return None
        try:
            kept = self._fetch(file)
        except (Unauthorized, StoreError):
            raise
        except (Rejected, FileNotFoundError) as error:
            self.notes.append(Note(kind="missing file", subject=file.path, detail=str(error)))
            return None
        except (TrackhubError, OSError, ValueError) as error:
            self.unfetched += 1
            self._in_a_row += isinstance(error, RetryLater)
            self.notes.append(Note(kind="unfetched file", subject=file.path, detail=str(error)))
            return None
        self._in_a_row = 0
        return FileEntry(path=path, sha256=kept.sha256, size=kept.size)

    def _fetch(self, file: StoredFile) -> FileEntry:
        # Beside the artifacts, so that keeping it may share the blocks, and out of sight of who lists them.
        with tempfile.TemporaryDirectory(dir=self._folder.path, prefix=".import-") as beside:
            target = Path(beside, "file")
            self._calls.download_artifact(self._ref, file.path, str(target))
            [kept] = self._store.keep(target)
        if file.sha256 not in {None, kept.sha256}:
            raise Rejected(f"its bytes are not those it is listed with: SHA-256 {kept.sha256}, not {file.sha256}")
        return kept


def versions_of(files: Iterable[StoredFile]) -> list[Version]:
    """Return a source's files by artifact, the versions of each in order; a file of no artifact is one by itself."""
    found: dict[tuple[str, int], list[StoredFile]] = {}
    for file in files:
        found.setdefault((file.artifact or file.path, file.version), []).append(file)
    return [
        Version(
            name, number, some[0].type or "file", min((file.time for file in some if file.time), default=None), some
        )
        for (name, number), some in sorted(found.items())
    ]
