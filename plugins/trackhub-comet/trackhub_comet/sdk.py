"""Make the Comet SDK prompt and quiet, and take back what importing it does to the process."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator

_PROMPT = {
    # The lane retries, and knows when; a batch that the SDK repeats by itself is there twice.
    "COMET_HTTP_SESSION_RETRY_TOTAL": "0",
    "COMET_GET_OR_ADD_EXPERIMENT_RETRY_TOTAL": "0",
    "COMET_GET_OR_ADD_EXPERIMENT_RETRY_CONNECT": "0",
    "COMET_GET_OR_ADD_EXPERIMENT_RETRY_READ": "0",
    "COMET_GET_OR_ADD_EXPERIMENT_RETRY_STATUS": "0",
    # Without its import hook, nothing of anybody's is patched, MLflow's client least of all.
    "COMET_DISABLE_AUTO_LOGGING": "1",
    "COMET_ERROR_TRACKING_ENABLE": "false",
    "COMET_LOGGING_CONSOLE": "ERROR",
    # Where the SDK itself has to make an experiment, it is not to linger when that ends.
    "COMET_INTERNAL_STREAMER_WAIT_SLEEP_INTERVAL": "0",
    "COMET_TIMEOUT_CLEANING": "10",
    "COMET_TIMEOUT_UPLOAD": "10",
    "COMET_FALLBACK_STREAMER_FALLBACK_TO_OFFLINE_MIN_BACKEND_VERSION": "999.0.0",
}
_TIMEOUTS = {
    "COMET_TIMEOUT_HTTP": 1,
    "COMET_TIMEOUT_API": 1,
    # A large file is answered only when Comet has stored it.
    "COMET_TIMEOUT_FILE_UPLOAD": 4,
    "COMET_TIMEOUT_FILE_DOWNLOAD": 4,
}


@contextlib.contextmanager
def contained(timeout_s: float) -> Iterator[None]:
    """Set what the SDK reads from the environment, and undo what its import changes.

    The settings hold for this process: the SDK knows no others. Delivery has a process of its own,
    where this concerns nobody else.
    """
    os.environ.update(_PROMPT)
    os.environ.update({name: str(max(1, round(timeout_s * times))) for name, times in _TIMEOUTS.items()})
    with undone():
        yield


@contextlib.contextmanager
def undone() -> Iterator[None]:
    """Undo what the SDK changes of the process inside: the hook of exceptions, and its own log's handlers."""
    hook = sys.excepthook
    try:
        yield
    finally:
        sys.excepthook = hook
        _silence()


def _silence() -> None:
    """Take the SDK's handlers off: what matters to people is raised, and said by ``trackhub status``."""
    log = logging.getLogger("comet_ml")
    for handler in [*log.handlers]:
        log.removeHandler(handler)
    log.addHandler(logging.NullHandler())
    log.propagate = False
