"""Say of a file that it is not what it was written as: which one, what is wrong, and what to do."""

from __future__ import annotations

from pathlib import Path

from trackhub.errors import RetryLater

NEWER = "it was written by a newer trackhub-local: pip install -U trackhub-local"


class Damaged(RetryLater):
    """Report a file that cannot be read as what it is; delivery waits until it is mended."""

    def __init__(self, path: Path, wrong: str, todo: str) -> None:
        super().__init__(f"{path}: {wrong}; {todo}")
        self.path = path
        self.wrong = wrong
