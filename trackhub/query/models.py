"""Tell which versions of a model there are, and where its aliases stand; reads a store's index, or a vendor."""

from __future__ import annotations

from trackhub.backend import BackendCalls
from trackhub.errors import ModelNotFound
from trackhub.journal.store import RunFolder, Store
from trackhub.model.entities import ModelRecord
from trackhub.model.events import ModelAliasSet
from trackhub.model.registry import with_aliases
from trackhub.query.index import RunIndex
from trackhub.query.summary import read_detail
from trackhub.query.view import near


def stored_models(store: Store, model: str | None = None) -> list[ModelRecord]:
    """Return the versions that a store's runs registered, each model's oldest first."""
    records = [record for run in RunIndex(store).summaries() for record in run.models]
    return _listed(with_aliases(records), model)


def vendor_models(calls: BackendCalls, model: str | None = None) -> list[ModelRecord]:
    """Return the versions that a vendor holds, each model's oldest first.

    :raises PluginError: the plugin reads no models.
    """
    return _listed(calls.read_models(model), model)


def move_to(folder: RunFolder, model: str, alias: str, *, time: int) -> ModelAliasSet:
    """Return the event that moves an alias to the newest version of a model that a run registered.

    :raises ModelNotFound: it registered none.
    """
    detail = read_detail(folder)
    known = [record for record in detail.summary.models if record.model == model]
    if not known:
        names = [record.model for record in detail.summary.models]
        raise ModelNotFound(f"run {folder.id} has registered no version of model {model!r}{near(model, names)}")
    newest = max(known, key=lambda record: record.time or 0)
    contents = {(artifact.name, artifact.version): artifact.files for artifact in detail.artifacts}
    files = contents.get((newest.artifact, newest.version))
    if files is None:
        raise ModelNotFound(
            f"run {folder.id}: the artifact {newest.artifact!r} is not in its journal; see `trackhub show`"
        )
    return ModelAliasSet(time=time, model=model, alias=alias, artifact=newest.artifact, files=files)


def _listed(records: tuple[ModelRecord, ...], model: str | None) -> list[ModelRecord]:
    chosen = [record for record in records if model in {None, record.model}]
    return sorted(chosen, key=lambda record: (record.model, record.time or 0, record.run_id))
