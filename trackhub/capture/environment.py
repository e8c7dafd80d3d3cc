"""Put together what ran, from the facts of the training process; called in the delivery process."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from trackhub import __version__
from trackhub.capture.devices import find_gpus
from trackhub.capture.facts import ProcessFacts
from trackhub.capture.git import describe_code
from trackhub.capture.host import describe_host
from trackhub.capture.packages import list_packages
from trackhub.redact import Redactor


def capture_environment(process: ProcessFacts, redactor: Redactor, *, timeout_s: float = 30) -> dict[str, Any]:
    """Return what ran, as plain data without secrets; what cannot be found out is absent.

    Keys: ``entry_point``, ``argv``, ``cwd``, ``git``, ``python``, ``trackhub``, ``host``, ``user``,
    ``gpus``. Takes a second or so, and never much longer than ``timeout_s``.
    """
    deadline = time.monotonic() + timeout_s
    folder = Path(process.cwd) if process.cwd else None
    found = {
        "entry_point": redactor.text(process.entry_point, "entry_point"),
        "argv": redactor.argv(process.argv),
        "cwd": process.cwd,
        "git": describe_code(folder, redactor, deadline=deadline) if folder else None,
        "python": {
            "version": process.python,
            "implementation": process.implementation,
            "executable": process.executable,
            "packages": list_packages(_absolute(process.path, process.cwd)),
        },
        "trackhub": __version__,
        "host": describe_host(deadline=deadline),
        "user": process.user,
        "gpus": find_gpus(deadline=deadline),
    }
    return {key: value for key, value in found.items() if value not in (None, {})}


def _absolute(path: tuple[str, ...], cwd: str | None) -> list[str]:
    """Return import folders as the training process meant them: its own, not ours."""
    return [str(Path(cwd, folder)) for folder in path] if cwd else [folder for folder in path if folder]
