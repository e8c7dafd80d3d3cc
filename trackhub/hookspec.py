"""The plugin contract: every hook trackhub calls, and nothing else.

* arguments are plain names: no default, no ``*``, no ``**``; a plugin asks for those it needs;
* a hook that writes takes a tuple, never one point, and may be given the same tuple again;
* a hook that is not implemented is a capability the backend lacks: counted as skipped, shown.

Writing hooks may return notes: how something was fitted into what the vendor can hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pluggy

from trackhub.backend import BackendSpec
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

PROJECT = "trackhub"
PREFIX = "trackhub_"
HOOKSPEC_VERSION = (1, 2)

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class HubSpec:
    """Process-wide hooks, on every loaded plugin (1:N)."""

    @hookspec
    def trackhub_backends(self) -> Iterable[BackendSpec]:
        """Offer backends, one spec each. Import no vendor SDK here."""

    @hookspec
    def trackhub_delivery_failed(self, run_id: str, destination: str, error: str) -> None:
        """Observe that a lane gave up on something: a rejection, or credentials that are refused."""

    @hookspec
    def trackhub_run_finished(self, run_id: str, destination: str, end: RunEnd) -> None:
        """Observe that a run ended and all of it was delivered to a destination."""


class BackendHooks:
    """Lane hooks: one backend, in its own thread, in the journal's order (1:1)."""

    # ---- writing -------------------------------------------------------------------------

    @hookspec(firstresult=True)
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        """Create the vendor's run, or find it again by ``run.id``.

        Idempotent: called again after a crash, a restart, or when the run is resumed.

        :param run: what the journal knows; ``run.id`` never changes.
        :returns: the vendor's own id and URL, kept beside the cursor; and the newest
            :attr:`Batch.position` the vendor holds, where it can.
        :raises RetryLater: the vendor is away.
        :raises Unauthorized: the credentials are missing or refused.

        Without this hook a backend receives nothing.
        """

    @hookspec(firstresult=True)
    def trackhub_log_params(self, ref: RunRef, params: tuple[Param, ...]) -> tuple[Note, ...] | None:
        """Set params; the same value again changes nothing.

        :raises Rejected: one of them can never be taken; nothing of the call counts as
            delivered, and each is then given alone.
        """

    @hookspec(firstresult=True)
    def trackhub_log_metrics(
        self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch
    ) -> tuple[Note, ...] | None:
        """Append points to their series, each with its own step and time, exactly once.

        :param points: in the journal's order, at most :attr:`Limits.points`.
        :param batch: where the points stand; a batch whose outcome is not known comes again
            with the same points and the same ``start``.
        :raises Rejected: one of them can never be taken; see ``trackhub_log_params``.
        """

    @hookspec(firstresult=True)
    def trackhub_set_tags(self, ref: RunRef, tags: tuple[Tag, ...]) -> tuple[Note, ...] | None:
        """Set or replace tags."""

    @hookspec(firstresult=True)
    def trackhub_log_artifact(self, ref: RunRef, artifact: Artifact) -> tuple[Note, ...] | None:
        """Upload an artifact's files; the same version again changes nothing."""

    @hookspec(firstresult=True)
    def trackhub_register_model_version(self, ref: RunRef, version: ModelVersion) -> tuple[Note, ...] | None:
        """Make an artifact that the run was given a version of a model; the same again changes nothing. Since 1.2."""

    @hookspec(firstresult=True)
    def trackhub_set_model_alias(self, ref: RunRef, alias: ModelAlias) -> tuple[Note, ...] | None:
        """Move an alias to a version that the run registered, unless a newer move was given. Since 1.2.

        Moves of other runs may come in any order; each stays in the history. Where people have moved the
        alias at the vendor, it stays there until a newer move.

        :raises Rejected: the run has registered no such version there.
        """

    @hookspec(firstresult=True)
    def trackhub_log_environment(self, ref: RunRef, environment: dict[str, Any]) -> tuple[Note, ...] | None:
        """Keep what ran: code, host, packages, devices."""

    @hookspec(firstresult=True)
    def trackhub_finish_run(self, ref: RunRef, end: RunEnd) -> tuple[Note, ...] | None:
        """Set the run's final status and end time; called again when a resumed run ends."""

    @hookspec(firstresult=True)
    def trackhub_flush(self, deadline: float) -> bool:
        """Send what the vendor's client still holds, by a ``time.monotonic()`` deadline."""

    @hookspec(firstresult=True)
    def trackhub_close(self) -> None:
        """Free what the backend holds; called once, last."""

    @hookspec(firstresult=True)
    def trackhub_check_connection(self, deadline: float) -> Connection:
        """Ask the vendor who it is, writing nothing, by a ``time.monotonic()`` deadline.

        :raises RetryLater: it cannot be reached.
        :raises Unauthorized: it refuses the credentials.
        """

    # ---- reading -------------------------------------------------------------------------

    @hookspec(firstresult=True)
    def trackhub_search_runs(self, project: str | None) -> tuple[RunRecord, ...]:
        """Return a project's runs as the vendor holds them; of every project, where it is None.

        Runs of which nothing says the project are of the one that is asked for.

        :raises SettingsError: there are such runs, and no project is asked for.
        """

    @hookspec(firstresult=True)
    def trackhub_read_run(self, run_id: str, project: str | None) -> RunRecord | None:
        """Return the run of our id as the vendor holds it, or None; ``project`` says where to look."""

    @hookspec(firstresult=True)
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        """Return every point of a run, unsampled, under our names."""

    @hookspec(firstresult=True)
    def trackhub_read_columns(self, ref: RunRef) -> Iterable[MetricColumns]:
        """Yield every point of a run as columns; the pieces of a series come in its order. Since 1.1."""

    @hookspec(firstresult=True)
    def trackhub_read_notes(self) -> tuple[Note, ...]:
        """Return what the last search found and could not read as part of any run. Since 1.1."""

    @hookspec(firstresult=True)
    def trackhub_list_artifacts(self, ref: RunRef) -> tuple[StoredFile, ...]:
        """Return every artifact file of a run, under our names."""

    @hookspec(firstresult=True)
    def trackhub_download_artifact(self, ref: RunRef, path: str, target: str) -> None:
        """Write one artifact file, named as listed, to a local path."""

    @hookspec(firstresult=True)
    def trackhub_read_models(self, model: str | None) -> tuple[ModelRecord, ...]:
        """Return every version of a model; of every model, where it is None. Since 1.2."""
