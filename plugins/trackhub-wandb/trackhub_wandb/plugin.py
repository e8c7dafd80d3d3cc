"""Offer the W&B backend to trackhub; the SDK lives in a process of its own, which the first question starts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trackhub import hookimpl
from trackhub.backend import BackendSpec, Destination, Limits
from trackhub_wandb.address import Address

if TYPE_CHECKING:
    from trackhub_wandb.options import WandbOptions


def open_backend(destination: Destination, options: WandbOptions) -> object:
    """Return the backend of one destination.

    :raises SettingsError: the URL names no entity, or more than a project.
    """
    from trackhub_wandb.backend import WandbBackend  # noqa: PLC0415  a training process needs none of it

    address = Address.of(destination)
    return WandbBackend(address, timeout_s=options.timeout_s, settle_s=options.settle_s, live=options.live)


@hookimpl
def trackhub_backends() -> Iterator[BackendSpec]:
    """Offer W&B."""
    yield BackendSpec(
        scheme="wandb",
        factory=open_backend,
        summary="Weights & Biases: the service, or a server of one's own",
        options="trackhub_wandb.options:WandbOptions",
        transports=(None, "http", "https"),
        limits=Limits(points=10_000, params=500, tags=500),
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
