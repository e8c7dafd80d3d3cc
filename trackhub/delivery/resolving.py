"""Turn what the journal names into what a backend is given: with the bytes' place, and with numbers of versions."""

from __future__ import annotations

from trackhub.delivery.record import DeliveryRecord
from trackhub.errors import StoreError
from trackhub.journal.artifacts import ArtifactStore
from trackhub.journal.store import RunFolder
from trackhub.model.entities import Artifact, ArtifactFile, ModelAlias, ModelVersion
from trackhub.model.events import ArtifactLogged, FileEntry, ModelAliasSet, ModelRegistered


class Resolving:
    """Resolve the events of one run for one destination, whose record knows the versions so far."""

    def __init__(self, folder: RunFolder, record: DeliveryRecord) -> None:
        self._folder = folder
        self._record = record

    def artifact(self, event: ArtifactLogged) -> Artifact:
        """Return an artifact with the place of its bytes.

        :raises StoreError: the bytes are gone.
        """
        files = tuple(self._file(entry) for entry in event.files)
        version = self._record.version_of(event.name, event.files)
        return Artifact(name=event.name, type=event.type, time=event.time, version=version, files=files)

    def model_version(self, event: ModelRegistered) -> ModelVersion:
        """Return which version of an artifact becomes a version of a model."""
        version = self._record.version_of(event.artifact, event.files)
        return ModelVersion(model=event.model, artifact=event.artifact, version=version, time=event.time)

    def model_alias(self, event: ModelAliasSet) -> ModelAlias:
        """Return where an alias is moved to."""
        version = self._record.version_of(event.artifact, event.files)
        return ModelAlias(
            model=event.model, alias=event.alias, artifact=event.artifact, version=version, time=event.time
        )

    def _file(self, entry: FileEntry) -> ArtifactFile:
        place = ArtifactStore(self._folder.artifacts).locate(entry.sha256)
        if not place.is_file():
            raise StoreError(f"{place}: the artifact's bytes are gone from the store; copy them back and sync again")
        return ArtifactFile(path=entry.path, sha256=entry.sha256, size=entry.size, source=place)
