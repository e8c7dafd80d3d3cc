"""Serve one folder of event files: the hooks that write, those that read, and those about the folder itself."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

from trackhub import hookimpl
from trackhub.errors import RetryLater
from trackhub.model.entities import Connection
from trackhub_tensorboard.reading import Reading
from trackhub_tensorboard.writing import Writing


class TensorboardBackend(Writing, Reading):
    """Be the backend of one folder."""

    def __init__(self, root: Path, shown: str) -> None:
        self._root = root
        self._shown = shown
        Writing.__init__(self)
        Reading.__init__(self)

    @hookimpl
    def trackhub_flush(self) -> bool:
        """Say that nothing is held back: every hook returns when the kernel has it."""
        return True

    @hookimpl
    def trackhub_close(self) -> None:
        """Forget what was known; no file is open between two calls."""
        self._folders.clear()
        self._recent.clear()
        self._own = None

    @hookimpl
    def trackhub_check_connection(self) -> Connection:
        """Say whether the folder is there, or can be made."""
        found = next((one for one in (self._root, *self._root.absolute().parents) if one.exists()), self._root)
        if not found.is_dir() or not os.access(found, os.W_OK):
            raise RetryLater(f"{self._shown}: {found} is no folder that can be written; name another")
        detail = "the folder is there" if found == self._root else f"a new folder will be made in {found}"
        return Connection(version=f"TensorBoard {version('tensorboard')}", detail=detail)
