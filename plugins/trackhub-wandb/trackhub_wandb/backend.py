"""Open a W&B server for a lane or a reader; the SDK is in :mod:`trackhub_wandb.sdk`, a process of its own."""

from __future__ import annotations

import time

from trackhub import hookimpl
from trackhub.errors import RetryLater
from trackhub.model.entities import Connection
from trackhub_wandb.reading import Reading
from trackhub_wandb.writing import Writing


class WandbBackend(Writing, Reading):
    """Be the backend of one W&B server."""

    @hookimpl
    def trackhub_flush(self) -> bool:
        """Say that nothing is held back: every hook returns when W&B tells of what it was given."""
        return True

    @hookimpl
    def trackhub_close(self) -> None:
        """Forget what was known, and let somebody else use the SDK's process."""
        self._known_runs.clear()
        self._rest()

    @hookimpl
    def trackhub_check_connection(self, deadline: float) -> Connection:
        """Ask the server for whom it takes this."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise RetryLater(f"{self._address.shown}: no answer in time")
        with self._asking():
            who = self._ask("who", within_s=left)
            teams = who["teams"]
            known = self._address.entity in {who["user"], who["entity"], *teams}
            detail = "" if known else f"the account is not of {self._address.entity!r}, as far as W&B tells"
            return Connection(version=f"wandb {who['version']}", account=who["user"], detail=detail)
