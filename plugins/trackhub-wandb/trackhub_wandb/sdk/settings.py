"""Say how the SDK is to behave: quiet, alone, prompt to give up, and without a copy of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import wandb

_PUBLIC: dict[str, Any] = {
    "silent": True,
    "console": "off",
    "disable_git": True,
    "disable_code": True,
    "save_code": False,
    "disable_job_creation": True,
    "symlink": False,
    "program": "trackhub",
    "mode": "online",
    "finish_timeout_raises": True,
}
# Private to the SDK, and each may be gone in another version: what is missing changes its manners, not what arrives.
_PRIVATE: dict[str, Any] = {
    "x_disable_stats": True,
    "x_disable_machine_info": True,
    "x_disable_meta": True,
    "x_save_requirements": False,
    "x_disable_viewer": True,
    "x_skip_transaction_log": True,
    "x_file_stream_transmit_interval": 1,
    "x_graphql_retry_max": 2,
    "x_graphql_retry_wait_min_seconds": 0.2,
    "x_graphql_retry_wait_max_seconds": 1.0,
    "x_file_stream_retry_max": 3,
    "x_file_stream_retry_wait_min_seconds": 0.2,
    "x_file_stream_retry_wait_max_seconds": 1.0,
    "x_file_transfer_retry_max": 3,
    "x_file_transfer_retry_wait_min_seconds": 0.2,
    "x_file_transfer_retry_wait_max_seconds": 1.0,
}
_TIMEOUTS = ("x_graphql_timeout_seconds", "x_file_stream_timeout_seconds")
NEEDED = ("x_update_finish_state",)
"""What is private and yet decides what arrives: without it, a run would be told to have ended with each batch."""


def session_settings(folder: str, timeout_s: float, **more: Any) -> wandb.Settings:
    """Return the settings of one session.

    :raises RuntimeError: this version of the SDK lacks what cannot be done without.
    """
    lacking = missing(wandb.Settings.model_fields)
    if lacking:
        raise RuntimeError(
            f"wandb {wandb.__version__} has no {', '.join(lacking)}; install a version that trackhub-wandb names"
        )
    timeouts = dict.fromkeys(_TIMEOUTS, timeout_s)
    ours = {
        **_PUBLIC,
        **{name: value for name, value in {**_PRIVATE, **timeouts}.items() if name in wandb.Settings.model_fields},
        "root_dir": folder,
        "init_timeout": timeout_s,
        "login_timeout": timeout_s,
        "finish_timeout": timeout_s,
        **more,
    }
    return wandb.Settings(**ours)


def process_environment(timeout_s: float) -> dict[str, str]:
    """Return what the SDK's reading half takes from the environment: the same patience."""
    private = {**_PRIVATE, **dict.fromkeys(_TIMEOUTS, timeout_s)}
    return {
        f"WANDB__{name.removeprefix('x_').upper()}": str(value)
        for name, value in private.items()
        if name.startswith("x_graphql") and name in wandb.Settings.model_fields
    }


def missing(known: Mapping[str, Any]) -> list[str]:
    """Return what a version of the SDK lacks of what cannot be done without."""
    return [name for name in NEEDED if name not in known]
