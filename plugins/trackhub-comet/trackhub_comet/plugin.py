"""Offer the Comet backend to trackhub; the SDK is imported when a lane opens a destination, not here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trackhub import hookimpl
from trackhub.backend import BackendSpec, Destination, Limits
from trackhub_comet import sdk
from trackhub_comet.address import Address

if TYPE_CHECKING:
    from trackhub_comet.options import CometOptions


def open_backend(destination: Destination, options: CometOptions) -> object:
    """Return the backend of one destination.

    :raises SettingsError: the URL names no place of Comet's.
    """
    address = Address.of(destination)
    with sdk.contained(options.timeout_s):
        from trackhub_comet.backend import CometBackend  # noqa: PLC0415  the SDK takes seconds to import
    return CometBackend(address, options)


@hookimpl
def trackhub_backends() -> Iterator[BackendSpec]:
    """Offer Comet."""
    yield BackendSpec(
        scheme="comet",
        factory=open_backend,
        summary="Comet: comet.com, or a server of your own",
        options="trackhub_comet.options:CometOptions",
        transports=(None, "http", "https"),
        # Comet takes 1000 values at once; one is ours.
        limits=Limits(points=999, params=100, tags=100),
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
