"""Offer the TensorBoard backend to trackhub; nothing that reads or writes event files is imported here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from trackhub import hookimpl
from trackhub.backend import BackendSpec, Destination, Limits, full_path
from trackhub.errors import SettingsError

if TYPE_CHECKING:
    from trackhub.backend import Options


def open_backend(destination: Destination, options: Options) -> object:
    """Return the backend of one folder; there is no more to say of it than its path.

    :raises SettingsError: the URL names no folder of this machine.
    """
    del options
    if not destination.rest or destination.host:
        raise SettingsError(
            f"{destination.shown}: not a folder of this machine; write tensorboard:logs or tensorboard:/data/logs"
        )
    from trackhub_tensorboard.backend import TensorboardBackend  # noqa: PLC0415 - the event files' types take time

    path = destination.rest
    folder = Path("/" + path.lstrip("/") if path.startswith("//") else path).expanduser()
    return TensorboardBackend(folder, destination.shown)


@hookimpl
def trackhub_backends() -> Iterator[BackendSpec]:
    """Offer TensorBoard."""
    yield BackendSpec(
        scheme="tensorboard",
        factory=open_backend,
        locate=full_path,
        summary="TensorBoard: event files in a folder, written and read",
        limits=Limits(points=5000, params=1000, tags=1000),
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
            "read_columns",
            "read_notes",
            "list_artifacts",
            "download_artifact",
        ),
        hookspec=(1, 1),
    )
