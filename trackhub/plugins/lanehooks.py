"""Call one backend's hooks by typed methods; the lane's end of the plugin contract."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Iterable
from typing import Any

import pluggy

from trackhub.backend import Destination, Limits, Notes
from trackhub.errors import PluginError, Rejected
from trackhub.hookspec import PREFIX, PROJECT, BackendHooks, HubSpec
from trackhub.model.entities import (
    Artifact,
    Batch,
    Connection,
    MetricColumns,
    MetricPoint,
    ModelAlias,
    ModelRecord,
    ModelVersion,
    Note,
    Param,
    RunEnd,
    RunInfo,
    RunRecord,
    RunRef,
    StoredFile,
    Tag,
)


class LaneHooks:
    """Call one backend's hooks by typed methods; nobody else writes ``manager.hook.x``."""

    def __init__(self, backend: object, destination: Destination, limits: Limits, source: str) -> None:
        self.destination = destination
        self.limits = limits
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(BackendHooks)
        try:
            self._manager.register(backend, "backend")
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(f"{source}: {hook_trouble(str(error))}") from error
        _refuse_defaults(self._manager, source)
        if not self.can("start_run") and not self.can("search_runs"):
            raise PluginError(
                f"{source}: it has no trackhub_start_run, so nothing could be delivered, "
                "and no trackhub_search_runs, so nothing could be read"
            )

    def can(self, hook: str) -> bool:
        """Return whether the backend implements a hook, named without its prefix."""
        return bool(getattr(self._manager.hook, PREFIX + hook).get_hookimpls())

    def start_run(self, run: RunInfo) -> RunRef:
        """Create the vendor's run, or find it again.

        :raises Rejected: the backend only reads.
        """
        if not self.can("start_run"):
            raise Rejected(f"{self.destination.shown}: its plugin only reads; `trackhub import` takes runs from there")
        ref: RunRef | None = self._manager.hook.trackhub_start_run(run=run)
        if ref is None:
            raise PluginError("trackhub_start_run returned nothing; it returns a RunRef")
        return ref

    def log_params(self, ref: RunRef, params: tuple[Param, ...]) -> Notes:
        """Set params."""
        return self._manager.hook.trackhub_log_params(ref=ref, params=params)  # type: ignore[no-any-return]

    def log_metrics(self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch) -> Notes:
        """Append points."""
        return self._manager.hook.trackhub_log_metrics(ref=ref, points=points, batch=batch)  # type: ignore[no-any-return]

    def set_tags(self, ref: RunRef, tags: tuple[Tag, ...]) -> Notes:
        """Set tags."""
        return self._manager.hook.trackhub_set_tags(ref=ref, tags=tags)  # type: ignore[no-any-return]

    def log_artifact(self, ref: RunRef, artifact: Artifact) -> Notes:
        """Upload an artifact."""
        return self._manager.hook.trackhub_log_artifact(ref=ref, artifact=artifact)  # type: ignore[no-any-return]

    def register_model_version(self, ref: RunRef, version: ModelVersion) -> Notes:
        """Make an artifact a version of a model."""
        return self._manager.hook.trackhub_register_model_version(ref=ref, version=version)  # type: ignore[no-any-return]

    def set_model_alias(self, ref: RunRef, alias: ModelAlias) -> Notes:
        """Move an alias of a model."""
        return self._manager.hook.trackhub_set_model_alias(ref=ref, alias=alias)  # type: ignore[no-any-return]

    def log_environment(self, ref: RunRef, environment: dict[str, Any]) -> Notes:
        """Keep what ran."""
        return self._manager.hook.trackhub_log_environment(ref=ref, environment=environment)  # type: ignore[no-any-return]

    def finish_run(self, ref: RunRef, end: RunEnd) -> Notes:
        """Set the final status."""
        return self._manager.hook.trackhub_finish_run(ref=ref, end=end)  # type: ignore[no-any-return]

    def flush(self, deadline: float) -> bool:
        """Send what the vendor's client holds; True when nothing is left."""
        return self._manager.hook.trackhub_flush(deadline=deadline) is not False

    def close(self) -> None:
        """Free what the backend holds."""
        self._manager.hook.trackhub_close()

    def check_connection(self, deadline: float) -> Connection:
        """Ask the vendor who it is."""
        self._require("check_connection")
        return self._manager.hook.trackhub_check_connection(deadline=deadline)  # type: ignore[no-any-return]

    def search_runs(self, project: str | None) -> tuple[RunRecord, ...]:
        """Return a project's runs."""
        self._require("search_runs")
        return self._manager.hook.trackhub_search_runs(project=project) or ()

    def read_run(self, run_id: str, project: str | None) -> RunRecord | None:
        """Return the run of our id."""
        self._require("read_run")
        return self._manager.hook.trackhub_read_run(run_id=run_id, project=project)  # type: ignore[no-any-return]

    def read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        """Return every point of a run."""
        self._require("read_metrics")
        return self._manager.hook.trackhub_read_metrics(ref=ref) or ()

    def read_columns(self, ref: RunRef) -> Iterable[MetricColumns]:
        """Yield every point of a run as columns."""
        self._require("read_columns")
        return self._manager.hook.trackhub_read_columns(ref=ref) or ()

    def read_notes(self) -> tuple[Note, ...]:
        """Return what no run could be made of; nothing, where the backend has no word for it."""
        return self._manager.hook.trackhub_read_notes() or () if self.can("read_notes") else ()

    def list_artifacts(self, ref: RunRef) -> tuple[StoredFile, ...]:
        """Return every artifact file of a run."""
        self._require("list_artifacts")
        return self._manager.hook.trackhub_list_artifacts(ref=ref) or ()

    def download_artifact(self, ref: RunRef, path: str, target: str) -> None:
        """Write one artifact file to a local path."""
        self._require("download_artifact")
        self._manager.hook.trackhub_download_artifact(ref=ref, path=path, target=target)

    def read_models(self, model: str | None) -> tuple[ModelRecord, ...]:
        """Return every version of a model, or of all."""
        self._require("read_models")
        return self._manager.hook.trackhub_read_models(model=model) or ()

    def _require(self, hook: str) -> None:
        if not self.can(hook):
            raise PluginError(f"{self.destination.shown}: its plugin has no {PREFIX}{hook}, so this cannot be asked")


def _refuse_defaults(manager: pluggy.PluginManager, source: str) -> None:
    for caller in (getattr(manager.hook, name) for name in vars(BackendHooks) if name.startswith(PREFIX)):
        for implementation in caller.get_hookimpls():
            if implementation.kwargnames:
                raise PluginError(
                    f"{source}: {caller.name} gives {implementation.kwargnames[0]!r} a default; "
                    "hook arguments have none, or pluggy does not pass them"
                )
            kinds = inspect.signature(implementation.function).parameters.values()
            if any(kind.kind is inspect.Parameter.KEYWORD_ONLY for kind in kinds):
                raise PluginError(f"{source}: {caller.name} has keyword-only arguments; pluggy cannot pass them")


def hook_trouble(text: str) -> str:
    """Return what pluggy has against a plugin, with the nearest hook's name for one that does not exist."""
    names = [name for spec in (HubSpec, BackendHooks) for name in vars(spec) if name.startswith(PREFIX)]
    for word in re.findall(rf"\b{PREFIX}\w+", text):
        if word not in names:
            near = difflib.get_close_matches(word, names, n=1)
            return f"there is no hook {word!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    return text.replace("\n", " ")
