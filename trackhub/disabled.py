"""Be a run that does nothing, for ``TRACKHUB_MODE=disabled``; reads and writes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trackhub.journal.store import RunFolder
from trackhub.model.ids import Identity
from trackhub.run import Run

if TYPE_CHECKING:
    from trackhub.delivery.report import DeliveryReport
    from trackhub.types import EndStatus


class DisabledRun(Run):
    """Take every call of a run and keep none of it."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._folder = RunFolder(Path(os.devnull) / identity.id)
        self._status = "running"
        self._pid = os.getpid()
        self.deliveries = None

    def log(self, metrics: Mapping[str, Any], step: Any = None) -> None:
        """Do nothing."""

    def log_metric(self, name: str, value: Any, step: Any = None) -> None:
        """Do nothing."""

    def log_params(self, params: Mapping[str, Any], *, overwrite: bool = False) -> None:
        """Do nothing."""

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Do nothing."""

    def log_artifact(self, path: str | os.PathLike[str], name: str | None = None, type: str = "file") -> None:  # noqa: A002
        """Do nothing."""

    def log_text(self, text: str, name: str, type: str = "text") -> None:  # noqa: A002
        """Do nothing."""

    def register_model(self, model: str, artifact: str, aliases: Iterable[str] = ()) -> None:
        """Do nothing."""

    def set_model_alias(self, model: str, alias: str) -> None:
        """Do nothing."""

    def flush(self, timeout_s: float = 10.0) -> DeliveryReport:
        """Return an empty report."""
        return _nothing()

    def finish(self, status: EndStatus | None = None, timeout_s: float | None = None) -> DeliveryReport:
        """End the run, of which nothing remains."""
        self.end(status or "finished")
        return _nothing()

    def end(self, status: EndStatus, reason: str = "") -> None:
        """End the run, of which nothing remains."""
        if self._status == "running":
            self._status = status
            self._leave()

    def end_abruptly(self, status: EndStatus, reason: str) -> None:
        """Do nothing."""


def _nothing() -> DeliveryReport:
    from trackhub.delivery.report import DeliveryReport

    return DeliveryReport()
