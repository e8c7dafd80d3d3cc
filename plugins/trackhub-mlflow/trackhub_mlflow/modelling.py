"""Register versions of models in MLflow's registry, move aliases there, and read both back."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator
from functools import cache

from trackhub import hookimpl
from trackhub.errors import Rejected
from trackhub.model.entities import ModelAlias, ModelRecord, ModelVersion, Note, RunRef
from trackhub_mlflow import mapping, versions
from trackhub_mlflow.errors import code_of, is_no_such_page
from trackhub_mlflow.known import KnownRun
from trackhub_mlflow.names import escape_alias, escape_model
from trackhub_mlflow.places import copied, folder_of
from trackhub_mlflow.plan import short
from trackhub_mlflow.session import Session

_LONGEST_SOURCE = 500  # a column of MLflow's databases
_NO_RUN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


class Modelling(Session):
    """Implement the hooks of the registry."""

    @hookimpl
    def trackhub_register_model_version(self, ref: RunRef, version: ModelVersion) -> tuple[Note, ...]:
        """Make a version whose source is where the artifact's files lie; one that is there stays as it is."""
        with self._asking_registry():
            key = escape_model(version.model)
            run = self._client.get_run(ref.id)
            tags = versions.version_tags(run.data.tags.get(mapping.RUN_ID, ref.id), version)
            notes = _escaped(version.model, key)
            if self._registry.find(key, (tags[mapping.RUN_ID], version.artifact, version.version)) is None:
                folder = self._folder(self._known(ref), version, notes)
                source = self._source(run.info.artifact_uri, folder, version.artifact, notes)
                self._registry.make(key, source, ref.id, tags)
            return tuple(notes)

    @hookimpl
    def trackhub_set_model_alias(self, ref: RunRef, alias: ModelAlias) -> tuple[Note, ...]:
        """Keep the move with its version; MLflow's alias stands where the newest move of all put it."""
        with self._asking_registry():
            run = self._client.get_run(ref.id)
            place = (run.data.tags.get(mapping.RUN_ID, ref.id), alias.artifact, alias.version)
            self._registry.move(escape_model(alias.model), place, alias.alias, alias.time)
            return tuple(_escaped(alias.alias, escape_alias(alias.alias)))

    @hookimpl
    def trackhub_read_models(self, model: str | None) -> tuple[ModelRecord, ...]:
        """Return every version, also those that other clients registered."""
        if self._address.missing:
            return ()
        with self._asking_registry():
            our_id = cache(self._our_id)
            found = self._registry.every() if model is None else self._registry.named(model)
            records = (
                record
                for held in found
                for record in versions.records_of(held.key, held.versions, held.aliases, our_id)
            )
            return tuple(record for record in records if model in (None, record.model))

    def _folder(self, known: KnownRun, version: ModelVersion, notes: list[Note]) -> str:
        """Return the folder among the run's artifacts that holds the artifact's files, and nothing before them.

        MLflow finds no file by a version whose source is a file; one without a folder is copied into one.
        """
        name, content = version.artifact, version.version
        stored = known.stored(name, content)
        if stored is None:
            raise Rejected(
                f"{self._address.shown}: the run's artifact {short(name)!r} (version {content}) is not there, so it "
                "cannot be a model's; see `trackhub status`; `trackhub sync --rejected` gives again what was refused"
            )
        folder = folder_of(name, content, stored)
        if folder is not None:
            return folder
        for path, place in stored.items():
            copy = copied(name, content, path)
            known.shelf.copy(place, copy)
            folder = posixpath.dirname(copy)
        notes.append(Note(kind="beside", subject=name, detail=f"copied into a folder of the model's own: {folder}"))
        return str(folder)

    def _source(self, root: str, folder: str, name: str, notes: list[Note]) -> str:
        """Return the URI of a folder among a run's artifacts; of one above it where a database would cut it."""
        wanted, source = folder, self._sdk.below(root, folder)
        while len(source) > _LONGEST_SOURCE and folder:
            folder = posixpath.dirname(folder)
            source = self._sdk.below(root, folder) if folder else root
        if folder != wanted:
            notes.append(
                Note(kind="shortened", subject=name, detail=f"the version's source is above {short(wanted)!r}")
            )
        return source

    def _our_id(self, their_id: str) -> str:
        """Return our id of MLflow's run; its own where the run is gone, or not ours."""
        try:
            return str(self._client.get_run(their_id).data.tags.get(mapping.RUN_ID, their_id))
        except Exception as error:
            if code_of(error) in _NO_RUN:
                return their_id
            raise

    @contextlib.contextmanager
    def _asking_registry(self) -> Iterator[None]:
        with self._asking():
            try:
                yield
            except Exception as error:
                if is_no_such_page(error) and self._registry.is_missing():
                    raise Rejected(
                        f"{self._address.shown}: this server keeps runs, but has no model registry; deliver to one "
                        "that has, such as `mlflow server`. The journal keeps the versions"
                    ) from None
                raise


def _escaped(name: str, key: str) -> list[Note]:
    return [] if name == key else [Note(kind="escaped", subject=name, detail=f"MLflow knows it as {short(key)!r}")]
