"""Offer the local backend to trackhub; NumPy and pyarrow are imported when a lane opens a destination, not here."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trackhub import hookimpl
from trackhub.backend import BackendSpec, Destination, Limits, full_path
from trackhub.errors import SettingsError

if TYPE_CHECKING:
    from trackhub_local.options import LocalOptions


def open_backend(destination: Destination, options: LocalOptions) -> object:
    """Return the backend of one folder.

    :raises SettingsError: the URL names no folder, or a package is missing.
    """
    from trackhub_local.address import folder_of  # noqa: PLC0415  pathlib is all it needs, but nobody else does

    folder = folder_of(destination)
    missing = [name for name in _NEEDED[options.metrics] if importlib.util.find_spec(name) is None]
    if missing:
        way_out = f", or write {destination.shown.partition('?')[0]}?metrics=csv" if missing == ["pyarrow"] else ""
        raise SettingsError(
            f"{destination.shown}: Python has no {' and no '.join(missing)}: pip install {' '.join(missing)}{way_out}"
        )
    from trackhub_local.backend import LocalBackend  # noqa: PLC0415  it imports NumPy

    return LocalBackend(folder, options.metrics)


_NEEDED = {"parquet": ("numpy", "pyarrow"), "csv": ("numpy",)}


@hookimpl
def trackhub_backends() -> Iterator[BackendSpec]:
    """Offer folders."""
    yield BackendSpec(
        scheme="local",
        factory=open_backend,
        locate=full_path,
        summary="Plain files in a folder: JSON, Parquet or CSV, and artifacts under their own names",
        options="trackhub_local.options:LocalOptions",
        # A call costs a lock and an fsync, whatever it carries.
        limits=Limits(points=10_000, params=1000, tags=1000),
        capabilities=(
            "start_run",
            "log_params",
            "log_metrics",
            "set_tags",
            "log_artifact",
            "register_model_version",
            "set_model_alias",
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
            "read_models",
        ),
        hookspec=(1, 2),
    )
