"""Hold what is known of one run on MLflow while a lane writes to it; read from its tags, or learned since."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from trackhub.model.entities import Artifact, ArtifactFile
from trackhub_mlflow.ledger import Ledger
from trackhub_mlflow.mapping import LONGEST_TAG, long_name_tags
from trackhub_mlflow.places import RESERVED, marks
from trackhub_mlflow.points import Kinds
from trackhub_mlflow.shelf import Shelf
from trackhub_mlflow.tail import Tail

ENVIRONMENT = f"{RESERVED}/environment.json"


class KnownRun:
    """Know one run.

    :param tags: the run's tags as MLflow holds them.
    :param series: the keys of its metrics.
    :ivar exceptions: the points that a row cannot say, by their place in the run.
    """

    def __init__(self, tags: Mapping[str, str], series: Iterable[str], shelf: Shelf) -> None:
        self.shelf = shelf
        self.kinds = Kinds(tags, LONGEST_TAG, series)
        self.tail = Tail(tags)
        self.exceptions = Ledger(shelf, f"{RESERVED}/points", 2000)
        self._manifest = Ledger(shelf, f"{RESERVED}/artifacts", 50)
        self._artifacts: list[dict[str, Any]] | None = None
        self._taken: set[str] = set()
        self._named = set(tags)
        self._kept: set[str] = set()
        self._sent: dict[str, str] = {}

    def unsaved_tags(self, names: Mapping[str, str]) -> dict[str, str]:
        """Return the tags that must be there before rows or tags under these names.

        :param names: names by key.
        """
        named = {key: text for key, text in long_name_tags(names).items() if key not in self._named}
        return self.kinds.unsaved | named

    def saved(self, tags: Iterable[str]) -> None:
        """Remember that the run has these tags."""
        self._named.update(tags)
        self.kinds.unsaved.clear()

    def keep_text(self, text: str, path: str) -> None:
        """Store a text that is too long for where it belongs; its path is made from its content."""
        if path not in self._kept:
            self.shelf.put_text(text, path)
            self._kept.add(path)

    def environment(self) -> dict[str, Any]:
        """Return the environment that was kept, or nothing."""
        if posixpath.basename(ENVIRONMENT) not in self.shelf.names(RESERVED):
            return {}
        return dict(json.loads(self.shelf.get_text(ENVIRONMENT)))

    @property
    def artifacts(self) -> list[dict[str, Any]]:
        """Return the manifest: a record for each artifact version, with its files, digests and places."""
        if self._artifacts is None:
            self._artifacts = list(self._manifest.records())
            for record in self._artifacts:
                self._taken.update(marks(file["stored"] for file in record["files"]))
        return self._artifacts

    @property
    def taken(self) -> set[str]:
        """Return what artifacts' files take, see :func:`trackhub_mlflow.places.marks`."""
        return self._taken if self.artifacts else set()

    def has(self, artifact: Artifact) -> bool:
        """Return whether an artifact is there, whole."""
        files = sorted((file.path, file.sha256) for file in artifact.files)
        return any(
            (record["name"], record["version"]) == (artifact.name, artifact.version)
            and sorted((file["path"], file["sha256"]) for file in record["files"]) == files
            for record in self.artifacts
        )

    def stored(self, name: str, version: int) -> dict[str, str] | None:
        """Return the place of each file of an artifact by its path, or None where it is not there."""
        for record in self.artifacts:
            if (record["name"], record["version"]) == (name, version):
                return {file["path"]: file["stored"] for file in record["files"]}
        return None

    def put_once(self, file: ArtifactFile, place: str) -> None:
        """Store an artifact's file, unless an attempt before this one came as far."""
        if self._sent.get(place) != file.sha256:
            self.shelf.put_file(file.source, place)
            self._sent[place] = file.sha256

    def add_artifact(self, artifact: Artifact, stored: Mapping[str, str]) -> None:
        """Write an artifact into the manifest, once its files are there.

        :param stored: the place of each file, by its path inside the artifact.
        """
        files = [
            {"path": file.path, "sha256": file.sha256, "size": file.size, "stored": stored[file.path]}
            for file in artifact.files
        ]
        record = {
            "name": artifact.name,
            "version": artifact.version,
            "type": artifact.type,
            "time": artifact.time,
            "files": files,
        }
        self._manifest.add({len(self.artifacts): record})
        self.artifacts.append(record)
        self._taken.update(marks(stored.values()))
        self._sent.clear()
