"""Offer the MLflow backend to trackhub; the SDK is imported when a lane opens a destination, not here."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trackhub import hookimpl
from trackhub.backend import BackendSpec, Destination, Limits
from trackhub.errors import SettingsError
from trackhub_mlflow import sdk
from trackhub_mlflow.address import Address, locate

if TYPE_CHECKING:
    from trackhub_mlflow.options import MlflowOptions


def open_backend(destination: Destination, options: MlflowOptions) -> object:
    """Return the backend of one destination.

    :raises SettingsError: the URL names a store that cannot be used, or a package is missing.
    """
    address = Address.of(destination)
    if address.is_database and importlib.util.find_spec("sqlalchemy") is None:
        raise SettingsError(
            f"{destination.shown}: to open a database without a server, pip install 'trackhub-mlflow[local]'"
        )
    sdk.prepare(options.timeout_s)
    from trackhub_mlflow.backend import MlflowBackend  # noqa: PLC0415  the SDK takes seconds to import

    return MlflowBackend(address, options.experiment, options.artifacts)


@hookimpl
def trackhub_backends() -> Iterator[BackendSpec]:
    """Offer MLflow."""
    yield BackendSpec(
        scheme="mlflow",
        factory=open_backend,
        locate=locate,
        summary="MLflow: a tracking server, or its database opened directly",
        options="trackhub_mlflow.options:MlflowOptions",
        transports=(None, "http", "https", "sqlite", "postgresql", "postgresql+psycopg2", "file"),
        # A call holds 1000 entities, and the SDK would send tags ahead of what exceeds it: one is ours.
        limits=Limits(points=999, params=100, tags=100),
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
            "read_notes",
            "list_artifacts",
            "download_artifact",
            "read_models",
        ),
        hookspec=(1, 2),
    )
