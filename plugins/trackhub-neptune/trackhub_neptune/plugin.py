"""Offer Neptune to trackhub: what it left behind, and one that you host; no client is imported here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trackhub import hookimpl
from trackhub.backend import BackendSpec, Destination, Limits, full_path

if TYPE_CHECKING:
    from trackhub_neptune.options import NeptuneOptions


def open_backend(destination: Destination, options: NeptuneOptions) -> object:
    """Return the backend of one destination: a reader of files, or one that speaks to a server.

    :raises SettingsError: the URL names nothing, or a package is missing.
    """
    if not destination.rest.startswith("//"):
        from trackhub_neptune.history import open_history  # noqa: PLC0415  it is not needed to deliver

        return open_history(destination.rest, destination)
    from trackhub_neptune.backend import open_delivery  # noqa: PLC0415  nor is this to read files

    return open_delivery(destination, options.api, options.timeout_s, options.token_env)


@hookimpl
def trackhub_backends() -> Iterator[BackendSpec]:
    """Offer Neptune."""
    yield BackendSpec(
        scheme="neptune",
        factory=open_backend,
        locate=full_path,
        summary="Neptune: one that you host (2.x and 3.x), and what the hosted one left: files, databases, exports",
        options="trackhub_neptune.options:NeptuneOptions",
        limits=Limits(points=2000, params=100, tags=100),
        hookspec=(1, 1),  # the readers tell columns and notes
        capabilities=(
            "start_run",
            "log_params",
            "log_metrics",
            "set_tags",
            "log_artifact",
            "log_environment",
            "finish_run",
            "flush",
            "close",
            "check_connection",
            "search_runs",
            "read_run",
            "read_metrics",
            "list_artifacts",
            "download_artifact",
        ),
    )
