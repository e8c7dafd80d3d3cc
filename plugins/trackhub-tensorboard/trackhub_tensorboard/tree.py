"""Walk a folder of event files: each folder that holds some is a run, as TensorBoard has it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from trackhub_tensorboard.folders import NEW
from trackhub_tensorboard.names import FILES
from trackhub_tensorboard.runfolder import FRONT, RunFolder


class Place(NamedTuple):
    """Name a folder with event files.

    :ivar path: where it is below the root, with ``/``; ``.`` is the root.
    :ivar files: the event files of others, in TensorBoard's order.
    :ivar ours: whether this plugin wrote a run here.
    """

    path: str
    files: tuple[str, ...]
    ours: bool

    @property
    def id(self) -> str:
        """Return what a run of others is known by: its first event file, wherever the root lies.

        Event files are named after their time, host and process, so a run that grows keeps its first.
        """
        return f"{self.path}/{self.files[0]}"


def places(root: Path, unreadable: Callable[[OSError], None]) -> Iterator[Place]:
    """Yield every folder that holds event files, in order; a folder that is linked to twice is met once.

    :param unreadable: told of each folder that cannot be listed.
    """
    met = set()
    for folder, below, names in os.walk(root, onerror=unreadable, followlinks=True):
        found = Path(folder).stat()
        if (found.st_dev, found.st_ino) in met:
            below.clear()
            continue
        met.add((found.st_dev, found.st_ino))
        place = place_at(root, Path(folder), names)
        below[:] = sorted(name for name in below if not name.startswith(NEW) and not (place.ours and name == FILES))
        if place.ours or place.files:
            yield place


def place_at(root: Path, folder: Path, names: list[str] | None = None) -> Place:
    """Return what a folder holds."""
    names = [one.name for one in folder.iterdir()] if names is None else names
    events = sorted(name for name in names if "tfevents" in name and (folder / name).is_file())
    streams = set(RunFolder.ours(events))
    files = tuple(name for name in events if name not in streams and name != FRONT)
    return Place(folder.relative_to(root).as_posix(), files, bool(streams))
