"""Put files into a run's artifacts and get them back, whatever their names; the repository is the SDK's."""

from __future__ import annotations

import os
import posixpath
import shutil
import tempfile
from pathlib import Path
from typing import Any

from trackhub_mlflow.errors import translated


class Shelf:
    """Hold a run's artifacts by path.

    :param repository: MLflow's ``ArtifactRepository`` of the run.
    :param shown: the destination, for messages.
    """

    def __init__(self, repository: Any, shown: str) -> None:
        self._repository = repository
        self._shown = shown

    def put_file(self, source: Path, path: str) -> None:
        """Store a file under a path; the SDK streams it."""
        folder, name = posixpath.split(path)
        with tempfile.TemporaryDirectory(prefix="trackhub-") as place:
            # The SDK names an upload after the local file, and ours are named after their content.
            link = Path(place, name)
            try:
                link.symlink_to(source.absolute())
            except OSError:  # Windows asks for a privilege
                shutil.copyfile(source, link)
            self._repository.log_artifact(os.fspath(link), folder or None)

    def put_text(self, text: str, path: str) -> None:
        """Store a text under a path."""
        with tempfile.TemporaryDirectory(prefix="trackhub-") as place:
            source = Path(place, "text")
            source.write_bytes(text.encode())
            self.put_file(source, path)

    def get_file(self, path: str, target: Path) -> None:
        """Write a stored file to a local path, at once or not at all."""
        with tempfile.TemporaryDirectory(prefix=".trackhub-", dir=target.parent) as place:
            self._download(path, place).replace(target)

    def copy(self, path: str, target: str) -> None:
        """Store what lies under a path under another one, too; no store of MLflow's copies by itself."""
        with tempfile.TemporaryDirectory(prefix="trackhub-") as place:
            source = Path(place, "copy")
            self.get_file(path, source)
            self.put_file(source, target)

    def get_text(self, path: str) -> str:
        """Return a stored text."""
        with tempfile.TemporaryDirectory(prefix="trackhub-") as place:
            return self._download(path, place).read_bytes().decode()

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the names of the files in a folder; none if there is no such folder."""
        return tuple(posixpath.basename(entry.path) for entry in self._list(folder) if not entry.is_dir)

    def walk(self, skipped: str) -> dict[str, int | None]:
        """Return every file's size by path, but for one folder at the top."""
        found: dict[str, int | None] = {}
        folders: list[str | None] = [None]
        while folders:
            for entry in self._list(folders.pop()):
                if not entry.is_dir:
                    found[entry.path] = entry.file_size
                elif entry.path != skipped:
                    folders.append(entry.path)
        return found

    def _download(self, path: str, folder: str) -> Path:
        with translated(self._shown, downloading=True):
            return Path(self._repository.download_artifacts(path, folder))

    def _list(self, folder: str | None) -> list[Any]:
        return list(self._repository.list_artifacts(folder))
