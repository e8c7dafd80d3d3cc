"""Read what a vendor holds: by an author's own reader, else by the read hooks of a backend made afresh."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from trackhub.backend import BackendCalls
from trackhub.model.entities import MetricPoint, ModelRecord, RunRecord, RunRef, StoredFile

READ_HOOKS = frozenset(
    {"search_runs", "read_run", "read_metrics", "list_artifacts", "download_artifact", "read_models"}
)


class Reader:
    """Ask each question in a backend of its own, so that nothing is told from memory.

    :param own: an author's reader: an object with some of the read hooks' names, without
        ``trackhub_``, and their arguments. What it lacks is asked of the backend.
    """

    def __init__(self, open_backend: Callable[[], BackendCalls], own: object | None = None) -> None:
        self._open = open_backend
        self._own = own

    def can(self, hook: str) -> bool:
        """Return whether a question can be answered."""
        if hasattr(self._own, hook):
            return True
        with _opened(self._open) as calls:
            return calls.can(hook)

    def run(self, run_id: str, project: str | None) -> RunRecord | None:
        """Return a run's record."""
        found: RunRecord | None = self._ask("read_run", run_id, project)
        return found

    def search(self, project: str | None) -> tuple[RunRecord, ...]:
        """Return the runs of a project, or of all."""
        return tuple(self._ask("search_runs", project))

    def points(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        """Return a run's points."""
        return tuple(self._ask("read_metrics", ref))

    def files(self, ref: RunRef) -> tuple[StoredFile, ...]:
        """Return a run's files."""
        return tuple(self._ask("list_artifacts", ref))

    def content(self, ref: RunRef, path: str) -> bytes:
        """Return a file's bytes."""
        with tempfile.TemporaryDirectory(prefix="trackhub-") as folder:
            target = Path(folder, "download")
            self._ask("download_artifact", ref, path, str(target))
            left = sorted(place.name for place in Path(folder).iterdir())
            if left != ["download"]:
                raise AssertionError(f"a download of {path!r} to 'download' left {left}")
            return target.read_bytes()

    def download(self, ref: RunRef, path: str, target: Path) -> None:
        """Write a file's bytes to a local path."""
        self._ask("download_artifact", ref, path, str(target))

    def models(self, model: str | None) -> tuple[ModelRecord, ...]:
        """Return the versions of a model, or of all."""
        return tuple(self._ask("read_models", model))

    def _ask(self, hook: str, *arguments: object) -> Any:
        own = getattr(self._own, hook, None)
        if own is not None:
            return own(*arguments)
        with _opened(self._open) as calls:
            return getattr(calls, hook)(*arguments)


@contextlib.contextmanager
def _opened(open_backend: Callable[[], BackendCalls]) -> Iterator[BackendCalls]:
    calls = open_backend()
    try:
        yield calls
    finally:
        with contextlib.suppress(Exception):  # a test of closing says what is wrong
            calls.close()
