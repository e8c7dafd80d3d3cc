"""Walk a path and tell what Neptune left there, by content; from folders to lists of paths."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from trackhub_neptune.history.export import is_part
from trackhub_neptune.history.folder import is_folder, metadata_of
from trackhub_neptune.history.parquet import MAGIC
from trackhub_neptune.history.sqlite import is_database

_DATABASES = {".sqlite3", ".sqlite", ".db"}
_REPORT = {"project_id", "run_id", "attribute_path", "exception"}


@dataclass(slots=True)
class Found:
    """Hold what was come across.

    :ivar folders: of the 1.x client.
    :ivar emptied: folders of that client from which everything had gone to Neptune.
    :ivar databases: what may be of neptune-scale.
    :ivar exports: Parquet files, of neptune-exporter or of others.
    :ivar reports: what the exporter says it could not export.
    :ivar closed: what kept a folder from being looked into.
    :ivar named: every folder, by its name.
    """

    folders: list[Path] = field(default_factory=list)
    emptied: list[Path] = field(default_factory=list)
    databases: list[Path] = field(default_factory=list)
    exports: list[Path] = field(default_factory=list)
    reports: list[Path] = field(default_factory=list)
    closed: list[OSError] = field(default_factory=list)
    named: dict[str, list[Path]] = field(default_factory=dict)

    @property
    def anything(self) -> bool:
        """Return whether there is anything to read."""
        return bool(self.folders or self.emptied or self.databases or self.exports)


def scan(path: Path) -> Found:
    """Return what lies at a path and below it, in a stable order."""
    found = Found()
    if path.is_file():
        _look_at(path, found)
        return found
    for root, folders, names in os.walk(path, onerror=found.closed.append):
        folder = Path(root)
        folders.sort()
        names.sort()
        found.named.setdefault(folder.name, []).append(folder)
        if is_folder(folder, names):
            found.folders.append(folder)
            folders[:] = [name for name in folders if name != "upload_path"]
            continue
        if "metadata.json" in names and metadata_of(folder).keys() >= {"containerId", "structureVersion"}:
            found.emptied.append(folder)
        for name in names:
            _look_at(folder / name, found)
    return found


def report_lines(path: Path) -> Iterator[dict[str, object]]:
    """Yield what an error report says, line by line."""
    with path.open("rb") as file:
        for line in file:
            record = _report(line)
            if record is not None:
                yield record


def _look_at(path: Path, found: Found) -> None:
    if path.suffix in _DATABASES:
        if is_database(path):
            found.databases.append(path)
        elif path.name == "run_operations.sqlite3":
            found.databases.append(path)  # damaged at its very beginning: to be named
    elif path.suffix == ".parquet" or path.name.endswith(".parquet.tmp"):
        if is_part(path) or _first(path, len(MAGIC)) == MAGIC:
            found.exports.append(path)
    elif path.suffix == ".jsonl" and _report(_first(path, 4096).split(b"\n")[0]) is not None:
        found.reports.append(path)


def _first(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def _report(line: bytes) -> dict[str, object] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and set(record) >= _REPORT else None
