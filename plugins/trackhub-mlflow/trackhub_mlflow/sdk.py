"""Make the MLflow SDK quiet and prompt through its environment variables, the only way it offers."""

from __future__ import annotations

import os

_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # The lane retries, and knows when; a POST that the SDK repeats by itself makes a second run.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    # Cut values would be lost in silence; what is too long is fitted by us, so a refusal is a fault.
    "MLFLOW_TRUNCATE_LONG_VALUES": "false",
}


def prepare(timeout_s: float) -> None:
    """Set what the SDK reads from the environment; it holds for this process, so before the import.

    The SDK knows no such settings for one client. Delivery has a process of its own, where this
    concerns nobody else.
    """
    os.environ.update(_QUIET)
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(max(1, round(timeout_s)))
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
