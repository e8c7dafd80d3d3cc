"""Find the folders of runs below a folder, wherever people have moved or copied them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from trackhub_local.names import component, shelf

RUN = "run.json"
_DEPTH = 2
"""A run lies in the folder itself, in one of its folders, or in one of theirs."""


def home_of(base: Path, project: str, run_id: str) -> Path:
    """Return where a run's folder belongs."""
    return base / shelf(project) / component(run_id)


def run_folders(base: Path) -> Iterator[Path]:
    """Yield every run's folder, ordered by path; a folder that is not there has none."""
    yield from _below(base, _DEPTH)


def ref_of(base: Path, folder: Path) -> str:
    """Return a run's folder as a text that is the same on every system."""
    return folder.relative_to(base).as_posix()


def folder_of_ref(base: Path, ref: str) -> Path:
    """Return the folder that :func:`ref_of` told."""
    return base.joinpath(*ref.split("/"))


def _below(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / RUN).is_file():
        yield folder
        return
    if not depth:
        return
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())
    except FileNotFoundError:
        return
    for name in names:
        yield from _below(folder / name, depth - 1)
