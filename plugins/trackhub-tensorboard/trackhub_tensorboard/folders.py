"""Find the folder of a run by its id, or claim one: two runs never share a folder, whatever their names."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path, PurePosixPath

from trackhub.model.entities import RunInfo
from trackhub_tensorboard.names import folders
from trackhub_tensorboard.runfolder import begin, header_of

NEW = ".new-"
"""What the name of a folder begins with until it is the run's."""


def claim(root: Path, run: RunInfo, first: bytes) -> tuple[str, bool]:
    """Return the run's folder below the root, and whether it was made now, with its first record.

    The folder appears in one step, with that record in it, so that nobody ever finds one without.
    """
    base = f"{folders(run.project)}/{folders(run.name)}"
    places = (base, f"{base}-{run.id[-8:]}", f"{base}-{run.id}")
    for place in places:
        if _is_of(root / place, run.id):
            return place, False
    made = root / folders(run.project) / f"{NEW}{run.id}-{os.getpid()}"
    for left in made.parent.glob(f"{NEW}{run.id}-*"):
        shutil.rmtree(left)  # by a start that was killed: TensorBoard would take it for a run
    made.mkdir(parents=True)
    try:
        with (made / begin(made, max(run.started // 1_000_000_000, 1))).open("ab") as file:
            file.write(first)
        for place in places:
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # another run's: it is not empty
                made.rename(root / place)
                return place, True
            if _is_of(root / place, run.id):
                return place, False
    finally:
        shutil.rmtree(made, ignore_errors=True)
    raise FileExistsError(f"{root / places[-1]} is there and is no run; move it away")


def inside(root: Path, place: str) -> Path:
    """Return a folder below the root, for a path that was told.

    :raises FileNotFoundError: it is not below the root, or not there.
    """
    path = PurePosixPath(place)
    if path.is_absolute() or ".." in path.parts or not (root / path).is_dir():
        raise FileNotFoundError(f"{root / place} is no folder of a run")
    return root / path


def _is_of(path: Path, run_id: str) -> bool:
    header = header_of(path) if path.is_dir() else None
    return header is not None and header["id"] == run_id
