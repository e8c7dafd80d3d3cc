"""Keep a run's artifacts under their own names, and a manifest that tells what each file is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import BinaryIO

from trackhub.errors import Rejected, RetryLater, StoreError
from trackhub.model.entities import Artifact, ArtifactFile, Note, StoredFile
from trackhub_local import disk
from trackhub_local.damage import Damaged
from trackhub_local.document import Document
from trackhub_local.manifest import Entry, entry_of, holds, listed, read_entries, together
from trackhub_local.placing import Taken, places
from trackhub_local.rows import writable
from trackhub_local.tail import Tail

FOLDER = "artifacts"
_CHUNK = 1 << 20
_TODO = "put it back as it was"


class Shelf:
    """Hold one run's artifacts, for its one writer or for any reader.

    The manifest is ``artifacts.json``; the newest entries are in a tail until there are as many of them, so that ten
    thousand artifacts do not write it ten thousand times.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._manifest = Document(folder / "artifacts.json", "artifacts")
        self._tail = Tail(folder / disk.OWN / "artifacts", _TODO)
        self._signature: object = None
        self._entries: list[Entry] = []
        self._taken = Taken()
        self._tail_size = self._waiting = 0

    # ---- writing -------------------------------------------------------------------------

    def add(self, artifact: Artifact) -> tuple[Note, ...]:
        """Copy an artifact's files, unless the same are held under its name; they are on the disk afterwards.

        :raises StoreError: a file's bytes cannot be read, or are others than they were.
        """
        for text in (artifact.name, artifact.type, *(file.path for file in artifact.files)):
            writable(text, f"of artifact {artifact.name!a}, the text")
        self._refresh()
        named = [entry for entry in self._entries if entry["name"] == artifact.name]
        held = next((entry for entry in named if holds(entry, artifact)), None)
        if held is not None:
            self._restore(held, artifact)
            return ()
        version = artifact.version
        notes: tuple[Note, ...] = ()
        if any(entry["version"] == version for entry in named):
            version = max(entry["version"] for entry in named) + 1
            detail = f"version {artifact.version} is held with other files, so it is version {version}"
            notes = (Note(kind="renumbered", subject=artifact.name, detail=detail),)
        chosen = self._places(artifact, version)
        for file, place in zip(artifact.files, chosen, strict=True):
            self._copy(file, self._folder / FOLDER / place)
        self._enter(entry_of(artifact, version, chosen))
        return notes

    def merge(self) -> None:
        """Bring the newest entries into the manifest that people open."""
        self._refresh()
        if self._waiting:
            self._manifest.write({"artifacts": self._entries})
            self._tail.path.unlink(missing_ok=True)
            self._tail_size = self._waiting = 0
            self._signature = self._sign()

    def _places(self, artifact: Artifact, version: int) -> list[str]:
        files = [file.path for file in artifact.files]
        taken = self._taken
        while True:
            chosen = places(artifact.name, files, version, taken)
            strangers = [
                place for place, file in zip(chosen, artifact.files, strict=True) if self._strange(place, file)
            ]
            if not strangers:
                return chosen
            # A file that nobody delivered lies there: it stays.
            taken = Taken([*self._all_places(), *strangers])

    def _strange(self, place: str, file: ArtifactFile) -> bool:
        """Return whether a file lies there that is not what a delivery that was killed has left."""
        path = self._folder / FOLDER / place
        if not os.path.lexists(path):
            above = (folder for folder in path.parents if folder.is_relative_to(self._folder))
            return any(folder.exists() and not folder.is_dir() for folder in above)
        return not path.is_file() or path.stat().st_size != file.size or _digest(path) != file.sha256

    def _restore(self, entry: Entry, artifact: Artifact) -> None:
        """Copy again what has vanished since."""
        sources = {file.path: file for file in artifact.files}
        for file in entry["files"]:
            path = self._folder / FOLDER / file["place"]
            if not path.exists():
                self._copy(sources[file["path"]], path)

    def _copy(self, file: ArtifactFile, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            source = file.source.open("rb")
        except OSError as error:
            raise StoreError(f"{file.source}: the bytes of {file.path!r} cannot be read: {error.strerror}") from error
        with source, disk.replacing(path) as target:
            digest = _copied(source, target)
            if digest != file.sha256:
                raise StoreError(
                    f"{file.source}: the bytes of {file.path!r} have changed since it was logged: "
                    "put the file back, or log it again"
                )

    def _enter(self, entry: Entry) -> None:
        try:
            self._tail_size = self._tail.append(entry, self._tail_size)
        except BaseException:
            self._signature = None
            raise
        self._take(entry)
        self._waiting += 1
        self._signature = self._sign()
        if self._waiting * 2 >= len(self._entries):
            self.merge()

    def _refresh(self) -> None:
        if self._signature is not None and self._signature == self._sign():
            return
        self._entries, self._taken = [], Taken()
        tail, self._tail_size = self._tail.read()
        for entry in together(read_entries(self._manifest), tail):
            self._take(entry)
        self._waiting = len(tail)
        self._signature = self._sign()

    def _take(self, entry: Entry) -> None:
        self._entries.append(entry)
        for file in entry["files"]:
            self._taken.add(file["place"])

    def _all_places(self) -> Iterable[str]:
        return (file["place"] for entry in self._entries for file in entry["files"])

    def _sign(self) -> object:
        return disk.signature(self._tail.path, self._manifest.path)

    # ---- reading -------------------------------------------------------------------------

    def files(self) -> dict[str, tuple[StoredFile, Path]]:
        """Return each file by its listed path, and where it lies."""
        tail, _ = self._tail.read()  # first: a merge between the two reads shows entries twice, not never
        found: dict[str, tuple[StoredFile, Path]] = {}
        for entry in together(read_entries(self._manifest), tail):
            for file in entry["files"]:
                stored = listed(entry, file, found)
                found[stored.path] = stored, self._lies(file["place"])
        return found

    def download(self, path: str, target: Path) -> None:
        """Write one file to a place of this machine.

        :raises Rejected: no file is listed so.
        :raises Damaged: the file's bytes are not those that were delivered.
        """
        found = self.files().get(path)
        if found is None:
            raise Rejected(f"{self._folder}: no artifact file is listed as {path!r}")
        stored, place = found
        if not place.is_file():
            raise RetryLater(f"{place}: the file is gone: {_TODO}, or sync the run again from the store it came from")
        try:
            with place.open("rb") as source, target.open("wb") as copy:
                digest = _copied(source, copy)
            if digest != stored.sha256:
                raise Damaged(place, "its bytes are not those that were delivered", _TODO)  # noqa: TRY301
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    def _lies(self, place: str) -> Path:
        parts = place.split("/")
        if not all(parts) or {".", ".."} & set(parts) or PurePath(place).is_absolute():
            raise Damaged(self._manifest.path, f"{place!r} lies outside {FOLDER}/", _TODO)
        return self._folder.joinpath(FOLDER, *parts)


def _copied(source: BinaryIO, target: BinaryIO) -> str:
    """Copy bytes and return their digest."""
    digest = hashlib.sha256()
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
