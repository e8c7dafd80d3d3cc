"""Open a place of Comet's for a lane or a reader; this and the two wires beneath it import the SDK."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import comet_ml

from trackhub import hookimpl
from trackhub.errors import RetryLater, SettingsError
from trackhub.model.entities import Connection
from trackhub_comet import batches, documented
from trackhub_comet.address import Address
from trackhub_comet.options import CometOptions
from trackhub_comet.reading import Reading
from trackhub_comet.wire import Wire
from trackhub_comet.writing import Writing


class CometBackend(Writing, Reading):
    """Be the backend of one workspace, or one project of it."""

    def __init__(self, address: Address, options: CometOptions) -> None:
        wire = wire_of(options.route, address.shown)
        super().__init__(address, options, find_key, lambda key: wire(key, address.server))

    @hookimpl
    def trackhub_flush(self) -> bool:
        """Say that nothing is held back: every hook returns when Comet has answered."""
        return True

    @hookimpl
    def trackhub_close(self) -> None:
        """Forget what was known, and let connections go."""
        self._forget()

    @hookimpl
    def trackhub_check_connection(self, deadline: float) -> Connection:
        """Ask who the key belongs to."""
        with self._asking():
            account = _within(deadline, self._wire.account, self._address.shown)
            detail = f"workspace {self._address.workspace or account.get('defaultWorkspaceName')}"
            return Connection(version=f"comet-ml {self._wire.version}", account=account.get("userName"), detail=detail)


def find_key() -> str | None:
    """Return the API key: of the environment, or of the SDK's own file."""
    sdk: Any = comet_ml
    found = sdk.get_api_key(None, sdk.get_config())
    return str(found) if found else None


def wire_of(route: str, shown: str) -> Callable[[str, str | None], Wire]:
    """Return how Comet is spoken to.

    :raises SettingsError: batches are asked for, and the installed SDK has them no more.
    """
    missing = batches.missing_parts() if route != "public" else []
    if route == "public" or (missing and route == "auto"):
        return documented.connect
    if missing:
        raise SettingsError(
            f"{shown}: comet-ml {comet_ml.__version__} lacks {', '.join(missing)}; "
            "take route=public, or another version"
        )
    return batches.connect


def _within(deadline: float, ask: Callable[[], dict[str, Any]], shown: str) -> dict[str, Any]:
    """Return what a question answers by a deadline, asked in a thread of its own: the SDK knows no deadline."""
    answers: list[dict[str, Any]] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(ask())
        except BaseException as error:  # noqa: BLE001  raised again where it was asked
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(max(deadline - time.monotonic(), 0.0))
    if errors:
        raise errors[0]
    if not answers:
        raise RetryLater(f"{shown}: no answer in time")
    return answers[0]
