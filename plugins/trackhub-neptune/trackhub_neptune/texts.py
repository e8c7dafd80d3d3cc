"""Keep texts that no attribute can hold, as files beside a run, named after their content; to the service and back."""

from __future__ import annotations

import tempfile
from pathlib import Path

from trackhub_neptune.service import Service
from trackhub_neptune.values import apart, is_apart

FOLDER = "trackhub/texts"


class Texts:
    """Hold the long texts of one run."""

    def __init__(self, service: Service, run: str) -> None:
        self._service = service
        self._run = run
        self._kept: set[str] = set()

    def fitted(self, text: str, longest: int) -> str:
        """Return the text, or what stands for it once it is kept as a file."""
        if len(text) <= longest and is_apart(text) is None:
            return text
        standing, digest = apart(text)
        if digest not in self._kept:
            with tempfile.TemporaryDirectory(prefix="trackhub-") as folder:
                source = Path(folder, "text")
                source.write_bytes(text.encode())
                self._service.upload(self._run, f"{FOLDER}/{digest}", source)
            self._kept.add(digest)
        return standing

    def whole(self, text: str) -> str:
        """Return the text that another stands for."""
        digest = is_apart(text)
        if digest is None:
            return text
        with tempfile.TemporaryDirectory(prefix="trackhub-") as folder:
            target = Path(folder, "text")
            self._service.download(self._run, f"{FOLDER}/{digest}", target)
            return target.read_bytes().decode()
